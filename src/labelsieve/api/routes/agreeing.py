"""What several people say of the same items: how they agree, and what a reviewer decides where they do not."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from labelsieve.api.borrowing import AllDesks, OnTask, TaskName
from labelsieve.api.guarding import Admin, Reviewer
from labelsieve.api.routes.desk import GivenLabel, Receipt, Refused
from labelsieve.project.people import trail
from labelsieve.project.people.adjudicating import decide, open_questions
from labelsieve.project.people.agreeing import agreement_now, ask_again
from labelsieve.project.people.twice import set_twice

router = APIRouter(prefix="/tasks/{task}", tags=["people"])
MOST = 200


@router.get("/agreement")
def read_agreement(project: OnTask, person: Reviewer) -> dict[str, Any]:
    """How far people agree, overall and each two of them, who takes what for what, how sure the consensus is."""
    known = agreement_now(project.context)
    if known.stale:
        ask_again(project.context, person.name)
    return {"state": "preparing" if known.stale else "ready", "twice": project.context.task_settings.twice} | known.data


class Share(BaseModel):
    """A share of the items."""

    share: float = Field(ge=0, le=1)


@router.put("/twice")
def write_twice(desks: AllDesks, task: TaskName, person: Admin, given: Share) -> Share:
    """Sets which share of the items two people label, neither seeing the other's answer."""
    with desks.writing, desks.borrowed(task) as project:
        set_twice(project.context, given.share)
        trail.put(project.context.conn, person.name, "task.twice", {"task": task, "share": given.share})
    return given


class QuestionList(BaseModel):
    """Items to decide, most doubtful first. `stale`: answers have come that are not looked at yet."""

    items: list[dict[str, Any]]
    left: int
    decided: int
    stale: bool


@router.get("/adjudication")
def read_questions(
    project: OnTask,
    person: Reviewer,
    n: int = Query(20, ge=1, le=MOST),
    after: Annotated[list[int], Query(max_length=1000, description="Items that the client has already.")] = [],  # noqa: B006
) -> QuestionList:
    """Items that people differ on, or whose consensus is not sure, with everybody's answers."""
    found = open_questions(project.context, n, after)
    return QuestionList(items=found.items, left=found.left, decided=found.decided, stale=found.stale)


class Decisions(BaseModel):
    """What a reviewer decided, one label an item; `query` and `group` are not looked at."""

    labels: Annotated[list[GivenLabel], Field(max_length=1000)]


@router.post("/adjudication")
def write_decisions(desks: AllDesks, task: TaskName, person: Reviewer, given: Decisions) -> Receipt:
    """Writes decisions, which outweigh all answers that are none. Undo takes one back, by /labels or here."""
    with desks.writing, desks.borrowed(task) as project:
        taken = decide(project.context, [label.draft() for label in given.labels], person.name)
    refused = [Refused(id=one.id, detail=one.fact, hint=one.hint) for one in taken.refused]
    return Receipt(written=taken.written, known=taken.known, refused=refused)
