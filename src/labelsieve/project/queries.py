"""Queries as they were asked: which items, why, with what propensity.

save(conn, task, query, round, seed, select_seconds) -> int     the query's id
load(conn, query_id) -> StoredQuery
history(conn, task) -> list[StoredQuery]                        oldest first
last(conn, task) -> StoredQuery | None                          the newest
last_for(conn, task, purpose) -> StoredQuery | None             the newest that asks for this
asked(conn, task) -> Ids                                        every id ever asked or answered
asked_for(conn, task, *purposes) -> Ids                         ids asked for one of these purposes
travelled(conn, task) -> Ids                                    ids whose answers stand by a near-duplicate alone
"""

import json
import math
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.types import Ids, Purpose, Query, Task
from labelsieve.project import live, manifest, tasks
from labelsieve.project.database import now, transaction

_Asked = tuple[int, float | None, float | None, Purpose, str, str]  # item, score, propensity, purpose, why, arms


@dataclass(frozen=True, slots=True)
class StoredQuery:
    """A query with what is needed to replay it: its task, number (rounds before it) and seed."""

    id: int
    task: str
    query: Query
    number: int
    seed: int
    at: str
    select_seconds: float | None


def save(
    conn: sqlite3.Connection, task: str, query: Query, round: int, seed: int, select_seconds: float | None = None
) -> int:
    """Id of the stored query; on the disk when it returns. UnknownName where an item is not in the manifest."""
    n = len(query)
    purposes, why = query.purpose or ("search",) * n, query.why if len(query.why) != 1 else query.why * n
    arms = query.arms or ("",) * n
    if not n == len(arms) == len(query.score) == len(query.propensity) == len(purposes) or len(why) not in (0, n):
        fact = f"a query of {n} items has {len(purposes)} purposes and {len(why)} reasons."
        raise InputError(fact, "give one for each item.")
    with transaction(conn):
        found = tasks.get(conn, task)
        manifest.require(conn, query.ids)
        row = (found.id, round, query.strategy, now(), seed, query.scored, select_seconds)
        columns = "task, number, strategy, at, seed, scored, select_seconds"
        new = conn.execute(f"INSERT INTO queries ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", row).lastrowid
        numbers = (query.ids.tolist(), query.score.tolist(), query.propensity.tolist())
        rows = zip((new,) * n, range(n), *numbers, purposes, why or ("",) * n, arms, strict=True)
        conn.executemany("INSERT INTO query_items VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return int(new or 0)


def load(conn: sqlite3.Connection, query_id: int) -> StoredQuery:
    """The stored query of that id."""
    found = _read(conn, "q.id = ?", query_id)
    if not found:
        raise InputError(f"there is no query {query_id}.", "labelsieve next makes a query.")
    return found[0]


def last(conn: sqlite3.Connection, task: str) -> StoredQuery | None:
    """The newest query of a task, decisions aside; None before the first."""
    newest = "q.id = (SELECT MAX(id) FROM queries WHERE strategy <> 'adjudicate' AND task = ?)"
    found = _read(conn, newest, tasks.get(conn, task).id)
    return found[0] if found else None


def last_for(conn: sqlite3.Connection, task: str, purpose: Purpose | None) -> StoredQuery | None:
    """The newest query that asks for nothing but one purpose; with None the newest that is no audit by itself."""
    only = "i.purpose IN ('search', 'control')" if purpose is None else "i.purpose = :purpose"
    sql = f"""SELECT MAX(q.id) FROM queries q WHERE q.task = :task AND q.strategy NOT IN ('certify', 'adjudicate')
      AND EXISTS (SELECT 1 FROM query_items i WHERE i.query = q.id AND {only})"""
    found = conn.execute(sql, {"task": tasks.get(conn, task).id, "purpose": purpose}).fetchone()[0]
    return None if found is None else load(conn, int(found))


def history(conn: sqlite3.Connection, task: str) -> list[StoredQuery]:
    """All queries of a task, oldest first; decisions between annotators are no query of a strategy, and left out."""
    return _read(conn, "q.strategy <> 'adjudicate' AND q.task = ?", tasks.get(conn, task).id)


def _read(conn: sqlite3.Connection, where: str, value: int) -> list[StoredQuery]:
    sql = f"""SELECT q.id, t.name, q.number, q.seed, q.at, q.select_seconds, q.strategy, q.scored
      FROM queries q JOIN tasks t ON t.id = q.task WHERE {where} ORDER BY q.id"""
    heads = conn.execute(sql, (value,)).fetchall()
    sql = f"""SELECT i.query, i.item, i.score, i.propensity, i.purpose, i.why, i.arms
      FROM queries q JOIN query_items i ON i.query = q.id WHERE {where} ORDER BY i.query, i.position"""
    items: dict[int, list[_Asked]] = {}
    for query, *row in conn.execute(sql, (value,)):
        items.setdefault(query, []).append(tuple(row))
    return [
        StoredQuery(id_, task, _query(items.get(id_, []), strategy, scored), number, seed, at, seconds)
        for id_, task, number, seed, at, seconds, strategy, scored in heads
    ]


def _query(rows: list[_Asked], strategy: str, scored: int) -> Query:
    ids, score, propensity, purpose, why, arms = zip(*rows, strict=True) if rows else ((),) * 6
    return Query(
        np.array(ids, np.int64),
        np.array([math.nan if value is None else value for value in score], np.float64),  # SQLite keeps NaN as NULL
        np.array([math.nan if value is None else value for value in propensity], np.float64),
        strategy,
        tuple(why) if any(why) else (),
        tuple(purpose),
        scored,
        tuple(arms) if any(arms) else (),
    )


def asked_items(conn: sqlite3.Connection, task: Task) -> Iterator[tuple[int, int]]:
    """Every (query id, item) of a task."""
    sql = "SELECT i.query, i.item FROM queries q JOIN query_items i ON i.query = q.id WHERE q.task = ?"
    yield from conn.execute(sql, (task.id,))


def asked(conn: sqlite3.Connection, task: str) -> Ids:
    """Every id (m,) that was ever asked or answered, ascending: none of them may be asked again."""
    sql = """SELECT i.item FROM queries q JOIN query_items i ON i.query = q.id WHERE q.task = :task
      UNION SELECT item FROM events WHERE task = :task ORDER BY 1"""
    return np.fromiter((item for (item,) in conn.execute(sql, {"task": tasks.get(conn, task).id})), np.int64)


def asked_for(conn: sqlite3.Connection, task: str, *purposes: Purpose) -> Ids:
    """Ids (m,) that a query asked for one of these purposes, ascending."""
    sql = """SELECT DISTINCT i.item FROM queries q JOIN query_items i ON i.query = q.id
      WHERE q.task = ? AND i.purpose IN (SELECT value FROM json_each(?)) ORDER BY 1"""
    values = (tasks.get(conn, task).id, json.dumps(purposes))
    return np.fromiter((item for (item,) in conn.execute(sql, values)), np.int64)


def travelled(conn: sqlite3.Connection, task: str) -> Ids:
    """Ids (m,) of items whose live answers were all given to a near-duplicate, ascending."""
    found = tasks.get(conn, task)
    given = "source = 'rule' AND query IS NOT NULL"
    sql = f"SELECT seq, item FROM events WHERE +task = ? AND tag IS NOT NULL AND {given}"
    rows = np.array(conn.execute(sql, (found.id,)).fetchall(), np.int64).reshape(-1, 2)
    ids = np.unique(rows[:, 1])
    if not len(ids):
        return ids
    dead = live.not_live(conn, found, ids)
    sql = f"""SELECT seq, item FROM events INDEXED BY events_item WHERE task = ? AND tag IS NOT NULL AND NOT ({given})
      AND item IN (SELECT value FROM json_each(?))"""
    own = [item for seq, item in conn.execute(sql, (found.id, json.dumps(ids.tolist()))) if seq not in dead]
    ids = np.unique(rows[~np.isin(rows[:, 0], np.fromiter(dead, np.int64, len(dead))), 1])
    return np.setdiff1d(ids, np.array(own, np.int64))
