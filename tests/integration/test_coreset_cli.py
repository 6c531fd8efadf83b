"""Keeping less, near-duplicates, hard items and curricula, on a project and from the command line."""

import csv
import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import command_line
import numpy as np
import pyarrow.parquet as pq
import pytest

import labelsieve as ls
from labelsieve.core.errors import InputError, NotEnoughLabels, UnknownName
from labelsieve.testing.toys import toy_classes

Run = Callable[..., subprocess.CompletedProcess[str]]
TOY = toy_classes(360, dim=16, classes=3, spread=1.2)
ROWS = np.arange(360)
ROWS[320:] = np.arange(40)  # 40 pairs,
ROWS[300:320] = 0  # one of which is a group of 22


def truth(key: str) -> str:
    return TOY.classes[int(TOY.y[ROWS[int(key)]])]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "rows.npy", TOY.x[ROWS])
    ls.create(tmp_path / "p.sieve", tmp_path / "rows.npy").close()
    return tmp_path


@pytest.fixture
def project(folder: Path) -> Iterator[ls.Project]:
    with ls.open(folder / "p.sieve") as opened:
        opened.embed()
        yield opened


@pytest.fixture
def run(folder: Path, project: ls.Project) -> Run:
    return partial(command_line.run, folder)


def labelled(project: ls.Project, n: int, wrong: tuple[int, ...] = ()) -> list[str]:
    """Labels the first n search items by the truth, those at `wrong` positions by another class."""
    from labelsieve.project.standing import stand

    keys = [item.key for item in project.items(stand(project.context).sides.search[:n])]
    answers = [truth(key) for key in keys]
    for at in wrong:
        answers[at] = next(name for name in TOY.classes if name != answers[at])
    project.label(keys, answers, by="ann")
    return keys


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_coreset_goes_by_what_is_known(project: ls.Project) -> None:
    blind = project.coreset(keep=12)
    assert (len(blind.ids), blind.by, blind.method) == (12, "embeddings", "facility_location")
    labelled(project, 60)
    guessed = project.coreset(share=0.05)
    assert (guessed.by, guessed.method) == ("predictions", "herding")
    assert len({truth(key) for key in guessed.keys}) == 3
    known = project.coreset(share=0.3, labelled=True)
    assert (known.by, known.method, known.of) == ("labels", "herding_unsure", 60)
    assert [truth(key) for key in known.keys] == list(known.labels)
    np.testing.assert_array_equal(known.ids, project.coreset(share=0.3, labelled=True).ids)


