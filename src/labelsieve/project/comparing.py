"""Which engine is best here: heads on the same training labels, compared on the same random audit items.

Cross-validation on actively chosen labels misleads, so it is not offered. Differences are paired by item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, NotEnoughLabels
from labelsieve.core.randomness import stream
from labelsieve.core.rounds import Pool
from labelsieve.core.statistics import bootstrap
from labelsieve.core.types import Interval, Labels
from labelsieve.project import manifest
from labelsieve.project.context import Context
from labelsieve.project.pooling import embed_with
from labelsieve.project.slices import LEAST_AUDIT
from labelsieve.project.standing import stand
from labelsieve.project.training import GIVES, Chooser, Meaning, fit, fit_view, is_tabular, restricted, right, view_way
from labelsieve.store.pools import SubPool, ViewedPool

SAME = 1e-5  # rows of unit norm that lie closer than this are one and the same to a head
MERGED_SHARE = 0.01  # of the labelled items: from here on the engine is warned of


@dataclass(frozen=True, slots=True)
class _Measured:
    name: str
    right: NDArray[np.float64]  # (a,) one number in [0, 1] an audit item
    merged: int  # labelled items that share their row with an item of another class
    labelled: int


def compare_engines(context: Context, engines: Sequence[str]) -> list[dict[str, Any]]:
    """One row an engine, best first: score on the audit slice, and the difference to the best with its interval.

    `enough` says whether the evidence tells an engine from the best one. NotEnoughLabels under 10 audit labels.
    """
    names = list(dict.fromkeys(engines))
    if len(names) < 2:
        raise InputError(
            f"{len(names)} engine was named; expected two or more.", "labelsieve engines compare PROJECT A B"
        )
    standing = stand(context)
    audit, train = standing.audit, standing.train
    if len(audit) < LEAST_AUDIT or not len(train):
        raise NotEnoughLabels(
            f"there are {len(audit)} audit labels and {len(train)} training labels; "
            f"expected at least {LEAST_AUDIT} and 1.",
            "label more: labelsieve next mixes audit items into each query.",
        )
    pools = {name: _pool_of(context, name) for name in names}
    shared = standing.pool.ids
    for pool, _ in pools.values():
        shared = np.intersect1d(shared, pool.ids)
    audit, train = restricted(audit, shared), restricted(train, shared)
    measured = [_measure(context, name, pools[name], train, audit) for name in names]
    return _ranked(measured, context.settings.seed)


def _pool_of(context: Context, name: str) -> tuple[Pool, Meaning]:
    engine, shards, _ = embed_with(context, name)
    present = np.intersect1d(shards.ids, manifest.ids(context.conn))
    return SubPool(shards, present), GIVES.get(engine.name, "directions")


def _measure(context: Context, name: str, embedded: tuple[Pool, Meaning], train: Labels, audit: Labels) -> _Measured:
    raw, meaning = embedded
    pool = ViewedPool(raw, fit_view(raw, view_way(train.kind, meaning), context.settings.seed))
    head = fit(Chooser(context.task_settings.head, is_tabular(meaning)), pool, train)
    proba = head.predict_proba(pool.take(audit.ids))
    both = np.concatenate([train.ids, audit.ids])
    merged = merged_items(pool.take(both), np.concatenate([train.y, audit.y]), manifest.digests(context.conn, both))
    return _Measured(name, right(audit, proba), merged, len(both))


def merged_items(x: NDArray[Any], y: NDArray[Any], digests: Sequence[str]) -> int:
    """How many items share their row of x (m, d) with an item of another label though their content differs.

    An engine that does this threw away what the task needs. Cost: O(m d + m log m).
    """
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    cells = np.round(x / np.where(norm > 0, norm, 1) / SAME).astype(np.int64)
    _, group = np.unique(cells, axis=0, return_inverse=True)
    labels = np.unique(np.asarray(y).reshape(len(x), -1), axis=0, return_inverse=True)[1].reshape(-1)
    content = np.unique(np.array(digests), return_inverse=True)[1]
    merged = 0
    order = np.argsort(group, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(set(labels[rows].tolist())) > 1 and (len(set(content[rows].tolist())) > 1 or not digests[rows[0]]):
            merged += len(rows)
    return merged


def _ranked(measured: list[_Measured], seed: int) -> list[dict[str, Any]]:
    measured = sorted(measured, key=lambda one: -float(one.right.mean()))
    best = measured[0]
    rows = []
    for one in measured:
        rng = stream(seed, "compare", one.name)
        behind = bootstrap(best.right - one.right, rng) if one is not best else Interval(0.0, 0.0, 0.0)
        enough = one is best or behind.low > 0
        rows.append(_row(one, bootstrap(one.right, rng), behind, enough, one is best))
    rows[0]["enough"] = len(rows) > 1 and rows[1]["enough"]
    rows[0]["finding"] = _warned("best" if rows[0]["enough"] else "first, not enough evidence", best)
    return rows


def _row(one: _Measured, score: Interval, behind: Interval, enough: bool, first: bool) -> dict[str, Any]:
    said = "worse than the first" if enough and not first else "not enough evidence"
    return {
        "engine": one.name,
        "score": round(score.mean, 4),
        "low": round(score.low, 4),
        "high": round(score.high, 4),
        "behind": round(behind.mean, 4),
        "behind_low": round(behind.low, 4),
        "behind_high": round(behind.high, 4),
        "audit": len(one.right),
        "merged": one.merged,
        "enough": enough,
        "finding": _warned(said, one),
    }


def _warned(said: str, one: _Measured) -> str:
    if one.merged <= MERGED_SHARE * one.labelled:
        return said
    return f"{said}; WARNING: gives {one.merged} of {one.labelled} labelled items the row of an item with another label"
