"""What routes take as arguments: a project for the request, on the task of the path."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import Field

from labelsieve.api.desks import Desks
from labelsieve.project.facade import Project

LARGEST = 2**53 - 1  # the largest number that is exact in every JSON; ids of items stay far below
ItemId = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
TaskName = Annotated[str, Path(description="Name of a task.", max_length=100)]


def _desks(request: Request) -> Desks:
    desks: Desks = request.app.state.desks
    return desks


def _on_task(desks: Annotated[Desks, Depends(_desks)], task: TaskName) -> Iterator[Project]:
    with desks.borrowed(task) as project:
        yield project


def _any_task(
    desks: Annotated[Desks, Depends(_desks)],
    task: Annotated[str | None, Query(description="Name of a task; the first one by default.")] = None,
) -> Iterator[Project]:
    with desks.borrowed(task) as project:
        yield project


AllDesks = Annotated[Desks, Depends(_desks)]
OnTask = Annotated[Project, Depends(_on_task)]  # /tasks/{task}/...
AnyTask = Annotated[Project, Depends(_any_task)]  # ?task=