def test_a_coreset_never_holds_the_audit_slice(project: ls.Project) -> None:
    from labelsieve.project.standing import stand

    everything = project.coreset(share=1.0)
    sides = stand(project.context).sides
    assert everything.of == len(sides.search) and not np.isin(everything.ids, sides.audit).any()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"keep": 3, "share": 0.1}, "both a number and a share"),
        ({"keep": 0}, "1 to "),
        ({"keep": 10_000}, "1 to "),
        ({"share": 1.5}, "share of 1.5"),
        ({"labelled": True}, "no item to choose from"),
        ({"method": "el2n"}, "needs the classes"),
        ({"method": "best"}, "best"),
    ],
)
def test_coresets_that_cannot_be(project: ls.Project, how: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        project.coreset(**how)


def test_a_group_is_answered_and_taken_back_in_one_action(project: ls.Project) -> None:
    groups = project.duplicates(0.999)
    assert [len(group.ids) for group in groups] == [22] + [2] * 39
    project.label(["5"], ["b"], by="ann")
    labels = project.label_group(groups[0].ids, "a", by="ann", seconds=4.4)
    assert len(labels) == 22 and sum(label.seconds or 0 for label in labels) == pytest.approx(4.4)
    assert set(project.duplicates(0.999)[0].labels) == {"a"}
    assert len(project.undo_together("ann")) == 22
    assert set(project.duplicates(0.999)[0].labels) == {""}
    assert len(project.undo_together("ann")) == 1
    assert project.undo_together("ann") == []


def test_a_change_that_is_undone_brings_back_what_was_before(project: ls.Project) -> None:
    project.label(["1", "2"], ["a", "b"], by="ann")
    project.label_group(["1", "2", "3"], "c", by="ann")
    project.undo_together("ann")
    from labelsieve.project import folding

    said = {a.item: a.value.names for a in folding.answers(project.context.conn, "main") if a.value}
    ids = project.context.ids_of(["1", "2", "3"])
    assert said == {int(ids[0]): ("a",), int(ids[1]): ("b",)}


def test_groups_by_the_command_line(run: Run, project: ls.Project, folder: Path) -> None:
    assert "40 groups" in run("duplicates", "p.sieve", "--similarity", "0.999").stdout
    run("duplicates", "p.sieve", "--similarity", "0.999", "--out", "groups.csv")
    rows = table(folder / "groups.csv")
    assert len(rows) == 22 + 2 * 39 and {row["label"] for row in rows} == {""}
    for row in rows:
        row["label"] = "a" if row in (rows[0], rows[22]) else ""
    with (folder / "groups.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    spared = run("duplicates", "p.sieve", "--out", "groups.csv", code=1)
    assert "nobody has imported" in spared.stderr
    assert "2 groups answered: 24 labels" in run("duplicates", "p.sieve", "--labels", "groups.csv", "--by", "bo").stdout
    assert sum(label != "" for group in project.duplicates(0.999) for label in group.labels) == 24
    assert "24 answers taken back" in run("duplicates", "p.sieve", "--undo", "--by", "bo").stdout
    rows[1]["label"] = "b"
    with (folder / "groups.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert "group 1 has the labels 'a' and 'b'" in run("duplicates", "p.sieve", "--labels", "groups.csv", code=1).stderr


def test_near_duplicates_tell_how_far_they_are(project: ls.Project) -> None:
    told: list[tuple[int, int]] = []
    assert len(project.duplicates(0.999, lambda done, total: told.append((done, total)))) == 40
    assert told == sorted(told) and told[0][0] < 360 and told[-1] == (360, 360) and len(told) > 3


def test_a_label_that_is_known_answers_no_group(run: Run, project: ls.Project, folder: Path) -> None:
    project.label(["5", "325", "6", "326"], ["b", "b", "a", "c"], by="ann")  # two pairs, one of which disagrees
    run("duplicates", "p.sieve", "--out", "groups.csv")
    rows = table(folder / "groups.csv")
    assert {row["label"] for row in rows} == {""}
    assert {row["key"]: row["known"] for row in rows if row["known"]} == {"5": "b", "325": "b", "6": "a", "326": "c"}
    done = run("duplicates", "p.sieve", "--labels", "groups.csv", "--by", "ann")
    assert "0 groups answered: 0 labels" in done.stdout and "Fill in the column label" in done.stderr


def test_hard_items_and_disagreements(run: Run, project: ls.Project, folder: Path) -> None:
    with pytest.raises(NotEnoughLabels):
        project.hard()
    keys = labelled(project, 90, wrong=(3, 30, 60))
    found = project.hard(15, wanted="b")
    assert set(found.predicted[:5]) == {"b"} and set(found.labels) == {""}
    assert not set(found.keys) & set(keys)
    with pytest.raises(UnknownName, match="zebra"):
        project.hard(5, wanted="zebra")
    against = project.disagreements(6)
    assert {keys[3], keys[30], keys[60]} <= set(against.keys)
    assert all(label != said for label, said in zip(against.labels, against.predicted, strict=True))
    run("hard", "p.sieve", "--disagreements", "--out", "doubts.csv")
    assert table(folder / "doubts.csv")[0].keys() == {"id", "key", "label", "predicted", "score"}
    told = json.loads(run("hard", "p.sieve", "--wanted", "b", "-n", "3", "--json").stdout)
    assert [row["key"] for row in told] == list(found.keys[:3])
    assert "given together" in run("hard", "p.sieve", "--wanted", "b", "--disagreements", code=1).stderr


def test_a_curriculum_is_exported(run: Run, project: ls.Project, folder: Path) -> None:
    with pytest.raises(NotEnoughLabels, match="0 items have a label"):
        project.curriculum()
    keys = labelled(project, 90, wrong=(3, 30, 60))
    found = project.curriculum("competence", 5)
    assert set(found.keys) == set(keys) and (np.diff(found.difficulty) >= 0).all() and (np.diff(found.step) >= 0).all()
    assert {keys[3], keys[30], keys[60]} <= set(found.keys[-12:])
    run("curriculum", "p.sieve", "--out", "order.csv", "--by", "self_paced", "--steps", "4")
    rows = table(folder / "order.csv")
    assert list(rows[0]) == ["id", "key", "label", "difficulty", "step"] and len(rows) == 90
    assert {int(row["step"]) for row in rows} == {1, 2, 3, 4}
    run("curriculum", "p.sieve", "--out", "order.parquet")
    assert pq.read_table(folder / "order.parquet")["step"].to_pylist() == sorted(list(range(1, 11)) * 9)


def test_coreset_by_the_command_line(run: Run, folder: Path) -> None:
    assert len(run("coreset", "p.sieve", "--keep", "7").stdout.split()) == 7
    run("coreset", "p.sieve", "--share", "0.2", "--method", "kmeans", "--out", "kept.csv")
    rows = table(folder / "kept.csv")
    assert list(rows[0]) == ["id", "key", "label"] and len({row["key"] for row in rows}) == len(rows)
    told = json.loads(run("coreset", "p.sieve", "--keep", "5", "--json").stdout)
    assert (told["kept"], told["by"], len(told["items"])) == (5, "embeddings", 5)
    assert "Hint" in run("coreset", "p.sieve", "--method", "el2n", code=1).stderr


@pytest.mark.parametrize("method", ["el2n", "forgetting", "ccs", "craig", "moderate", "kcenter"])
def test_every_method_reads_a_pool(project: ls.Project, method: str) -> None:
    labelled(project, 40)
    kept = project.coreset(keep=6, method=method)
    assert len(set(kept.ids.tolist())) == 6 and kept.method == method and kept.by == "predictions"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has the columns none"),
        ("precious\n", "has the columns precious"),
        ("key,label,group\n0,cat,\n1,dog,2\n", "'0' is in no group"),
        ("key,label,group\n0,cat\n", "'0' is in no group"),
    ],
)
def test_a_file_that_names_no_groups(tmp_path: Path, text: str, says: str) -> None:
    from labelsieve.project.thinning import read_groups

    (tmp_path / "g.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        read_groups(tmp_path / "g.csv")
    (tmp_path / "g.csv").write_text("key,label,group\n0,cat,1\n,,\n\n")  # a spreadsheet leaves empty rows
    assert read_groups(tmp_path / "g.csv") == [(("0",), "cat")]


def test_texts_stand_beside_their_keys(tmp_path: Path) -> None:
    texts = [f"where is my {word} {i}" for i in range(15) for word in ("card", "bill")] + ["hello there", "hello there"]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("number", "text"), *((f"n{i}", text) for i, text in enumerate(texts))])
    with ls.create(tmp_path / "t.sieve", tmp_path / "t.csv", text="text", key="number") as opened:
        opened.embed()
        opened.label([f"n{i}" for i in range(24)], ["card", "bill"] * 12, by="ann")

    def call(*words: str) -> str:
        return command_line.run(tmp_path, *words).stdout

    call("duplicates", "t.sieve", "--similarity", "1", "--out", "g.csv")
    assert [(row["key"], row["text"]) for row in table(tmp_path / "g.csv")] == [
        (f"n{i}", "hello there") for i in (30, 31)
    ]
    assert "n30, n31; hello there" in call("duplicates", "t.sieve", "--similarity", "1")
    call("hard", "t.sieve", "-n", "2", "--out", "h.csv")
    rows = table(tmp_path / "h.csv")
    assert list(rows[0]) == ["id", "key", "label", "predicted", "score", "text"]
    assert all(texts[int(row["key"][1:])] == row["text"] for row in rows)
    assert rows[0]["text"] in call("hard", "t.sieve", "-n", "2")
    assert json.loads(call("hard", "t.sieve", "-n", "1", "--json"))[0]["text"] == rows[0]["text"]
