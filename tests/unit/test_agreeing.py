"""Who is asked twice, and what is told of how people agree: shares, tables, several classes, screens, the cache."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_people import made, say

from labelsieve.core.errors import InputError
from labelsieve.core.types import Value
from labelsieve.project import config, events
from labelsieve.project.desk import leases
from labelsieve.project.facade import Project
from labelsieve.project.jobs import table
from labelsieve.project.jobs.kinds import kind_called
from labelsieve.project.people import agreeing
from labelsieve.project.people.agreeing import agreement_now, ask_again, measure
from labelsieve.project.people.twice import asked_twice, second_looks, set_twice, twice_of


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with made(tmp_path, classes=["a", "b", "c"]) as project:
        yield project


@settings(deadline=None)
@given(st.integers(0, 2**40), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_keeps_the_items_of_a_smaller_one(seed: int, one: float, other: float) -> None:
    ids = np.arange(1, 2001)
    small, large = (asked_twice(seed, ids, share) for share in sorted((one, other)))
    assert not (small & ~large).any()
    order = np.random.default_rng(1).permutation(2000)
    assert (asked_twice(seed, ids[order], one) == asked_twice(seed, ids, one)[order]).all()


def test_the_share_is_met() -> None:
    drawn = asked_twice(7, np.arange(100_000), 0.1)
    assert drawn.mean() == pytest.approx(0.1, abs=0.005)
    assert not asked_twice(7, np.arange(1000), 0.0).any() and asked_twice(7, np.arange(1000), 1.0).all()


def test_the_share_is_a_setting_of_the_task(project: Project) -> None:
    ids = np.arange(1, 401)
    assert twice_of(project.context, ids) == {}
    set_twice(project.context, 0.25)
    assert config.read(project.path).tasks["main"].twice == 0.25
    assert 60 < len(twice_of(project.context, ids)) < 140
    assert set(twice_of(project.context, ids).values()) == {2}
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="0 to 1"):
            set_twice(project.context, share)
    with pytest.raises(InputError, match="twice in"):
        config.parse({"tasks": {"main": {"twice": 1.5}}})


def test_who_gets_a_second_look(project: Project) -> None:
    context = project.context
    number = project.next(20).id
    say(project, "ann", dict.fromkeys(range(1, 11), "a"), query=number)
    say(project, "ann", {30: "a"})  # of no query: nobody asked for it
    assert second_looks(context, "bob", 100) == []
    set_twice(context, 1.0)
    assert second_looks(context, "bob", 100) == [(item, number) for item in range(1, 11)]
    assert second_looks(context, "bob", 3) == [(1, number), (2, number), (3, number)]
    assert second_looks(context, "ann", 100) == [] and second_looks(context, "bob", 0) == []
    leases.take(context.conn, context.task, "cyd", [(1, number)])
    say(project, "cyd", {2: "b"}, query=number)
    events.undo(context.conn, "main", "ann")  # of item 30
    events.undo(context.conn, "main", "ann")  # of item 10: nobody has answered it any more
    assert second_looks(context, "bob", 100) == [(item, number) for item in range(3, 10)]


def test_nothing_in_common_is_nothing_to_tell(project: Project) -> None:
    say(project, "ann", {1: "a", 2: "b"})
    say(project, "bob", {3: "a", 1: Value("unsure")})
    data, open_ = measure(project.context)
    assert (data["items"], data["alpha"], data["pairs"], open_) == (0, None, [], [])


def test_what_is_told_of_three_people(project: Project) -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 301)
    for by, right in (("ann", 0.95), ("bob", 0.9), ("cyd", 0.6)):
        wrong = rng.random(301) > right
        said = {i: "abc"[(truth[i] + (wrong[i] * rng.integers(1, 3))) % 3] for i in range(1, 301)}
        say(project, by, said)
    data, open_ = measure(project.context)
    assert (data["items"], data["answers"], data["classes"]) == (300, 900, ["a", "b", "c"])
    assert data["alpha"]["low"] < data["alpha"]["mean"] < data["alpha"]["high"]
    assert data["fleiss"]["mean"] == pytest.approx(data["alpha"]["mean"], abs=0.01)
    right = {one["name"]: one["right"]["mean"] for one in data["people"]}
    assert right["ann"] > right["bob"] > right["cyd"]
    assert [(one["first"], one["second"]) for one in data["pairs"]] == [("ann", "bob"), ("ann", "cyd"), ("bob", "cyd")]
    assert {one["name"] for one in data["confusions"][:3]} == {"cyd"}
    assert data["consensus"]["converged"] and data["consensus"]["against_majority"] > 0
    assert [one["p"] for one in open_] == sorted(one["p"] for one in open_)
    assert {one["reason"] for one in open_} == {"differ"}
    likely = np.array([one["names"][0] == "abc"[truth[one["item"]]] for one in open_])
    assert likely.mean() > 0.8


def test_agreeing_bad_annotators_leave_doubt(project: Project) -> None:
    """Two who mostly guess agree on an item by chance; two good ones do not."""
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 3, 301)
    for by, right in (("ann", 0.98), ("bob", 0.98), ("cyd", 0.4), ("dan", 0.4)):
        said = {i: "abc"[truth[i] if rng.random() < right else rng.integers(3)] for i in range(1, 251)}
        say(project, by, said)
    say(project, "cyd", {300: "a"})
    say(project, "dan", {300: "a"})
    _, open_ = measure(project.context)
    assert [one["reason"] for one in open_ if one["item"] == 300] == ["doubtful"]


def test_several_classes_are_told_class_by_class(tmp_path: Path) -> None:
    with made(tmp_path, "multilabel", ["x", "y"]) as project:
        for by, off in (("ann", 0), ("bob", 0), ("cyd", 1)):
            said = {
                i: [*(["x"] if i % 2 else []), *(["y"] if (i + off * (i % 5 == 0)) % 3 == 0 else [])]
                for i in range(1, 61)
            }
            say(project, by, said)
        data, open_ = measure(project.context)
        assert data["alpha_of"]["x"] == 1.0 and 0.5 < data["alpha_of"]["y"] < 1.0
        assert data["alpha"]["mean"] == pytest.approx((data["alpha_of"]["x"] + data["alpha_of"]["y"]) / 2, abs=1e-5)
        assert all(one["item"] % 5 == 0 for one in open_)
        assert open_ and set(open_[0]["names"]) <= {"x", "y"}
        assert len(data["pairs"]) == 3 and data["confusions"] == []


def test_a_screen_tells_dull_from_odd(tmp_path: Path) -> None:
    with made(tmp_path, "screen") as project:
        same = dict.fromkeys(range(10, 60), "dull") | dict.fromkeys(range(60, 87), "dent")
        say(project, "ann", same | {1: "dull", 2: "scratch", 3: "dent"})
        say(project, "bob", same | {1: "dull", 2: "dent", 3: "dull"})  # a scratch and a dent are both odd
        data, open_ = measure(project.context)
        assert data["classes"] == ["dull", "odd"]
        assert data["pairs"][0]["same"]["mean"] == pytest.approx(79 / 80)
        assert [one["item"] for one in open_] == [3]


def test_agreement_is_kept_until_somebody_answers(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    say(project, "ann", {1: "a", 2: "b"})
    say(project, "bob", {1: "a", 2: "a"})
    first = agreement_now(project.context)
    assert not first.stale and first.data["items"] == 2
    monkeypatch.setattr(agreeing, "measure", lambda context: pytest.fail("computed again"))
    assert agreement_now(project.context) == first
    monkeypatch.undo()
    (project.path / "cache" / "agreement" / "main.json").write_text("{")
    assert agreement_now(project.context) == first  # a damaged file is made again
    say(project, "bob", {2: "b"})
    assert agreement_now(project.context).open == []


def test_much_is_left_to_a_job(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreeing, "AT_ONCE", 3)
    say(project, "ann", {1: "a", 2: "b"})
    say(project, "bob", {1: "a", 2: "a"})
    context = project.context
    assert agreement_now(context).stale and agreement_now(context).data == {}
    ask_again(context, "rev")
    ask_again(context, "rev")
    (job,) = table.listed(context.conn)
    assert (job.kind, job.lane, job.state) == ("agreement", "rounds", "waiting")
    said = kind_called(job.kind).run(project, job.args, lambda *_: None)
    assert said == {"items": 2, "open": 1}
    known = agreement_now(context)
    assert not known.stale and known.data["items"] == 2
    say(project, "ann", {2: "a"})
    assert agreement_now(context).stale and agreement_now(context).data["items"] == 2  # the last that is known
