"""One answer to many items at once, and its undo as one act.

answer_all(writing, context, bulk, by) -> Done

Items are written in portions, each in a transaction and under the lock of its own, so that others get their answers in
between. The UUID of each label follows from that of the act and the item: sent again, nothing is written twice.
Nobody has looked at each of them: their source is "rule", they train, and an audit does not count them as reviewed.
"""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from labelsieve.core.errors import InputError, NotThere
from labelsieve.core.types import Ids, Label, Value
from labelsieve.project import events
from labelsieve.project.context import Context
from labelsieve.project.database import now
from labelsieve.project.desk.accepting import Draft, Refusal, Taken, accept, follower
from labelsieve.project.people import trail

LONGEST = 0.04  # seconds that one transaction shall take
MOST = 2000  # labels in one transaction
BREATH = 0.002  # seconds in which somebody else gets the lock
Writing = AbstractContextManager[Any]  # a lock that is taken for each portion


@dataclass(frozen=True, slots=True)
class Bulk:
    """One value for many items; with `undo` the UUID of the act whose labels are taken back."""

    id: str
    items: Ids
    value: Value | None
    undo: str | None = None
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """How many labels were new, and how many had been written before."""

    written: int = 0
    known: int = 0


def answer_all(writing: Writing, context: Context, bulk: Bulk, by: str) -> Done:
    """Writes the answer to every item. When it returns, all of it is on the disk.

    InputError where the value does not fit the task, NotThere for an item that there is not: then nothing after it
    is written. Cost: that of writing the labels; nobody else waits longer than LONGEST or so.
    """
    if (bulk.value is None) == (bulk.undo is None):
        raise InputError("a bulk has either a value or the act that it takes back.", "send `value` or `undo`.")
    written = known = first = 0
    size = 1  # what does not fit is found before many are tried one by one
    while first < len(bulk.items):
        portion = bulk.items[first : first + size].tolist()
        with writing:
            began = time.perf_counter()
            taken = _undone(context, bulk, portion, by) if bulk.value is None else _written(context, bulk, portion, by)
        if taken.refused:
            raise _first(taken.refused)
        written, known, first = written + taken.written, known + taken.known, first + size
        size = _next_size(size, time.perf_counter() - began)
        time.sleep(BREATH)
    if written:
        what = {"id": bulk.id, "labels": written, "undo": bulk.undo, "value": _said(bulk.value)}
        with writing:
            trail.put(context.conn, by, "labels.bulk", {"task": context.task_name, **what})
    return Done(written, known)


def _next_size(size: int, seconds: float) -> int:
    """How many labels come next, so that others wait no longer than LONGEST."""
    return min(MOST, max(20, min(4 * size, round(size * LONGEST / max(seconds, 1e-4)))))


def _written(context: Context, bulk: Bulk, items: list[int], by: str) -> Taken:
    drafts = [Draft(follower(bulk.id, item), item, bulk.value, bulk.age, source="rule") for item in items]
    return accept(context, drafts, by)


def _undone(context: Context, bulk: Bulk, items: list[int], by: str) -> Taken:
    """Takes back those labels of the act that this person wrote to these items."""
    there = events.by_uuid(context.conn, [follower(str(bulk.undo), item) for item in items])
    mine = [label for label in there if label.by == by and label.task == context.task_name]
    undos = [Label(follower(bulk.id, one.item), one.task, one.item, None, by, now(), supersedes=one.id) for one in mine]
    written = events.write(context.conn, undos)
    return Taken(written, len(undos) - written)


def _first(refused: list[Refusal]) -> InputError:
    kind = NotThere if refused[0].missing else InputError
    return kind(refused[0].fact, refused[0].hint)


def _said(value: Value | None) -> str:
    return "" if value is None else " ".join((value.tag, *value.names))
