"""What the person answered lately."""

from typing import Any

import numpy as np
from fastapi import APIRouter, Query
from pydantic import BaseModel

from labelsieve.api.borrowing import OnTask
from labelsieve.api.guarding import Annotator
from labelsieve.project.desk.cards import shown, value_data
from labelsieve.project.desk.flags import flags_of
from labelsieve.project.desk.recent import MOST, latest

router = APIRouter(prefix="/tasks/{task}", tags=["desk"])


class Answers(BaseModel):
    """Cards of items, newest answer first; each has `mine`, the answer, and `seq`, its place in the ledger."""

    items: list[dict[str, Any]]


@router.get("/answers")
def read_answers(
    project: OnTask,
    person: Annotator,
    n: int = Query(50, ge=1, le=MOST),
    before: int | None = Query(None, ge=0, le=2**62, description="`seq` of the earliest answer that is known."),
) -> Answers:
    """The person's own answers that stand, newest first: to look back at, and to take back at any depth."""
    context = project.context
    found = latest(context, person.name, n, before)
    ids = np.array([one.label.item for one in found], np.int64)
    flagged = flags_of(context.conn, context.task, ids)
    items = [
        card
        | {
            "query": one.label.query,
            "seq": one.seq,
            "flagged": any(flag["by"] == person.name for flag in flagged.get(card["item"], ())),
            "mine": {"id": one.label.id, "value": value_data(one.label.value), "at": one.label.at},
        }
        for card, one in zip(shown(context, ids), found, strict=True)
    ]
    return Answers(items=items)
