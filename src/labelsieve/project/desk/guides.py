"""What is said of classes while they are labelled: a key, a description, items that show what is meant."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.types import Task
from labelsieve.project import manifest, tasks
from labelsieve.project.context import Context
from labelsieve.project.database import transaction


@dataclass(frozen=True, slots=True)
class Entry:
    """What is said of one class; `shown` are ids of items."""

    name: str
    key: str = ""
    text: str = ""
    shown: tuple[int, ...] = ()


def write(context: Context, entries: Sequence[Entry]) -> None:
    """Writes what is said of classes. InputError where two classes want one key, UnknownName for an unknown item."""
    conn, task = context.conn, context.task
    known = {entry.name: entry for entry in read(conn, task)} | {entry.name: entry for entry in entries}
    keys = [entry.key.lower() for entry in known.values() if entry.key]
    if doubled := next((key for key in keys if keys.count(key) > 1), None):
        raise InputError(f"two classes have the key {doubled!r}.", "give each class a key of its own.")
    manifest.require(conn, np.array(sorted({item for entry in entries for item in entry.shown}), np.int64))
    rows = [(task.id, entry.name, entry.key.lower(), entry.text, json.dumps(entry.shown)) for entry in entries]
    with transaction(conn):
        conn.executemany("INSERT OR REPLACE INTO guides (task, class, key, text, shown) VALUES (?, ?, ?, ?, ?)", rows)


def read(conn: sqlite3.Connection, task: Task) -> list[Entry]:
    """What is said of the classes of a task, for those of which something is."""
    rows = conn.execute("SELECT class, key, text, shown FROM guides WHERE task = ? ORDER BY class", (task.id,))
    return [Entry(name, key, text, tuple(json.loads(shown))) for name, key, text, shown in rows]


def tasks_data(conn: sqlite3.Connection) -> list[dict[str, Any]]:
    """All tasks with their classes in the order in which they get keys; a screen's dull class comes first."""
    return [
        {
            "name": task.name,
            "kind": task.kind,
            "dull": task.dull,
            "closed": task.closed,
            "classes": _classes(conn, task),
        }
        for task in tasks.listed(conn)
    ]


def _classes(conn: sqlite3.Connection, task: Task) -> list[dict[str, Any]]:
    said = {entry.name: entry for entry in read(conn, task)}
    names = list(task.classes)
    if task.kind == "screen":
        odd = [name for name in names if name != task.dull] or ["odd"]
        names = [task.dull, *odd]
    blank = Entry("")
    return [
        {
            "code": task.classes.index(name) if name in task.classes else None,
            "name": name,
            "key": said.get(name, blank).key,
            "text": said.get(name, blank).text,
            "shown": list(said.get(name, blank).shown),
        }
        for name in names
    ]
