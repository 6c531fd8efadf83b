"""The last answers of a person: newest first, without what was taken back or replaced, in pages."""

import uuid
from pathlib import Path

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.types import Value
from labelsieve.project.context import Context
from labelsieve.project.desk.accepting import Draft, accept
from labelsieve.project.desk.recent import latest

A, B, SKIP = Value("class", ("a",)), Value("class", ("b",)), Value("skip")


@pytest.fixture
def context(tmp_path: Path) -> Context:
    np.save(tmp_path / "x.npy", np.arange(120, dtype=np.float32).reshape(30, 4))
    return ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", classes=["a", "b"]).context


def give(context: Context, by: str, item: int, value: Value | None, supersedes: str | None = None) -> str:
    label = str(uuid.uuid4())
    taken = accept(context, [Draft(label, item, value, supersedes=supersedes)], by)
    assert taken.refused == []
    return label


def ids(context: Context, by: str = "ann", n: int = 10) -> list[str]:
    return [one.label.id for one in latest(context, by, n)]


def test_newest_first_and_only_ones_own(context: Context) -> None:
    first, second = give(context, "ann", 1, A), give(context, "ann", 2, SKIP)
    give(context, "bob", 3, A)
    assert ids(context) == [second, first]
    assert ids(context, "nobody") == []


def test_what_was_taken_back_or_replaced_is_left_out(context: Context) -> None:
    first, second = give(context, "ann", 1, A), give(context, "ann", 2, A)
    replacing = give(context, "ann", 1, B)
    assert ids(context) == [replacing, second]
    undo = give(context, "ann", 1, None, replacing)
    assert ids(context) == [second, first]  # the answer before it stands again
    give(context, "ann", 2, None, second)
    assert ids(context) == [first]
    assert undo not in ids(context)


def test_pages_go_on_where_the_last_one_ended_and_miss_nothing(context: Context) -> None:
    given = [Draft(str(uuid.uuid4()), item, A) for item in range(1, 26)]
    back = [Draft(str(uuid.uuid4()), one.item, None, supersedes=one.id) for one in given[19:24]]
    assert accept(context, [*given, *back], "ann").refused == []
    wanted = [one.id for one in given if one not in given[19:24]][::-1]
    found: list[str] = []
    before = None
    while page := latest(context, "ann", 4, before):
        found += [one.label.id for one in page]
        before = page[-1].seq
    assert found == wanted
