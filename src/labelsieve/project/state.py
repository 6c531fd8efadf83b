"""The state of a project and task as plain data: what `status` prints and the report starts from."""

import json
from dataclasses import replace
from typing import Any

import numpy as np

from labelsieve.core.randomness import stream
from labelsieve.core.types import Interval, Task
from labelsieve.project import folding, manifest
from labelsieve.project.context import Context
from labelsieve.project.curves import LEAST_AUDIT
from labelsieve.project.spending import budget_left, spent
from labelsieve.selection.stopping import ROUNDS, Advice, Signals, advise, gained

SHOWN = 1000  # set-aside entries that are listed; all are counted
OLDER = 0.9  # of the labels of a head: from here down another counts as older


def status(context: Context) -> dict[str, Any]:
    """Counts, classes, spending, the last fit and advice. Reads the ledger only: no engine, no embeddings."""
    conn, task = context.conn, context.task
    aside = manifest.set_asides(conn)
    labels = folding.fold(conn, task.name)
    answered = folding.answered(conn, task.name)
    fits = fit_history(context)
    advice = stop_advice(context, fits)
    return {
        "project": str(context.root),
        "items": len(manifest.ids(conn)),
        "labels": len(labels),
        "answered": len(answered),
        "classes": folding.class_counts(conn, task.name),
        "set_aside": [{"key": row.key, "reason": row.reason, "stage": row.stage} for row in aside[:SHOWN]],
        "set_aside_total": len(aside),
        "task": {"name": task.name, "kind": task.kind, "closed": task.closed, **_dull(task)},
        "tasks": sorted(context.settings.tasks),
        "sources": [
            {"name": row.name, "modality": row.modality, "synced": row.synced} for row in context.rows.values()
        ],
        "engine": {"name": context.settings.engine, "embeddings": context.settings.embeddings},
        "annotators": folding.annotators(conn, task.name),
        "queries": conn.execute("SELECT COUNT(*) FROM queries WHERE task = ?", (task.id,)).fetchone()[0],
        "spent": spent(context).as_dict(),
        "budget": {unit: limit for unit, _, limit in budget_left(context)},
        "fit": {name: value for name, value in fits[-1].items() if name != "right"} if fits else None,
        "advice": {"stop": advice.stop, "reasons": list(advice.reasons)},
        "seed": context.settings.seed,
    }


def _dull(task: Task) -> dict[str, str]:
    return {"dull": task.dull} if task.kind == "screen" else {}


def fit_history(context: Context) -> list[dict[str, Any]]:
    """Every fit of the task, oldest first: at, labels, head, and what was measured."""
    sql = "SELECT at, labels, head, metrics FROM fits WHERE task = ? ORDER BY id"
    rows = context.conn.execute(sql, (context.task.id,)).fetchall()
    return [{"at": at, "labels": n, **json.loads(head), **json.loads(metrics)} for at, n, head, metrics in rows]


def stop_advice(context: Context, fits: list[dict[str, Any]]) -> Advice:
    """Whether to stop, with reasons: a budget that is spent, heads that settle, an audit slice that gains no more."""
    signals = Signals(
        kappas=_numbers(fits, "kappa"),
        changed=_numbers(fits, "changed"),
        doubt=_numbers(fits, "doubt") if context.task.kind != "screen" else (),
        audit=[fit["audit"]["mean"] if fit["audit"] else float("nan") for fit in fits],
        gain=_gain(context, fits),
        care=context.task_settings.care,
    )
    for unit, used, limit in budget_left(context):
        if used >= limit:
            return advise(replace(signals, spent=used, budget=limit, unit=unit))
    return advise(signals)


def _numbers(fits: list[dict[str, Any]], name: str) -> list[float]:
    return [float("nan") if fit.get(name) is None else float(fit[name]) for fit in fits]


def _gain(context: Context, fits: list[dict[str, Any]]) -> Interval | None:
    """Gain of the last head over one that is some rounds and a tenth of the labels older, on the same audit items."""
    known = [fit for fit in fits if fit.get("right")]
    if not known or known[-1] is not fits[-1]:
        return None
    last = known[-1]
    older = [fit for fit in known[:-ROUNDS] if fit["labels"] <= OLDER * last["labels"]]
    if not older:
        return None
    then, now = older[-1]["right"], last["right"]
    _, a, b = np.intersect1d(then["ids"], now["ids"], return_indices=True)
    if len(a) < LEAST_AUDIT:
        return None
    rng = stream(context.settings.seed, "gain", len(fits))
    return gained(np.array(then["right"])[a], np.array(now["right"])[b], rng)
