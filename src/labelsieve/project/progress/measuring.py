"""What is too slow to be asked in passing, measured by a job and kept below cache/progress: curve, classes, doubts.

measure(context, tell) -> dict             measures, keeps, and says how long it took
measured(context) -> dict | None           what was measured last
remeasure(context, by) -> Job | None       adds the job where something has changed since
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import LabelsieveError, NotEnoughLabels
from labelsieve.core.types import Interval
from labelsieve.project import ordering
from labelsieve.project.auditing import LEAST, audit_tables
from labelsieve.project.context import Context
from labelsieve.project.curves import CurvePoint
from labelsieve.project.fitting import Fitted, audit_proba, fit_task
from labelsieve.project.jobs import table
from labelsieve.project.jobs.table import Job
from labelsieve.project.report.data import Curve
from labelsieve.project.report.gathering import gathered_curve
from labelsieve.project.standing import stand
from labelsieve.project.wholefiles import write_whole

Tell = Callable[[int, int, str], None]
KIND = "measure"
CONFUSIONS, DOUBTS = 30, 50
FROM = 40  # labels that it takes to doubt one: see docs/decisions/0015-second-look.md
REST = 20.0  # seconds between two measurements, at least,
PART = 5.0  # and so many times what the last one took


def measure(context: Context, tell: Tell) -> dict[str, Any]:
    """Fits the curve, reads the audit slice, lets heads gainsay labels they have not seen. Cost: about 50 fits."""
    began, now = time.perf_counter(), _now(context)
    tell(0, 4, "fitting the model")
    standing = stand(context)
    found: dict[str, Any] = {"now": now, "audit_labels": len(standing.audit), "train_labels": len(standing.train)}
    try:
        fitted = fit_task(context, standing)
    except NotEnoughLabels as error:
        found["lacking"] = f"{error.fact} {error.hint}".strip()
    else:
        tell(1, 4, "reading the audit slice")
        found |= _audited(fitted)
        tell(2, 4, "the learning curve")
        found["curve"] = _plain_curve(gathered_curve(context, standing))
        tell(3, 4, "labels that the model gainsays")
        found |= _doubts(context) if len(standing.both) >= FROM else {"doubts": [], "doubts_from": FROM}
    found["seconds"] = round(time.perf_counter() - began, 2)
    write_whole(_path(context), json.dumps(_finite(found)))
    return {"seconds": found["seconds"], "labels": len(standing.train)}


def measured(context: Context) -> dict[str, Any] | None:
    """What was measured last, and whether labels have come since (`stale`); None before the first measurement."""
    try:
        found: dict[str, Any] = json.loads(_path(context).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found | {"stale": found["now"] != _now(context)}


def remeasure(context: Context, by: str = "") -> Job | None:
    """The job that measures: the one that is open, or a new one where something has changed and the last was a while
    ago. None where there is nothing to do."""
    last = table.last_of(context.conn, KIND, context.task_name, {})
    if last is not None and last.ended is None:
        return last
    known = measured(context)
    if known is not None and not known["stale"]:
        return None
    if last is not None and _age(last) < max(REST, PART * float(last.result.get("seconds", 0.0))):
        return None
    if _now(context)[0] == 0:
        return None
    return table.add(context.conn, KIND, "long", context.task_name, {}, by)


def _age(job: Job) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(str(job.ended))).total_seconds()


def _now(context: Context) -> list[int]:
    """What a measurement depends on: the last answer of the task, the last change of the pool, the engine."""
    sql = "SELECT COALESCE(MAX(seq), 0), (SELECT COALESCE(MAX(seq), 0) FROM changes) FROM events WHERE task = ?"
    return [*context.conn.execute(sql, (context.task.id,)).fetchone(), context.settings.embeddings]


def _path(context: Context) -> Path:
    return context.cache / "progress" / f"{context.task_name}.json"


def _audited(fitted: Fitted) -> dict[str, Any]:
    """Score, classes and confusions by the audit slice; nothing under 10 audit items."""
    audit = fitted.stand.audit
    if len(audit) < LEAST:
        return {}
    tables = audit_tables(audit.y, audit_proba(fitted), audit.classes, audit.kind)
    shown = [
        {"true": one.true, "said": one.said, "items": audit.ids[list(one.rows)].tolist()}
        for one in tables.confusions[:CONFUSIONS]
    ]
    calibration = {"error": tables.calibration.error, "by_chance": tables.calibration.by_chance}
    return {
        "audit": {"n": tables.n, "metric": tables.metric, "score": _interval(tables.score), "calibration": calibration},
        "classes": [
            asdict(one) | {"precision": _interval(one.precision), "recall": _interval(one.recall)}
            for one in tables.classes
        ],
        "confusions": shown,
    }


def _plain_curve(curve: Curve) -> dict[str, Any]:
    forecast = None
    if curve.forecast is not None:
        one = curve.forecast
        forecast = {"labels": one.labels, "more": one.more, "score": _interval(one.score), "gain": _interval(one.gain)}
    return {
        "metric": curve.metric,
        "points": [_point(point) for point in curve.points],
        "control": [_point(point) for point in curve.control],
        "over_control": _interval(curve.over_control),
        "forecast": forecast,
        "found": [{"labels": labels, "found": odd} for labels, odd in curve.found],
    }


def _point(point: CurvePoint) -> dict[str, Any]:
    return {"labels": point.labels, "n": point.n, **(_interval(point.score) or {})}


def _interval(one: Interval | None) -> dict[str, float] | None:
    return None if one is None else {"mean": one.mean, "low": one.low, "high": one.high}


def _doubts(context: Context) -> dict[str, Any]:
    """Labels that are to be looked at again, most surely wrong first."""
    try:
        ranked = ordering.suspects(context, DOUBTS)
    except LabelsieveError:  # too few labels, or all of one group
        return {"doubts": []}
    rows = zip(ranked.ids.tolist(), ranked.keys, ranked.labels, ranked.predicted, ranked.score.tolist(), strict=True)
    return {"doubts": [dict(zip(("item", "key", "label", "said", "p"), row, strict=True)) for row in rows]}


def _finite(value: Any) -> Any:
    """Plain data without NaN, which JSON has not."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, float | np.floating):
        return round(float(value), 6) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
