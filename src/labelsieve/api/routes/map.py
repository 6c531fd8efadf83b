"""The map of the pool: where its points lie, which items they are, and their colours. Bytes, little-endian."""

import hashlib
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from labelsieve.api.borrowing import OnTask
from labelsieve.api.etags import has_already
from labelsieve.api.guarding import Viewer
from labelsieve.project.people.roles import Person
from labelsieve.project.projection.colouring import By, colours
from labelsieve.project.projection.projecting import Projection, map_of, state_of
from labelsieve.project.views.tiles import newest

router = APIRouter(prefix="/tasks/{task}/map", tags=["map"])
BYTES = "application/octet-stream"
Wanted = Annotated[By, Query(description="What the colours show.")]


class MapState(BaseModel):
    """Whether there is a map (`ready`), or a job has to compute it (`none`)."""

    state: str
    n: int = Field(description="Points.")
    mark: str = Field(description="Changes with the points.")
    engine: str
    stale: bool = Field(description="The pool has changed since.")
    landmarks: int = Field(0, description="Points that were laid out; the others lie between them.")
    seconds: float = 0.0


@router.get("")
def read_map(project: OnTask, person: Viewer) -> MapState:
    """The state of the map of the active engine; it is the same for all tasks."""
    return MapState(**state_of(project.context))


@router.get("/points", response_class=Response)
def read_points(request: Request, project: OnTask, person: Viewer) -> Response:
    """float32 (n, 2), x and y within -1 .. 1, in the order of /map/ids."""
    drawn = _drawn(project.context)
    return _sent(request, drawn.mark, lambda: np.asarray(drawn.points, "<f4").tobytes())


@router.get("/ids", response_class=Response)
def read_ids(request: Request, project: OnTask, person: Viewer) -> Response:
    """float64 (n,): the item of each point (whole numbers below 2^53)."""
    drawn = _drawn(project.context)
    return _sent(request, f"{drawn.mark}-ids", lambda: np.asarray(drawn.ids, "<f8").tobytes())


@router.get("/colours", response_class=Response)
def read_colours(request: Request, project: OnTask, person: Viewer, by: Wanted = "label") -> Response:
    """uint16 (n,) into the names of the legend; for `uncertainty` float32 (n,), NaN where nothing is known."""

    def made() -> bytes:
        found = colours(project.context, by, _whose(person))
        return found.kind.astype("<u2").tobytes() if found.kind is not None else _numbers(found.value)

    mark = (_drawn(project.context).mark, by, _whose(person), newest(project.context), project.task.name)
    return _sent(request, hashlib.blake2b(repr(mark).encode(), digest_size=12).hexdigest(), made)


@router.get("/legend")
def read_legend(project: OnTask, person: Viewer, by: Wanted = "label") -> dict[str, Any]:
    """Names and counts of what the colours stand for; the first name stands for nothing."""
    found = colours(project.context, by, _whose(person))
    return {"names": found.names, "counts": found.counts, "ordered": found.value is not None}


def _numbers(values: np.ndarray[Any, Any] | None) -> bytes:
    return b"" if values is None else values.astype("<f4").tobytes()


def _whose(person: Person) -> str | None:
    return None if person.may("reviewer") else person.name


def _drawn(context: Any) -> Projection:
    drawn = map_of(context)
    if drawn is None:
        raise HTTPException(404, "there is no map of this pool yet: start the job `map`.")
    return drawn


def _sent(request: Request, mark: str, made: Callable[[], bytes]) -> Response:
    headers = {"ETag": f'"{mark}"', "Cache-Control": "private, no-cache"}
    if has_already(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(made(), media_type=BYTES, headers=headers)
