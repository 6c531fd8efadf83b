"""Speed, cost and measurements of a task, by labels whose times and classes are known."""

from pathlib import Path

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.types import Value
from labelsieve.project import events
from labelsieve.project.desk.accepting import Draft, accept
from labelsieve.project.facade import Project
from labelsieve.project.jobs import table
from labelsieve.project.progress import measuring
from labelsieve.project.progress.facts import Wish, plan_of, progress_of
from labelsieve.project.progress.measuring import measure, measured, remeasure
from labelsieve.project.progress.speeds import spans_of, speed_of
from labelsieve.selection import second_look
from labelsieve.testing import toy_classes, toy_odd


def quiet(done: int, total: int, said: str) -> None:
    """Nobody looks."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    toy = toy_classes(400, 8, 3)
    np.save(tmp_path / "x.npy", toy.x)
    made = ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", classes=list(toy.classes))
    audit = made.next(15, purpose="audit").ids
    ids = np.concatenate([audit, np.setdiff1d(np.arange(1, 301), audit)])[:200]
    made.label(ids, [toy.classes[toy.y[int(i) - 1]] for i in ids], by="ann", seconds=2.0)
    return made


def test_pauses_are_left_out() -> None:
    told = np.array([[0.0, 1.0], [10.0, np.nan], [10_000.0, np.nan], [10_002.0, 500.0], [9_000.0, np.nan]])
    spans = spans_of(told)
    assert spans[0] == 1.0
    assert spans[1] == 10.0
    assert np.isnan(spans[2])  # a pause
    assert spans[3] == 2.0  # 500 s is no time that a label took: the gap is
    assert np.isnan(spans[4])  # the clock was set back
    burst = np.array([[7.0, np.nan], [9.0, np.nan], [9.001, np.nan], [9.5, 0.4]])
    assert np.isnan(spans_of(burst)[:3]).all()  # no person is that quick: many at once, or a program
    assert spans_of(burst)[3] == 0.4
    assert spans_of(np.empty((0, 2))).shape == (0,)


def test_speed_and_cost(project: Project) -> None:
    found = speed_of(project.context)
    assert found["per_minute"] == 30.0
    assert found["median_seconds"] == 2.0
    assert found["annotators"] == [{"name": "ann", "labels": 200, "per_minute": 30.0, "median_seconds": 2.0}]
    assert found["cost"]["seconds_each"] == 2.0
    assert found["cost"]["money_each"] is None
    assert len(found["series"]) == 20
    assert speed_of(project.add_task("empty", classes=["a", "b"]).context)["per_minute"] is None


def test_imports_and_near_duplicates_are_no_speed(project: Project) -> None:
    project.label([399, 400], ["a", "b"], by="import", source="import")
    assert speed_of(project.context)["annotators"][0]["name"] == "ann"
    assert len(speed_of(project.context)["annotators"]) == 1


def test_curve_classes_and_doubts_are_measured_and_kept(project: Project) -> None:
    context = project.context
    assert measured(context) is None
    item, told = next((label.item, label.value) for label in events.history(context.conn, "main"))
    assert told is not None
    wrong = next(name for name in "abc" if name not in told.names)
    accept(context, [Draft("00000000-0000-4000-8000-000000000001", item, Value("class", (wrong,)))], "ann")
    measure(context, quiet)
    found = measured(context)
    assert found is not None
    assert not found["stale"]
    assert found["curve"]["points"][-1]["mean"] > 0.8
    assert found["curve"]["points"][-1]["low"] <= found["curve"]["points"][-1]["mean"]
    assert item in [one["item"] for one in found["doubts"][:3]]
    assert all(one["p"] >= second_look.SURER for one in found["doubts"])
    assert "doubts_from" not in found
    assert {one["name"] for one in found["classes"]} == {"a", "b", "c"}
    assert found["audit"]["n"] >= 10
    progress = progress_of(context)
    assert progress["measured"]["curve"] == found["curve"]
    assert progress["screen"] is None
    assert progress["labels"] == 200
    project.label([390], ["a"], by="ann")
    assert measured(context)["stale"]  # type: ignore[index]


def test_too_few_labels_doubt_none(tmp_path: Path) -> None:
    y = np.arange(100) % 3
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(3 * np.eye(3)[y], 0.5).astype(np.float32))
    made = ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", classes=["a", "b", "c"])
    few = measuring.FROM - 1
    said = ["abc"[code] for code in y]
    said[6] = "c"  # it is a
    made.label(range(1, few + 1), said[:few], by="ann")
    measure(made.context, quiet)
    found = measured(made.context)
    assert found is not None
    assert (found["doubts"], found["doubts_from"]) == ([], measuring.FROM)
    made.label(range(few + 1, 101), said[few:], by="ann")
    measure(made.context, quiet)
    assert [one["item"] for one in (measured(made.context) or {})["doubts"]] == [7]


def test_a_measurement_is_asked_for_once_and_not_too_often(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    context = project.context
    assert remeasure(project.add_task("empty", classes=["a", "b"]).context) is None
    job = remeasure(context)
    assert job is not None
    assert remeasure(context).id == job.id  # type: ignore[union-attr]
    table.claim(context.conn, "long")
    table.finish(context.conn, job.id, "done", measure(context, quiet))
    assert remeasure(context) is None
    project.label([390], ["a"], by="ann")
    assert remeasure(context) is None  # the last was just now
    monkeypatch.setattr(measuring, "REST", 0.0)
    monkeypatch.setattr(measuring, "PART", 0.0)
    again = remeasure(context)
    assert again is not None
    assert again.id != job.id


def test_a_screen_shows_what_was_found_and_what_proof_costs(tmp_path: Path) -> None:
    toy = toy_odd(500, 20)
    np.save(tmp_path / "x.npy", toy.x)
    project = ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen")
    measure(project.context, quiet)
    assert "lacking" in (measured(project.context) or {})
    for asked in [project.next(40), project.next(40)]:
        project.label(asked.ids, ["odd" if toy.y[int(i) - 1] else "dull" for i in asked.ids], by="ann", query=asked.id)
    measure(project.context, quiet)
    found = progress_of(project.context)
    assert found["screen"]["search"]["found"] >= 1
    assert found["measured"]["curve"]["found"][-1]["labels"] == found["labels"]
    plan = plan_of(project.context, Wish(prevalence=0.04, recall=0.8))
    assert plan["audit"]["labels"] > 0
    assert plan["goal"]["pool"] == 500


def test_several_classes_an_item(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 6)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    project = ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="multilabel", classes=["a", "b"])
    ids = np.unique(np.concatenate([project.next(10, purpose="audit").ids, np.arange(1, 101)]))
    answers = [[name for name, on in zip("ab", row[:2] > 0, strict=True) if on] for row in x[ids - 1]]
    project.label(ids, answers, by="ann")
    measure(project.context, quiet)
    found = measured(project.context)
    assert found is not None
    assert found["curve"]["metric"] == "average precision"
    assert [one["name"] for one in found["classes"]] == ["a", "b"]
