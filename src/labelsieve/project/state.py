"""The state of a project and task as plain data: what `status` prints and the report starts from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from labelsieve.core.idsets import without
from labelsieve.core.randomness import stream
from labelsieve.core.types import Interval, Task
from labelsieve.project import folding, manifest
from labelsieve.project.claims.awaiting import awaited
from labelsieve.project.context import Context
from labelsieve.project.indexfacts import index_state
from labelsieve.project.narrowing import scan_costs
from labelsieve.project.slices import LEAST_AUDIT
from labelsieve.project.spending import budget_left, spent
from labelsieve.selection.stopping import ROUNDS, Advice, Signals, advise, gained

SHOWN = 1000  # set-aside entries that are listed; all are counted


def status(context: Context) -> dict[str, Any]:
    """Counts, classes, spending, the last fit and advice. Reads the ledger only: no engine, no embeddings.

    Labels of an audit with hidden items count when all of it is answered; `audit` says how much is open.
    """
    conn, task = context.conn, context.task
    aside = manifest.set_asides(conn)
    later = awaited(conn, task.name)
    labels = without(folding.fold(conn, task.name).ids, later)
    answered = without(folding.answered(conn, task.name), later)
    fits = fit_history(context)
    search, held, audit, taught = _screen_state(context, fits) if task.kind == "screen" else (None, None, None, [])
    advice = stop_advice(context, fits, search, held)
    return {
        "project": str(context.root),
        "items": len(manifest.ids(conn)),
        "labels": len(labels),
        "answered": len(answered),
        "classes": folding.class_counts(conn, task.name, later),
        "set_aside": [{"key": row.key, "reason": row.reason, "stage": row.stage} for row in aside[:SHOWN]],
        "set_aside_total": len(aside),
        "task": {"name": task.name, "kind": task.kind, "closed": task.closed, **_dull(task)},
        "tasks": sorted(context.settings.tasks),
        "sources": [
            {"name": row.name, "modality": row.modality, "synced": row.synced} for row in context.rows.values()
        ],
        "engine": {"name": context.settings.engine, "embeddings": context.settings.embeddings},
        "index": index_state(context),
        "scan_seconds": scan_costs(context),
        "annotators": folding.annotators(conn, task.name, later),
        "queries": conn.execute("SELECT COUNT(*) FROM queries WHERE task = ?", (task.id,)).fetchone()[0],
        "spent": spent(context).as_dict(),
        "budget": {unit: limit for unit, _, limit in budget_left(context)},
        "taught": taught,
        "fit": _last_fit(fits[-1], len(answered), taught) if fits else None,
        "search": search,
        "guarantee": held,
        "audit": audit,
        "advice": {"stop": advice.stop, "reasons": list(advice.reasons)},
        "seed": context.settings.seed,
    }


def _screen_state(
    context: Context, fits: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any] | None, list[dict[str, Any]]]:
    """What a screen has beside other tasks: its search, what an audit showed, the audit under way, what was taught."""
    from labelsieve.project.claims.claiming import audit_state, last_look
    from labelsieve.project.finding import search_state
    from labelsieve.project.lessons.teaching import taught_state

    taught = taught_state(context, fits[-1].get("taught", []) if fits else [])
    return search_state(context), last_look(context), audit_state(context), taught


def _last_fit(fit: Mapping[str, Any], answered: int, taught: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The last fit without its items, and how many labels and taught items, at least, were taken back since."""
    audit = fit["audit"]["n"] if fit["audit"] else 0
    standing = sum(one["dull"] + one["odd"] for one in taught)
    back = {
        "labels_back": max(0, fit["labels"] + audit - answered),
        "taught_back": max(0, fit.get("from_taught", 0) - standing),
    }
    return {name: value for name, value in fit.items() if name != "right"} | back


def _dull(task: Task) -> dict[str, str]:
    return {"dull": task.dull} if task.kind == "screen" else {}


def fit_history(context: Context) -> list[dict[str, Any]]:
    """Every fit of the task, oldest first: at, labels, head, and what was measured."""
    sql = "SELECT at, labels, head, metrics FROM fits WHERE task = ? ORDER BY id"
    rows = context.conn.execute(sql, (context.task.id,)).fetchall()
    return [{"at": at, "labels": n, **json.loads(head), **json.loads(metrics)} for at, n, head, metrics in rows]


def stop_advice(
    context: Context,
    fits: list[dict[str, Any]],
    search: Mapping[str, Any] | None = None,
    held: Mapping[str, Any] | None = None,
) -> Advice:
    """Whether to stop, with reasons: a budget that is spent, heads that settle, an audit slice that gains no more.

    In a screen nothing but the budget, what the last queries found (`search`) and what an audit showed (`held`): heads
    agree early where nearly everything is dull.
    """
    signals = Signals(
        kappas=_numbers(fits, "kappa"),
        changed=_numbers(fits, "changed"),
        doubt=_numbers(fits, "doubt"),
        audit=[fit["audit"]["mean"] if fit["audit"] else float("nan") for fit in fits],
        gains=[gain for at in range(max(len(fits) - ROUNDS, 0), len(fits)) if (gain := _gain(context, fits[: at + 1]))],
        care=context.task_settings.care,
    )
    for unit, used, limit in budget_left(context):
        if used >= limit:
            over = Signals() if context.task.kind == "screen" else signals
            return advise(replace(over, spent=used, budget=limit, unit=unit))
    if context.task.kind != "screen":
        return advise(signals)
    return Advice(False, _of_screen(context, search, held))


def _of_screen(context: Context, search: Mapping[str, Any] | None, held: Mapping[str, Any] | None) -> tuple[str, ...]:
    from labelsieve.project.finding import in_vain, quiet, search_state, yield_said

    search = search or search_state(context)
    conn, name = context.conn, context.task_name
    sizes = folding.class_counts(conn, name, awaited(conn, name))
    if not sizes:
        return ("Nothing is labelled yet.",)
    said = [f"{search['found']:,} of {sum(sizes.values()):,} labels are odd.", yield_said(search)]
    if held is not None:
        said.append(f"An audit showed: {held[held['decides']]['claim']}. Whether that is enough is yours to say.")
    elif quiet(search):
        said.append(
            f"Nothing odd among the last {in_vain(search):,} searched: more search may find little. Only an audit can "
            "say what is left."
        )
    return tuple(filter(None, said))


def _numbers(fits: list[dict[str, Any]], name: str) -> list[float]:
    return [float("nan") if fit.get(name) is None else float(fit[name]) for fit in fits]


def _gain(context: Context, fits: list[dict[str, Any]]) -> Interval | None:
    """Gain of the last of these heads over the latest that had at most half its labels, on the same audit items."""
    last = fits[-1]
    older = [fit for fit in fits if fit.get("right") and 2 * fit["labels"] <= last["labels"]]
    if not last.get("right") or not older:
        return None
    then, now = older[-1]["right"], last["right"]
    _, a, b = np.intersect1d(then["ids"], now["ids"], return_indices=True)
    if len(a) < LEAST_AUDIT:
        return None
    rng = stream(context.settings.seed, "gain", len(fits))
    return gained(np.array(then["right"])[a], np.array(now["right"])[b], rng)
