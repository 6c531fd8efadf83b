"""Which events are live: the one place that says so. Every reading of answers builds on it, each with its own filter.

    dead_among(events) -> (taken back, replaced)     of events newest first: the rule itself
    not_live(conn, task, ids, upto) -> set[int]      events that were taken back or replaced
    taken_back(conn, task, upto) -> set[int]         those that were taken back
    repeated(conn, task) -> set[int]                 answers to hidden items, live or not
    hidden_in(conn, query) -> set[int]               the hidden items of a query

An event is *taken back* by an undo that is not itself taken back, and *replaced* by an answer that supersedes it and
is not taken back. It is *live* when it is neither. (So undo has any depth, and undoing a correction brings back what
it corrected.) Whose live answers are current is said by `current.py`.

This cannot be a view of SQL: an undo counts unless one that counts takes it back, to any depth, and no recursive query
may ask for what it has not found. What supersedes an event comes after it and is about the same item, so one pass from
the newest on is enough, and the events of an item say all of that item.
"""

import json
import sqlite3
from collections.abc import Hashable, Iterable
from typing import Any, TypeVar

import numpy as np

from labelsieve.core.types import Ids, Task

Name = TypeVar("Name", bound=Hashable)
LAST = 2**62  # no event has a higher sequence number
FEW = 10_000  # items whose events are read by themselves; of more, all that supersedes one is

_SUPERSEDING = "SELECT seq, supersedes, tag IS NULL FROM events"
_OF_TASK = "WHERE task = :task AND supersedes IS NOT NULL AND seq <= :upto"
_OF_ITEMS = f"INDEXED BY events_item {_OF_TASK} AND item IN (SELECT value FROM json_each(:ids))"


def dead_among(rows: Iterable[tuple[Name, Name | None, Any]]) -> tuple[set[Name], set[Name]]:
    """(taken back, replaced), of events newest first: the name of each, what it supersedes, whether it is an undo.

    >>> dead_among([("redo", "undo", True), ("undo", "b", True), ("b", "a", False), ("a", None, False)])
    ({'undo'}, {'a'})
    """
    taken: set[Name] = set()
    replaced: set[Name] = set()
    for name, target, undo in rows:
        if target is not None and name not in taken:
            (taken if undo else replaced).add(target)
    return taken, replaced


def not_live(conn: sqlite3.Connection, task: Task, ids: Ids | None = None, upto: int = LAST) -> set[int]:
    """Sequence numbers of the events that were taken back or replaced (by events up to `upto`).

    Of the items `ids` at least, where these are named. Cost: O(their events); else O(events that supersede one).
    """
    taken, replaced = dead_among(_superseding(conn, task, ids, upto))
    return taken | replaced


def taken_back(conn: sqlite3.Connection, task: Task, upto: int = LAST) -> set[int]:
    """Sequence numbers of the events that a standing undo names (among events up to `upto`), replaced or not.

    Cost: O(events that supersede one).
    """
    return dead_among(_superseding(conn, task, None, upto))[0]


def _superseding(conn: sqlite3.Connection, task: Task, ids: Ids | None, upto: int) -> list[tuple[int, int, int]]:
    """Newest first: (sequence number, that of what it supersedes, whether it is an undo)."""
    values = {"task": task.id, "upto": upto}
    if ids is None or len(ids) > FEW:
        rows = conn.execute(f"{_SUPERSEDING} {_OF_TASK}", values)
    else:
        text = json.dumps(np.asarray(ids, np.int64).tolist())
        rows = conn.execute(f"{_SUPERSEDING} {_OF_ITEMS}", {**values, "ids": text})
    return sorted(rows, reverse=True)


def repeated(conn: sqlite3.Connection, task: Task) -> set[int]:
    """Sequence numbers of answers to hidden items: they measure who answers, and say nothing of the item."""
    # CROSS keeps this order: SQLite would begin with the events.
    sql = """SELECT e.seq FROM queries q CROSS JOIN query_items i ON i.query = q.id
      CROSS JOIN events e ON e.task = q.task AND e.item = i.item AND e.query = q.id
      WHERE q.task = ? AND q.strategy = 'certify' AND i.purpose = 'repeat'"""
    return {seq for (seq,) in conn.execute(sql, (task.id,))}


def hidden_in(conn: sqlite3.Connection, query: int | None) -> set[int]:
    """Items of a query that are known to be odd and asked again, unmarked."""
    sql = "SELECT item FROM query_items WHERE query = ? AND purpose = 'repeat'"
    return {item for (item,) in conn.execute(sql, (query,))} if query is not None else set()
