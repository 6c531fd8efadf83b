"""The audit trail: who did what, and when. Append-only; label events are their own log beside it.

put(conn, who, what, detail)                     one row; never a password, a token or a cookie
entries(conn, after, limit, who, what) -> list   oldest first, or the newest with `newest`
trail_rows(conn) -> Iterator                     (columns first) for CSV: write_csv(target, *trail_rows(conn))
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelsieve.project.database import now, transaction

COLUMNS = ("number", "at", "who", "what", "detail")
LONGEST = 4000  # characters of a detail
MOST = 1000  # rows that are read at once


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody did."""

    number: int
    at: str
    who: str
    what: str
    detail: dict[str, Any]


def put(conn: sqlite3.Connection, who: str, what: str, detail: Mapping[str, Any] | None = None) -> None:
    """Writes one entry. It stands in the caller's transaction where there is one, so that neither goes without the
    other. `what` is two words joined by a dot: person.add, login.failed, job.start, export.write."""
    text = json.dumps({} if detail is None else dict(detail), ensure_ascii=False, default=str)
    if len(text) > LONGEST:
        text = json.dumps({"cut": text[: LONGEST - 100]}, ensure_ascii=False)
    with transaction(conn):
        conn.execute("INSERT INTO trail (at, who, what, detail) VALUES (?, ?, ?, ?)", (now(), who[:200], what, text))


def entries(
    conn: sqlite3.Connection, after: int = 0, limit: int = MOST, who: str | None = None, what: str | None = None
) -> list[Entry]:
    """Up to `limit` entries after a number, oldest first; of one person, or of what begins with `what`.

    Cost: O(limit) by the key of the table where neither is given.
    """
    sql = """SELECT seq, at, who, what, detail FROM trail WHERE seq > :after
      AND (:who IS NULL OR who = :who) AND (:what IS NULL OR substr(what, 1, length(:what)) = :what)
      ORDER BY seq LIMIT :limit"""
    values = {"after": after, "limit": max(1, min(limit, MOST)), "who": who, "what": what}
    return [_entry(row) for row in conn.execute(sql, values)]


def newest(conn: sqlite3.Connection, limit: int = 100, before: int | None = None) -> list[Entry]:
    """The newest entries (before a number), newest first."""
    sql = "SELECT seq, at, who, what, detail FROM trail WHERE seq < ? ORDER BY seq DESC LIMIT ?"
    end = 2**62 if before is None else before
    return [_entry(row) for row in conn.execute(sql, (end, max(1, min(limit, MOST))))]


def block(conn: sqlite3.Connection, after: int) -> list[tuple[Any, ...]]:
    """Up to MOST rows of COLUMNS after a number, oldest first; `detail` is JSON."""
    return conn.execute("SELECT * FROM trail WHERE seq > ? ORDER BY seq LIMIT ?", (after, MOST)).fetchall()


def _entry(row: tuple[Any, ...]) -> Entry:
    try:
        detail = json.loads(row[4])
    except ValueError:
        detail = {"text": row[4]}
    return Entry(row[0], row[1], row[2], row[3], detail if isinstance(detail, dict) else {"text": row[4]})
