"""Letting people in and out, with a line in the trail for each: what the command line and the server both call.

Membership(conn, by).add(name, role, password) / change / remove / password / token / revoke / everyone / tokens
"""

import sqlite3

from labelsieve.project.people import tokens, trail, users
from labelsieve.project.people.roles import Person
from labelsieve.project.people.tokens import Token
from labelsieve.project.people.users import Member


class Membership:
    """The people of a project, changed by somebody who is named in the trail."""

    def __init__(self, conn: sqlite3.Connection, by: str) -> None:
        self._conn, self._by = conn, by

    def everyone(self) -> list[Member]:
        """All people, by name."""
        return users.everyone(self._conn)

    def add(self, name: str, role: str | None, password: str) -> Person:
        """A new person. Without a role the first one becomes admin, everybody else annotator."""
        role = role or ("annotator" if self.everyone() else "admin")
        person = users.add_person(self._conn, name, role, password)
        self._put("person.add", name=person.name, role=person.role)
        return person

    def change(self, name: str, role: str | None = None, password: str | None = None) -> Person:
        """The person with another role or password; None leaves it as it is."""
        person = users.change_person(self._conn, name, role, password)
        self._put("person.change", name=person.name, role=role, password=password is not None)
        return person

    def remove(self, name: str) -> None:
        """Lets somebody in no more. What they labelled stays."""
        users.remove_person(self._conn, name)
        self._put("person.remove", name=name)

    def tokens(self, person: str | None = None) -> list[Token]:
        """The open tokens of one person, or of everybody."""
        return tokens.tokens_of(self._conn, person)

    def token(self, person: str, name: str, days: int | None) -> str:
        """A new token of a person; it cannot be shown again."""
        token = tokens.new_token(self._conn, person, name, days)
        self._put("token.add", person=person, name=name, days=days)
        return token

    def revoke(self, id: int, person: str | None = None) -> Token:
        """Ends a token (of one person)."""
        gone = tokens.revoke_token(self._conn, id, person)
        self._put("token.revoke", person=gone.person, name=gone.name)
        return gone

    def _put(self, what: str, **detail: object) -> None:
        trail.put(self._conn, self._by, what, detail)
