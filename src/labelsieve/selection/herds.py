"""Herding: cover the pool under a soft kernel, as it is or weighted by what the head is unsure of."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Matrix, Query, Vector
from labelsieve.selection.acquisition import from_proba, margin
from labelsieve.selection.candidates import thin
from labelsieve.selection.composing import chosen
from labelsieve.selection.coverage import FACILITIES, POINTS, Covering, directions
from labelsieve.selection.neighbours import nearest

RADIUS = 1.0  # of the kernel on unit-norm rows, while nothing says better
NARROWEST = 0.01  # below it rows would not even cover themselves in float32
SURE = 1e-3  # weight of an item that the head is sure of: with none in doubt the rule is plain coverage
TEMPERATURES = 2.0 ** np.linspace(-3, 3, 13)
FOLDS, BINS = 3, 15


def by_maxherding(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) that covers the pool under a Gaussian kernel of radius 1 on unit-norm rows. Needs no head.

    Greedy on the mean over items of the kernel to the nearest of all that is labelled or picked. At most 8,192 random
    items can be chosen and 4,096 are covered. Rows that stand at more than a right angle count as at a right angle.

    Source: Bae, Noh and Sutherland 2024. Cost: O(min(m, 8192) min(m, 4096) d).
    """
    ids, gain = _herded(state, n, rng, RADIUS, None)
    return chosen(ids, gain, "maxherding", "near to many items, and far from all that is labelled")


def by_uherding(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) that covers what the head is unsure of, in ever smaller circles as labels become dense.

    As `maxherding`, each item weighted by its margin score. The radius of the kernel is the smallest distance between
    two labelled items, at most 1; probabilities are tempered by what calibrates heads fitted on two thirds of the
    labels best on the last third. Without a head it is `maxherding`. Only the 4,096 points are scored.

    Source: Bae, Oliveira and Sutherland 2025, sections 3 and 4.
    Cost: O(min(m, 8192) min(m, 4096) d), 3 fits of the head and O(k^2 d) for k <= 4,096 labels.
    """
    before = state.scored
    if state.head is None:
        ids, gain = _herded(state, n, rng, RADIUS, None)
        return chosen(ids, gain, "uherding", "nothing is learnt yet: near to many items")
    radius, heat = label_radius(state, rng), label_temperature(state, rng)
    ids, gain = _herded(state, n, rng, radius, heat)
    why = f"near to many items that the model is unsure of (radius {radius:.2f}, temperature {heat:.2f})"
    return chosen(ids, gain, "uherding", why, state.scored - before)


def _herded(state: Round, n: int, rng: Generator, radius: float, heat: float | None) -> tuple[Ids, Vector]:
    """Ids (n,) and their gains; items weigh the same where no temperature `heat` is given."""
    free = state.require(n)
    rows, points = thin(free, max(FACILITIES, n), rng), thin(free, POINTS, rng)
    weight = None
    if heat is not None:
        weight = SURE + from_proba(lambda p: margin(tempered(p, heat)))(state, points)
    covering = Covering(_unit(state, points), _unit(state, state.labels.ids), radius**2)
    order, gain = covering.greedy(_unit(state, rows), n, weight)
    return rows[order], gain


def label_radius(state: Round, rng: Generator) -> float:
    """The smallest distance between two labelled items that are not the same, as unit-norm rows; .01 to 1.

    Of more than 4,096 labelled items a random part is looked at.
    """
    x = np.unique(_unit(state, thin(state.labels.ids, POINTS, rng)), axis=0)
    if len(x) < 2:
        return RADIUS
    _, far = nearest(x, x, 1, np.arange(len(x)))
    return float(np.clip(np.sqrt(far.min()), NARROWEST, RADIUS))


def label_temperature(state: Round, rng: Generator) -> float:
    """The temperature under which heads fitted on two thirds of the labels are best calibrated on the last third.

    1 in a multilabel task, and while two classes do not have a label in every third.
    """
    labels = state.labels
    if labels.kind == "multilabel" or np.sum(np.bincount(labels.y) >= FOLDS) < 2:
        return 1.0
    fold = rng.permutation(len(labels)) % FOLDS
    proba = np.empty((len(labels), len(labels.classes)))
    for i in range(FOLDS):
        kept, out = labels.ids[fold != i], labels.ids[fold == i]
        if len(np.unique(labels.y[fold != i])) < 2:
            return 1.0
        proba[fold == i] = state.refit(kept, labels.y[fold != i]).predict_proba(state.take(out))
    errors = [calibration_error(tempered(proba, t), labels.y) for t in TEMPERATURES]
    order = np.lexsort((np.abs(np.log(TEMPERATURES)), np.round(errors, 12)))
    return float(TEMPERATURES[order[0]])


def tempered(proba: NDArray[np.floating], temperature: float) -> Matrix:
    """Probabilities (m, c) whose logits were divided by the temperature: above 1 they are less sure."""
    p = np.log(np.maximum(np.asarray(proba, np.float64), 1e-12)) / temperature
    p = np.exp(p - p.max(axis=1, keepdims=True))
    return np.asarray(p / p.sum(axis=1, keepdims=True), np.float32)


def calibration_error(proba: Matrix, y: Ids) -> float:
    """Expected calibration error: |confidence - accuracy| in 15 equal bins of confidence, weighted by their rows.

    Source: Naeini, Cooper and Hauskrecht 2015.
    """
    sure, right = proba.max(axis=1).astype(np.float64), proba.argmax(axis=1) == y
    cell = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    gap = np.bincount(cell, weights=sure - right, minlength=BINS)
    return float(np.abs(gap).sum() / max(len(y), 1))


def _unit(state: Round, ids: Ids) -> Matrix:
    x = state.take(ids)
    return directions(x, np.zeros(x.shape[1], np.float32))
