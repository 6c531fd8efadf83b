"""The consensus as a table: decisions first, then what several people say, then single answers."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from toy_people import made, say

import labelsieve as ls
from labelsieve.core.types import Value
from labelsieve.project import deciding
from labelsieve.project.formats.exchanging import export_file
from labelsieve.project.people.agreeing import measure
from labelsieve.project.people.settled import CONSENSUS_COLUMNS, consensus_rows
from labelsieve.weak.answersets import Answers
from labelsieve.weak.consensus import dawid_skene, single_shares


def rows(project: Any) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in consensus_rows(project.context)}


def test_a_single_answer_counts_by_what_is_known_of_who_gave_it() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 300)
    coin = rng.integers(0, 2, 300)
    item, by = np.tile(np.arange(300), 3), np.repeat([0, 1, 2], 300)
    found = dawid_skene(Answers(item, by, np.concatenate([truth, truth, coin]), 300, 3, 2))
    share = single_shares(found, np.array([0, 2, 2, 0]), np.array([1, 1, -1, -1]))
    assert share[0, 1] > 0.95
    assert share[1, 1] == pytest.approx(0.5, abs=0.1)
    assert np.allclose(share[2:], found.prior)
    # Bayes by hand
    by_hand = found.prior * found.confusion[0, :, 1]
    assert share[0] == pytest.approx(by_hand / by_hand.sum())


def test_each_basis(tmp_path: Path) -> None:
    with made(tmp_path, classes=["a", "b"]) as project:
        good = {i: "ab"[i % 2] for i in range(1, 101)}
        say(project, "ann", good)
        say(project, "bob", {i: good[i] for i in range(1, 91)})
        say(project, "coin", {i: "ab"[(i // 3) % 2] for i in range(1, 91)})
        say(project, "coin", {200: "a", 204: "a"})
        say(project, "rule", {201: "b"}, source="rule")
        say(project, "ann", {202: Value("skip"), 203: "a"})
        query = deciding.decision_query(project.context.conn, project.task, [7, 203])
        say(project, "rita", {7: "a", 203: "b"}, query=query)
        found = rows(project)
    assert found["6"] == ("a", 2 + 1, 1.0, "decision")  # item 7 has the key 6
    assert found["202"] == ("b", 1, 1.0, "decision")
    assert [found[str(i - 1)][0] for i in range(8, 91)] == [good[i] for i in range(8, 91)]
    assert {found[str(i)][3] for i in range(7, 90)} == {"consensus"}
    assert all(found[str(i)][2] > 0.95 for i in range(7, 90))
    assert found["95"][1:] == (1, pytest.approx(found["97"][2], abs=0.2), "answer") and found["95"][2] > 0.9
    assert found["199"][0] in "ab" and found["199"][2] < 0.75  # whoever guesses is hardly believed
    assert found["200"] == ("b", 0, None, "copy")
    assert "201" not in found  # skipped


def test_two_bad_ones_do_not_outvote_a_good_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    with made(tmp_path, classes=["a", "b"]) as project:
        truth = {i: "ab"[i % 2] for i in range(1, 201)}
        for name in ("ann", "bob", "cat"):
            say(project, name, truth)
        for name in ("x", "y"):
            say(project, name, {i: "ab"[rng.integers(2)] for i in range(1, 201)})
        say(project, "ann", {300: "a"})
        say(project, "x", {300: "b"})
        say(project, "y", {300: "b"})
        found = rows(project)
    assert found["299"][0] == "a" and found["299"][3] == "consensus"


def test_without_anybody_who_agrees_nothing_is_claimed(tmp_path: Path) -> None:
    with made(tmp_path) as project:
        assert rows(project) == {}
        say(project, "ann", {1: "a", 2: "b"})
        assert rows(project) == {"0": ("a", 1, None, "answer"), "1": ("b", 1, None, "answer")}


def test_several_classes_an_item(tmp_path: Path) -> None:
    with made(tmp_path, "multilabel", ["x", "y", "z"]) as project:
        truth = {i: [name for at, name in enumerate("xyz") if (i >> at) & 1] for i in range(1, 101)}
        say(project, "ann", truth)
        say(project, "bob", {i: truth[i] for i in range(1, 91)})
        say(project, "cat", {i: truth[i] for i in range(1, 91)})
        found = rows(project)
    assert found["6"] == ("x;y;z", 3, pytest.approx(1, abs=0.05), "consensus")
    assert found["7"][0] == ""  # none of them: an answer too
    assert found["94"][0] == ";".join(truth[95]) and found["94"][3] == "answer" and 0.5 < found["94"][2] < 1


def test_odd_items_keep_the_name_of_their_kind(tmp_path: Path) -> None:
    with made(tmp_path, "screen") as project:
        for name in ("ann", "bob"):
            say(project, name, dict.fromkeys(range(1, 50), "dull") | {50: "crack", 51: "dent"})
        found = rows(project)
    assert found["0"][0] == "dull" and found["49"][0] == "crack" and found["50"][0] == "dent"


def test_the_files(tmp_path: Path) -> None:
    with made(tmp_path, classes=["a", "b"]) as project:
        for name in ("ann", "bob"):
            say(project, name, {1: "a", 2: "b", 3: "a"})
        written = {ending: tmp_path / f"c.{ending}" for ending in ("csv", "jsonl", "parquet")}
        for path in written.values():
            assert project.export(consensus=path) == [path]
        assert project.export(consensus=written["csv"]) == [written["csv"]]  # an earlier one is replaced
        project.export(labels=tmp_path / "l.csv")
        with pytest.raises(ls.InputError, match="not overwritten"):
            project.export(consensus=tmp_path / "l.csv")
        lines = list(csv.DictReader(written["csv"].open()))
        assert tuple(lines[0]) == CONSENSUS_COLUMNS and [line["label"] for line in lines] == ["a", "b", "a"]
        json_lines = [json.loads(line) for line in written["jsonl"].read_text().splitlines()]
        assert pq.read_table(written["parquet"]).to_pylist() == json_lines
        assert json_lines[0]["answers"] == 2 and json_lines[0]["basis"] == "consensus"
        made_file = export_file(project.context, "consensus")
        assert made_file.path.read_text() == written["csv"].read_text()


def test_it_comes_in_again_as_one_annotator(tmp_path: Path) -> None:
    with made(tmp_path, classes=["a", "b"]) as project:
        for name in ("ann", "bob"):
            say(project, name, {1: "a", 2: "b"})
        (out,) = project.export(consensus=tmp_path / "c.csv")
        before = measure(project.context)
        with pytest.raises(ls.InputError, match="2 of its items have answers here") as told:
            project.import_labels(out, by="consensus")
        assert "another project or task" in told.value.hint
        assert measure(project.context) == before
    (tmp_path / "b").mkdir()
    with made(tmp_path / "b") as other:
        assert other.import_labels(out, by="consensus").added == 2
        assert other.import_labels(out, by="consensus").added == 0
        assert {key: row[0] for key, row in rows(other).items()} == {"0": "a", "1": "b"}
