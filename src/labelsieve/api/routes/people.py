"""People: signing in and out, roles, tokens of programs, and the trail of who did what."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from labelsieve.api.borrowing import AllDesks, AnyTask
from labelsieve.api.guarding import Admin, Door, Viewer
from labelsieve.api.signing import Users
from labelsieve.project.people import passwords, trail, users
from labelsieve.project.people.roles import Role
from labelsieve.project.people.throttling import login_keys
from labelsieve.project.safecsv import csv_text

router = APIRouter(tags=["people"])
Name = Annotated[str, Field(max_length=200)]
Password = Annotated[str, Field(max_length=2000)]
Fresh = Annotated[str, Field(max_length=2000, json_schema_extra={"minLength": passwords.SHORTEST})]


class Login(BaseModel):
    """Who wants to come in."""

    name: Name
    password: Password


class SignedIn(BaseModel):
    """Who came in, and what changes must bring in the header X-CSRF-Token."""

    name: str
    role: Role
    csrf: str


@router.post("/login")
def sign_in(request: Request, response: Response, desks: AllDesks, given: Login) -> SignedIn:
    """Opens a session, always a new one. A wrong name and a wrong password are told alike."""
    door: Door = request.app.state.door
    if not isinstance(door.identity, Users):
        raise HTTPException(409, "this server has one user: open the address that it printed when it started.")
    address = request.client.host if request.client else "?"
    keys = login_keys(given.name, address)
    if wait := door.identity.guesses.attempt(keys):
        again = {"Retry-After": str(int(wait) + 1)}
        raise HTTPException(429, f"too many wrong passwords: wait {int(wait) + 1} s.", again)
    found = door.identity.begin(given.name, given.password)
    with desks.borrowed() as project, desks.writing:
        conn = project.context.conn
        if found is None:
            trail.put(conn, users.known_name(conn, given.name), "login.failed", {"address": address})
            raise HTTPException(401, "name and password do not belong together.")
        person, opened = found
        trail.put(conn, person.name, "login", {"address": address})
        if before := request.cookies.get(door.cookie):
            door.identity.end(before)
    door.identity.guesses.succeeded(keys)
    door.set_cookie(response.headers, opened.cookie, opened.seconds, request.url.scheme == "https")
    return SignedIn(name=person.name, role=person.role, csrf=opened.csrf)


@router.post("/logout", status_code=204)
def sign_out(request: Request, response: Response, project: AnyTask, person: Viewer) -> None:
    """Ends this session, and takes its cookie away."""
    door: Door = request.app.state.door
    cookie = request.cookies.get(door.cookie)
    if cookie and isinstance(door.identity, Users):
        door.identity.end(cookie)
        trail.put(project.context.conn, person.name, "logout")
    door.set_cookie(response.headers, "")


class Member(BaseModel):
    """Somebody who may open the project."""

    name: str
    role: Role
    added: str
    tokens: int
    sessions: int


@router.get("/people")
def read_people(project: AnyTask, person: Admin) -> list[Member]:
    """Everybody who may open the project, by name."""
    found = project.people(person.name).everyone()
    return [Member(**{name: getattr(one, name) for name in Member.model_fields}) for one in found]


class NewPerson(BaseModel):
    """Somebody to let in."""

    name: Name
    role: Role = "annotator"
    password: Fresh


@router.post("/people", status_code=201)
def add_person(desks: AllDesks, person: Admin, new: NewPerson) -> list[Member]:
    """Lets somebody in; everybody who may open the project. The first one has to be admin."""
    with desks.borrowed() as project:
        project.people(person.name).add(new.name, new.role, new.password)
        return read_people(project, person)


class Change(BaseModel):
    """What changes of a person; null stays."""

    role: Role | None = None
    password: Fresh | None = None


@router.patch("/people/{name}")
def change_person(project: AnyTask, person: Admin, name: str, change: Change) -> list[Member]:
    """Gives somebody another role, at once, or another password, which ends their sessions."""
    project.people(person.name).change(name, change.role, change.password)
    return read_people(project, person)


@router.delete("/people/{name}")
def remove_person(project: AnyTask, person: Admin, name: str) -> list[Member]:
    """Lets somebody in no more, at once. What they labelled stays."""
    project.people(person.name).remove(name)
    return read_people(project, person)


class NewPassword(BaseModel):
    """A new password of one's own."""

    old: Password
    new: Fresh


