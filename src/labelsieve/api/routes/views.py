"""The pool as a grid shows it: views that are stored lists of ids, their pages, and contact sheets."""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from labelsieve.api.borrowing import LARGEST, AllDesks, AnyTask, ItemId, OnTask, TaskName
from labelsieve.api.etags import has_already
from labelsieve.api.guarding import Annotator, Viewer
from labelsieve.core.types import Purpose
from labelsieve.project.desk import handing
from labelsieve.project.desk.cards import cards_of
from labelsieve.project.desk.refilling import refill, wish
from labelsieve.project.jobs import table
from labelsieve.project.jobs.happening import job_data
from labelsieve.project.people.roles import Person
from labelsieve.project.views import similar, stored, telling, tiles
from labelsieve.project.views.choosing import choices
from labelsieve.project.views.filtering import All, Filter, Sort
from labelsieve.project.views.stored import Wanted

router = APIRouter(tags=["views"])
MOST = 2_000_000  # ids in one request

Columns = Annotated[
    Sequence[Annotated[str, Field(max_length=10_000)]],
    Query(max_length=tiles.CELLS, description="What tiles of rows show; without any the columns that tell most."),
]


def seen_by(person: Person) -> str | None:
    """Whose answers a person sees: their own alone, all of them from a reviewer on."""
    return None if person.may("reviewer") else person.name


class WantedView(BaseModel):
    """What a view shows; without anything the whole pool by id."""

    filter: Filter = Field(default_factory=lambda: All("all"))
    sort: Sort = Field(default_factory=Sort)
    near: ItemId | None = Field(None, description="What is like this item, nearest first; `sort` does not count then.")
    ids: list[ItemId] | None = Field(None, max_length=MOST, description="Some items alone: those of a lasso.")


class StoredView(BaseModel):
    """A stored view. `preparing`: a job looks for what is like the item; ask again when it is done."""

    state: str
    view: str
    total: int | None
    job: dict[str, Any] | None = None


@router.post("/tasks/{task}/views")
def make_view(desks: AllDesks, task: TaskName, person: Viewer, wanted: WantedView) -> StoredView:
    """Filters and orders the pool once; pages are slices of what is stored."""
    ids = None if wanted.ids is None else np.array(wanted.ids, np.int64)
    with desks.borrowed(task) as project:
        made = stored.create(project.context, Wanted(wanted.filter, wanted.sort, wanted.near, ids), seen_by(person))
        if made.total is not None:
            return StoredView(state="ready", view=made.id, total=made.total)
        with desks.writing:
            args = {"item": wanted.near}
            job = table.add(project.context.conn, similar.KIND, "rounds", project.task.name, args, person.name)
    return StoredView(state="preparing", view=made.id, total=None, job=job_data(job))


@router.get("/views/{view}", response_class=Response)
def read_view(
    request: Request,
    project: AnyTask,
    person: Viewer,
    view: str,
    start: int = Query(0, ge=0, le=LARGEST),
    stop: int | None = Query(None, ge=0, le=LARGEST, description="At most 500 beyond `start`."),
    column: Columns = (),
) -> Response:
    """A page of a view: the tiles at the positions [start, stop), fewer at its end."""
    task, ids = stored.open_view(project.context, view)
    context = project.on_task(task).context
    stop = min(start + tiles.MOST if stop is None else stop, start + tiles.MOST, len(ids))
    mark = repr((view, start, stop, column, seen_by(person), tiles.newest(context)))
    headers = {
        "ETag": f'"{hashlib.blake2b(mark.encode(), digest_size=12).hexdigest()}"',
        "Cache-Control": "private, no-cache",
    }
    if has_already(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    page = tiles.tiles_of(context, ids[start:stop], seen_by(person), column)
    return JSONResponse({"total": len(ids), "start": start, "items": page}, headers=headers)


@router.get("/tasks/{task}/choices")
def read_choices(project: OnTask, person: Viewer) -> dict[str, Any]:
    """What a view can be filtered by: sources, columns, annotators, classes of the head."""
    return choices(project.context, seen_by(person))


class ColumnOrder(BaseModel):
    """The columns of table rows, those that tell most first."""

    columns: list[str]
    by: str = Field(description="`head` where its answers depend on them in this order; `spread`; `source`.")
    labels: int = Field(description="How many the head was fitted on.")
    shown: int = Field(description="How many of them tiles show.")


@router.get("/tasks/{task}/columns")
def read_columns(project: OnTask, person: Viewer) -> ColumnOrder:
    """Which columns tiles of table rows show; the order changes when twice as many labels have come."""
    found = telling.in_order(project.context)
    return ColumnOrder(columns=list(found.columns), by=found.by, labels=found.labels, shown=tiles.CELLS)


class Sheet(BaseModel):
    """Items of one contact sheet. States are those of the queue."""

    state: str
    items: list[dict[str, Any]]
    left: int
    until: str = Field(description="When the leases end; `leave` takes it.")
    more: bool = Field(description="Further items are being chosen.")
    note: str = ""


@router.get("/tasks/{task}/sheet")
def read_sheet(
    desks: AllDesks,
    task: TaskName,
    person: Annotator,
    n: int = Query(64, ge=1, le=handing.MOST),
    purpose: Purpose | None = None,
    again: bool = Query(False, description="Try again at once where choosing has failed."),
    column: Columns = (),
) -> Sheet:
    """Up to n items for a contact sheet, leased like those of the queue, each with its thumbnail or text."""
    with desks.writing, desks.borrowed(task) as project:
        context = project.context
        wish(context, n)
        handed = handing.hand_out(context, person.name, n, purpose)
        supply = refill(context, purpose, person.name, again)
        cards = tiles.small_cards(context, cards_of(context, handed, person.name), column)
    state = "ready" if cards else supply.state if supply.state != "ready" else "done"
    more = supply.state == "preparing"
    return Sheet(state=state, items=cards, left=handed.left, until=handed.until, more=more, note=supply.note)
