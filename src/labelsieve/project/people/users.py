"""The people of a project: names, roles, passwords. A name is what labels are signed with, so it is never given anew.

add_person(conn, name, role, password) -> Person     also for one that was removed before
change_person(conn, name, role, password) -> Person  what is None stays
remove_person(conn, name)                            their labels stay; sessions and tokens end
person_named(conn, name) -> Person
everyone(conn) -> list[Member]                       by name
signed_in(conn, name, password) -> Person | None
"""

import sqlite3
from dataclasses import dataclass

from labelsieve.core.errors import InputError, NotNow, UnknownName
from labelsieve.project.database import now, transaction
from labelsieve.project.people import passwords
from labelsieve.project.people.roles import ROLES, Person, Role

LONGEST_NAME = 80
BARRED = set("/\\\"'<>&%?#;,")  # a name stands in addresses, tables and lists


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who may open the project: since when, and how many tokens and sessions of theirs are open."""

    name: str
    role: Role
    added: str
    tokens: int
    sessions: int


def add_person(conn: sqlite3.Connection, name: str, role: str, password: str) -> Person:
    """A new person, or one that was removed before, with this role and password.

    InputError for a name that is there already or cannot stand in an address, and for a poor password.
    """
    name = name.strip()
    _check_name(name)
    person = Person(name, as_role(role))
    passwords.check_new(password, name)
    secret = passwords.hashed(password)  # before the transaction: it takes long
    with transaction(conn):
        there = conn.execute("SELECT name, gone FROM people").fetchall()
        if person.role != "admin" and all(gone is not None for _, gone in there):
            raise NotNow(
                f"the first person cannot be {person.role}; somebody has to be admin.",
                "make them admin (--role admin).",
            )
        for other, gone in there:
            if other.casefold() == name.casefold() and (gone is None or other != name):
                raise NotNow(f"there is somebody named {other!r} already.", "choose another name.")
        sql = """INSERT INTO people (name, role, secret, added) VALUES (?, ?, ?, ?)
          ON CONFLICT (name) DO UPDATE SET role = excluded.role, secret = excluded.secret, gone = NULL"""
        conn.execute(sql, (name, person.role, secret, now()))
    return person


def change_person(conn: sqlite3.Connection, name: str, role: str | None = None, password: str | None = None) -> Person:
    """The person with another role or password. A new password ends all their sessions.

    InputError where nobody would be left who is admin.
    """
    before = person_named(conn, name)
    person = before if role is None else Person(before.name, as_role(role))
    secret = None
    if password is not None:
        passwords.check_new(password, name)
        secret = passwords.hashed(password)
    with transaction(conn):
        if person.role != "admin":
            _require_admin_beside(conn, name)
        conn.execute("UPDATE people SET role = ? WHERE name = ?", (person.role, name))
        if secret is not None:
            conn.execute("UPDATE people SET secret = ? WHERE name = ?", (secret, name))
            conn.execute("DELETE FROM sessions WHERE person = (SELECT id FROM people WHERE name = ?)", (name,))
    return person


def remove_person(conn: sqlite3.Connection, name: str) -> None:
    """Ends what a person may do, at once. Their labels and their name stay."""
    with transaction(conn):
        person_named(conn, name)
        _require_admin_beside(conn, name)
        (id_,) = conn.execute("SELECT id FROM people WHERE name = ?", (name,)).fetchone()
        conn.execute("UPDATE people SET gone = ?, secret = '' WHERE id = ?", (now(), id_))
        conn.execute("DELETE FROM sessions WHERE person = ?", (id_,))
        conn.execute("UPDATE tokens SET gone = ? WHERE person = ? AND gone IS NULL", (now(), id_))
        conn.execute("DELETE FROM leases WHERE annotator = ?", (name,))


def person_named(conn: sqlite3.Connection, name: str) -> Person:
    """The person of that name. UnknownName lists who there is."""
    row = conn.execute("SELECT name, role FROM people WHERE name = ? AND gone IS NULL", (name,)).fetchone()
    if row is None:
        known = [other for (other,) in conn.execute("SELECT name FROM people WHERE gone IS NULL")]
        raise UnknownName("person", name, known, "labelsieve user add PROJECT NAME --role annotator")
    return Person(row[0], as_role(row[1]))


def everyone(conn: sqlite3.Connection) -> list[Member]:
    """All people, by name, with how many tokens and sessions are open."""
    at = now()
    sql = """SELECT p.name, p.role, p.added,
        (SELECT COUNT(*) FROM tokens t WHERE t.person = p.id AND t.gone IS NULL AND (t.until IS NULL OR t.until > :at)),
        (SELECT COUNT(*) FROM sessions s WHERE s.person = p.id AND s.until > :at)
      FROM people p WHERE p.gone IS NULL ORDER BY p.name"""
    return [Member(name, as_role(role), *rest) for name, role, *rest in conn.execute(sql, {"at": at})]


def signed_in(conn: sqlite3.Connection, name: str, password: str) -> Person | None:
    """The person, where name and password belong together. It takes as long where there is nobody of that name."""
    sql = "SELECT name, role, secret FROM people WHERE name = ? AND gone IS NULL"
    row = conn.execute(sql, (name.strip(),)).fetchone() if name.isprintable() else None
    right = passwords.matches(password, row[2] if row else "")
    return Person(row[0], as_role(row[1])) if row and right else None


def known_name(conn: sqlite3.Connection, name: str) -> str:
    """The name where somebody has it, else a stand-in: what is typed into the field of the name may be a password."""
    row = (
        conn.execute("SELECT name FROM people WHERE name = ?", (name.strip(),)).fetchone()
        if name.isprintable()
        else None
    )
    return str(row[0]) if row else "(unknown)"


def as_role(role: str) -> Role:
    """The role of that name. UnknownName lists the roles."""
    if role not in ROLES:
        raise UnknownName("role", role, ROLES)
    return role


def _check_name(name: str) -> None:
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or set(name) & BARRED or name in (".", ".."):
        shown = name[:LONGEST_NAME] + ("..." if len(name) > LONGEST_NAME else "")
        raise InputError(
            f"{shown!r} cannot be a name; expected letters, digits, spaces, - and _, 1 to {LONGEST_NAME}.",
            "labelsieve user add PROJECT ann",
        )


def _require_admin_beside(conn: sqlite3.Connection, name: str) -> None:
    """NotNow where this person is the only admin."""
    sql = "SELECT name FROM people WHERE role = 'admin' AND gone IS NULL"
    admins = [other for (other,) in conn.execute(sql)]
    if admins == [name]:
        raise NotNow(f"{name} is the only admin; somebody has to be.", "make another person admin first.")
