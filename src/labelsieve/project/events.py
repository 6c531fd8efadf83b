"""Label events: append-only, written once however often they are sent.

    write(conn, labels) -> int                      how many were new; a retry writes nothing twice
    undo(conn, task, by, n=1) -> list[Label]        takes back the last n answers of an annotator, as events
    history(conn, task, item=None) -> Iterator      every event in the order it was written
    answered(conn, task) -> Ids                     items that were ever answered, also skipped or taken back
    new_id() -> str                                 a fresh UUID for a label

Which of them are live is said by `live.py`, which are current by `current.py`.
"""

import json
import math
import re
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, get_args

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.types import Ids, Label, Origin, Task, Value
from labelsieve.project import chain, live, manifest, tasks
from labelsieve.project.database import now, transaction
from labelsieve.project.decoding import FITS, edited, value_in

_COLUMNS = """e.seq, e.id, e.item, e.tag, e.code, e.detail, e.annotator, e.at, e.seconds, e.source, e.query,
  (SELECT s.id FROM events s WHERE s.seq = e.supersedes), e.part"""
_PROPER = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # parsing takes five times as long
_ORIGINS = get_args(Origin)


def new_id() -> str:
    """A fresh UUID."""
    return str(uuid.uuid4())


def write(conn: sqlite3.Connection, labels: Sequence[Label]) -> int:
    """How many of `labels` were new. When it returns, they are on the disk; on an error none of them is.

    A label whose UUID is known already is a retry and is left out (its time may differ, else InputError).
    Errors: UnknownName for a task, item, query or closed class that there is not; InputError for a value
    that does not fit the task. Cost: O(m log N), about 50,000 labels a second and one wait for the disk.
    """
    with transaction(conn):
        total = 0
        for name, group in groupby(labels, key=lambda label: label.task):
            total += _write(conn, tasks.get(conn, name), list(group))
        return total


def _write(conn: sqlite3.Connection, task: Task, labels: list[Label]) -> int:
    fresh = _unknown(conn, task, labels)
    for label in fresh.values():
        require_proper(task, label)
    if task.kind == "screen" and fresh:
        chain.commit_seed(conn)
    manifest.require(conn, np.array(sorted({label.item for label in fresh.values()}), np.int64))
    require_queries(conn, task, {label.query for label in fresh.values()} - {None})
    codes = tasks.register(conn, task, (name for label in fresh.values() if label.value for name in label.value.names))
    targets = {label.supersedes for label in fresh.values()} - {None}
    seqs = _sequences(conn, task, {str(target) for target in targets})
    row, rows = last_number(conn), []
    for label in fresh.values():
        row, target = row + 1, _target(label, seqs)
        what = (task.id, label.item, label.part, *in_codes(label.value, codes), label.by, label.at)
        rows.append((row, label.id, *what, label.seconds, label.source, label.query, target))
        if label.id in targets:
            seqs[label.id] = (row, label.item, label.part)
    conn.executemany(_INSERT, rows)
    chain.link_events(conn)
    return len(fresh)


def last_number(conn: sqlite3.Connection) -> int:
    """The highest sequence number ever given to an event."""
    row = conn.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return int(row[0]) if row else 0


