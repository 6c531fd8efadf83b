"""Who is asking, and whether they may: before any route is looked up, so that an unknown path tells nothing either.

A request to /api/v1 needs a session cookie or `Authorization: Bearer`. With the cookie, anything that changes
something needs the session's CSRF token too, and an Origin that is ours if there is one. The Host must be one of
those that the server was started for (DNS rebinding).
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Protocol
from urllib.parse import quote

from fastapi import Depends, HTTPException, Request
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labelsieve.api.problems import problem
from labelsieve.project.people.roles import Person, Role
from labelsieve.project.people.throttling import Guesses, Keys, is_guessable, token_keys

API = "/api/v1"
OPEN = (f"{API}/login",)  # what may be asked without being known, where people have passwords
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
SAFE = ("GET", "HEAD", "OPTIONS")
POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "style-src 'self' 'unsafe-inline'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who is known. `csrf` is what must come with changes; None for API tokens, which no browser sends."""

    person: Person
    csrf: str | None = None


class Identity(Protocol):
    """Tells people by what a request brings."""

    @property
    def mode(self) -> str: ...  # "single" or "users"

    @property
    def guessable(self) -> bool: ...  # whether a token may be so short that a right one has to wait with wrong ones

    def by_token(self, token: str) -> Known | None: ...  # Authorization: Bearer

    def by_cookie(self, value: str) -> Known | None: ...


@dataclass(frozen=True, slots=True)
class SingleUser:
    """One user, who has the token that was printed when the server started. `salt` makes a cookie that is long enough
    of a token that is not: nobody can guess it by guessing the token."""

    token: str
    name: str
    mode: str = "single"
    salt: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @property
    def guessable(self) -> bool:
        return is_guessable(self.token)

    def by_token(self, token: str) -> Known | None:
        return Known(Person(self.name, "admin")) if self._same(token, self.token) else None

    def by_cookie(self, value: str) -> Known | None:
        return Known(Person(self.name, "admin"), self._derived("csrf")) if self._same(value, self.cookie) else None

    @property
    def cookie(self) -> str:
        """The value of the session cookie: the same for a token and salt, so that a restart ends no session."""
        return self._derived("cookie")

    def _derived(self, use: str) -> str:
        return hmac.new(self.token.encode(), f"{use} {self.salt}".encode(), hashlib.sha256).hexdigest()

    @staticmethod
    def _same(a: str, b: str) -> bool:
        return hmac.compare_digest(a.encode("utf-8", "replace"), b.encode("utf-8", "replace"))


@dataclass
class Door:
    """What the guard goes by: the identities, the hosts that are ours, the cookie's name."""

    identity: Identity
    hosts: frozenset[str]
    cookie: str
    secure: bool = False
    guesses: Guesses = field(default_factory=lambda: Guesses(time.monotonic))  # at tokens

    def set_cookie(self, headers: MutableHeaders, value: str, age: int | None = None, secure: bool = False) -> None:
        """Adds the session cookie to an answer; an empty value takes it away. `secure`: the request came by TLS."""
        parts = [f"{self.cookie}={value}", "Path=/", "HttpOnly", "SameSite=Strict"]
        parts += ["Secure"] if self.secure or secure else []
        parts += ["Max-Age=0"] if not value else [f"Max-Age={age}"] if age is not None else []
        headers.append("set-cookie", "; ".join(parts))


