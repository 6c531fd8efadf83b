"""Answers into events: what a caller gives (names, sets, Values) becomes labels with UUIDs of their own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.types import Ids, Label, Origin, Value
from labelsieve.project import events, live
from labelsieve.project.context import Context
from labelsieve.project.current import current_of
from labelsieve.project.database import now, transaction
from labelsieve.project.grouping import still_open

SKIP, UNSURE = Value("skip"), Value("unsure")


@dataclass(frozen=True, slots=True)
class Given:
    """Who answers, how long an answer took, which query it answers, and where it comes from."""

    by: str
    seconds: float | Sequence[float] | None = None
    query: int | None = None
    source: Origin = "human"


def as_value(answer: Any, kind: str) -> Value:
    """A Value from a class name, several names, or a Value (SKIP and UNSURE among them).

    >>> as_value("cat", "classes").names, as_value(["a", "b"], "multilabel").tag
    (('cat',), 'classes')
    """
    if isinstance(answer, Value):
        return answer
    if kind == "multilabel":
        names = (answer,) if isinstance(answer, str) else tuple(sorted(answer) if isinstance(answer, set) else answer)
        return Value("classes", tuple(str(name) for name in names))
    if isinstance(answer, str) or not hasattr(answer, "__iter__"):
        return Value("class", (_text(answer),))
    raise InputError(f"{answer!r} is not one class, and this is a {kind} task.", "give one class name an item.")


def _text(answer: Any) -> str:
    """Classes compare as text; integral numbers have no decimals."""
    if isinstance(answer, float) and answer.is_integer():
        return str(int(answer))
    return str(answer)


def labels_of(context: Context, ids: Ids, answers: Sequence[Any], given: Given) -> list[Label]:
    """One new label an id. An answer to an item that the same annotator answered before supersedes it."""
    if len(answers) != len(ids):
        raise InputError(f"{len(answers)} answers were given for {len(ids)} items.", "give one answer an item.")
    kind = context.task.kind
    before = current_of(context.conn, context.task_name, ids, given.by)
    for item in live.hidden_in(context.conn, given.query):  # this measures who answers, and changes no answer
        before.pop(item, None)
    seconds = given.seconds if isinstance(given.seconds, Sequence) else [given.seconds] * len(ids)
    at = now()
    return [
        Label(
            id=events.new_id(),
            task=context.task_name,
            item=int(id_),
            value=as_value(answer, kind),
            by=given.by,
            at=at,
            seconds=took,
            source=given.source,
            query=given.query,
            supersedes=before.get(int(id_)),
        )
        for id_, answer, took in zip(ids.tolist(), answers, seconds, strict=True)
    ]


def labels_of_query_group(context: Context, ids: Ids, answer: Any, given: Given) -> list[Label]:
    """One new label an id, of one time: `given` for the first, which was looked at; "rule" for its near-duplicates.

    Those that somebody has looked at meanwhile are left out.
    """
    ids = np.concatenate([ids[:1], still_open(context.conn, context.task_name, ids[1:])])
    first, *others = labels_of(context, ids, [answer] * len(ids), given)
    return [first, *(replace(label, source="rule", seconds=None) for label in others)]


def undo_together(context: Context, by: str) -> list[Label]:
    """The events that take back the last answer of an annotator and all that were given with it, in one call.

    Answers of one call have one time. Nothing is taken back where nothing is left. One transaction.
    """
    with transaction(context.conn):
        task = context.task
        dead = live.taken_back(context.conn, task)
        sql = """SELECT seq, id, item, part, at FROM events
          WHERE task = ? AND annotator = ? AND tag IS NOT NULL ORDER BY seq DESC"""
        left = (row for row in context.conn.execute(sql, (task.id, by)) if row[0] not in dead)
        last = next(left, None)
        same = [last, *takewhile(lambda row: row[4] == last[4], left)] if last is not None else []
        at = now()
        undos = [
            Label(events.new_id(), task.name, item, None, by, at, supersedes=label, part=part)
            for _, label, item, part, _ in same
        ]
        events.write(context.conn, undos)
    return undos
