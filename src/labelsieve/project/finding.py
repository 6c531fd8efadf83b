"""What a screen has found so far: query by query, arm by arm, and beside it what random items show.

search_state(context) -> dict      plain data, from the ledger alone
yield_said(state) -> str           the last queries in a sentence
quiet(state) -> bool               whether the search has found nothing for a while
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from labelsieve.core.types import DULL, ODD, Ids, Query
from labelsieve.project import folding, queries
from labelsieve.project.claims.awaiting import awaited
from labelsieve.project.context import Context
from labelsieve.project.grounds import sides_among
from labelsieve.project.training import restricted

LAST = 3  # queries that are spoken of
QUIET = 30  # searched items in a row without anything odd, from which on an audit says more than more search
RANDOM = ("audit", "calibration", "control", "certify")


@dataclass(slots=True)
class Yield:
    """How many items were answered, and how many of them are odd."""

    answered: int = 0
    odd: int = 0

    def add(self, code: int) -> None:
        self.answered += 1
        self.odd += code == ODD


@dataclass(slots=True)
class Step:
    """One query: what was searched for and what was drawn at random; `labels` and `found` count from the beginning."""

    query: int
    search: Yield = field(default_factory=Yield)
    drawn: Yield = field(default_factory=Yield)
    audited: Yield = field(default_factory=Yield)  # of what was drawn, by an audit: from what nobody had reviewed
    arms: dict[str, Yield] = field(default_factory=dict)
    labels: int = 0
    found: int = 0


def search_state(context: Context) -> dict[str, Any]:
    """found (odd items known, and how many of them somebody has looked at), steps (one a query that has answers),
    arms (by what they found), searched, random (from the whole pool) and audited (from what nobody had reviewed), each
    as answered and odd, calibration (dull items, and the lowest rate of false alarms that they can show).

    Without answers to an audit that nothing shows yet. Cost: one fold, and every query is read.
    """
    labels = folding.fold(context.conn, context.task_name)
    labels = restricted(labels, awaited(context.conn, context.task_name), inside=False)
    code = dict(zip(labels.ids.tolist(), labels.y.tolist(), strict=True))
    travelled = queries.travelled(context.conn, context.task_name)
    steps: list[Step] = []
    seen: set[int] = set()
    for stored in queries.history(context.conn, context.task_name):
        step = _step(stored.id, stored.query, code, seen)
        if step.search.answered or step.drawn.answered:
            before = steps[-1] if steps else Step(0)
            step.labels = before.labels + step.search.answered + step.drawn.answered
            step.found = before.found + step.search.odd + step.drawn.odd
            steps.append(step)
    calibration = _calibration(context)
    dull = int((labels.y[np.isin(labels.ids, calibration)] == DULL).sum())
    odd = labels.ids[labels.y == ODD]
    drawn, audited = _total([step.drawn for step in steps]), _total([step.audited for step in steps])
    return {
        "found": len(odd),
        "looked_at": int((~np.isin(odd, travelled)).sum()),
        "travelled": len(travelled),
        "searched": asdict(_total([step.search for step in steps])),
        "random": asdict(Yield(drawn.answered - audited.answered, drawn.odd - audited.odd)),
        "audited": asdict(audited),
        "arms": [{"arm": name, **asdict(total)} for name, total in _arms(steps)],
        "steps": [asdict(step) for step in steps],
        "calibration": {"dull": dull, "floor": 1 / (dull + 1)},
    }


def _calibration(context: Context) -> Ids:
    """Ids (m,) of the items that say how high dull items score: asked for that, or drawn by an audit on that side."""
    asked = queries.asked_for(context.conn, context.task_name, "calibration")
    audited = queries.asked_for(context.conn, context.task_name, "certify")
    return np.union1d(asked, sides_among(context, audited).drawn["calibration"])


def _step(id_: int, query: Query, code: Mapping[int, int], seen: set[int]) -> Step:
    """What one query brought; an item asked twice counts where it was asked first."""
    step = Step(id_)
    purposes, arms = query.purpose or ("search",) * len(query), query.arms or ("",) * len(query)
    for item, purpose, names in zip(query.ids.tolist(), purposes, arms, strict=True):
        if item in seen or item not in code:
            continue
        seen.add(item)
        if purpose in RANDOM:
            step.drawn.add(code[item])
            if purpose == "certify":
                step.audited.add(code[item])
        elif purpose == "search":
            step.search.add(code[item])
            for name in filter(None, names.split(" + ")):
                step.arms.setdefault(name, Yield()).add(code[item])
    return step


def _total(parts: Sequence[Yield]) -> Yield:
    return Yield(sum(one.answered for one in parts), sum(one.odd for one in parts))


def _arms(steps: Sequence[Step]) -> list[tuple[str, Yield]]:
    """Every arm with what it had on its list and what of that was odd, the most fruitful first."""
    names = dict.fromkeys(name for step in steps for name in step.arms)
    totals = [(name, _total([step.arms[name] for step in steps if name in step.arms])) for name in names]
    return sorted(totals, key=lambda pair: (-pair[1].odd, pair[1].answered, pair[0]))


def in_vain(state: Mapping[str, Any]) -> int:
    """Searched items since the last query that found something odd."""
    n = 0
    for step in reversed(state["steps"]):
        if step["search"]["odd"]:
            break
        n += step["search"]["answered"]
    return n


def quiet(state: Mapping[str, Any]) -> bool:
    """Whether something odd is known, and the search has found nothing more for 30 items."""
    return state["found"] > 0 and in_vain(state) >= QUIET


def yield_said(state: Mapping[str, Any]) -> str:
    """What the last queries found, beside random items."""
    steps = [step for step in state["steps"] if step["search"]["answered"]][-LAST:]
    drawn = state["random"]
    were = "was" if drawn["odd"] == 1 else "were"
    random = f"Of {drawn['answered']:,} random items {drawn['odd']:,} {were} odd." if drawn["answered"] else ""
    if not steps:
        return random
    found = " and ".join(_listed([f"{step['search']['odd']:,}" for step in steps]))
    asked = sum(step["search"]["answered"] for step in steps)
    last = "The last query" if len(steps) == 1 else f"The last {len(steps)} queries"
    return f"{last} found {found} odd among {asked:,} searched. {random}".strip()


def _listed(words: list[str]) -> list[str]:
    return words if len(words) < 2 else [", ".join(words[:-1]), words[-1]]
