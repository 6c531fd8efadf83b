"""Acquisition functions: how much each item is wanted. A higher score is always more wanted.

Probabilities (m, c) of any number type and layout, also memory-mapped, are read in blocks of rows that are turned so
that a class lies together: a pass over 4,096 numbers of a class is far faster than 4,096 passes over 20 classes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ShapeError
from labelsieve.core.randomness import hash_uniform
from labelsieve.core.rounds import Round
from labelsieve.core.sockets import Acquisition
from labelsieve.core.types import Ids, Matrix, Vector

FromProba = Callable[[Matrix], Vector]
Numbers = NDArray[Any]

ROWS, CELLS = 4096, 1 << 18  # rows of a block, and rows x classes where there are many classes
FEW = 64  # classes; among more, the two likeliest are found by partition
LOOKED_AT = 64  # rows of a block, whose sum is checked
LOOSE = 0.02  # by which rounding, in halves too, may leave a sum of 1
SLACK = 1e-3  # by which rounding may leave 0 to 1
USUAL = 65_536  # multilabel: the mean of a class is taken over so many items of a larger pool


def entropy(proba: Matrix) -> Vector:
    """Entropy (m,) of each row of probabilities (m, c), in nats: 0 .. log(c).

    >>> entropy(np.array([[1.0, 0.0], [0.5, 0.5]])).round(3).tolist()
    [0.0, 0.693]
    """
    return _each(proba, _nats)


def margin(proba: Matrix) -> Vector:
    """One minus the gap between the two likeliest classes (m,) of (m, c): 1 where they tie, 0 where one is certain.

    Source: Scheffer, Decomain and Wrobel 2001. Cost: O(mc).

    >>> margin(np.array([[0.9, 0.1, 0.0], [0.4, 0.4, 0.2]])).round(3).tolist()
    [0.2, 1.0]
    """
    return _each(proba, lambda p: 1.0 - np.subtract(*_likeliest(p), dtype=np.float64) if len(p) > 1 else 0.0)


def least_confident(proba: Matrix) -> Vector:
    """One minus the probability of the likeliest class (m,) of (m, c). Source: Lewis and Gale 1994.

    >>> least_confident(np.array([[0.75, 0.25], [0.5, 0.5]])).tolist()
    [0.25, 0.5]
    """
    return _each(proba, lambda p: 1.0 - p.max(axis=0).astype(np.float64))


def ratio(proba: Matrix) -> Vector:
    """Second largest probability over the largest (m,) of (m, c): 1 where they tie, 0 where one is certain.

    Source: ratio of confidence, Monarch 2021, chapter 3. Cost: O(mc).

    >>> ratio(np.array([[0.8, 0.2, 0.0], [0.4, 0.4, 0.2]])).round(3).tolist()
    [0.25, 1.0]
    """
    return _each(proba, _ratio)


def from_proba(score: FromProba) -> Acquisition:
    """An acquisition function of a round from a plain function of probabilities (m, c) -> (m,).

    In a multilabel task each class is a question of its own: see `over_classes`.
    """

    def acquisition(state: Round, ids: Ids) -> Vector:
        if state.labels.kind != "multilabel":
            return state.score(ids, score)
        if len(ids) <= USUAL:
            return over_classes(score, state.proba(ids))
        part = ids[hash_uniform(0, ids) < USUAL / len(ids)]
        usual = _usual(score, state.proba(part))
        return state.score(ids, lambda proba: over_classes(score, proba, usual))

    return acquisition


def over_classes(score: FromProba, proba: Matrix, usual: Vector | None = None) -> Vector:
    """Score (m,) of independent probabilities (m, c): the mean over classes of the score of (p, 1 - p), each against
    the mean of its class, so that a frequent class, which is always in doubt, does not drown the rare ones.

    `usual` (c,) are those means, where they are known from elsewhere.
    """
    p = _checked(proba)
    usual = _usual(score, p) if usual is None else usual
    wanted: Vector = np.zeros(len(p))
    for column, mean in zip(p.T, usual, strict=True):
        if mean > 0:
            wanted += score(_yes_no(column)) / mean
    wanted /= p.shape[1]
    return wanted


def _usual(score: FromProba, proba: Numbers) -> Vector:
    """Mean score (c,) of each class of independent probabilities (m, c)."""
    return np.array([score(_yes_no(column)).mean() if len(column) else 0.0 for column in proba.T])


def _yes_no(column: Numbers) -> Matrix:
    """(m, 2) of the probabilities (m,) of one class, both columns in one piece."""
    yes = np.asarray(column, np.float32)
    return np.stack([yes, np.float32(1.0) - yes]).T


def _each(proba: Matrix, score: Callable[[Numbers], Numbers | float]) -> Vector:
    """Score (m,) of each row of (m, c), where `score` takes blocks that are turned, (c, b). Cost: O(mc), one block."""
    p = _checked(proba)
    out = np.empty(len(p))
    step = max(min(ROWS, CELLS // p.shape[1]), 1)
    for i in range(0, len(p), step):
        block = np.ascontiguousarray(p[i : i + step].T)
        if block.dtype not in (np.float32, np.float64):
            block = block.astype(np.float32 if block.dtype == np.float16 else np.float64)
        if not (block.min() >= -SLACK and block.max() <= 1 + SLACK):  # also where either is NaN
            _refuse(block, i)
        _sums(block, i)
        out[i : i + step] = score(block)
    return out


def _refuse(block: Numbers, first: int) -> None:
    outside = ~((block >= -SLACK) & (block <= 1 + SLACK))
    row = int(np.flatnonzero(outside.any(axis=0))[0])
    value = block[:, row][outside[:, row]][0]
    raise InputError(
        f"row {first + row} of the probabilities holds {value}; numbers from 0 to 1 were expected.",
        "pass what predict_proba gives, not logits.",
    )


def _sums(block: Numbers, first: int) -> None:
    """InputError where rows of a block (c, b) do not sum to 1; 64 of them are looked at, all would take too long."""
    step = max(block.shape[1] // LOOKED_AT, 1)
    total = block[:, ::step].sum(axis=0, dtype=np.float64)
    off = np.flatnonzero(np.abs(total - 1.0) > LOOSE)
    if len(off):
        raise InputError(
            f"row {first + step * int(off[0])} of the probabilities sums to {total[off[0]]:.4g}; 1 was expected.",
            "pass what predict_proba gives; with several classes an item, ls.query asks about each.",
        )


def _nats(p: Numbers) -> Numbers:
    logs = np.log(np.maximum(p, np.finfo(p.dtype).tiny))
    logs *= p
    nats: Numbers = np.maximum(-logs.sum(axis=0, dtype=np.float64), 0.0)
    return nats + 0.0  # never minus zero


def _likeliest(p: Numbers) -> tuple[Numbers, Numbers]:
    """Largest and second largest (b,) of each column of (c, b), c at least 2."""
    if len(p) > FEW:
        top = np.partition(p, len(p) - 2, axis=0)
        return top[-1], top[-2]
    first, second = np.maximum(p[0], p[1]), np.minimum(p[0], p[1])
    lower = np.empty_like(first)
    for row in p[2:]:
        np.minimum(first, row, out=lower)
        np.maximum(second, lower, out=second)
        np.maximum(first, row, out=first)
    return first, second


def _ratio(p: Numbers) -> Numbers | float:
    if len(p) == 1:
        return 0.0
    first, second = _likeliest(p)
    return np.asarray(second / np.maximum(first, 1e-12))


def _checked(proba: Any) -> Numbers:
    p = np.asarray(proba)
    if p.dtype.kind not in "fiub":
        raise InputError(f"probabilities hold {p.dtype}; real numbers were expected.", "pass what predict_proba gives.")
    if p.ndim != 2 or p.shape[1] == 0:
        raise ShapeError(
            f"probabilities have shape {p.shape}; (items, classes) was expected.", "pass what predict_proba gives."
        )
    return p
