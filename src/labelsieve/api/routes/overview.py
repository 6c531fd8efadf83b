"""What there is: the state of a task, the tasks and their classes, who is asking, and what happens meanwhile."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from labelsieve import __version__
from labelsieve.api.borrowing import AllDesks, AnyTask, ItemId, OnTask
from labelsieve.api.guarding import Admin, Reviewer, Viewer, still_known
from labelsieve.core.types import Kind
from labelsieve.project.chain import commitment_of, secret_of
from labelsieve.project.desk import guides

router = APIRouter(tags=["overview"])
PULSE = 0.25  # seconds between looks for news
STILL = 15.0  # seconds after which a stream without news says that it lives


@router.get("/status")
def read_status(project: AnyTask, person: Viewer) -> dict[str, Any]:
    """Counts, classes, spending, the last fit and advice: the same as `labelsieve status --json`."""
    return project.status()


class Me(BaseModel):
    """Who is asking, and of what."""

    name: str
    role: str
    csrf: str | None = Field(description="What changes must bring in the header X-CSRF-Token.")
    id: str = Field(description="Of the project: it stays when the folder is renamed.")
    project: str
    version: str
    mode: str = Field(description="single: one user with a token; users: people with passwords.")


@router.get("/me")
def read_me(request: Request, desks: AllDesks, project: AnyTask, person: Viewer) -> Me:
    """Who is asking, and what changes must bring."""
    mode = request.app.state.door.identity.mode
    return Me(
        name=person.name,
        role=person.role,
        csrf=request.state.known.csrf,
        id=commitment_of(secret_of(project.context.conn) or desks.root.name)[:16],
        project=desks.root.name,
        version=__version__,
        mode=mode,
    )


class NewTask(BaseModel):
    """A task to add."""

    name: str
    kind: Kind = "classes"
    classes: list[str] = []
    dull: str = "dull"


@router.get("/tasks")
def read_tasks(project: AnyTask, person: Viewer) -> list[dict[str, Any]]:
    """All tasks over the pool, with their classes, keys, descriptions and shown items."""
    return guides.tasks_data(project.context.conn)


@router.post("/tasks", status_code=201)
def add_task(project: AnyTask, person: Admin, new: NewTask) -> list[dict[str, Any]]:
    """A further task over the same pool; all tasks."""
    project.add_task(new.name, new.kind, new.classes or None, new.dull)
    return guides.tasks_data(project.context.conn)


class GuideEntry(BaseModel):
    """What is said of one class."""

    name: str
    key: str = Field("", max_length=1)
    text: str = Field("", max_length=10_000)
    shown: list[ItemId] = Field([], max_length=50, description="Items that show what is meant.")


@router.put("/tasks/{task}/guide")
def write_guide(project: OnTask, person: Reviewer, entries: list[GuideEntry]) -> list[dict[str, Any]]:
    """Writes what is said of classes; all tasks."""
    guides.write(project.context, [guides.Entry(one.name, one.key, one.text, tuple(one.shown)) for one in entries])
    return guides.tasks_data(project.context.conn)


@router.get("/events", response_class=StreamingResponse)
async def follow(request: Request, person: Viewer) -> StreamingResponse:
    """News as server-sent events: jobs as they go on; the last label, fit, query. Who sees one change asks anew."""

    async def news() -> AsyncIterator[str]:
        before: dict[str, Any] = {}
        quiet = looked = time.monotonic()
        while not request.app.state.ending():
            now = await request.app.state.news.latest()
            changed = {name: value for name, value in now.items() if before.get(name) != value}
            if changed:
                before, quiet = now, time.monotonic()
                yield f"data: {json.dumps(changed)}\n\n"
            elif time.monotonic() - quiet > STILL:
                quiet = time.monotonic()
                yield ": still here\n\n"
            if time.monotonic() - looked > STILL:
                looked = time.monotonic()
                if not await run_in_threadpool(still_known, request):
                    return  # their session or token has ended, or they were let out
            await anyio.sleep(PULSE)

    return StreamingResponse(news(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
