"""When the worker should fit and choose anew, and what to say while nothing is ready.

refill(context, purpose) -> Supply      adds a round to the jobs where one is due
wish(context, n)                        contact sheets want so many items at once: queries are as large from now on
choose_more(context, purpose) -> dict   the round itself, run by the worker
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias

from labelsieve.core.errors import NotEnoughLabels, PoolExhausted
from labelsieve.core.types import Purpose
from labelsieve.project import folding, manifest, queries
from labelsieve.project.asking import ask, default_size
from labelsieve.project.context import Context
from labelsieve.project.current import standing_answers
from labelsieve.project.desk import leases
from labelsieve.project.desk.handing import MOST
from labelsieve.project.fitting import fit_task
from labelsieve.project.jobs import table
from labelsieve.project.pooling import Tell, raw_pool
from labelsieve.project.standing import stand
from labelsieve.project.views import foreseen, telling
from labelsieve.project.wholefiles import write_whole

KIND = "round"
AHEAD = 40  # items of a query for each person who labels; under so many open ones more are chosen
WISHED = 1800.0  # seconds for which a wish for more holds
BACKOFF = 15.0  # seconds before a round that failed is tried again
State: TypeAlias = Literal["ready", "preparing", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Supply:
    """Whether more is coming, and one sentence where nothing is; `remedy` names the kind of job that would help."""

    state: State
    note: str = ""
    remedy: str = ""


def refill(
    context: Context, purpose: Purpose | None = None, by: str = "", again: bool = False, since: list[int] | None = None
) -> Supply:
    """Adds a round where too little is open or enough was answered. Cost: O(items of the newest query).

    A round that ended with nothing left is not begun again before something changes; one that failed not before
    BACKOFF seconds, or `again`. With `since`, what a round has seen, only where more has come.
    """
    if purpose == "certify" or (since is not None and since == _seen(context)):
        return Supply("ready")
    args: dict[str, Any] = {"purpose": purpose} if purpose else {}
    last = table.last_of(context.conn, KIND, context.task_name, args)
    if last is not None and (last.state == "waiting" or (last.state == "running" and since is None)):
        return Supply("preparing", last.said)
    enough = (AHEAD if last is None else int(last.result.get("wanted", AHEAD))) >= _ahead(context)
    if enough and not _due(context, purpose):
        return Supply("ready")
    if last is not None and not again and last.state == "failed" and _just(last.ended):
        said = " ".join(str(last.result.get(name, "")) for name in ("error", "hint"))
        return Supply("failed", said, str(last.result.get("remedy", "")))
    if last is not None and last.result.get("exhausted") and last.result.get("seen") == _seen(context):
        return Supply("done", str(last.result["exhausted"]))
    table.add(context.conn, KIND, "rounds", context.task_name, args, by)
    return Supply("preparing")


def wish(context: Context, n: int) -> None:
    """Lets queries have at least n items for a while; fewer than AHEAD are no wish."""
    if n > _ahead(context):
        write_whole(_wishes(context), str(n))


def _wishes(context: Context) -> Path:
    return context.cache / "desk" / f"{context.task.id}.txt"


def _ahead(context: Context) -> int:
    """How many items a query has at least: AHEAD for each person, or what was wished for lately; MOST at most."""
    path = _wishes(context)
    try:
        fresh = abs(time.time() - path.stat().st_mtime) < WISHED
        wished = int(path.read_text()) if fresh else 0
    except (OSError, ValueError):
        wished = 0
    return min(max(AHEAD, AHEAD * leases.holders(context.conn, context.task), wished), MOST)


def _due(context: Context, purpose: Purpose | None) -> bool:
    last = queries.last_for(context.conn, context.task_name, purpose)
    if last is None:
        return True
    answers = standing_answers(context.conn, context.task, last.query.ids)
    left = len([item for item in manifest.present(context.conn, last.query.ids).tolist() if item not in answers])
    return left < min(_ahead(context), len(last.query) // 2 + 1) or len(answers) >= default_size(context)


def _just(ended: str | None) -> bool:
    if ended is None:
        return False
    return abs(datetime.now(UTC) - datetime.fromisoformat(ended)) < timedelta(
        seconds=BACKOFF
    )  # clocks are set back too


def _seen(context: Context) -> list[int]:
    """What a round depends on, as two numbers: the last event, and the last change of the pool."""
    row = context.conn.execute("SELECT (SELECT MAX(seq) FROM events), (SELECT MAX(id) FROM items)").fetchone()
    return [int(value or 0) for value in row]


def choose_more(context: Context, purpose: Purpose | None = None, progress: Tell | None = None) -> dict[str, Any]:
    """Fits, stores the next query, and predicts the pool. What came of it, as plain data.

    `progress` is told where new items have to be embedded first.
    """
    seen = _seen(context)
    raw_pool(context, progress)
    wanted = _ahead(context)
    said: dict[str, Any] = {"seen": seen, "wanted": wanted}
    try:
        size = None if purpose and wanted == AHEAD else _size(context, wanted)
        asked = ask(context, size, None, control=False, purpose=purpose)
        said |= {"query": asked.id, "items": len(asked), "notes": list(asked.notes)}
    except PoolExhausted as error:
        said["exhausted"] = error.fact
    fitted = None
    with suppress(NotEnoughLabels):
        fitted = fit_task(context)
        foreseen.write(context, fitted)
    telling.weigh(context, fitted)
    return said


def _size(context: Context, ahead: int) -> int:
    """Items of a query for the desk: enough that nobody waits while the next one is chosen."""
    left = len(stand(context).pool.ids) - len(folding.answered(context.conn, context.task_name))
    return max(1, min(max(default_size(context), ahead), left))
