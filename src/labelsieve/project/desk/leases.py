"""Who has which item on the desk. An item that one person has is handed to nobody else while the lease runs.

Times are those of the server; a lease ends by an answer, by being given back, SOON after the page was left, or after
LASTS seconds. One that would run longer was taken before the server's clock was set back, and has ended too.
"""

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from labelsieve.core.types import Ids, Task
from labelsieve.project.database import transaction

LASTS = 600.0  # seconds
SOON = 15.0  # seconds in which a page that is loaded again finds its items

_RUNS = "until > ? AND until <= ?"  # of a lease; see `_running`


def _moment(seconds: float = 0.0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="microseconds")


def _running() -> tuple[str, str]:
    return _moment(), _moment(LASTS)


def held(conn: sqlite3.Connection, task: Task, ids: Ids) -> dict[int, set[str]]:
    """Item -> the people who have it now, for those of `ids` that somebody has."""
    sql = f"""SELECT item, annotator FROM leases
      WHERE task = ? AND {_RUNS} AND item IN (SELECT value FROM json_each(?))"""
    found: dict[int, set[str]] = {}
    for item, who in conn.execute(sql, (task.id, *_running(), json.dumps(np.asarray(ids).tolist()))):
        found.setdefault(item, set()).add(who)
    return found


def mine(conn: sqlite3.Connection, task: Task, by: str) -> list[tuple[int, int | None]]:
    """(item, query) of what one person has, in the order of the queries."""
    sql = f"""SELECT l.item, l.query FROM leases l LEFT JOIN query_items i ON i.query = l.query AND i.item = l.item
      WHERE l.task = ? AND l.annotator = ? AND {_RUNS} ORDER BY l.query, i.position, l.item"""
    return [(item, query) for item, query in conn.execute(sql, (task.id, by, *_running()))]


def holders(conn: sqlite3.Connection, task: Task) -> int:
    """How many people have something on their desks now."""
    sql = f"SELECT COUNT(DISTINCT annotator) FROM leases WHERE task = ? AND {_RUNS}"
    return int(conn.execute(sql, (task.id, *_running())).fetchone()[0])


def take(conn: sqlite3.Connection, task: Task, by: str, items: list[tuple[int, int | None]]) -> str:
    """Leases items to a person, or renews that. Returns until when, as `leave` takes it."""
    until = _moment(LASTS)
    with transaction(conn):
        conn.executemany(
            """INSERT INTO leases (task, item, annotator, query, until) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET until = excluded.until, query = excluded.query""",
            [(task.id, item, by, query, until) for item, query in items],
        )
        conn.execute(f"DELETE FROM leases WHERE NOT ({_RUNS})", _running())
    return until


def give_back(conn: sqlite3.Connection, task: Task, by: str, items: Sequence[int] | None = None) -> None:
    """Ends a person's leases: of these items, or all of the task."""
    with transaction(conn):
        if items is None:
            conn.execute("DELETE FROM leases WHERE task = ? AND annotator = ?", (task.id, by))
            return
        sql = """DELETE FROM leases
          WHERE task = ? AND annotator = ? AND item IN (SELECT value FROM json_each(?))"""
        conn.execute(sql, (task.id, by, json.dumps(list(items))))


def leave(conn: sqlite3.Connection, task: Task, by: str, items: Sequence[int], until: str) -> None:
    """Ends a person's leases of these items soon: the page is left. Those renewed after `until` was said stay: another
    page has them, or this one was loaded again."""
    soon = _moment(SOON)
    with transaction(conn):
        conn.execute(
            """UPDATE leases SET until = ? WHERE task = ? AND annotator = ? AND until > ? AND until <= ?
              AND item IN (SELECT value FROM json_each(?))""",
            (soon, task.id, by, soon, until, json.dumps(list(items))),
        )
