"""Dull labels that look odd: flagged, left out of training, confirmed or corrected; through Python and the CLI."""

import csv
import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import command_line
import numpy as np
import pytest

import labelsieve as ls
from labelsieve.project.standing import stand

Run = Callable[..., subprocess.CompletedProcess[str]]
N, ODD = 700, 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 80)).astype(np.float32)
    x[:ODD] = 0.4 * x[:ODD] + 2.0
    np.save(tmp_path / "rows.npy", x)
    ls.create(tmp_path / "p.sieve", tmp_path / "rows.npy", task="screen").close()
    return tmp_path


@pytest.fixture
def project(folder: Path) -> Iterator[ls.Project]:
    with ls.open(folder / "p.sieve") as opened:
        yield opened


@pytest.fixture
def slips(project: ls.Project) -> list[str]:
    """Three odd items answered dull among ten odd and 120 dull ones; all of them may train."""
    aside = set(stand(project.context).sides.aside.tolist())
    free = [item.id for item in project.items(list(range(1, N + 1))) if item.id not in aside]
    key = {item.id: int(item.key) for item in project.items(free)}
    odd = [id_ for id_ in free if key[id_] < ODD][:13]
    dull = [id_ for id_ in free if key[id_] >= ODD][:120]
    project.label(odd[:10], ["scratch"] * 10, by="anna")
    project.label([*odd[10:], *dull], ["dull"] * 123, by="anna")
    return [item.key for item in project.items(odd[10:])]


@pytest.fixture
def run(folder: Path, slips: list[str]) -> Run:
    return partial(command_line.run, folder)


def trained(project: ls.Project, keys: list[str]) -> list[bool]:
    ids = project.context.ids_of(keys)
    return np.isin(ids, project.fit().labels.ids).tolist()


def test_doubtful_labels_do_not_train_until_they_are_answered_dull_again(project: ls.Project, slips: list[str]) -> None:
    found = project.doubtful()
    assert {doubt.key for doubt in found} >= set(slips)
    assert len(found) <= 8  # and few others
    assert all(doubt.ratio < 0.9 and doubt.odd in doubt.why for doubt in found)
    assert trained(project, slips) == [False] * 3
    project.label(slips[:1], ["dull"], by="anna")  # looked at again
    project.label(slips[1:2], ["dull"], by="ben")  # by somebody else
    assert trained(project, slips) == [True, True, False]
    assert {doubt.key for doubt in project.doubtful()} & set(slips) == {slips[2]}
    project.undo(by="ben")
    assert trained(project, slips) == [True, False, False]
    project.label(slips[2:], ["scratch"], by="anna")
    assert trained(project, slips) == [True, False, True]
    with ls.open(project.path) as again:  # a fresh process says the same
        assert [doubt.key for doubt in again.doubtful()] == [doubt.key for doubt in project.doubtful()]


def test_the_command_line_lists_them_and_takes_answers_back(run: Run, folder: Path, slips: list[str]) -> None:
    listed = json.loads(run("doubtful", "p.sieve", "--json").stdout)
    assert {one["key"] for one in listed} >= set(slips)
    assert set(listed[0]) == {"key", "odd", "ratio", "why"}
    assert slips[0] in run("doubtful", "p.sieve").stdout
    run("fit", "p.sieve")
    assert f"doubtful: {len(listed)} dull labels" in run("status", "p.sieve").stdout
    assert json.loads(run("status", "p.sieve", "--json").stdout)["fit"]["doubtful"] == len(listed)
    run("doubtful", "p.sieve", "--out", "look.csv")
    with (folder / "look.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["label"] = "scratch" if row["key"] in slips else "dull"
    with (folder / "look.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    answer = ("doubtful", "p.sieve", "--labels", "look.csv", "--by", "anna", "--json")
    assert json.loads(run(*answer).stdout)["answered"] == len(listed)
    left = {one["key"] for one in json.loads(run("doubtful", "p.sieve", "--json").stdout)}
    assert not left & {row["key"] for row in rows}  # three more odd items may make others doubtful
    assert json.loads(run(*answer).stdout)["answered"] == 0  # the same file again changes nothing
    assert "give one of them" in run("doubtful", "p.sieve", "--out", "a.csv", "--labels", "b.csv", code=1).stderr


def test_nothing_is_doubtful_without_an_odd_item_or_outside_of_a_screen(folder: Path, project: ls.Project) -> None:
    assert project.doubtful() == []
    project.label([1, 2, 3], ["dull"] * 3, by="anna")
    assert project.doubtful() == []
    other = project.add_task("kinds", "classes")
    other.label([1, 2, 3], ["a", "b", "a"], by="anna")
    assert other.doubtful() == []


def test_the_file_shows_the_columns_of_a_row(tmp_path: Path) -> None:
    """Nobody can look again at a key alone."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6)).round(4)
    x[:40] += 6
    lines = [",".join(["id", *"abcdef"]), *(",".join([f"r{i}", *map(str, row)]) for i, row in enumerate(x))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    with ls.create(tmp_path / "t.sieve", tmp_path / "rows.csv", key="id", task="screen") as opened:
        opened.embed()
        aside = set(stand(opened.context).sides.aside.tolist())
        free = [item for item in opened.items(list(range(1, 301))) if item.id not in aside]
        odd = [item.id for item in free if int(item.key[1:]) < 40]
        dull = [item.id for item in free if int(item.key[1:]) >= 40]
        opened.label(odd, ["odd"] * (len(odd) - 2) + ["dull"] * 2, by="ann")
        opened.label(dull, ["dull"] * len(dull), by="ann")
        assert opened.doubtful()
    command_line.run(tmp_path, "doubtful", "t.sieve", "--out", "look.csv")
    with (tmp_path / "look.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    assert list(first) == ["key", "label", "odd", "ratio", "why", *"abcdef"]
    assert float(first["a"]) == x[int(first["key"][1:]), 0] and " % as far from" in first["why"]
