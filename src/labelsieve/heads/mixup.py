"""Mixtures of labelled rows as extra training rows: a regularisation that has to prove itself on the audit slice."""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.errors import ShapeError
from labelsieve.core.randomness import as_rng, stream
from labelsieve.core.sockets import Head
from labelsieve.core.statistics import bootstrap
from labelsieve.core.types import Interval, Matrix, Vector
from labelsieve.heads.columns import Columns
from labelsieve.heads.inputs import labelled
from labelsieve.heads.linear import Linear

ALPHA = 0.4  # of Beta(alpha, alpha): most mixtures are nearly one of the two rows
TIMES, SHARE = 4, 0.25  # mixtures for each labelled row, and their share of the weight of a fit


class Mixtures(NamedTuple):
    """Extra training rows: x (k, d), y (k,) codes or (k, c), and the weight (k,) of each."""

    x: Matrix
    y: NDArray[Any]
    weight: Vector


def mixed(x: Matrix, y: NDArray[Any], n: int, rng: int | Generator = 0, alpha: float = ALPHA) -> Mixtures:
    """n mixtures a x_i + (1 - a) x_j of random pairs of rows (m, d), a drawn from Beta(alpha, alpha).

    Codes y (m,): a mixture stands twice, with weight a for the class of i and 1 - a for that of j, which is the same
    loss as a soft answer. y (m, c): its answers are mixed alike, NaN where either is not known.
    Source: Zhang, Cisse, Dauphin and Lopez-Paz 2018, here on embeddings (Verma et al. 2019). Cost: O(n d).
    """
    x, y, rng = np.asarray(x, np.float32), np.asarray(y), as_rng(rng)
    if x.ndim != 2 or len(x) != len(y):
        raise ShapeError(f"x has shape {x.shape} and y {y.shape}; (m, d) and one answer a row were expected.")
    if len(x) < 2 or n < 1:
        return Mixtures(x[:0], y[:0], np.zeros(0))
    i = rng.integers(len(x), size=n)
    j = (i + rng.integers(1, len(x), size=n)) % len(x)
    a = rng.beta(alpha, alpha, size=n)
    rows = np.asarray(a[:, None] * x[i] + (1.0 - a)[:, None] * x[j], np.float32)
    if y.ndim == 2:
        return Mixtures(rows, np.clip(a[:, None] * y[i] + (1.0 - a)[:, None] * y[j], 0.0, 1.0), np.ones(n))
    weight = np.concatenate([a, 1.0 - a])
    kept = weight > 0
    return Mixtures(np.concatenate([rows, rows])[kept], np.concatenate([y[i], y[j]])[kept], weight[kept])


class Mixup(Linear):
    """`Linear`, fitted on the labels and on four mixtures a label, which have a quarter of the weight together.

    Opt-in: on the pools that were measured it is no better than `Linear` (benchmarks/results/mixup.json).
    The seed is fixed: equal labels give equal heads. Cost: that of `Linear` on nine times the rows.
    """

    def fit(self, x: Matrix, y: NDArray[Any], weight: Vector | None = None) -> Self:
        data = labelled(x, y, weight, self.n_classes)
        self.n_classes = data.n_classes
        if data.multilabel or len(data.present) > 1:
            extra = mixed(data.x, data.y, TIMES * len(data.x), stream(0, "mixup"))
            total = float(data.weight.sum())
            heavy = SHARE * total / max(float(extra.weight.sum()), 1e-12)
            x, y = np.concatenate([data.x, extra.x]), np.concatenate([data.y, extra.y])
            weight = np.concatenate([(1.0 - SHARE if len(extra.x) else 1.0) * data.weight, heavy * extra.weight])
        super().fit(x, y, weight)
        self._columns = Columns.of(data)  # a mixture is nobody's answer: it changes no rate
        return self


def with_mixtures(head: Head) -> Head:
    """The unfitted head with mixtures where it is `Linear`, with the same settings; any other head as it is."""
    if type(head) is not Linear:
        return head
    return Mixup(head.n_classes, head.c, head.balanced, head.tol)


def audit_gain(plain: NDArray[Any], other: NDArray[Any], y: NDArray[Any]) -> Interval:
    """What `other` gains on `plain` on audit items, paired, with its 95 % interval: share of answers that are right.

    Both are probabilities (m, c) of items with known y: (m,) codes, or (m, c) with NaN = not asked.
    Source: paired bootstrap over items. Cost: O(2000 m). ShapeError for shapes that do not fit.
    """
    y = np.asarray(y)
    if np.shape(plain) != np.shape(other) or len(y) != len(plain):
        raise ShapeError(f"probabilities have the shapes {np.shape(plain)} and {np.shape(other)}, y has {y.shape}.")
    if len(y) == 0:
        return Interval(float("nan"), float("-inf"), float("inf"))
    return bootstrap(_right(np.asarray(other), y) - _right(np.asarray(plain), y), stream(0, "audit gain"))


def keeps(plain: NDArray[Any], other: NDArray[Any], y: NDArray[Any]) -> bool:
    """Whether `other` is kept: only where even the lower limit of its gain on the audit items is above 0."""
    return bool(audit_gain(plain, other, y).low > 0)


def _right(proba: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    """Share of right answers of each item (m,)."""
    if y.ndim == 1:
        return np.asarray(proba.argmax(axis=1) == y, np.float64)
    asked = ~np.isnan(y)
    right = ((proba > 0.5) == (np.nan_to_num(y) > 0.5)) & asked
    return np.asarray(right.sum(axis=1) / np.maximum(asked.sum(axis=1), 1), np.float64)
