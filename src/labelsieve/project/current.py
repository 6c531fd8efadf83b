"""Which live answers are current: the one place that says so. The fold, the desk and the grid build on it.

    current_rows(conn, task, which) -> Rows           current answers as arrays: of everybody, of some items, by then
    standing_answers(conn, task, ids, by) -> dict     item -> the current answers to it, as labels
    current_of(conn, task, ids, by) -> dict           item -> UUID of what a new answer of one annotator replaces
    own_answer(conn, task, item, query, by) -> UUID   of the last live answer to a (hidden) item of a query

Current is, for an item and an annotator, the latest live answer (`live.py`) to the whole item; a decision
(`deciding.py`) comes before all other answers of who made it. Answers to hidden items are nobody's current answer, but
in the view that one person has of their own.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Ids, Label, Task
from labelsieve.project import deciding, events, live, tasks
from labelsieve.project.decoding import edited

BLOCK = 100_000
Coded = Callable[[int, int | None, str, str | None], int]  # of a sequence number, code, tag and detail


@dataclass(frozen=True, slots=True)
class Which:
    """Whose answers count, to which items, under which further condition, up to which event; whether those to hidden
    items do."""

    by: str | None = None
    ids: Ids | None = None
    only: str = "1"
    upto: int = live.LAST
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """Current answers (m,), one row an item and annotator: items ascending, then in the order they were given."""

    seq: Ids
    item: Ids
    by: Ids  # position in `people`
    code: Ids  # as the caller codes it
    decides: NDArray[np.bool_]
    people: list[str]
    details: list[tuple[str, str]] = field(default_factory=list)  # what codes below stand for, if the caller has any

    def kept(self, keep: NDArray[np.bool_]) -> "Rows":
        """Those rows (m,) alone."""
        seq, item, by, code = (column[keep] for column in (self.seq, self.item, self.by, self.code))
        return Rows(seq, item, by, code, self.decides[keep], self.people, self.details)


def _uncoded(seq: int, code: int | None, tag: str, detail: str | None) -> int:
    return 0


def current_rows(conn: sqlite3.Connection, task: Task, which: Which, coded: Coded = _uncoded) -> Rows:
    """The current answers of a task, each with what `coded` makes of it.

    Cost: O(m log m) in the number of events; of some items O(their events), found by the index of items.
    """
    people: dict[str, int] = {}
    rows = _candidates(conn, task, which)
    parts = [np.empty((0, 4), np.int64)]
    while block := rows.fetchmany(BLOCK):
        made = [(seq, item, people.setdefault(who, len(people)), coded(seq, *rest)) for seq, item, who, *rest in block]
        try:
            parts.append(np.array(made, np.int64))
        except (TypeError, ValueError, OverflowError) as error:
            wrong = next((row for row in made if type(row[1]) is not int), made[0])
            raise edited(conn, wrong[0], f"its item is {wrong[1]!r}") from error
    table = np.concatenate(parts)
    dead = live.not_live(conn, task, which.ids, which.upto) | (set() if which.hidden else live.repeated(conn, task))
    table = table[~_among(table[:, 0], dead)] if dead else table
    decides = _among(table[:, 0], deciding.decisions(conn, task, which.ids))
    order = np.lexsort((table[:, 0], decides, table[:, 2], table[:, 1]))
    order = order[last_of_each(table[order, 1], table[order, 2])]
    order = order[np.lexsort((table[order, 0], table[order, 1]))]
    seq, item, who_, code_ = table[order].T
    return Rows(seq, item, who_, code_, decides[order], list(people))


def _candidates(conn: sqlite3.Connection, task: Task, which: Which) -> sqlite3.Cursor:
    """Every answer that might be current, in the order given."""
    values = {"task": task.id, "by": which.by, "upto": which.upto}
    one = "+task = :task"  # + reads the table in its order
    if which.ids is not None:
        one = "task = :task AND item IN (SELECT value FROM json_each(:ids))"
        values["ids"] = json.dumps(np.asarray(which.ids, np.int64).tolist())
    elif which.by is not None:
        one = "task = :task AND annotator = :by"
    if which.ids is not None and which.by is not None:
        one += " AND +annotator = :by"
    sql = f"""SELECT seq, item, annotator, code, tag, detail FROM events
      WHERE {one} AND {which.only} AND seq <= :upto AND tag IS NOT NULL AND part IS NULL ORDER BY seq"""
    return conn.execute(sql, values)


def _among(seq: Ids, wanted: set[int]) -> NDArray[np.bool_]:
    if not wanted:
        return np.zeros(len(seq), bool)
    return np.isin(seq, np.fromiter(wanted, np.int64, len(wanted)))


def last_of_each(*columns: Ids) -> NDArray[np.bool_]:
    """Whether a row (m,) is the last of its run of equal columns."""
    last = np.ones(len(columns[0]), bool)
    last[:-1] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return last


def standing_answers(conn: sqlite3.Connection, task: Task, ids: Ids, by: str | None = None) -> dict[int, list[Label]]:
    """Item -> each annotator's current answer to the whole item, in the order given; items with none are left out.

    `by` names one person whose answers alone are wanted: those to hidden items are there like all others. Of many items
    the UUIDs of one annotator's answers, without the labels themselves, are `current_of`. Cost: O(their events).
    """
    hidden = live.repeated(conn, task) if by is None else set()
    decides = deciding.decision_queries(conn, task)
    rows = list(events.about(conn, task, ids))
    dead = set().union(*live.dead_among((one.id, one.supersedes, one.value is None) for _, one in reversed(rows)))
    found: dict[int, dict[str, Label]] = {}
    for seq, one in rows:
        if one.value is None or one.part is not None or one.id in dead or seq in hidden or by not in (None, one.by):
            continue
        mine = found.setdefault(one.item, {})
        before = mine.get(one.by)
        if before is None or one.query in decides or before.query not in decides:
            mine.pop(one.by, None)  # the order of the answers that stand
            mine[one.by] = one
    return {item: list(mine.values()) for item, mine in found.items()}


def current_of(conn: sqlite3.Connection, task: str, ids: Ids, by: str) -> dict[int, str]:
    """Item -> UUID of the answer of one annotator that a new one replaces; items without one are left out.

    Decisions are none of them: they stay until they are taken back, or decided anew. For a file of any length: no label
    is made. Everybody's answers to a few items are `standing_answers`.
    """
    found = tasks.get(conn, task)
    dead = live.not_live(conn, found, ids) | live.repeated(conn, found)
    decides = deciding.decision_queries(conn, found)
    sql = """SELECT seq, item, id, query FROM events WHERE task = ? AND +annotator = ? AND tag IS NOT NULL
      AND part IS NULL AND item IN (SELECT value FROM json_each(?)) ORDER BY seq"""
    rows = conn.execute(sql, (found.id, by, json.dumps(np.asarray(ids).tolist())))
    return {item: label for seq, item, label, query in rows if seq not in dead and query not in decides}


def own_answer(conn: sqlite3.Connection, task: Task, item: int, query: int, by: str) -> str | None:
    """UUID of the last answer that a person gave to an item of this query and that is live, to a hidden one too."""
    dead = live.not_live(conn, task, np.array([item], np.int64))
    sql = """SELECT seq, id FROM events INDEXED BY events_item WHERE task = ? AND item = ? AND query = ?
      AND annotator = ? AND tag IS NOT NULL AND part IS NULL ORDER BY seq DESC"""
    rows = conn.execute(sql, (task.id, item, query, by))
    return next((label for seq, label in rows if seq not in dead), None)
