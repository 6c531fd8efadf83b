"""Flags: somebody marks an item for another look, with a note. They change no label."""

import json
import sqlite3

import numpy as np

from labelsieve.core.types import Ids, Task
from labelsieve.project import manifest
from labelsieve.project.database import now, transaction


def raise_flag(conn: sqlite3.Connection, task: Task, item: int, by: str, note: str = "") -> None:
    """Flags an item; a second flag by the same person replaces the first. UnknownName for an unknown item."""
    manifest.require(conn, np.array([item], np.int64))
    with transaction(conn):
        lower_flag(conn, task, item, by)
        sql = "INSERT INTO flags (task, item, annotator, note, at) VALUES (?, ?, ?, ?, ?)"
        conn.execute(sql, (task.id, item, by, note, now()))


def lower_flag(conn: sqlite3.Connection, task: Task, item: int, by: str | None = None) -> None:
    """Takes a person's flag of an item away; everybody's where none is named."""
    whose = "1" if by is None else "annotator = :by"
    sql = f"UPDATE flags SET gone = :now WHERE task = :task AND item = :item AND gone IS NULL AND {whose}"
    with transaction(conn):
        conn.execute(sql, {"now": now(), "task": task.id, "item": item, "by": by})


def flagged(conn: sqlite3.Connection, task: Task) -> Ids:
    """Ids (m,) with a flag, ascending."""
    sql = "SELECT DISTINCT item FROM flags WHERE task = ? AND gone IS NULL ORDER BY item"
    return np.fromiter((item for (item,) in conn.execute(sql, (task.id,))), np.int64)


def flags_of(conn: sqlite3.Connection, task: Task, ids: Ids) -> dict[int, list[dict[str, str]]]:
    """Item -> its flags (who, note, when), for those of `ids` that have one."""
    sql = """SELECT item, annotator, note, at FROM flags WHERE task = ? AND gone IS NULL
      AND item IN (SELECT value FROM json_each(?)) ORDER BY id"""
    out: dict[int, list[dict[str, str]]] = {}
    for item, by, note, at in conn.execute(sql, (task.id, json.dumps(np.asarray(ids).tolist()))):
        out.setdefault(item, []).append({"by": by, "note": note, "at": at})
    return out
