"""Long work: what runs, what has ended, what to start, stop and take up again."""

from typing import Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel

from labelsieve.api.borrowing import AllDesks, AnyTask
from labelsieve.api.guarding import Admin, Viewer
from labelsieve.project.jobs import table
from labelsieve.project.jobs.happening import job_data
from labelsieve.project.jobs.kinds import kind_called

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.get("")
def read_jobs(
    project: AnyTask, person: Viewer, before: int | None = Query(None, ge=1), limit: int = Query(50, ge=1, le=500)
) -> list[dict[str, Any]]:
    """Jobs, newest first; `before` an id for the next page."""
    return [job_data(job) for job in table.listed(project.context.conn, before, limit)]


class NewJob(BaseModel):
    """A job to start."""

    kind: str
    task: str | None = None
    args: dict[str, Any] = {}


@router.post("", status_code=201)
def add_job(desks: AllDesks, person: Viewer, new: NewJob) -> dict[str, Any]:
    """Starts a job; where the same one waits already, that one."""
    kind = kind_called(new.kind)
    if not person.may(kind.role):
        raise HTTPException(403, f"{person.name} is a {person.role} here; {new.kind} needs the role {kind.role}.")
    with desks.borrowed(new.task) as project:
        task = project.task.name
        return job_data(table.add(project.context.conn, new.kind, kind.lane, task, new.args, person.name))


@router.post("/{job}/cancel")
def cancel_job(project: AnyTask, person: Admin, job: int) -> dict[str, Any]:
    """Asks a job to stop; what it has done stays."""
    return job_data(table.cancel(project.context.conn, job))


@router.post("/{job}/resume")
def resume_job(project: AnyTask, person: Admin, job: int) -> dict[str, Any]:
    """Takes up a cancelled or failed job where it stopped."""
    return job_data(table.resume(project.context.conn, job))
