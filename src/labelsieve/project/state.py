"""The state of a project and task as plain data: what `status` prints and the report starts from."""

import json
from typing import Any

from labelsieve.core.types import Task
from labelsieve.project import folding, manifest
from labelsieve.project.context import Context
from labelsieve.project.spending import budget_left, spent
from labelsieve.selection.stopping import Advice, advise

SHOWN = 1000  # set-aside entries that are listed; all are counted


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
        "fit": fits[-1] if fits else None,
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
    """Whether to stop, with reasons: a budget that is spent, heads that agree, an audit slice that gains no more."""
    kappas = [fit["kappa"] if fit["kappa"] is not None else float("nan") for fit in fits]
    audit = [fit["audit"]["mean"] if fit["audit"] else float("nan") for fit in fits]
    for unit, used, limit in budget_left(context):
        if used >= limit:
            return advise(kappas, audit, used, limit, unit)
    return advise(kappas, audit)
