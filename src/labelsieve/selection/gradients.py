"""BADGE: items whose gradients are large and far apart. Gradients stay products, and few distances are measured."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ShapeError
from labelsieve.core.randomness import as_rng
from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Matrix, Query, Vector
from labelsieve.selection.composing import at_random, chosen
from labelsieve.selection.coverage import reader, rows_left

BLOCK = 16384
GROUP = 256  # items drawn at once
SLACK = 1e-3  # of probabilities that were rounded
SAME = 4e-6  # a squared distance below this share of the squared norms is rounding: the two are the same

Factors = Callable[[Ids], tuple[Matrix, Matrix]]  # positions (k,) -> x (k, d) and residuals (k, c)


def badge(x: Any, proba: Any, n: int, labelled: Ids | None = None, rng: int | Generator = 0) -> Ids:
    """Positions (n,) of rows of x (m, d) by their gradients (p - e) outer x, e the likeliest class.

    The first has the largest gradient, each further one is drawn in proportion to the squared distance of its gradient
    from the nearest before it. `labelled` positions are never chosen. x and proba (m, c) may be memory-mapped.

    Source: Ash et al. 2020, algorithm 1. Cost: O(m (d + c)) for the norms, then rejection sampling from upper bounds,
    which looks at a few hundred rows and, when the bounds are poor, once more at all: O(m (d + c) n). O(m) is kept.
    """
    take = reader(x)
    taken, _ = rows_left(len(x), n, labelled)
    proba = proba if isinstance(proba, np.ndarray) else np.asarray(proba)
    if proba.dtype.kind not in "fiub":
        raise InputError(f"proba holds {proba.dtype}; real numbers were expected.", "pass what predict_proba gives.")
    if proba.ndim != 2 or len(proba) != len(x) or not proba.shape[1]:
        raise ShapeError(f"proba has shape {np.shape(proba)}; ({len(x)}, classes) was expected: one row a row of x.")
    wanted = np.ones(len(x), bool)
    wanted[taken] = False

    def factors(at: Ids) -> tuple[Matrix, Matrix]:
        rows = slice(int(at[0]), int(at[-1]) + 1) if at[-1] - at[0] == len(at) - 1 and (np.diff(at) == 1).all() else at
        p = np.asarray(proba[rows], np.float32)
        if not (p.min() >= -SLACK and p.max() <= 1 + SLACK):  # also where either is NaN
            bad = int(np.flatnonzero(~((p >= -SLACK) & (p <= 1 + SLACK)).all(axis=1))[0])
            raise InputError(
                f"row {at[bad]} of proba is {p[bad].tolist()}; numbers from 0 to 1 were expected.",
                "pass what predict_proba gives, not logits.",
            )
        return take(at), residuals(p)

    return spread(factors, wanted, n, as_rng(rng))[0]


def by_badge(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of items whose answers would change the head most, each in another direction.

    In a multilabel task each class is a yes or no of its own.

    Source: Ash et al. 2020 (BADGE), algorithm 1.
    Cost: one scan by the head; distances of a few hundred items, seldom of all.
    """
    state.check(n)
    if state.head is None:
        return at_random(state, n, rng, "badge", "nothing is learnt yet: drawn at random")
    ids = state.pool.ids if state.allowed is None else state.allowed
    wanted = ~np.isin(ids, state.blocked(), assume_unique=True)
    before, several = state.scored, state.labels.kind == "multilabel"

    def factors(at: Ids) -> tuple[Matrix, Matrix]:
        part = state.within(ids[at])  # what it scores is counted here, and not kept
        p = part.proba(ids[at])
        state.scored += part.scored
        return part.take(ids[at]), residuals(p, several)

    order, far = spread(factors, wanted, n, rng)
    return chosen(ids[order], far, "badge", "large gradients, far apart", state.scored - before)


def residuals(proba: Matrix, several: bool = False) -> Matrix:
    """p - e (m, c): e is 1 for the likeliest class, or with `several` classes an item for each with p of .5 or more."""
    r = np.array(proba, np.float32)
    if several:
        r -= r >= 0.5
    else:
        r[np.arange(len(r)), r.argmax(axis=1)] -= 1.0
    return r


