"""Sessions of browsers. Only a hash of the cookie is stored, so that a copy of the ledger opens nothing.

begin_session(conn, person) -> Opened         a new cookie at each login: what was there before is worth nothing
session_of(conn, cookie) -> Session | None    None where it has ended; it lives on while it is used
end_session(conn, cookie)
session_salt(conn) -> str                     a secret of the project that goes into cookies without a row of their own
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from labelsieve.project.database import Ledger, now, transaction
from labelsieve.project.people.roles import Person
from labelsieve.project.people.users import as_role

IDLE = timedelta(hours=12)  # unused, it ends
LIFE = timedelta(days=7)  # after the login it ends
RENEW = timedelta(hours=1)  # how exactly the last use is known

Write: TypeAlias = Callable[[sqlite3.Connection, str], None]


@dataclass(frozen=True, slots=True)
class Opened:
    """What a browser gets: the cookie, and the token that unsafe requests send beside it."""

    cookie: str
    csrf: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Session:
    """Who a cookie belongs to, and the token that unsafe requests have to send. `due`: it should be renewed."""

    person: Person
    csrf: str
    due: bool


def hash_of(secret: str) -> str:
    """What is stored of a random secret; no salt is needed, since nobody guesses 256 bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def begin_session(conn: sqlite3.Connection, person: Person) -> Opened:
    """A new session; those that have ended are swept."""
    cookie, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    with transaction(conn):
        conn.execute("DELETE FROM sessions WHERE until < ?", (now(),))
        sql = """INSERT INTO sessions (hash, person, csrf, added, until)
          SELECT ?, id, ?, ?, ? FROM people WHERE name = ? AND gone IS NULL"""
        conn.execute(sql, (hash_of(cookie), csrf, now(), _in(IDLE), person.name))
    return Opened(cookie, csrf, int(LIFE.total_seconds()))


def session_of(conn: sqlite3.Connection, cookie: str) -> Session | None:
    """The session of a cookie, with the role that its person has now. It writes nothing."""
    sql = """SELECT p.name, p.role, s.csrf, s.added, s.until FROM sessions s JOIN people p ON p.id = s.person
      WHERE s.hash = ? AND s.until > ? AND p.gone IS NULL"""
    row = conn.execute(sql, (hash_of(cookie), now())).fetchone()
    if row is None:
        return None
    name, role, csrf, added, until = row
    due = _end(added) - datetime.fromisoformat(until) > RENEW
    return Session(Person(name, as_role(role)), csrf, due)


def renew_session(conn: sqlite3.Connection, cookie: str) -> None:
    """Lets a session that is used live on, up to LIFE after its login."""
    with transaction(conn):
        row = conn.execute("SELECT added FROM sessions WHERE hash = ?", (hash_of(cookie),)).fetchone()
        if row is not None:
            at = _end(row[0]).isoformat(timespec="microseconds")
            conn.execute("UPDATE sessions SET until = ? WHERE hash = ?", (at, hash_of(cookie)))


def _end(added: str) -> datetime:
    """When a session that is used now ends."""
    return min(datetime.now(UTC) + IDLE, datetime.fromisoformat(added) + LIFE)


def end_session(conn: sqlite3.Connection, cookie: str) -> None:
    """Ends the session of a cookie, if there is one."""
    with transaction(conn):
        conn.execute("DELETE FROM sessions WHERE hash = ?", (hash_of(cookie),))


def session_salt(conn: Ledger) -> str:
    """The secret of the project, made when it is first asked for; another one each time where it cannot be kept."""
    if not conn.writable:
        return secrets.token_hex(16)
    with transaction(conn):
        sql = "INSERT INTO meta (key, value) VALUES ('session_salt', ?) ON CONFLICT (key) DO NOTHING"
        conn.execute(sql, (secrets.token_hex(16),))
        return str(conn.execute("SELECT value FROM meta WHERE key = 'session_salt'").fetchone()[0])


def _in(time: timedelta) -> str:
    return (datetime.now(UTC) + time).isoformat(timespec="microseconds")
