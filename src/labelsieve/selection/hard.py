"""Hard items: those a head finds hardest of a class, and labels that it most surely disagrees with."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ShapeError
from labelsieve.core.rounds import Round
from labelsieve.core.types import ODD, Ids, Matrix, Query, Vector
from labelsieve.selection.acquisition import least_confident, over_classes
from labelsieve.selection.candidates import thin
from labelsieve.selection.composing import at_random, best, chosen
from labelsieve.selection.neighbours import nearest

LOOKED = 2000  # items whose labelled neighbours are looked at
LABELLED = 20_000  # labelled items among which neighbours are sought
NEIGHBOURS = 5


def by_hardness(state: Round, n: int, rng: Generator) -> Query:
    """The hardest items (n,) of the wanted class: predicted with least confidence, near to labels that say otherwise.

    Confidence and the labels of the 5 nearest labelled items are added up. Without a wanted class each item is of the
    class that is predicted; in a screen task odd is wanted.

    Source: online hard mining, Shrivastava, Gupta and Girshick 2016.
    Cost: one scan by the head; then O(2000 k d) for k of at most 20,000 labelled items.
    """
    ids = state.require(n)
    if state.head is None:
        return at_random(state, n, rng, "hardest", "nothing is learnt yet: drawn at random")
    before = state.scored
    wanted = ODD if state.wanted is None and state.labels.kind == "screen" else state.wanted
    several = state.labels.kind == "multilabel"
    doubt = state.score(ids, lambda proba: hardness(proba, wanted, several))
    first = np.sort(best(ids, doubt, min(max(LOOKED, n), len(ids)), rng))
    predicted = doubt[first] >= 1.0
    score = doubt[first]
    score[predicted] += _disagree(state, ids[first[predicted]], wanted, rng)
    picked = best(ids[first], score, n, rng)
    why = "predicted, but hardly, and near to labels that say otherwise"
    return chosen(ids[first][picked], score[picked], "hardest", why, state.scored - before)


def hardness(proba: Matrix, wanted: int | None = None, several: bool = False) -> Vector:
    """How hard each row (m,) of (m, c) probabilities is: from 1 on where the wanted class is predicted, else below 1.

    Predicted: 1 + (1 - p) for the probability p of the class; not predicted: p. Without a wanted class the
    predicted one stands in its place; where rows have `several` classes at once, the least certain of them.

    >>> hardness(np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]]), wanted=0).round(2).tolist()
    [1.1, 1.4, 0.3]
    """
    p = np.asarray(proba, np.float64)
    if wanted is None:
        sure = np.maximum(p, 1.0 - p).min(axis=1) if several else p.max(axis=1)
        return np.asarray(2.0 - sure, np.float64)
    of_it = p[:, wanted]
    predicted = of_it > 0.5 if several else p.argmax(axis=1) == wanted
    return np.where(predicted, 2.0 - of_it, np.minimum(of_it, 1.0 - 1e-9))


def disagreements(proba: Matrix, y: NDArray[np.generic]) -> tuple[Ids, Vector]:
    """Positions (k,) of rows whose label the head gainsays, surest first, and by how much it prefers its own (k,).

    `proba` (m, c) should come from heads that were not fitted on the row; y is (m,) codes, -1 where unknown, or
    (m, c) in 0..1 with NaN. Preference: the probability of the predicted class minus that of the given one; in
    several classes a row, the largest |p - y| beyond a half, doubled minus 1. Cost: O(m c).
    Source: the ranking by margin of Northcutt, Jiang and Chuang 2021, section 4.

    >>> disagreements(np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]), np.array([1, 1, 0]))[0].tolist()
    [0, 2]
    """
    p, given = np.asarray(proba), np.asarray(y)
    if len(given) != len(p) or given.ndim not in (1, 2) or (given.ndim == 2 and given.shape != p.shape):
        raise ShapeError(f"y has shape {given.shape}, probabilities have {p.shape}.", "give one answer a row.")
    over_classes(least_confident, p)  # errors for what is no probability
    if not len(p):
        return np.empty(0, np.int64), np.empty(0)
    p = p.astype(np.float64)
    if given.ndim == 2:
        apart = np.nan_to_num(np.abs(p - given.astype(np.float64)), nan=0.0)
        surer = 2.0 * apart.max(axis=1) - 1.0
    else:
        codes = _codes(given, p.shape[1])
        surer = p.max(axis=1) - p[np.arange(len(p)), np.maximum(codes, 0)]
        surer[codes < 0] = 0.0
    found = np.flatnonzero(surer > 0)
    found = found[np.argsort(-surer[found], kind="stable")]
    return found, surer[found]


def _codes(y: NDArray[np.generic], c: int) -> Ids:
    bad = ~np.isin(y, np.arange(-1, c))
    if bad.any():
        raise InputError(f"y holds {y[bad][0]}; codes 0 to {c - 1}, or -1 where unknown, were expected.")
    return y.astype(np.int64)


def _disagree(state: Round, ids: Ids, wanted: int | None, rng: Generator) -> Vector:
    """The share (m,) of the 5 nearest labelled items that are not of the wanted (else the predicted) class."""
    labels, several = state.labels, state.labels.kind == "multilabel"
    if not len(labels) or not len(ids) or (several and wanted is None):
        return np.zeros(len(ids))
    rows = np.searchsorted(labels.ids, thin(labels.ids, LABELLED, rng))
    near, _ = nearest(state.take(ids), state.take(labels.ids[rows]), NEIGHBOURS)
    said = labels.y[rows][near]  # (m, 5), or (m, 5, c)
    if several:
        return np.asarray(np.mean(~(said[:, :, wanted] > 0.5), axis=1), np.float64)
    own = np.full(len(ids), wanted) if wanted is not None else state.proba(ids).argmax(axis=1)
    return np.asarray(np.mean(said != own[:, None], axis=1), np.float64)