@router.put("/me/password", status_code=204)
def change_own_password(request: Request, project: AnyTask, person: Viewer, given: NewPassword) -> None:
    """Sets one's own password, and ends one's sessions. The old one guards it like a login."""
    door: Door = request.app.state.door
    if not isinstance(door.identity, Users):
        raise HTTPException(409, "this server has one user, who has no password.")
    keys = login_keys(person.name, request.client.host if request.client else "?")
    if wait := door.identity.guesses.attempt(keys):
        raise HTTPException(429, f"wait {int(wait) + 1} s.", {"Retry-After": str(int(wait) + 1)})
    if users.signed_in(project.context.conn, person.name, given.old) is None:
        raise HTTPException(403, "the old password is another one.")
    door.identity.guesses.succeeded(keys)
    project.people(person.name).change(person.name, password=given.new)


class Token(BaseModel):
    """What is known of a token of a program; never the token itself."""

    id: int
    person: str
    name: str
    added: str
    until: str | None
    used: str | None


class NewToken(BaseModel):
    """A token to make. `days` null: it never ends."""

    name: Name
    days: int | None = Field(365, ge=1, le=3650)


class MadeToken(BaseModel):
    """A new token. It is shown this once."""

    token: str
    name: str


@router.get("/tokens")
def read_tokens(project: AnyTask, person: Viewer) -> list[Token]:
    """The open tokens: one's own, and for an admin everybody's."""
    found = project.people(person.name).tokens(None if person.may("admin") else person.name)
    return [Token(**{name: getattr(one, name) for name in Token.model_fields}) for one in found]


@router.post("/tokens", status_code=201)
def add_token(project: AnyTask, person: Viewer, new: NewToken) -> MadeToken:
    """Makes a token that may do what its person may."""
    token = project.people(person.name).token(person.name, new.name, new.days)
    return MadeToken(token=token, name=new.name.strip())


@router.delete("/tokens/{token}", status_code=204)
def revoke_token(project: AnyTask, person: Viewer, token: Annotated[int, Path(ge=1, le=2**62)]) -> None:
    """Ends a token of one's own at once; an admin ends anybody's."""
    project.people(person.name).revoke(token, None if person.may("admin") else person.name)


class Entry(BaseModel):
    """One thing that somebody did."""

    number: int
    at: str
    who: str
    what: str
    detail: dict[str, Any]


@router.get("/trail")
def read_trail(
    project: AnyTask,
    person: Admin,
    before: int | None = Query(None, ge=1, le=2**62),
    limit: int = Query(100, ge=1, le=1000),
) -> list[Entry]:
    """Who did what, newest first; `before` a number for the next page."""
    found = trail.newest(project.context.conn, limit, before)
    return [Entry(**{name: getattr(one, name) for name in Entry.model_fields}) for one in found]


@router.get("/trail.csv", response_class=StreamingResponse)
def export_trail(desks: AllDesks, person: Admin) -> StreamingResponse:
    """The whole trail as CSV, oldest first, safe to open in a spreadsheet."""
    with desks.borrowed() as project:
        trail.put(project.context.conn, person.name, "trail.export")

    def parts() -> Iterator[str]:
        after = 0
        columns: tuple[str, ...] = trail.COLUMNS
        with desks.borrowed() as project:
            while rows := trail.block(project.context.conn, after):
                text = csv_text(columns, rows)
                yield text if not after else text.partition("\n")[2]
                after = rows[-1][0]

    headers = {"Content-Disposition": 'attachment; filename="trail.csv"'}
    return StreamingResponse(parts(), media_type="text/csv; charset=utf-8", headers=headers)