_INSERT = """INSERT INTO events
  (seq, id, task, item, part, tag, code, detail, annotator, at, seconds, source, query, supersedes)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


def _unknown(conn: sqlite3.Connection, task: Task, labels: list[Label]) -> dict[str, Label]:
    """Labels by UUID that are not written yet; InputError where a UUID stands for something else."""
    known = {label.id: label for label in by_uuid(conn, [label.id for label in labels])}
    fresh: dict[str, Label] = {}
    for label in labels:
        seen = known.get(label.id) or fresh.get(label.id)
        if seen is None:
            fresh[label.id] = label
        elif _content(seen) != _content(label):
            raise InputError(
                f"label {label.id} was written before with another content ({_said(seen)}, now {_said(label)}).",
                "every new label needs a UUID of its own.",
            )
    return fresh


def _content(label: Label) -> tuple[Any, ...]:
    """All but the time: a client that retries may stamp it anew."""
    value = label.value and (label.value.tag, *_sorted(label.value))
    origin = label.by, label.seconds, label.source, label.query
    return label.task, label.item, label.part, value, *origin, label.supersedes


def _sorted(value: Value) -> list[Any]:
    weights = value.weights or (1.0,) * len(value.names)
    return sorted(zip(value.names, weights, strict=True))


def _said(label: Label) -> str:
    what = f"{label.value.tag} {', '.join(label.value.names)}".strip() if label.value else "undo"
    return f"item {label.item}: {what} by {label.by}"


def require_proper(task: Task, label: Label) -> None:
    """InputError where a label cannot be one of this task."""
    try:
        proper = bool(_PROPER.fullmatch(label.id)) or str(uuid.UUID(label.id)) == label.id
        datetime.fromisoformat(label.at)
    except ValueError as error:
        fact = f"label {label.id!r} at {label.at!r}: {error}."
        raise InputError(fact, "expected a UUID and an ISO 8601 time.") from error
    fact = ""
    if not proper:
        fact = "its id is not a UUID in lower case with hyphens"
    elif not label.by.strip():
        fact = "it does not say who gave it (by)"
    elif label.source not in _ORIGINS:
        fact = f"its source is {label.source!r}, expected one of {', '.join(_ORIGINS)}"
    elif label.seconds is not None and not (math.isfinite(label.seconds) and label.seconds >= 0):
        fact = f"it took {label.seconds} seconds, expected a number from 0 on"
    elif label.value is None and label.supersedes is None:
        fact = "it has no value, and names no label that it takes back"
    elif label.value is not None:
        fact = _misfit(task, label.value)
    if fact:
        raise InputError(f"label {label.id} of item {label.item}: {fact}.", "correct it and send it again.")


def _misfit(task: Task, value: Value) -> str:
    """Why a value does not fit the task; empty when it does."""
    if value.tag not in FITS[task.kind]:
        return f"its value is {value.tag!r}; a {task.kind} task takes {', '.join(FITS[task.kind])}"
    if value.tag == "class" and len(value.names) != 1:
        return f"it names {len(value.names)} classes, expected 1"
    if value.tag in ("unsure", "skip") and value.names:
        return f"{value.tag} names the classes {', '.join(value.names)}, expected none"
    if len(set(value.names)) != len(value.names):
        return f"it names a class twice in {', '.join(value.names)}"
    if value.tag != "soft":
        return f"only soft values have weights, got {value.weights}" if value.weights else ""
    if not value.names or len(value.weights) != len(value.names):
        return f"it has {len(value.weights)} weights for {len(value.names)} classes"
    if not all(0 <= weight <= 1 for weight in value.weights):  # NaN fails too
        return f"its weights are {value.weights}, expected numbers in [0, 1]"
    return ""


def require_queries(conn: sqlite3.Connection, task: Task, queries: set[int | None]) -> None:
    """InputError where the task has no query of one of these ids."""
    where = "task = ? AND id IN (SELECT value FROM json_each(?))"
    rows = conn.execute(f"SELECT id FROM queries WHERE {where}", (task.id, json.dumps(list(queries))))
    if absent := queries - {query for (query,) in rows}:
        raise InputError(f"task {task.name!r} has no query {min(absent, key=str)}.", "labelsieve next makes a query.")


def _sequences(conn: sqlite3.Connection, task: Task, ids: set[str]) -> dict[str, tuple[int, int, str | None]]:
    where = "+task = ? AND id IN (SELECT value FROM json_each(?))"
    rows = conn.execute(f"SELECT id, seq, item, part FROM events WHERE {where}", (task.id, json.dumps(list(ids))))
    return {label: (seq, item, part) for label, seq, item, part in rows}


def _target(label: Label, seqs: dict[str, tuple[int, int, str | None]]) -> int | None:
    """Sequence number of the event that a label supersedes: an earlier one about the same unit."""
    if label.supersedes is None:
        return None
    seq, item, part = seqs.get(label.supersedes, (0, None, None))
    if not seq:
        fact = f"label {label.id} supersedes {label.supersedes}, which is not written."
        raise InputError(fact, "send that one first.")
    if (item, part) != (label.item, label.part):
        fact = f"label {label.id} of item {label.item} supersedes a label of item {item}."
        raise InputError(fact, "name a label of the same item.")
    return seq


def in_codes(value: Value | None, codes: dict[str, int]) -> tuple[str | None, int | None, str | None]:
    """(tag, code, detail): one class is a code, several are JSON."""
    if value is None:
        return None, None, None
    if value.tag == "class":
        return value.tag, codes[value.names[0]], None
    if value.tag == "classes":
        return value.tag, None, json.dumps(sorted(codes[name] for name in value.names))
    if value.tag == "soft":
        pairs = zip((codes[name] for name in value.names), value.weights, strict=True)
        return value.tag, None, json.dumps(sorted(pairs))
    return value.tag, None, None


def _read(conn: sqlite3.Connection, task: Task, where: str, values: Iterable[Any]) -> Iterator[tuple[int, Label]]:
    """Events of a task as (sequence number, label), in the order they were written."""
    # +task keeps SQLite from walking the whole task where `where` names a few events.
    sql = f"SELECT {_COLUMNS} FROM events e WHERE +e.task = ? AND {where} ORDER BY e.seq"
    for seq, id_, item, tag, code, detail, by, at, *rest in conn.execute(sql, (task.id, *values)):
        try:
            value = value_in(task, tag, code, detail)
        except ValueError as error:
            raise edited(conn, seq, str(error)) from error
        yield seq, Label(id_, task.name, item, value, by, at, *rest)


def history(conn: sqlite3.Connection, task: str, item: int | None = None) -> Iterator[Label]:
    """Every event of a task (of one item), in the order it was written, undos among them."""
    where, values = ("1", ()) if item is None else ("e.item = ?", (item,))
    return (label for _, label in _read(conn, tasks.get(conn, task), where, values))


def by_uuid(conn: sqlite3.Connection, ids: Sequence[str]) -> list[Label]:
    """The events of these UUIDs, whichever their task, in the order they were written; unknown ones are left out."""
    text = json.dumps(list(ids))
    where = "e.id IN (SELECT value FROM json_each(?))"
    sql = f"SELECT DISTINCT t.name FROM events e JOIN tasks t ON t.id = e.task WHERE {where} ORDER BY t.id"
    names = [name for (name,) in conn.execute(sql, (text,)).fetchall()]
    return [label for name in names for _, label in _read(conn, tasks.get(conn, name), where, (text,))]


def about(conn: sqlite3.Connection, task: Task, ids: Ids) -> Iterator[tuple[int, Label]]:
    """(sequence number, event) of every event about these items (m,), in the order they were written.

    Cost: O(their events), found by the index of items.
    """
    wanted = "SELECT seq FROM events INDEXED BY events_item WHERE task = ? AND item IN (SELECT value FROM json_each(?))"
    return _read(conn, task, f"e.seq IN ({wanted})", (task.id, json.dumps(np.asarray(ids, np.int64).tolist())))


def of_items(conn: sqlite3.Connection, task: Task, ids: Ids, by: str | None = None) -> Iterator[Label]:
    """Every event about these items, in the order they were written; answers to hidden items are left out, and what
    took those back.

    `by` names one person whose own events alone are wanted: answers to hidden items are there like all others.
    Cost: O(their events), found by the index of items.
    """
    hidden = live.repeated(conn, task) if by is None else set()
    left_out: set[str | None] = set()
    for seq, label in about(conn, task, ids):
        if seq in hidden or (label.value is None and label.supersedes in left_out):
            left_out.add(label.id)
        elif by in (None, label.by):
            yield label


def by_sequence(conn: sqlite3.Connection, task: Task, seqs: Ids) -> dict[int, Label]:
    """Label of each sequence number."""
    return dict(_read(conn, task, "e.seq IN (SELECT value FROM json_each(?))", (json.dumps(seqs.tolist()),)))


def answered(conn: sqlite3.Connection, task: str) -> Ids:
    """Ids (m,) of all items that were ever answered, ascending: skipped, unsure and taken back among them."""
    rows = conn.execute("SELECT DISTINCT item FROM events WHERE task = ? ORDER BY item", (tasks.get(conn, task).id,))
    return np.fromiter((item for (item,) in rows), np.int64)


def undo(conn: sqlite3.Connection, task: str, by: str, n: int = 1) -> list[Label]:
    """The events that take back the last n answers of an annotator, newest first; fewer where there are fewer."""
    with transaction(conn):
        found = tasks.get(conn, task)
        taken = live.taken_back(conn, found)
        sql = """SELECT seq, id, item, part FROM events
          WHERE task = ? AND annotator = ? AND tag IS NOT NULL ORDER BY seq DESC"""
        undos: list[Label] = []
        for seq, label, item, part in conn.execute(sql, (found.id, by)):
            if len(undos) >= n:
                break
            if seq not in taken:
                undos.append(Label(new_id(), task, item, None, by, now(), supersedes=label, part=part))
        write(conn, undos)
    return undos
