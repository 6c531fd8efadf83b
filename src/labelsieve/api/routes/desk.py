"""The desk: items to label, answers to them, flags."""

import re
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, Field, NonNegativeInt, WithJsonSchema

from labelsieve.api.borrowing import AllDesks, ItemId, OnTask, TaskName
from labelsieve.api.desks import Desks
from labelsieve.api.guarding import Annotator
from labelsieve.api.problems import problem
from labelsieve.core.types import Purpose, Tag, Value
from labelsieve.project.desk import flags, leases, speaking
from labelsieve.project.desk.accepting import Draft, accept
from labelsieve.project.desk.bulk import Bulk, Done, answer_all
from labelsieve.project.desk.cards import cards_of
from labelsieve.project.desk.handing import hand_out
from labelsieve.project.desk.refilling import refill
from labelsieve.project.people.roles import Person
from labelsieve.project.views.stored import selected

router = APIRouter(prefix="/tasks/{task}", tags=["desk"])
MOST = 10_000  # answers in one request
MOST_ITEMS = 2_000_000  # items of one bulk


UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def _proper(text: str) -> str:
    if not re.fullmatch(UUID, text):
        raise ValueError(f"a UUID in lower case was expected, such as {uuid.UUID(int=0)}")
    return text


Uuid = Annotated[
    str, AfterValidator(_proper), WithJsonSchema({"type": "string", "format": "uuid", "pattern": f"^{UUID}$"})
]


class Queue(BaseModel):
    """Items for one person. `preparing`: more is being chosen; `done`: nothing is left; `failed`: the note says why."""

    state: str
    items: list[dict[str, Any]]
    left: int = Field(description="Open items beside these, chosen already.")
    until: str = Field(description="How long the person has them, by the server's clock.")
    note: str = ""
    remedy: str = Field("", description="The kind of job that would help where choosing has failed.")


@router.get("/queue")
def read_queue(
    request: Request,
    desks: AllDesks,
    task: TaskName,
    person: Annotator,
    n: int = Query(20, ge=1, le=500),
    purpose: Purpose | None = None,
    again: bool = Query(False, description="Try again at once where choosing has failed."),
) -> Queue:
    """Up to n items to label, leased to the person for ten minutes: the same ones again until they are answered."""
    with desks.writing, desks.borrowed(task) as project:
        context = project.context
        handed = hand_out(context, person.name, n, purpose)
        supply = refill(context, purpose, person.name, again)
        cards = cards_of(context, handed, person.name)
    state = "ready" if cards else supply.state if supply.state != "ready" else "done"
    workers = request.app.state.workers
    trouble = workers.trouble("rounds") if workers is not None and state == "preparing" else ""
    return Queue(
        state="failed" if trouble else state,
        items=cards,
        left=handed.left,
        until=handed.until,
        note=trouble or supply.note,
        remedy=supply.remedy,
    )


class Words(BaseModel):
    """Items with the guess of the head, the words that `speak` for it and those `against`, the weightiest first.

    `preparing`: the worker looks into the others; ask again. `failed`: the note says why.
    """

    state: str
    items: list[dict[str, Any]]
    note: str = ""


@router.get("/words")
def read_words(
    desks: AllDesks,
    task: TaskName,
    person: Annotator,
    item: Annotated[list[ItemId], Query(max_length=speaking.MOST, description="Texts that the person has.")],
) -> Words:
    """What words of a text say to the head, of items that the person has on the desk and whose guess may be shown."""
    with desks.writing, desks.borrowed(task) as project:
        found = speaking.told(project.context, item, person.name)
    return Words(state=found.state, items=found.items, note=found.note)


class GivenValue(BaseModel):
    """One answer: a class, several, soft weights, unsure or skip."""

    tag: Tag
    names: list[Annotated[str, Field(max_length=100_000)]] = Field([], max_length=10_000)
    weights: list[float] = Field([], max_length=10_000)

    def proper(self) -> Value:
        """The answer as the project takes it."""
        return Value(self.tag, tuple(self.names), tuple(self.weights))


class GivenLabel(BaseModel):
    """One answer as a client sends it: its UUID makes retries harmless."""

    id: Uuid
    item: ItemId
    value: GivenValue | None = Field(description="null takes back the answer that `supersedes` names.")
    age: float = Field(0.0, ge=0, description="Seconds since it was given.")
    seconds: float | None = Field(None, ge=0, description="How long it took.")
    query: ItemId | None = None
    supersedes: Uuid | None = None
    group: bool = Field(False, description="Its near-duplicates get the same answer.")

    def draft(self) -> Draft:
        """The answer as the project takes it."""
        value = None if self.value is None else self.value.proper()
        return Draft(self.id, self.item, value, self.age, self.seconds, self.query, self.supersedes, self.group)