class Guard:
    """ASGI middleware. `scope["state"]["known"]` says who asks."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        answer = self._host(request) or self._who(request, scope) or self._token_in_url(request, scope)
        await (answer or self._app)(scope, receive, _hardened(send))

    def _host(self, request: HTTPConnection) -> ASGIApp | None:
        host = request.headers.get("host", "")
        found = _HOST.fullmatch(host)
        if found is not None and (found["name"].strip("[]").lower() in self._door.hosts or "*" in self._door.hosts):
            return None
        hint = "open the address that the server printed, or start it with --host-name."
        return problem(421, f"this server does not answer for the host {host[:100]!r}.", hint)

    def _who(self, request: HTTPConnection, scope: Scope) -> ASGIApp | None:
        """None where the request may go on."""
        path = request.url.path
        if path != API and not path.startswith(f"{API}/"):
            return None
        mode = self._door.identity.mode
        is_open = path in OPEN and mode == "users" and scope["method"] == "POST"
        given = request.headers.get("authorization")
        cookie = request.cookies.get(self._door.cookie)
        known = None if is_open else _known_by(self._door.identity, given, cookie)
        if given is not None and not is_open and (late := self._late(request, given, known is not None)):
            return late
        if known is None and not is_open:
            how = "sign in" if mode == "users" else "open the address that the server printed"
            hint = f"{how}, or send Authorization: Bearer TOKEN."
            return problem(401, "nobody is signed in.", hint, {"WWW-Authenticate": f'Bearer realm="{mode}"'})
        if scope["method"] not in SAFE and (fault := self._forged(request, known)):
            return problem(403, fault, "reload the page; a program sends Authorization: Bearer TOKEN.")
        scope.setdefault("state", {})["known"] = known
        return None

    def _late(self, request: HTTPConnection, guess: str, right: bool) -> ASGIApp | None:
        """An answer where a token has to wait: a wrong one after many others, a right one only where it is guessable.

        The token was looked at before: what is right is not shut out by what others guess.
        """
        keys, guesses = _keys_of(request), self._door.guesses
        if right and not self._door.identity.guessable:
            return None
        wait = guesses.wait(keys) if right else guesses.attempt(keys, guess)
        if not wait:
            return None
        again = {"Retry-After": str(int(wait) + 1)}
        return problem(429, "too many wrong tokens came from this address.", f"wait {wait:.0f} s.", again)

    def _forged(self, request: HTTPConnection, known: Known | None) -> str:
        """What makes a change look like another site's doing; empty where nothing does."""
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
            return f"the request comes from another site ({origin[:100]})."
        if known is not None and known.csrf is not None:
            sent = request.headers.get("x-csrf-token", "")
            if not hmac.compare_digest(sent.encode("utf-8", "replace"), known.csrf.encode()):
                return "the header X-CSRF-Token is missing, or of another session."
        return ""

    def _token_in_url(self, request: HTTPConnection, scope: Scope) -> ASGIApp | None:
        """`?token=T` on a page opens a session, and goes on to the page without it."""
        token = request.query_params.get("token")
        identity = self._door.identity
        if token is None or request.url.path.startswith(API) or not isinstance(identity, SingleUser):
            return None
        right = identity.by_token(token) is not None
        if late := self._late(request, token, right):
            return late
        if not right:
            return problem(401, "the token is not the one of this server.", "copy the address that the server printed.")

        async def go_on(scope: Scope, receive: Receive, send: Send) -> None:
            headers = MutableHeaders({"location": _without_token(request), "content-length": "0"})
            self._door.set_cookie(headers, identity.cookie)
            await send({"type": "http.response.start", "status": 303, "headers": headers.raw})
            await send({"type": "http.response.body", "body": b""})

        return go_on


def _known_by(identity: Identity, given: str | None, cookie: str | None) -> Known | None:
    if given is not None:
        kind, _, token = given.partition(" ")
        return identity.by_token(_in_utf8(token.strip())) if kind.lower() == "bearer" else None
    return identity.by_cookie(cookie) if cookie else None


def _in_utf8(header: str) -> str:
    """A header, which is read as latin-1, as what most programs mean by its bytes."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def still_known(request: HTTPConnection) -> bool:
    """Whether who asked may still come in: for answers that go on and on. Cost: one look-up."""
    door: Door = request.app.state.door
    given, cookie = request.headers.get("authorization"), request.cookies.get(door.cookie)
    return _known_by(door.identity, given, cookie) is not None


def _keys_of(request: HTTPConnection) -> Keys:
    return token_keys(request.client.host if request.client else "?")


def _without_token(request: HTTPConnection) -> str:
    """The page that was asked for, without its token; always a path on this server."""
    kept = "&".join(part for part in request.url.query.split("&") if part and not part.startswith("token="))
    return "/" + quote(request.url.path.lstrip("/\\"), "/%") + (f"?{kept}" if kept else "")


def _hardened(send: Send) -> Send:
    async def hardened(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            headers.setdefault("content-security-policy", POLICY)
            headers.setdefault("x-content-type-options", "nosniff")
            headers.setdefault("referrer-policy", "no-referrer")
            headers.setdefault("cross-origin-opener-policy", "same-origin")
            headers.setdefault("cross-origin-resource-policy", "same-origin")
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return hardened


def _needs(role: Role) -> Callable[[Request], Person]:
    def person(request: Request) -> Person:
        known: Known | None = getattr(request.state, "known", None)
        if known is None:
            raise HTTPException(401, "nobody is signed in.")
        if not known.person.may(role):
            fact = f"{known.person.name} is {_with_article(known.person.role)} here; this needs {_with_article(role)}."
            raise HTTPException(403, fact)
        return known.person

    return person


def _with_article(role: Role) -> str:
    return f"{'an' if role[0] == 'a' else 'a'} {role}"


Viewer = Annotated[Person, Depends(_needs("viewer"))]
Annotator = Annotated[Person, Depends(_needs("annotator"))]
Reviewer = Annotated[Person, Depends(_needs("reviewer"))]
Admin = Annotated[Person, Depends(_needs("admin"))]
