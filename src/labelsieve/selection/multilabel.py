"""Items that carry several classes at once: what a whole set of answers would teach."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Matrix, Vector
from labelsieve.selection.acquisition import margin
from labelsieve.selection.composing import compose


def least_margin(proba: Matrix) -> Vector:
    """One minus the smallest gap between yes and no of any class (m,), for independent probabilities (m, c)."""
    p = np.asarray(proba, np.float64)
    return np.asarray(1.0 - np.abs(2.0 * p - 1.0).min(axis=1), np.float64)


def lost(proba: Matrix, carried: NDArray[Any]) -> Vector:
    """Loss (m,) that is expected to vanish: over classes, the chance that the guess is wrong.

    The guess says yes to the `carried` (m,) likeliest classes of a row of (m, c) and no to all others.
    """
    p = np.asarray(proba, np.float64)
    order = np.argsort(-p, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(p.shape[1]), p.shape), axis=1)
    yes = rank < np.asarray(carried)[:, None]
    return np.asarray(np.where(yes, 1.0 - p, p).sum(axis=1))


def count_model(proba: Matrix, counts: NDArray[Any]) -> Callable[[Matrix], NDArray[Any]]:
    """How many classes items carry, as a function (b, c) -> (b,), learnt from the shape of their probabilities.

    Logistic regression from the sorted, normalised probabilities to the count; a constant where all counts are equal.
    """
    known = np.unique(counts)
    if len(known) < 2:
        only = int(known[0]) if len(known) else 1
        return lambda p: np.full(len(p), only)
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=300).fit(_shape(proba), counts)
    return lambda p: np.asarray(model.predict(_shape(p)))


def _expected_loss(state: Round, ids: Ids) -> Vector:
    if state.labels.kind != "multilabel":
        return state.score(ids, lambda p: lost(p, np.ones(len(p), np.int64)))
    counts = (np.nan_to_num(state.labels.y) > 0.5).sum(axis=1)
    carried = count_model(_proba_of(state, state.labels.ids), counts)
    return state.score(ids, lambda p: lost(p, carried(p)))


def _proba_of(state: Round, ids: Ids) -> Matrix:
    """Probabilities of labelled items: they are no candidates, so they are not counted as scored."""
    return np.zeros((0, 1), np.float32) if state.head is None else state.head.predict_proba(state.take(ids))


def _smallest_gap(state: Round, ids: Ids) -> Vector:
    return state.score(ids, least_margin if state.labels.kind == "multilabel" else margin)


def _shape(proba: Matrix) -> NDArray[np.float64]:
    p = -np.sort(-np.asarray(proba, np.float64), axis=1)
    total = p.sum(axis=1, keepdims=True)
    return np.asarray(p / np.where(total > 0, total, 1.0))


by_mean_max_loss = compose(
    _expected_loss,
    name="mean_max_loss",
    about="""Items whose likeliest set of classes is expected to be most wrong; one class an item: least confident.

    Source: Yang, Sun, Wang and Chen 2009 (maximum loss reduction with maximal confidence).
    Cost: one scan of the pool by the head, O(N c log c), and a small fit on the labels.
    """,
)

by_min_margin = compose(
    _smallest_gap,
    name="min_margin",
    about="""Items with one class that the head can neither give nor deny; on one class an item: margin.

    Source: Brinker 2006 (binary minimum).
    Cost: one scan of the pool by the head, O(N (d + 1) c).
    """,
)
