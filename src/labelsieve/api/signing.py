"""People with names and passwords as identities of the guard: sessions of browsers, tokens of programs."""

import secrets
import threading
import time
from contextlib import closing
from pathlib import Path

from labelsieve.api.guarding import Known, SingleUser
from labelsieve.core.errors import InputError
from labelsieve.project.database import connect
from labelsieve.project.people import sessions, tokens
from labelsieve.project.people.roles import Person
from labelsieve.project.people.sessions import Opened
from labelsieve.project.people.throttling import Guesses
from labelsieve.project.people.users import everyone, signed_in

LEDGER = "labels.sqlite"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def identity_for(root: Path, host: str, token: str, user: str) -> "SingleUser | Users":
    """Who may come in: the people of the project where there are any, else one user with a token (made where empty).

    InputError where the server would listen beyond this machine without people, or with one token for all of them.
    """
    with closing(connect(root / LEDGER)) as conn:
        people = everyone(conn)
        salt = "" if people else sessions.session_salt(conn)
    if people:
        if token:
            hint = "leave --token out; labelsieve user token PROJECT NAME makes one for a program."
            raise InputError(f"this project has people ({len(people)}), who sign in by name and password.", hint)
        return Users(root)
    if host.strip("[]") not in LOOPBACK:
        hint = f"labelsieve user add {root} NAME, then serve again; or serve on 127.0.0.1."
        raise InputError(f"{host} can be reached by others, and this project has no people with passwords.", hint)
    return SingleUser(token or secrets.token_urlsafe(24), user, salt=salt)


class Users:
    """Tells people by their session or token. It reads by a connection of its own, since the guard asks it at every
    request; what it writes (when a token was last used) is written beside, so that no request waits for a disk."""

    mode = "users"
    guessable = False  # tokens are made here, of 256 bits

    def __init__(self, root: Path) -> None:
        self._path = root / LEDGER
        self._lock = threading.Lock()
        self._conn = connect(self._path, shared=True)
        self.guesses = Guesses(time.monotonic)

    def by_token(self, token: str) -> Known | None:
        """Whoever has that API token."""
        with self._lock:
            found = tokens.token_person(self._conn, token)
        if found is None:
            return None
        if found.due:
            self._beside(token, tokens.touch_token)
        return Known(found.person)

    def by_cookie(self, value: str) -> Known | None:
        """Whoever has that session."""
        with self._lock:
            found = sessions.session_of(self._conn, value)
        if found is None:
            return None
        if found.due:
            self._beside(value, sessions.renew_session)
        return Known(found.person, found.csrf)

    def begin(self, name: str, password: str) -> tuple[Person, Opened] | None:
        """A person and a new session of theirs, where name and password belong together. Takes about .2 s."""
        with closing(connect(self._path)) as conn:
            person = signed_in(conn, name, password)
            return None if person is None else (person, sessions.begin_session(conn, person))

    def end(self, cookie: str) -> None:
        """Ends the session of a cookie."""
        with closing(connect(self._path)) as conn:
            sessions.end_session(conn, cookie)

    def close(self) -> None:
        """Closes the connection."""
        self._conn.close()

    def _beside(self, secret: str, write: "sessions.Write") -> None:
        def run() -> None:
            with closing(connect(self._path)) as conn:
                write(conn, secret)

        threading.Thread(target=run, daemon=True).start()
