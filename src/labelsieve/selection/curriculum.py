"""Curriculum: in which order to train, from easy to hard, and from which step on an item takes part."""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ShapeError, UnknownName
from labelsieve.core.types import Ids, Matrix, Vector

Pace = Literal["margin", "self_paced", "competence"]
PACES: tuple[Pace, ...] = get_args(Pace)
RISE = 1.3  # by which the threshold of a self-paced order grows a step
START = 0.01  # competence at the first moment


def difficulty(proba: Matrix, y: NDArray[Any] | None = None) -> Vector:
    """How hard each row (m,) of (m, c) probabilities is, 0 .. 2: one minus the margin of class y over the best other.

    Without y the predicted class stands in its place, 0 .. 1. y is (m,) codes, or (m, c) in 0..1 with NaN: then rows
    are yes/no questions and the hardest of them counts. `proba` should come from heads that did not see the row.
    Source: the ranking by margin of Hacohen and Weinshall 2019, section 2. Cost: O(m c).

    >>> difficulty(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0])).round(2).tolist()
    [0.2, 1.2]
    """
    p = np.asarray(proba, np.float64)
    shape = None if y is None else y.shape
    if p.ndim != 2 or (shape is not None and shape not in (p.shape, p.shape[:1])):
        raise ShapeError(f"probabilities have shape {p.shape}, y {shape}.", "give one answer a row.")
    if not np.isfinite(p).all():
        raise InputError(f"row {int(np.argmin(np.isfinite(p).all(axis=1)))} of the probabilities is not finite.")
    if not p.size:
        return np.zeros(len(p))
    if y is not None and y.ndim == 2:
        apart = 2.0 * np.abs(p - np.asarray(y, np.float64))
        return np.asarray(np.nan_to_num(apart, nan=0.0).max(axis=1), np.float64)
    own = p.argmax(axis=1) if y is None else y.astype(np.int64)
    at = np.arange(len(p))
    others = p.copy()
    others[at, own] = 0.0
    return np.asarray(1.0 - (p[at, own] - others.max(axis=1)), np.float64)


def steps_of(hard: Vector, steps: int = 10, by: Pace = "margin") -> Ids:
    """The step (m,) from which each row takes part, 1 .. steps, by its difficulty (m,). No later step drops a row.

    margin: parts of equal size, easy to hard. self_paced: rows below a threshold, at first the median, that grows by
    1.3 a step; the rest comes in the last one. Kumar, Packer and Koller 2010, section 3, by one head that is not
    refitted between the steps. competence: the easiest share c(t) = sqrt(t (1 - .01^2) / T + .01^2) at step t of T;
    Platanios et al. 2019, section 3.2, whose schedule begins at .01 before the first step. Cost: O(m log m).

    >>> steps_of(np.array([0.1, 0.9, 0.3, 0.5]), steps=2).tolist()
    [1, 2, 1, 2]
    """
    hard = np.asarray(hard, np.float64)
    if steps < 1:
        raise InputError(f"{steps} steps were asked for; expected at least 1.")
    if hard.ndim != 1 or not np.isfinite(hard).all():
        raise InputError("difficulties have to be one finite number a row.")
    if by not in PACES:
        raise UnknownName("pace", by, list(PACES))
    if by == "self_paced":
        first = max(float(np.median(hard)), 1e-12) if len(hard) else 1.0
        return _first_above(hard, first * RISE ** np.arange(steps))
    rank = np.empty(len(hard))
    rank[np.argsort(hard, kind="stable")] = np.arange(1, len(hard) + 1) / max(len(hard), 1)
    t = np.arange(1, steps + 1) / steps
    return _first_above(rank, t if by == "margin" else np.sqrt(t * (1 - START**2) + START**2))


def _first_above(number: Vector, limits: NDArray[Any]) -> Ids:
    """The first step whose limit is not below each number; the last step has none."""
    return np.minimum(np.searchsorted(limits + 1e-12, number), len(limits) - 1).astype(np.int64) + 1
