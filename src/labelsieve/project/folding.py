"""The fold: label events -> what is known now.

    fold(conn, task, by=None, exclude=()) -> Labels      training data, ids ascending
    answers(conn, task, by=None) -> Iterator[Label]      every annotator's current answer, skip and unsure too
    answered(conn, task) -> Ids                          items with a current answer, skip and unsure too
    agreed(conn, task) -> dict[item, class names]        what annotators agree on, in the task's own class names
    class_counts(conn, task) -> dict[name, items]        agreed labels a class
    independent(conn, task, at_least) -> Stances         who said what without seeing the others
    annotators(conn, task) -> dict[name, answers]        current answers an annotator
    tally(conn, task, by=None) -> Tally                  what stands for every answered item, and where people differ

Which answers are current is said by `current.py`. Agreed is the answer that most annotators
give now, skip and unsure counting as one answer (leave it out); a tie goes to the answer given last.
Several classes at once are agreed class by class. A reviewer's decision (project/deciding.py) outweighs all answers
that are none; several decisions are agreed like answers.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import DULL, ODD, Ids, Label, Labels, Matrix, Purpose, Task
from labelsieve.project import deciding, events, tasks
from labelsieve.project.current import BLOCK, Rows, Which, current_rows
from labelsieve.project.decoding import edited, value_in
from labelsieve.project.live import LAST
from labelsieve.project.majority import OUT, agreed_codes, several_classes, single_codes, spread_of

__all__ = ["OUT", "Stances", "Tally", "agreed", "annotators", "answered", "answers", "class_counts", "fold"]
__all__ += ["independent", "reviewed", "tally"]
NOTHING = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Stances:
    """Independent answers (v,): the place of the item in `ids` (n,), of the annotator in `people`, and the class code.

    Of several classes an item `several` (v, c) has 1, 0 or NaN (not asked), and `code` says nothing.
    """

    ids: Ids
    item: Ids
    by: Ids
    code: Ids
    several: Matrix
    people: tuple[str, ...]


def fold(conn: sqlite3.Connection, task: str, by: str | None = None, exclude: Sequence[Purpose] = ()) -> Labels:
    """Training labels of a task, one row an item: of one annotator, or agreed by all of them.

    `exclude` leaves out the items that a query asked for one of these purposes ("audit"). Items that have
    gone from their source are in it too. Cost: O(m log m) in the number of events.
    """
    found = tasks.get(conn, task)
    current = _weighty(_coded(conn, found, Which(by)))
    ids, agreed, _ = agreed_codes(current.item, single_codes(current.code, current.details, found.kind))
    keep = agreed != OUT
    if exclude:
        keep &= ~np.isin(ids, _asked_for(conn, found, exclude))
    ids, agreed = ids[keep], agreed[keep]
    if found.kind == "multilabel":
        return Labels(ids, _chosen(current, found, ids), found.classes, "multilabel")
    if found.kind == "screen":
        dull = found.classes.index(found.dull) if found.dull in found.classes else OUT
        return Labels(ids, np.where(agreed == dull, DULL, ODD), ("dull", "odd"), "screen")
    return Labels(ids, agreed, found.classes)


def answers(conn: sqlite3.Connection, task: str, by: str | None = None) -> Iterator[Label]:
    """Every annotator's current answer on every item, skip and unsure among them; items ascending."""
    found = tasks.get(conn, task)
    current = _coded(conn, found, Which(by))
    for first in range(0, len(current.seq), BLOCK):
        seqs = current.seq[first : first + BLOCK]
        labels = events.by_sequence(conn, found, seqs)
        yield from (labels[seq] for seq in seqs.tolist())


def answered(conn: sqlite3.Connection, task: str) -> Ids:
    """Ids (m,) with a current answer of anyone, ascending: skip and unsure count, what was taken back does not."""
    return np.unique(_coded(conn, tasks.get(conn, task), Which()).item)


def reviewed(conn: sqlite3.Connection, task: str, upto: int | None = None, some: Ids | None = None) -> tuple[Ids, Ids]:
    """Items (m,), ascending, that a person or an import has answered, and what they agree on: DULL, ODD, or OUT.

    Answers by a model or a rule do not count; with `upto` only the events up to that sequence number do.
    Cost: as `fold`; of `some` items O(their events).
    """
    found = tasks.get(conn, task)
    current = _weighty(_coded(conn, found, Which(ids=some, only=_LOOKED_AT, upto=LAST if upto is None else upto)))
    ids, agreed, _ = agreed_codes(current.item, single_codes(current.code, current.details, found.kind))
    dull = found.classes.index(found.dull) if found.dull in found.classes else OUT - 1
    return ids, np.where(agreed == OUT, OUT, np.where(agreed == dull, DULL, ODD))


_LOOKED_AT = "source IN ('human', 'import')"


def agreed(conn: sqlite3.Connection, task: str, some: Ids | None = None) -> dict[int, tuple[str, ...]]:
    """Item -> the classes that its annotators agree on, items ascending; those that train nothing are left out.

    Of a screen task its own class names; of soft answers the heaviest class, or those of half the weight and more.
    Cost: as `fold`; of `some` items (m,) O(their events).
    """
    found = tasks.get(conn, task)
    current = _weighty(_coded(conn, found, Which(ids=some)))
    items, codes, _ = agreed_codes(current.item, single_codes(current.code, current.details, found.kind))
    items, codes = items[codes != OUT], codes[codes != OUT]
    if found.kind == "multilabel":
        rows = zip(items.tolist(), _chosen(current, found, items) >= 0.5, strict=True)
        return {item: tuple(name for name, on in zip(found.classes, row, strict=True) if on) for item, row in rows}
    return {item: (found.classes[code],) for item, code in zip(items.tolist(), codes.tolist(), strict=True)}


