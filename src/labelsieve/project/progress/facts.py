"""Everything that the progress page shows, as plain data: what is quick is new, the rest is as it was measured last.

progress_of(context) -> dict
plan_of(context, wish) -> dict       what a guarantee would cost here
"""

from dataclasses import asdict, dataclass
from typing import Any

from labelsieve.project import manifest
from labelsieve.project.context import Context
from labelsieve.project.progress.measuring import measured
from labelsieve.project.progress.speeds import speed_of
from labelsieve.project.state import status
from labelsieve.screening.planning import Goal, audit_plan

_KEPT = ("items", "labels", "answered", "classes", "task", "queries", "spent", "budget", "fit", "advice")
_SCREEN = ("search", "guarantee", "audit")


def progress_of(context: Context) -> dict[str, Any]:
    """Counts, speed, cost, advice and, for a screen, what was found, as they are now; `measured`: curve, classes,
    confusions and doubts as the job `measure` saw them last (None before). Reads the ledger; nothing is fitted."""
    known = status(context)
    out = {name: known[name] for name in _KEPT}
    screen = {name: known[name] for name in _SCREEN} if known["search"] else None
    return out | {"speed": speed_of(context), "screen": screen, "measured": measured(context)}


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall be shown of a screen."""

    prevalence: float
    recall: float = 0.9
    confidence: float = 0.95
    looks: int = 1
    seconds: float = 30.0  # a contact sheet of 64 takes


def plan_of(context: Context, wish: Wish) -> dict[str, Any]:
    """Labels, sheets and hours that proof of this recall takes in the pool, as `labelsieve plan --json` says it."""
    pool = len(manifest.ids(context.conn))
    plan = audit_plan(Goal(pool, wish.prevalence, wish.recall, wish.confidence, wish.looks, wish.seconds))
    return asdict(plan) | {"spikes": {f"{level:g}": n for level, n in plan.spikes.items()}}
