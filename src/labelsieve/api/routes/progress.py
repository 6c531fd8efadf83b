"""How far a task is: what its labels were worth, what they cost, whether to go on."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from labelsieve.api.borrowing import AllDesks, OnTask, TaskName
from labelsieve.api.guarding import Viewer
from labelsieve.project.jobs.happening import job_data
from labelsieve.project.progress.facts import Wish, plan_of, progress_of
from labelsieve.project.progress.measuring import remeasure

router = APIRouter(prefix="/tasks/{task}/progress", tags=["progress"])
Share = Annotated[float, Query(gt=0, lt=1)]


@router.get("")
def read_progress(desks: AllDesks, task: TaskName, person: Viewer) -> dict[str, Any]:
    """Counts, speed, cost and advice as of now; curve, classes, confusions and doubtful labels as measured last.

    Where labels have come since, a job measures anew (`job`); ask again when it has ended.
    """
    with desks.borrowed(task) as project:
        found = progress_of(project.context)
        with desks.writing:
            job = remeasure(project.context, person.name)
        shown = found if person.may("reviewer") else _own(found, person.name)
        return shown | {"job": None if job is None else job_data(job)}


def _own(found: dict[str, Any], name: str) -> dict[str, Any]:
    """Without what others answered: annotators do not see one another's labels."""
    rows = [one for one in found["speed"]["annotators"] if one["name"] == name]
    hidden = found["measured"] and found["measured"] | {"doubts": []}
    return found | {"speed": found["speed"] | {"annotators": rows}, "measured": hidden}


@router.get("/plan")
def read_plan(
    project: OnTask,
    person: Viewer,
    prevalence: Share = 0.01,
    recall: Share = 0.9,
    confidence: Share = 0.95,
    looks: int = Query(1, ge=1, le=100),
    seconds: float = Query(30.0, gt=0, le=86_400, allow_inf_nan=False, description="That 64 tiles take."),
) -> dict[str, Any]:
    """What a guarantee of this recall would cost here, before anyone starts: as `labelsieve plan --json`."""
    return plan_of(project.context, Wish(prevalence, recall, confidence, looks, seconds))
