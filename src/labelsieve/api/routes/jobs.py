"""Long work: what runs, what has ended, what to start, stop and take up again."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response
from pydantic import BaseModel, Field

from labelsieve.api.borrowing import AllDesks, AnyTask
from labelsieve.api.guarding import Annotator, Viewer
from labelsieve.project.jobs import joblogs, table
from labelsieve.project.jobs.happening import job_data, written_files
from labelsieve.project.jobs.kinds import kind_called
from labelsieve.project.jobs.table import Lane
from labelsieve.project.people.roles import Person
from labelsieve.project.pooling import engine_choices

router = APIRouter(prefix="/jobs", tags=["jobs"])
JobId = Annotated[int, Path(ge=1, le=2**62)]


@router.get("")
def read_jobs(
    project: AnyTask,
    person: Viewer,
    before: int | None = Query(None, ge=1, le=2**62),
    limit: int = Query(50, ge=1, le=500),
    lane: Annotated[Lane | None, Query(description="rounds: fits and choices, started as labels come.")] = None,
) -> list[dict[str, Any]]:
    """Jobs, newest first; `before` an id for the next page."""
    return [job_data(job) for job in table.listed(project.context.conn, before, limit, lane)]


@router.get("/workers")
def read_workers(request: Request, person: Viewer) -> list[dict[str, Any]]:
    """The worker process of each lane: whether it runs, and what is wrong where it does not."""
    workers = request.app.state.workers
    return [] if workers is None else list(workers.state())


@router.get("/engines")
def read_engines(project: AnyTask, person: Viewer) -> dict[str, Any]:
    """Engines for the job `embed`: the active one, the one that is usual here, names that fit the items."""
    return engine_choices(project.context)


class NewJob(BaseModel):
    """A job to start."""

    kind: str = Field(max_length=100)
    task: str | None = Field(None, max_length=100)
    args: dict[str, Any] = {}


@router.post("", status_code=201)
def add_job(desks: AllDesks, person: Annotator, new: NewJob) -> dict[str, Any]:
    """Starts a job; where the same one waits already, that one."""
    kind = kind_called(new.kind)
    _require(person, new.kind)
    args = kind.checked(new.args)
    with desks.writing, desks.borrowed(new.task) as project:
        task = project.task.name
        return job_data(table.add(project.context.conn, new.kind, kind.lane, task, args, person.name))


def _require(person: Person, kind: str) -> None:
    role = kind_called(kind).role
    if not person.may(role):
        raise HTTPException(403, f"{person.name} has the role {person.role} here; {kind} needs the role {role}.")


@router.post("/{job}/cancel")
def cancel_job(desks: AllDesks, person: Annotator, job: JobId) -> dict[str, Any]:
    """Asks a job to stop; what it has done stays."""
    with desks.writing, desks.borrowed() as project:
        _require(person, table.get(project.context.conn, job).kind)
        return job_data(table.cancel(project.context.conn, job))


@router.post("/{job}/resume")
def resume_job(desks: AllDesks, person: Annotator, job: JobId) -> dict[str, Any]:
    """Takes up a cancelled or failed job where it stopped."""
    with desks.writing, desks.borrowed() as project:
        _require(person, table.get(project.context.conn, job).kind)
        return job_data(table.resume(project.context.conn, job))


@router.get("/{job}/log", response_class=PlainTextResponse)
def read_log(project: AnyTask, person: Annotator, job: JobId) -> PlainTextResponse:
    """The last lines that a job wrote beside its result: warnings, tracebacks."""
    table.get(project.context.conn, job)
    return PlainTextResponse(joblogs.tail(project.path, job))


@router.get("/{job}/files/{number}", response_class=Response)
def read_file(project: AnyTask, person: Annotator, job: JobId, number: Annotated[int, Path(ge=0)]) -> FileResponse:
    """One of the files that a job has written, to download."""
    found = table.get(project.context.conn, job)
    _require(person, found.kind)
    files = written_files(project.path, found)
    if number >= len(files):
        raise HTTPException(404, f"job {job} has {len(files)} files that are still there.")
    return FileResponse(files[number], filename=files[number].name, media_type="application/octet-stream")