def class_counts(conn: sqlite3.Connection, task: str, beside: Ids = NOTHING) -> dict[str, int]:
    """Items a class, by the agreed labels; classes without any are 0. A screen task counts its own class names.

    Items `beside` are left out, of a task of one class an item.
    """
    found = tasks.get(conn, task)
    if found.kind == "multilabel":
        counts = np.count_nonzero(fold(conn, task).y >= 0.5, axis=0)
    else:
        current = _weighty(_coded(conn, found, Which()))
        ids, agreed, _ = agreed_codes(current.item, single_codes(current.code, current.details, found.kind))
        agreed = agreed[~np.isin(ids, beside)]
        counts = np.bincount(agreed[agreed != OUT], minlength=len(found.classes))
    return dict(zip(found.classes, counts.tolist(), strict=True))


def annotators(conn: sqlite3.Connection, task: str, beside: Ids = NOTHING) -> dict[str, int]:
    """Current answers of each annotator, by name; those to the items `beside` are left out."""
    found = tasks.get(conn, task)
    current = _coded(conn, found, Which())
    counts = np.bincount(current.by[~np.isin(current.item, beside)], minlength=len(current.people)).tolist()
    return dict(sorted(zip(current.people, counts, strict=True)))


def independent(conn: sqlite3.Connection, task: str, at_least: int = 2) -> Stances:
    """What people and imports said by themselves, of the items that at least so many of them gave a class.

    Decisions are left out, since whoever decides has seen the others; what came with a near-duplicate too.
    Cost: as `fold`.
    """
    found = tasks.get(conn, task)
    current = _coded(conn, found, Which(only=_BY_THEMSELVES))
    code = single_codes(current.code, current.details, found.kind)
    said = np.flatnonzero(code != OUT)
    _, at, times = np.unique(current.item[said], return_inverse=True, return_counts=True)
    said = said[times[at] >= at_least]
    ids, row = np.unique(current.item[said], return_inverse=True)
    several = np.empty((0, 0), np.float32)
    if found.kind == "multilabel":
        details = [current.details[-2 - k] for k in current.code[said].tolist()]
        rows = [spread_of(tag, text, len(found.classes)) for tag, text in details]
        several = np.array(rows, np.float32).reshape(len(said), len(found.classes))
    elif found.kind == "screen":
        dull = found.classes.index(found.dull) if found.dull in found.classes else OUT
        code = np.where(code == dull, DULL, ODD)
    return Stances(ids, row, current.by[said], code[said], several, tuple(current.people))


_BY_THEMSELVES = f"""{_LOOKED_AT} AND (query IS NULL OR query NOT IN
  (SELECT id FROM queries WHERE strategy = '{deciding.STRATEGY}'))"""


@dataclass(frozen=True, slots=True)
class Tally:
    """Answered items (m,), ascending: the class code that stands, OUT for skip and unsure, 0 for several classes an
    item; the event that said so last; whether people named different classes."""

    ids: Ids
    code: Ids
    seq: Ids
    differ: NDArray[np.bool_]


def tally(conn: sqlite3.Connection, task: str, by: str | None = None) -> Tally:
    """What stands for every answered item: of one annotator, or agreed by all of them. Cost: as `fold`.

    Of one annotator answers to hidden items are there like all others.
    """
    found = tasks.get(conn, task)
    current = _coded(conn, found, Which(by, hidden=by is not None))
    weighty = _weighty(current)
    ids, code, last = agreed_codes(weighty.item, single_codes(weighty.code, weighty.details, found.kind))
    named = current.code != OUT
    item, said = current.item[named], current.code[named]
    starts = np.flatnonzero(np.diff(item, prepend=item[:1] - 1))
    split = np.minimum.reduceat(said, starts) != np.maximum.reduceat(said, starts) if len(item) else named[:0]
    return Tally(ids, code, weighty.seq[last], np.isin(ids, item[starts][split]))


def _chosen(current: Rows, task: Task, ids: Ids) -> Matrix:
    """Classes (m, c) that are agreed of each of `ids`, which stand in `current`."""
    rows = np.isin(current.item, ids) & (current.code < OUT)
    return several_classes(current.item[rows], current.code[rows], current.details, len(task.classes))


def _weighty(current: Rows) -> Rows:
    """The current answers without those that a decision outweighs."""
    if not current.decides.any():
        return current
    return current.kept(current.decides | ~np.isin(current.item, current.item[current.decides]))


def _coded(conn: sqlite3.Connection, task: Task, which: Which) -> Rows:
    """The current answers. `code` is a class code, OUT, or -2 - k for the k-th of `details` (tag and JSON)."""
    details: dict[tuple[str, str], int] = {}
    codes, fits = frozenset(range(len(task.classes))), ("class",) if task.kind != "multilabel" else ()

    def coded(seq: int, code: int | None, tag: str, detail: str | None) -> int:
        if code is not None and code in codes and tag in fits:
            return code
        if (tag, detail) not in details or code is not None:
            try:
                value_in(task, tag, code, detail)
            except ValueError as error:
                raise edited(conn, seq, str(error)) from error
        out = detail is None or tag in ("skip", "unsure")
        return OUT if out else -2 - details.setdefault((tag, str(detail)), len(details))

    return replace(current_rows(conn, task, which, coded), details=list(details))


def _asked_for(conn: sqlite3.Connection, task: Task, purposes: Sequence[Purpose]) -> Ids:
    marks = ", ".join("?" * len(purposes))
    sql = f"""SELECT DISTINCT i.item FROM queries q JOIN query_items i ON i.query = q.id
      WHERE q.task = ? AND i.purpose IN ({marks})"""
    return np.fromiter((item for (item,) in conn.execute(sql, (task.id, *purposes))), np.int64)