class GivenBulk(BaseModel):
    """One value for many items: `items` by id, or the `ranges` [start, stop) of a stored view. `undo` names the act
    that is taken back; then there is no value. The same act sent again writes nothing twice."""

    id: Uuid
    value: GivenValue | None = None
    undo: Uuid | None = None
    items: list[ItemId] | None = Field(None, max_length=MOST_ITEMS)
    view: str | None = Field(None, max_length=60)
    ranges: list[tuple[NonNegativeInt, NonNegativeInt]] | None = Field(None, max_length=MOST)
    age: float = Field(0.0, ge=0)


class GivenLabels(BaseModel):
    """Answers in the order in which they were given; then what goes to many items at once."""

    labels: Annotated[list[GivenLabel], Field(max_length=MOST)] = []
    bulk: GivenBulk | None = None


class Refused(BaseModel):
    """An answer that could not be taken."""

    id: str
    detail: str
    hint: str


class Receipt(BaseModel):
    """What became of the answers: all but the refused ones are on the disk."""

    written: int
    known: int = Field(description="Retries: they had been written before.")
    refused: list[Refused]


@router.post("/labels", response_model=Receipt)
def write_labels(desks: AllDesks, task: TaskName, person: Annotator, given: GivenLabels) -> Receipt | JSONResponse:
    """Writes answers. Sent twice they are written once; one that cannot be taken never stops the others.

    Where none can be taken, the answer is a problem (404 where all name what is not there, else 422), with `refused`.
    """
    with desks.writing, desks.borrowed(task) as project:
        taken = accept(project.context, [label.draft() for label in given.labels], person.name)
        refill(project.context, None, person.name)
    done = _write_bulk(desks, task, person, given.bulk) if given.bulk is not None else Done()
    refused = [Refused(id=one.id, detail=one.fact, hint=one.hint) for one in taken.refused]
    receipt = Receipt(written=taken.written + done.written, known=taken.known + done.known, refused=refused)
    if not refused or receipt.written or receipt.known:
        return receipt
    first = taken.refused[0]
    status = 404 if all(one.missing for one in taken.refused) else 422
    return problem(status, first.fact, first.hint, more=receipt.model_dump())


def _write_bulk(desks: Desks, task: str, person: Person, given: GivenBulk) -> Done:
    """Others write in between: the lock is taken for each portion alone."""
    with desks.borrowed(task) as project:
        items = selected(project.context, given.items, given.view, given.ranges)
        value = None if given.value is None else given.value.proper()
        done = answer_all(
            desks.writing, project.context, Bulk(given.id, items, value, given.undo, given.age), person.name
        )
        with desks.writing:
            refill(project.context, None, person.name)
    return done


class Items(BaseModel):
    """Ids of items; null means all."""

    items: list[ItemId] | None = Field(None, max_length=MOST)


class Left(BaseModel):
    """Ids of items on a page that is left, and `until` of its last answer of the queue."""

    items: list[ItemId] = Field(max_length=MOST)
    until: str = Field(max_length=40)


@router.post("/leave", status_code=204)
def leave(desks: AllDesks, task: TaskName, person: Annotator, given: Left) -> None:
    """Others get these items in a few seconds, except where the person has asked for them again by then."""
    with desks.writing, desks.borrowed(task) as project:
        leases.leave(project.context.conn, project.task, person.name, given.items, given.until)


@router.post("/release", status_code=204)
def release(desks: AllDesks, task: TaskName, person: Annotator, given: Items) -> None:
    """Gives items back that the person has and will not label, so that others get them."""
    with desks.writing, desks.borrowed(task) as project:
        items = None if given.items is None else [int(item) for item in given.items]
        leases.give_back(project.context.conn, project.task, person.name, items)


class Note(BaseModel):
    """Why an item is flagged."""

    note: str = Field("", max_length=10_000)


@router.put("/flags/{item}", status_code=204)
def raise_flag(project: OnTask, person: Annotator, item: ItemId, given: Note) -> None:
    """Flags an item for another look."""
    flags.raise_flag(project.context.conn, project.task, item, person.name, given.note)


@router.delete("/flags/{item}", status_code=204)
def lower_flag(project: OnTask, person: Annotator, item: ItemId) -> None:
    """Takes the person's flag away."""
    flags.lower_flag(project.context.conn, project.task, item, person.name)
