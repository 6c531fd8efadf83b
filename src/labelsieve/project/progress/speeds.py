"""How fast people label, and what a label costs: by the times of the answers, pauses left out.

speed_of(context) -> dict      plain data; reads the events of the task once
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.project.context import Context
from labelsieve.project.spending import Spent, spent

PAUSE = 120.0  # seconds without an answer that are no work
FASTEST = 0.05  # seconds between two answers; what comes quicker was written by a program, or many at once
RECENT = 100  # answers that "lately" means
PARTS = 24  # points of the curve
LEAST = 5  # answers before a rate is given


def speed_of(context: Context) -> dict[str, Any]:
    """Labels a minute in all, lately, by annotator and over time; seconds and money a label.

    Answers of people alone count: not imports, nor what near-duplicates got. Cost: O(events of the task).
    """
    sql = """SELECT annotator, (julianday(at) - 2440587.5) * 86400.0, seconds FROM events
      WHERE task = ? AND tag IS NOT NULL AND source = 'human' ORDER BY seq"""
    rows: dict[str, list[tuple[float, float | None]]] = {}
    for name, at, seconds in context.conn.execute(sql, (context.task.id,)):
        rows.setdefault(name, []).append((at, seconds))
    spans = {name: spans_of(np.array(one, np.float64)) for name, one in rows.items()}
    return {
        "annotators": [{"name": name, "labels": len(one), **_rate(one)} for name, one in spans.items()],
        **_rate(np.concatenate(list(spans.values())) if spans else np.empty(0)),
        "lately": _rate(np.concatenate([one[-RECENT:] for one in spans.values()]))["per_minute"] if spans else None,
        "series": _series(rows, spans),
        "cost": cost_of_a_label(spent(context)),
    }


def spans_of(answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds (m,) that each of one person's answers took; `answers` (m, 2) has the time, and the seconds or NaN.

    What the app measured counts; else the time since the answer before. NaN where that was a pause, too
    quick for a person, or unknown.

    >>> spans_of(np.array([[100.0, np.nan], [103.0, np.nan], [900.0, np.nan], [905.0, 2.5]])).tolist()
    [nan, 3.0, nan, 2.5]
    """
    at, told = answers[:, 0], answers[:, 1].copy()
    gap = np.diff(at, prepend=np.nan)
    quick = np.abs(gap) < FASTEST
    burst = quick | np.append(quick[1:], False)[: len(quick)]  # its first answer is a program's as well
    gap[burst | ~((gap >= 0) & (gap <= PAUSE))] = np.nan
    told[told > PAUSE] = np.nan
    out: NDArray[np.float64] = np.where(np.isfinite(told), told, gap)
    return out


def _rate(spans: NDArray[np.float64]) -> dict[str, float | None]:
    """Labels a minute of work, and the median seconds of one; None below LEAST answers."""
    known = spans[np.isfinite(spans)]
    if len(known) < LEAST or known.sum() <= 0:
        return {"per_minute": None, "median_seconds": None}
    return {
        "per_minute": round(60 * len(known) / float(known.sum()), 2),
        "median_seconds": round(float(np.median(known)), 3),
    }


def _series(
    rows: Mapping[str, list[tuple[float, float | None]]], spans: Mapping[str, NDArray[np.float64]]
) -> list[dict[str, Any]]:
    """Labels a minute over the labels, of all people together, in at most PARTS parts."""
    if not rows:
        return []
    at = np.concatenate([[one[0] for one in answers] for answers in rows.values()])
    took = np.concatenate([spans[name] for name in rows])[np.argsort(at, kind="stable")]
    size = max(10, -(-len(took) // PARTS))
    ends = list(range(size, len(took) + 1, size))
    points = [(end, _rate(took[end - size : end])["per_minute"]) for end in ends]
    return [{"labels": end, "per_minute": rate} for end, rate in points if rate is not None]


def cost_of_a_label(used: Spent) -> dict[str, Any]:
    """What was spent, in all and a label; None where nothing is measured."""
    return {
        **used.as_dict(),
        "seconds_each": round(60 * used.minutes / used.timed, 2) if used.timed else None,
        "money_each": round(used.money / used.labels, 4) if used.labels and used.money else None,
    }
