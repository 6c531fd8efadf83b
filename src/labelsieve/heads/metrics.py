"""How good predictions are. Codes y (m,), predicted (m,), probabilities (m, c). Zero items give NaN."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import ShapeError


def accuracy(y: NDArray[Any], predicted: NDArray[Any]) -> float:
    """Share of the codes (m,) that are predicted right.

    >>> accuracy(np.array([0, 1, 1]), np.array([0, 1, 0])) == 2 / 3
    True
    """
    _paired(y, predicted)
    return float(np.mean(y == predicted)) if len(y) else float("nan")


def balanced_accuracy(y: NDArray[Any], predicted: NDArray[Any]) -> float:
    """Mean recall over the classes that y holds.

    >>> balanced_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]))
    0.5
    """
    _paired(y, predicted)
    if not len(y):
        return float("nan")
    _, code, total = np.unique(y, return_inverse=True, return_counts=True)
    hits = np.bincount(code, weights=y == predicted, minlength=len(total))
    return float(np.mean(hits / total))


def average_precision(y: NDArray[Any], score: NDArray[Any]) -> float:
    """Average precision of scores (m,) for y (m,) in {0, 1}; of (m, c): the mean over columns that hold a 1.

    NaN in y = not asked, left out. Ties share one threshold. NaN where no y is 1. Cost: O(c m log m).
    Source: area under the steps of precision over recall, as scikit-learn's average_precision_score.
    """
    y, score = np.asarray(y, dtype=np.float64), np.asarray(score, dtype=np.float64)
    _paired(y, score)
    if y.ndim == 2:
        each = [average_precision(y[:, j], score[:, j]) for j in range(y.shape[1])]
        known = [value for value in each if not np.isnan(value)]
        return float(np.mean(known)) if known else float("nan")
    asked = ~np.isnan(y)
    hit, score = y[asked] > 0.5, score[asked]
    if not hit.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)  # the last of each run of ties
    found = np.cumsum(hit[order])[ends]
    return float(np.sum(np.diff(found, prepend=0) / hit.sum() * found / (ends + 1)))


def ece(y: NDArray[Any], proba: NDArray[Any], bins: int = 15) -> float:
    """Expected calibration error of the predicted class, over bins of equal count.

    Multilabel (y (m, c)): of every asked cell's own probability. Source: Naeini et al. 2015; equal counts as in
    Nixon et al. 2019, since with equal widths nearly all items of a good head share one bin. Cost: O(m log m).
    """
    kept = [part for part in reliability(y, proba, bins) if part.count]
    total = sum(part.count for part in kept)
    return sum(part.count * abs(part.said - part.right) for part in kept) / total if total else float("nan")


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a calibration curve: what the head said on average, and how often it was right."""

    said: float
    right: float
    count: int


def reliability(y: NDArray[Any], proba: NDArray[Any], bins: int = 15) -> list[Bin]:
    """The calibration curve behind `ece`: at most `bins` bins, ascending by what the head said."""
    y, proba = np.asarray(y), np.asarray(proba, dtype=np.float64)
    if y.ndim == 2:
        _paired(y, proba)
        asked = ~np.isnan(y)
        said, right = proba[asked], (y[asked] > 0.5).astype(np.float64)
    else:
        if len(y) != len(proba):
            raise ShapeError(f"y has {len(y)} rows and the probabilities have {len(proba)}.")
        said, right = proba.max(axis=1, initial=0.0), (proba.argmax(axis=1) == y).astype(np.float64)
    order = np.argsort(said, kind="stable")
    parts = np.array_split(order, min(bins, max(len(order), 1)))
    return [Bin(float(said[p].mean()), float(right[p].mean()), len(p)) for p in parts if len(p)]


def confusion(y: NDArray[Any], predicted: NDArray[Any], n_classes: int) -> NDArray[np.int64]:
    """Counts (c, c): row = the true code, column = the predicted one."""
    _paired(y, predicted)
    flat = np.bincount(np.asarray(y) * n_classes + np.asarray(predicted), minlength=n_classes**2)
    return flat.reshape(n_classes, n_classes).astype(np.int64)


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """For each class (c,): `hits` right, `true` that are of it, `predicted` that are said to be of it.

    recall = hits / true, precision = hits / predicted; the counts are kept for their Wilson intervals.
    """

    hits: NDArray[np.int64]
    true: NDArray[np.int64]
    predicted: NDArray[np.int64]


def class_counts(y: NDArray[Any], proba: NDArray[Any]) -> ClassCounts:
    """The counts behind per-class precision and recall, from probabilities (m, c).

    A multilabel item is said to be of each class with a probability above .5; cells not asked do not count.
    """
    y, proba = np.asarray(y), np.asarray(proba)
    c = proba.shape[1]
    if y.ndim == 1:
        table = confusion(y, proba.argmax(axis=1), c)
        return ClassCounts(np.diag(table).copy(), table.sum(axis=1), table.sum(axis=0))
    _paired(y, proba)
    true, said = np.nan_to_num(y) > 0.5, (proba > 0.5) & ~np.isnan(y)
    return ClassCounts((true & said).sum(axis=0), true.sum(axis=0), said.sum(axis=0))


def _paired(y: NDArray[Any], other: NDArray[Any]) -> None:
    if np.shape(y) != np.shape(other):
        raise ShapeError(f"the truth has the shape {np.shape(y)} and the predictions have {np.shape(other)}.")
