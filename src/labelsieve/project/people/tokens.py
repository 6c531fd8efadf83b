"""Tokens for programs: shown once, stored as a hash, with a name, an end, and when they were last used.

new_token(conn, person, name, days) -> str        the token; it cannot be shown again
token_person(conn, token) -> Person | None        None where it is unknown, has ended or was revoked
tokens_of(conn, person) -> list[Token]            None for those of everybody
revoke_token(conn, id, person)                    person None: whoever's it is
"""

import secrets
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from labelsieve.core.errors import InputError, NotNow, NotThere
from labelsieve.project.database import now, transaction
from labelsieve.project.people.roles import Person
from labelsieve.project.people.sessions import hash_of
from labelsieve.project.people.users import as_role, person_named

PREFIX = "ls_"  # so that a leaked one can be searched for
USED_EVERY = timedelta(hours=1)  # how exactly the last use is known
LONGEST_LIFE = 3650  # days
LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; never the token itself."""

    id: int
    person: str
    name: str
    added: str
    until: str | None
    used: str | None


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whoever sent a token. `due`: its use should be written down."""

    person: Person
    due: bool


def new_token(conn: sqlite3.Connection, person: str, name: str, days: int | None = 365) -> str:
    """A new token of a person, which may do what they may. `days` None never ends."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(
            f"{name[:80]!r} cannot name a token; expected 1 to {LONGEST_NAME} characters.",
            "say what it is for, upload for one.",
        )
    if days is not None and not 1 <= days <= LONGEST_LIFE:
        raise InputError(f"a token cannot last {days} days; expected 1 to {LONGEST_LIFE}.", "365 is a year.")
    who = person_named(conn, person)
    token = PREFIX + secrets.token_urlsafe(32)
    until = None if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="microseconds")
    with transaction(conn):
        if any(there.name == name for there in tokens_of(conn, who.name)):
            raise NotNow(f"{who.name} has a token named {name!r} already.", "choose another name, or revoke it.")
        sql = "INSERT INTO tokens (person, name, hash, added, until) SELECT id, ?, ?, ?, ? FROM people WHERE name = ?"
        conn.execute(sql, (name, hash_of(token), now(), until, who.name))
    return token


def token_person(conn: sqlite3.Connection, token: str) -> Bearer | None:
    """Whose token it is, with the role that they have now. It writes nothing."""
    sql = """SELECT p.name, p.role, t.used FROM tokens t JOIN people p ON p.id = t.person
      WHERE t.hash = ? AND t.gone IS NULL AND p.gone IS NULL AND (t.until IS NULL OR t.until > ?)"""
    row = conn.execute(sql, (hash_of(token), now())).fetchone()
    if row is None:
        return None
    name, role, used = row
    due = used is None or datetime.now(UTC) - datetime.fromisoformat(used) > USED_EVERY
    return Bearer(Person(name, as_role(role)), due)


def touch_token(conn: sqlite3.Connection, token: str) -> None:
    """Writes that a token was used now."""
    with transaction(conn):
        conn.execute("UPDATE tokens SET used = ? WHERE hash = ?", (now(), hash_of(token)))


def tokens_of(conn: sqlite3.Connection, person: str | None = None) -> list[Token]:
    """The tokens that are open, of one person or of everybody, oldest first."""
    sql = """SELECT t.id, p.name, t.name, t.added, t.until, t.used FROM tokens t JOIN people p ON p.id = t.person
      WHERE t.gone IS NULL AND p.gone IS NULL AND (t.until IS NULL OR t.until > :at)
      AND (:person IS NULL OR p.name = :person) ORDER BY t.id"""
    return [Token(*row) for row in conn.execute(sql, {"at": now(), "person": person})]


def revoke_token(conn: sqlite3.Connection, id: int, person: str | None = None) -> Token:
    """Ends a token at once. NotThere where there is none of that number (among those of `person`)."""
    with transaction(conn):
        found = [token for token in tokens_of(conn, person) if token.id == id]
        if not found:
            raise NotThere(f"there is no open token {id}.", "the list of tokens shows their numbers.")
        conn.execute("UPDATE tokens SET gone = ? WHERE id = ?", (now(), id))
    return found[0]
