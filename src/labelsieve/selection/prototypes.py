"""Prototypes: the items in the middle of cells that k-means or k-medoids find."""

import numpy as np
from numpy.random import Generator

from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Matrix, Query, Vector
from labelsieve.selection.acquisition import from_proba, margin
from labelsieve.selection.candidates import thin
from labelsieve.selection.clusters import ROWS, kmeans
from labelsieve.selection.composing import at_random, best, chosen
from labelsieve.selection.neighbours import nearest

CELLS = 1024  # at most so many cells; a larger query takes several items of each
PART = 2048  # k-medoids are found on at most so many rows
DOUBTFUL = 10  # the beta of the paper: the 10 n items of highest margin score are clustered
FLOOR = 1e-3  # weight of a row that the head is sure of: no cell is without weight
PASSES = 8  # over all rows, each of which may take the place of a medoid


def by_kmeans(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of the items nearest to the centres of n cells found by k-means. Needs no head.

    Labels are not looked at: each query stands for all that is left. At most 10,000 random items are clustered.

    Source: Lloyd 1982; for active learning Xu et al. 2003. Cost: O(min(m, 10000) n d).
    """
    free = thin(state.require(n), max(ROWS, n), rng)
    picked, share = central(state.take(free), n, rng)
    return chosen(free[picked], share, "kmeans", "nearest to the centre of a cell")


def by_weighted_kmeans(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of the items nearest to the centres of n cells of doubtful items, weighted by their doubt.

    The 10 n items of highest margin score, at most 10,000, are clustered by k-means, each as heavy as its score.
    Without a head the query is drawn at random.

    Source: Zhdanov 2019. Cost: one scan by the head, then O(min(10 n, 10000) n d).
    """
    free, before = state.require(n), state.scored
    if state.head is None:
        return at_random(state, n, rng, "weighted_kmeans", "nothing is learnt yet: drawn at random")
    score = from_proba(margin)(state, free)
    wanted = min(DOUBTFUL * n, max(ROWS, n), len(free))
    rows = np.sort(best(free, score, wanted, rng))
    picked, share = central(state.take(free[rows]), n, rng, score[rows] + FLOOR)
    why = "in the middle of a cell of doubtful items"
    return chosen(free[rows[picked]], share, "weighted_kmeans", why, state.scored - before)


def by_kmedoids(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of the medoids that, with what is labelled, are nearest to all items. Needs no head.

    Labelled items are medoids that stay; the others are swapped until no swap makes the sum of distances smaller, or
    8 passes are over. Found on at most 2,048 random items, and at most 1,024 medoids: a larger query takes the items
    next to them.

    Source: Kaufman and Rousseeuw 1990; eager swaps by Schubert and Rousseeuw 2021, section 4.
    Cost: O(p^2 d + p (p + n)) a pass, p = min(m, 2048).
    """
    free = thin(state.require(n), max(PART, n), rng)
    part = thin(free, PART, rng)
    x = state.take(part)
    found = part[medoids(x, min(n, CELLS, len(part)), state.take(state.labels.ids), rng)]
    if not n:
        return chosen(found, np.empty(0), "kmedoids", "nothing was asked for")
    x = state.take(free)
    near, far = nearest(x, state.take(found), 1)
    cell, far = near[:, 0], far[:, 0].astype(np.float64)
    at = np.searchsorted(free, found)
    cell[at], far[at] = np.arange(len(found)), -1.0  # a medoid stands before its repeats
    size = np.bincount(cell, minlength=len(found)).astype(np.float64)
    picked = turns(cell, far, -size)[:n]
    return chosen(free[picked], size[cell[picked]] / len(free), "kmedoids", "in the middle of items without labels")


def central(x: Matrix, n: int, rng: Generator, weight: Vector | None = None) -> tuple[Ids, Vector]:
    """Positions (n,) of rows of x (m, d) nearest to the centre of their cell, and the cell's share (n,) of all weight.

    Heaviest cells first; beyond 1,024 cells the second nearest follow, and so on.
    """
    if not n:
        return np.empty(0, np.int64), np.empty(0)
    k = min(n, CELLS)
    centres, cell = kmeans(x, k, rng, weight)
    moved = x - centres[cell]
    share = np.asarray(np.bincount(cell, weights=weight, minlength=k), np.float64)
    share /= max(float(share.sum()), 1e-300)
    picked = turns(cell, np.einsum("ij,ij->i", moved, moved), -share)[:n]
    return picked, share[cell[picked]]


def turns(cell: Ids, place: Vector | Matrix, turn: Vector) -> Ids:
    """All positions (m,) in the order in which cells take turns: each gives its row of lowest `place`, then the next.

    `turn` (k,) orders the cells of a turn, lowest first. Cost: O(m log m).
    """
    order = np.lexsort((place, cell))
    first = np.searchsorted(cell[order], np.arange(len(turn)))
    rank = np.arange(len(cell)) - first[cell[order]]
    return order[np.lexsort((cell[order], turn[cell[order]], rank))]


def medoids(x: Matrix, k: int, given: Matrix, rng: Generator) -> Ids:
    """Positions (k,) of rows of x (m, d) with the least sum of distances from each row to its nearest of them.

    `given` (g, d) are medoids that stay. From a random start, a row takes the place of the medoid where that saves
    most, as soon as it saves anything.
    """
    within = _distances(x, x)
    stays = _distances(given, x).min(axis=0) if len(given) else np.full(len(x), 4.0 * float(within.max()) + 1.0)
    picked = np.sort(rng.choice(len(x), k, replace=False))
    swaps = _Swaps(within, stays, picked)
    quiet = 0  # rows tried since the last swap
    for row in np.tile(np.arange(len(x)), PASSES if k else 0):
        quiet = 0 if swaps.tried(int(row)) else quiet + 1
        if quiet >= len(x):
            break
    return swaps.picked


class _Swaps:
    """The nearest and second nearest medoid of each row, kept up to date; slot k are the medoids that stay."""

    def __init__(self, within: Vector, stays: Vector, picked: Ids) -> None:
        self.picked, self._within, self._stays = picked, within, stays
        self._one = np.zeros((2, len(within)), np.int64)
        self._far = np.zeros((2, len(within)))
        self._count(np.arange(len(within)))

    def _count(self, rows: Ids) -> None:
        """Both medoids of `rows` from scratch. Cost: O(k) a row."""
        far = np.concatenate([self._within[np.ix_(self.picked, rows)], self._stays[None, rows]])
        one = far.argmin(axis=0)
        self._one[0, rows], self._far[0, rows] = one, far[one, np.arange(len(rows))]
        far[one, np.arange(len(rows))] = np.inf
        two = far.argmin(axis=0)
        self._one[1, rows], self._far[1, rows] = two, far[two, np.arange(len(rows))]

    def tried(self, row: int) -> bool:
        """Whether `row` took the place of a medoid. Cost: O(m + k)."""
        if row in self.picked:
            return False
        far, (near, second), k = self._within[row], self._far, len(self.picked)
        saved = np.minimum(far - near, 0.0)
        # without its nearest medoid a row goes to its second, or to the new one
        lost = np.minimum(far, second) - near - saved
        change = np.bincount(self._one[0], weights=lost, minlength=k + 1)[:k]
        slot = int(change.argmin())
        if change[slot] + saved.sum() >= -1e-9 * max(float(near.sum()), 1e-12):
            return False
        self.picked[slot] = row
        left = (self._one == slot).any(axis=0)
        closest, closer = ~left & (far < near), ~left & (far >= near) & (far < second)
        self._one[1, closest], self._far[1, closest] = self._one[0, closest], near[closest]
        self._one[0, closest], self._far[0, closest] = slot, far[closest]
        self._one[1, closer], self._far[1, closer] = slot, far[closer]
        self._count(np.flatnonzero(left))
        return True


def _distances(a: Matrix, b: Matrix) -> Vector:
    """Distances (k, m) of rows."""
    square = np.einsum("ij,ij->i", a, a)[:, None] + np.einsum("ij,ij->i", b, b)[None, :] - 2.0 * (a @ b.T)
    return np.asarray(np.sqrt(np.maximum(square, 0.0)), np.float64)
