"""The index of a project: built, brought up to date when a strategy asks for neighbours, and never trusted blindly."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.errors import UnknownName
from labelsieve.core.rounds import ArrayPool
from labelsieve.project import indexing, narrowing
from labelsieve.store.indexfiles import read_facts

SEALS = "seals(k=5, explore=0)"


def rows(n: int, d: int = 80, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(4, d))[np.arange(n) % 4] + 0.5 * rng.normal(size=(n, d))).astype(np.float32)


@pytest.fixture
def project(tmp_path: Path):
    np.save(tmp_path / "x.npy", rows(300))
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", seed=1) as made:
        yield made


def label_some(project: ls.Project, n: int = 12) -> None:
    ids = project.next(n, strategy="random").ids
    project.label(ids, [f"c{int(i) % 4}" for i in ids], by="ann")


def test_built_shown_and_checked(project: ls.Project) -> None:
    assert project.status()["index"] is None
    report = project.index()
    assert report.built and report.items == 300 and report.recall == 1.0 and report.held_out == 200
    assert project.status()["index"]["recall"] == 1.0
    assert not project.index().built
    assert project.index(rebuild=True).built
    assert [check.severity for check in project.doctor() if check.check.startswith("index")] == ["ok"]


def test_a_query_among_neighbours(project: ls.Project) -> None:
    project.index()
    label_some(project)
    asked = project.next(4, strategy="margin", candidates=SEALS)
    search = [i for i, purpose in enumerate(asked.query.purpose) if purpose == "search"]
    assert 0 < asked.query.scored <= 12 * 5
    assert set(asked.query.strategy.split()) == {"margin"}
    assert all("the 5 neighbours of each of" in asked.query.why[i] for i in search)
    assert np.array_equal(project.next(4, strategy="margin", candidates=SEALS).ids, asked.ids)


def test_the_index_is_not_opened_unless_asked_for(project: ls.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.index()
    label_some(project)
    opened = []
    monkeypatch.setattr(indexing, "open_index", lambda *given: opened.append(given))
    project.next(4, strategy="margin")
    assert opened == []


def test_new_items_join_on_the_next_use(project: ls.Project, tmp_path: Path) -> None:
    project.index()
    x = rows(300)
    np.save(tmp_path / "x.npy", np.concatenate([x, rows(40, seed=5)]))
    project.sync()
    near = indexing.lazy_neighbours(project.context, indexing.raw_pool(project.context))
    assert near is not None
    last = project.context.ids_of(["339"])
    assert last.item() in near(near(last, 3)[0, :1], 339)
    assert project.status()["index"]["items"] == 340 and project.status()["index"]["added"] == 40
    report = project.index()
    assert not report.built and report.added == 0
    np.save(tmp_path / "x.npy", np.concatenate([x, rows(400, seed=5)]))
    project.sync()
    report = project.index()
    assert report.built and "rows have changed" in report.why and report.items == 700


def test_a_damaged_or_foreign_index_is_built_again(project: ls.Project) -> None:
    project.index()
    folder = indexing.folder_of(project.context)
    path = folder / read_facts(folder).parts[0].rows
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)
    assert [check.severity for check in project.doctor() if check.check.startswith("index")] == ["error"]
    label_some(project)
    (note,) = project.next(2, strategy="margin", candidates=SEALS).notes
    assert note.startswith("The index was built again, in ") and "not as it was written" in note
    assert project.next(2, strategy="margin", candidates=SEALS).notes == ()
    path.write_bytes(whole)
    report = project.index()
    assert report.built and "damaged" in report.why
    facts = read_facts(folder)
    indexing.build_index(folder, ArrayPool(np.eye(80, dtype=np.float32)), indexing.About("other@1"))
    report = project.index()
    assert report.built and "'other@1'" in report.why and read_facts(folder).files == facts.files


def test_a_large_pool_without_an_index(project: ls.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    label_some(project)
    assert project.next(2, strategy="margin", candidates=SEALS).query.scored  # small: searched row by row
    monkeypatch.setattr(indexing, "EXACT", 100)
    with pytest.raises(ls.InputError, match="labelsieve index"):
        project.next(2, strategy="margin", candidates=SEALS)
    monkeypatch.setattr(narrowing, "PATIENCE", 0.0)
    asked = project.next(2, strategy="margin", candidates="auto(patience=0)")
    assert any("there is no index" in why for why in asked.query.why)


def test_auto_narrows_where_a_scan_takes_long_and_says_so(project: ls.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrowing, "_measured", lambda pool, head: 1.0)  # a second an item
    label_some(project)
    asked = project.next(4, strategy="margin")
    assert any("a scan of all would take 3e+02 s" in why for why in asked.query.why)
    assert project.status()["scan_seconds"] != {}
    monkeypatch.setattr(narrowing, "_measured", lambda pool, head: 0.0)  # measured once: no other choice now
    assert np.array_equal(project.next(4, strategy="margin").ids, asked.ids)


def test_the_wanted_class(project: ls.Project) -> None:
    context = project.context
    context.change(tasks={"main": replace(context.task_settings, wanted="c2")})
    assert narrowing.wanted_class(context) is None
    assert "No item is labelled 'c2' yet" in project.next(2).notes[0]
    label_some(project)
    assert project.next(2).notes == ()
    assert context.task.classes[narrowing.wanted_class(context) or 0] == "c2"


def test_the_wanted_class_of_closed_classes(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", rows(60))
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", classes=["a", "b"]) as project:
        context = project.context
        context.change(tasks={"main": replace(context.task_settings, wanted="c")})
        with pytest.raises(UnknownName, match="'c'.*There are: a, b"):
            project.next(3)
    with ls.create(tmp_path / "q.sieve", tmp_path / "x.npy", task="screen") as screen:
        assert narrowing.wanted_class(screen.context) == 1


def test_candidates_of_a_simulation(project: ls.Project, tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("key,label\n" + "".join(f"{i},c{i % 4}\n" for i in range(300)))
    found = project.simulate(
        str(tmp_path / "truth.csv"), 40, n=10, against=["margin"], seeds=1, candidates="seals(k=3, explore=0)"
    )
    control, run = found["runs"]
    assert control["strategy"] == "random" and run["strategy"] == "margin"
    assert run["scored"][1] <= 3 * 10 and run["labels"][-1] == 40


def test_on_the_command_line(project: ls.Project) -> None:
    def call(*words: str) -> str:
        command = [sys.executable, "-m", "labelsieve.cli.main", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    here = str(project.path)
    assert "recall@100 1.000, measured on 200 held-out items" in call("index", here)
    assert json.loads(call("index", here, "--json"))["built"] is False
    assert "recall@100 1.000" in call("status", here)
    label_some(project)
    call("next", here, "--strategy", "margin", "--candidates", SEALS, "-n", "3")
    assert "scan: " in call("status", here)


def test_neighbours_that_were_found_are_not_searched_again(
    project: ls.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.index()
    label_some(project)
    first = project.next(4, strategy="margin", candidates=SEALS)
    searched: list[int] = []
    real = indexing.ItemNeighbours.__call__

    def counted(self: indexing.ItemNeighbours, ids: np.ndarray, k: int) -> np.ndarray:
        searched.extend(ids.tolist())
        return real(self, ids, k)

    monkeypatch.setattr(indexing.ItemNeighbours, "__call__", counted)
    with ls.open(project.path) as again:
        assert np.array_equal(again.next(4, strategy="margin", candidates=SEALS).ids, first.ids)
        assert searched == []
        again.label(first.ids, ["c0"] * 4, by="ann")
        again.next(4, strategy="margin", candidates=SEALS)
        assert 0 < len(searched) <= 4
        searched.clear()
        again.index(rebuild=True)
        again.next(4, strategy="margin", candidates=SEALS)
        assert len(searched) > 4