def spread(factors: Factors, wanted: NDArray[np.bool_], n: int, rng: Generator) -> tuple[Ids, Vector]:
    """Positions (n,) of products x outer r by k-means++ from the largest, and the squared distance (n,) of each.

    An item is drawn by an upper bound of its squared distance and kept with probability distance / bound, so that
    what is kept has exactly the distribution of k-means++ (D^2 sampling).
    """
    norm = _norms(factors, wanted)
    if n == 0:
        return np.zeros(0, np.int64), np.zeros(0)
    order = [int(rng.choice(np.flatnonzero(norm == norm.max())))]
    far = [float(norm[order[0]]) ** 2]
    centres = _Centres(*factors(np.array(order)))
    bound = np.full(len(norm), np.inf)
    known, tried, low = 0, 0, np.inf  # centres that the bounds know; items tried since; the smallest norm picked
    while len(order) < n:
        if norm[order].min() < low:  # |a - b| <= |a| + |b|
            low = float(norm[order].min())
            np.minimum(bound, np.square(norm + low, dtype=np.float64), out=bound)
        if tried > max(len(norm) // 8, 4 * GROUP):
            for at in _blocks(len(norm)):
                bound[at] = np.minimum(bound[at], centres.nearest(*factors(at), known))
            known, tried = len(order), 0
        bound[order] = bound[~wanted] = 0.0
        total = np.cumsum(bound)
        if total[-1] <= 0:  # all that is left repeats what was picked
            rest = rng.choice(np.setdiff1d(np.flatnonzero(wanted), order), n - len(order), replace=False)
            return np.array([*order, *rest], np.int64), np.array(far + [0.0] * len(rest))
        group = np.minimum(np.searchsorted(total, rng.random(GROUP) * total[-1], side="right"), len(norm) - 1)
        x, r = factors(group)
        reach, near = rng.random(GROUP) * bound[group], np.minimum(centres.nearest(x, r), bound[group])
        bound[group] = near
        kept, distance = _kept(reach, near, _squares(x, r, x, r), n - len(order))
        centres.add(x[kept], r[kept])
        order += group[kept].tolist()
        far += distance
        tried += GROUP
    return np.array(order, np.int64), np.array(far)


def _kept(reach: Vector, near: Vector, among: Vector, room: int) -> tuple[Ids, list[float]]:
    """Which of the items drawn are kept, one after the other: those with a squared distance above their `reach`."""
    kept: list[int] = []
    distance: list[float] = []
    ahead = 0
    while len(kept) < room:
        found = np.flatnonzero(reach[ahead:] < near[ahead:])
        if not len(found):
            break
        j = ahead + int(found[0])
        kept.append(j)
        distance.append(float(near[j]))
        near = np.minimum(near, among[j])
        ahead = j + 1
    return np.array(kept, np.int64), distance


class _Centres:
    """What was picked, as factors of products, and distances to the nearest of it."""

    def __init__(self, x: Matrix, r: Matrix) -> None:
        self._x, self._r = x.copy(), r.copy()

    def add(self, x: Matrix, r: Matrix) -> None:
        self._x, self._r = np.concatenate([self._x, x]), np.concatenate([self._r, r])

    def nearest(self, x: Matrix, r: Matrix, known: int = 0) -> Vector:
        """Squared distance (m,) of products x outer r to the nearest centre but the first `known`."""
        near: Vector = np.full(len(x), np.inf)
        for i in range(known, len(self._x), GROUP):
            found = _squares(x, r, self._x[i : i + GROUP], self._r[i : i + GROUP])
            np.minimum(near, found.min(axis=1), out=near)
        return near


def _squares(x: Matrix, r: Matrix, y: Matrix, s: Matrix) -> Vector:
    """Squared distances (m, k) of products x outer r and y outer s, none of which is made."""
    a = np.einsum("ij,ij->i", x, x) * np.einsum("ij,ij->i", r, r)
    b = np.einsum("ij,ij->i", y, y) * np.einsum("ij,ij->i", s, s)
    both = a[:, None] + b
    square = both - 2.0 * (x @ y.T) * (r @ s.T)
    square[square < SAME * both] = 0.0
    return np.asarray(square, np.float64)


def _norms(factors: Factors, wanted: NDArray[np.bool_]) -> Matrix:
    """The norm (m,) of each product; -1 where it is not wanted."""
    norm = np.empty(len(wanted), np.float32)
    for at in _blocks(len(norm)):
        x, r = factors(at)
        norm[at] = np.sqrt(np.einsum("ij,ij->i", x, x) * np.einsum("ij,ij->i", r, r))
    norm[~wanted] = -1.0
    return norm


def _blocks(m: int) -> list[Ids]:
    return [np.arange(i, min(i + BLOCK, m)) for i in range(0, m, BLOCK)]
