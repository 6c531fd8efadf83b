"""The learning curve of a task: heads fitted on the first labels of each query, measured on the whole audit slice.

Every point is measured on the same random items, so that points can be compared; heads are fitted anew, so
that the curve is what these labels were worth, not what was fitted at the time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.errors import NotEnoughLabels
from labelsieve.core.rounds import Pool
from labelsieve.core.sockets import Head
from labelsieve.core.statistics import bootstrap, wilson
from labelsieve.core.types import ODD, Ids, Interval, Labels
from labelsieve.heads import metrics
from labelsieve.project.slices import LEAST_AUDIT
from labelsieve.project.training import fit

POINTS = 24
DRAWS = 250  # of the bootstrap


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What the head of the first `labels` labels reaches on the audit slice (accuracy, or average precision)."""

    labels: int
    score: Interval
    n: int  # audit items


Choose = Callable[[Labels, Head | None], Head]


def checkpoints(sizes: NDArray[np.int64], points: int = POINTS) -> NDArray[np.int64]:
    """At most `points` of the label counts in `sizes` (ascending), the first and the last among them."""
    if len(sizes) <= points:
        return sizes
    return np.asarray(sizes[np.unique(np.linspace(0, len(sizes) - 1, points).round().astype(int))])


def learning_curve(
    pool: Pool, labels: Labels, order: Ids, audit: Labels, sizes: NDArray[np.int64], choose: Choose
) -> list[CurvePoint]:
    """One point for each of `sizes`: how many labels, in the `order` (m,) of ids in which they were given.

    Empty under 10 audit items. Cost: one fit a point.
    """
    if len(audit) < LEAST_AUDIT:
        return []
    x_audit = pool.take(audit.ids)
    points: list[CurvePoint] = []
    head: Head | None = None
    for size in checkpoints(sizes):
        first = np.sort(order[:size])
        at = np.searchsorted(labels.ids, first)
        known = Labels(first, labels.y[at], labels.classes, labels.kind)
        try:
            head = fit(choose, pool, known, head)
        except NotEnoughLabels:
            continue
        points.append(CurvePoint(int(size), audit_score(audit.y, head.predict_proba(x_audit)), len(audit)))
    return points


def found_curve(labels: Labels, order: Ids, sizes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """(labels, odd found) of a screen, in the order of labelling."""
    odd = labels.y[np.searchsorted(labels.ids, order)] == ODD
    return [(int(size), int(odd[:size].sum())) for size in checkpoints(sizes)]


def audit_score(y: NDArray[Any], proba: NDArray[Any]) -> Interval:
    """Accuracy with its Wilson interval; for multilabel y (a, c) average precision with a bootstrap over items."""
    if y.ndim == 1:
        return wilson(int((proba.argmax(axis=1) == y).sum()), len(y))
    draws = np.random.default_rng(0).integers(0, len(y), size=(DRAWS, len(y)))
    values = np.array([metrics.average_precision(y[at], proba[at]) for at in draws], dtype=np.float64)
    if np.isnan(values).all():
        return Interval(float("nan"), 0.0, 1.0)
    low, high = np.nanquantile(values, [0.025, 0.975])
    return Interval(metrics.average_precision(y, proba), float(low), float(high))


def paired_gain(audit: Labels, before: NDArray[Any], after: NDArray[Any], rng: Generator) -> Interval:
    """Accuracy gained from one head to the next, paired by audit item, with a bootstrap interval."""
    gain = (after.argmax(axis=1) == audit.y).astype(float) - (before.argmax(axis=1) == audit.y)
    return bootstrap(gain, rng)
