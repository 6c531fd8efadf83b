"""Centres: items as far as can be from one another and from what is labelled. Lazy greedy k-center."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from labelsieve.core.randomness import as_rng, hash_uniform
from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Matrix, Query, Vector
from labelsieve.selection.composing import chosen
from labelsieve.selection.coverage import reader, rows_left

WINDOW = 2048  # so many rows with the largest bounds are kept exact
BLOCK, CENTRES = 4096, 512  # rows and centres of one matrix product
SEEN = 256  # rows tell where the data lie
SAME = 4e-6  # squared distances below this share of the squared norms are rounding

Take = Callable[[Ids], Matrix]


def kcenter(x: Any, n: int, labelled: Ids | None = None, rng: int | Generator = 0) -> Ids:
    """Positions (n,) of rows of x (m, d), each the farthest from all before it and from the `labelled` positions.

    With nothing labelled the first is drawn. x may be memory-mapped: it is read in blocks.

    Source: Gonzalez 1985 (twice the best radius at most); as a query strategy Sener and Savarese 2018.
    Cost: O(m d) a labelled row in matrix products, then a part of x for each pick; O(m) numbers are kept.

    >>> kcenter(np.array([[0.0], [1.0], [9.0]]), 1, labelled=np.array([0])).tolist()
    [2]
    """
    take = reader(x)
    taken, _ = rows_left(len(x), n, labelled)
    near = np.full(len(x), np.inf, np.float32)
    near[taken] = -np.inf
    return Farthest(take, near, take(taken), as_rng(rng)).pick(n)[0]


def by_kcenter(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of items far from all that is labelled and from one another. Needs no head.

    Source: Sener and Savarese 2018 (greedy k-center, Gonzalez 1985).
    Cost: O(m d) a label, read in blocks, then a part of the pool for each pick.
    """
    state.check(n)
    ids = state.pool.ids if state.allowed is None else state.allowed
    near = np.full(len(ids), np.inf, np.float32)
    near[np.isin(ids, state.blocked(), assume_unique=True)] = -np.inf
    order, far = Farthest(lambda at: state.take(ids[at]), near, state.take(state.labels.ids), rng).pick(n)
    return chosen(ids[order], far, "kcenter", "far from all that is labelled")


class Farthest:
    """Rows one by one, each the farthest from `given` (k, d) and all before it.

    `near` (m,) is inf for a row that may be chosen and -inf for one that may not. It becomes the squared distance to
    the nearest centre, as it was when the row was last looked at. Centres only come nearer, so such a number is an
    upper bound, and only the rows with the largest ones, the window, have to be exact. When windows no longer pay,
    one matrix product with all new centres makes all rows exact again.
    """

    def __init__(self, take: Take, near: Matrix, given: Matrix, rng: Generator) -> None:
        self._near, self._rng = near, rng
        self._centre = _far_centre(take, len(near))
        centre = self._centre
        self._take = take if centre is None else lambda at: take(at) - centre
        self._new: list[Matrix] = []  # centres that the bounds do not know yet
        self._scale = 0.0  # the largest squared norm seen
        if len(given):
            self._new = list(given if self._centre is None else given - self._centre)
            self._look_at_all()

    def pick(self, n: int) -> tuple[Ids, Vector]:
        """Order (n,) and the distance (n,) of each to the nearest centre before it; the first may have none: 0."""
        order: list[int] = []
        far: list[float] = []
        if n and not np.isfinite(self._near.max()):  # no centre yet
            first = int(self._rng.choice(np.flatnonzero(self._near > 0)))
            order, far = [first], [0.0]
            self._new = [self._take(np.array([first]))[0]]
            self._near[first] = -np.inf
            if n > 1:
                self._look_at_all()
        tie = int(self._rng.integers(2**31))
        paid = 0
        while len(order) < n:
            if self._near.max() <= SAME * self._scale:  # what is left repeats a centre
                left = np.flatnonzero(self._near > -np.inf)
                rest = left[np.argsort(hash_uniform(tie, left), kind="stable")][: n - len(order)]
                return np.array([*order, *rest], np.int64), np.array(far + [0.0] * len(rest))
            served = self._window(n - len(order), tie, order, far)
            paid += BLOCK + len(self._near) // 16
            if len(order) < n and (served < 2 or paid > len(self._near) // 2):
                self._look_at_all()
                paid = 0
        return np.array(order, np.int64), np.array(far)

    def _window(self, n: int, tie: int, order: list[int], far: list[float]) -> int:
        """At most n more picks from the rows with the largest bounds; how many there were."""
        size = min(WINDOW, len(self._near))
        rows, edge = np.arange(len(self._near)), -np.inf
        if size < len(self._near):
            rows = np.argpartition(self._near, len(self._near) - size - 1)
            edge = self._near[rows[len(self._near) - size - 1]]
            rows = np.sort(rows[len(self._near) - size :])
        x = self._take(rows)
        square = np.einsum("ij,ij->i", x, x)
        exact = np.minimum(self._near[rows], self._nearest(x, square, self._new))
        chance = hash_uniform(tie, rows)
        served = 0
        while served < n:
            top = exact.max()
            if top < edge or top <= SAME * self._scale:
                break
            equal = np.flatnonzero(exact == top)
            j = int(equal[np.argmin(chance[equal])])
            order.append(int(rows[j]))
            far.append(float(np.sqrt(top)))
            self._new.append(x[j].copy())
            np.minimum(exact, square + square[j] - 2.0 * (x @ x[j]), out=exact)
            exact[j] = -np.inf
            served += 1
        self._near[rows] = exact
        return served

    def _look_at_all(self) -> None:
        near = self._near
        for i in range(0, len(near), BLOCK):
            x = self._take(np.arange(i, min(i + BLOCK, len(near))))
            square = np.einsum("ij,ij->i", x, x)
            self._scale = max(self._scale, float(square.max()))
            np.minimum(near[i : i + BLOCK], self._nearest(x, square, self._new), out=near[i : i + BLOCK])
        self._new = []

    def _nearest(self, x: Matrix, square: Matrix, centres: list[Matrix]) -> Matrix:
        """Squared distance (m,) of rows to the nearest of the centres; inf where there is none."""
        found = np.full(len(x), np.inf, np.float32)
        for i in range(0, len(centres), CENTRES):
            c = np.stack(centres[i : i + CENTRES])
            product = c @ x.T
            product *= np.float32(-2.0)
            product += np.einsum("ij,ij->i", c, c)[:, None]
            np.minimum(found, product.min(axis=0), out=found)
        return found + square if centres else found


def _far_centre(take: Take, m: int) -> Matrix | None:
    """The mean (d,) of some rows where it is so far from the origin that distances would be rounding; else None."""
    part = take(np.unique(np.linspace(0, m - 1, min(m, SEEN)).astype(np.int64)))
    if not len(part):
        return None
    centre: Matrix = part.mean(axis=0)
    return centre if centre @ centre > 4.0 * np.square(part - centre).sum(axis=1).mean() else None
