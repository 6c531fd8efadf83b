"""Clusters: typical items of cells that have no label yet, by k-means."""

from typing import Any

import numpy as np
from numpy.random import Generator

from labelsieve.core.randomness import as_rng
from labelsieve.core.types import Ids, Matrix, Vector
from labelsieve.selection.coverage import reader, rows_left

ROWS = 10_000  # clusters are found on at most so many rows
CLUSTERS = 500
NEIGHBOURS = 20
DRAWN, TOGETHER = 64, 1 << 20  # first centres are drawn so many at once, fewer where that makes more numbers
SMALL = 5  # a cluster of fewer rows is more likely to be stray points than a class


def typiclust(x: Any, n: int, labelled: Ids | None = None, rng: int | Generator = 0) -> Ids:
    """Positions (n,) of typical rows of x (m, d): one from each of the largest clusters with fewest labels.

    Clusters are as many as labels there will be (at most 500); typical is what has near neighbours inside its cluster.
    Beyond 10,000 rows a random part is clustered.

    Source: Hacohen, Dekel and Weinshall 2022, section 3. Cost: O(min(m, 10000) k d) for k clusters.
    """
    take = reader(x)
    rng = as_rng(rng)
    taken, free = rows_left(len(x), n, labelled)
    if len(free) > max(ROWS, n):
        free = np.sort(rng.choice(free, size=max(ROWS, n), replace=False))
    if n == 0:
        return free[:0]
    rows = np.concatenate([taken, free])
    clusters = min(len(taken) + n, CLUSTERS, len(rows))
    part = take(rows)
    part = part - part.mean(axis=0)  # distances far from the origin would be rounding
    _, cell = kmeans(part, clusters, rng)
    return free[typical(part[len(taken) :], cell[len(taken) :], np.bincount(cell[: len(taken)], minlength=clusters), n)]


def typical(x: Matrix, cell: Ids, labels: Ids, n: int) -> Ids:
    """Positions (n,) of rows of x, the most typical of each cell; cells with fewest labels first, then the largest."""
    members = [np.flatnonzero(cell == c) for c in range(len(labels))]
    ranked = [rows[np.argsort(-typicality(x[rows]), kind="stable")] for rows in members]
    given, used = labels.copy(), np.zeros(len(labels), np.int64)
    size = np.array([len(rows) for rows in members])
    picked = []
    for _ in range(n):
        left = size - used
        order = np.lexsort((-left, given, size < SMALL, left == 0))
        c = int(order[0])
        picked.append(ranked[c][used[c]])
        used[c] += 1
        given[c] += 1
    return np.array(picked, np.int64)


def typicality(x: Matrix) -> Vector:
    """Inverse mean distance (m,) of each row to its 20 nearest others, over at most 2,048 of them."""
    if len(x) < 2:
        return np.ones(len(x))
    others = x[:: -(-len(x) // 2048)]
    near = min(NEIGHBOURS, len(others) - 1) or 1
    square = np.einsum("ij,ij->i", x, x)
    distance = square[:, None] + square[:: -(-len(x) // 2048)][None, :] - 2.0 * (x @ others.T)
    nearest = np.partition(distance, min(near, distance.shape[1] - 1), axis=1)[:, : near + 1]
    mean: Vector = np.sqrt(np.maximum(nearest, 0.0)).mean(axis=1, dtype=np.float64)
    return 1.0 / (mean + 1e-9)


def kmeans(
    x: Matrix, k: int, rng: int | Generator = 0, weight: Vector | None = None, steps: int = 12
) -> tuple[Matrix, Ids]:
    """Centres (k, d) and the cell (m,) of each row of x (m, d); rows count by `weight` (m,).

    Source: k-means++ (Arthur and Vassilvitskii 2007, the best of 2 + log k draws), then Lloyd. Cost: O(m k d) a step.
    """
    rng = as_rng(rng)
    w = np.ones(len(x)) if weight is None else np.asarray(weight, np.float64)
    centres = x[_seeds(x, k, rng, w)].copy()
    cell = np.full(len(x), -1)
    for _ in range(steps):
        new = np.argmin(np.einsum("ij,ij->i", centres, centres)[None, :] - 2.0 * (x @ centres.T), axis=1)
        if np.array_equal(new, cell):
            break
        cell = new
        total = np.bincount(cell, weights=w, minlength=k)
        sums = _sums(x * w[:, None].astype(np.float32), cell, k)
        full = total > 0
        centres[full] = (sums[full] / total[full, None]).astype(np.float32)
    return centres, cell


def _seeds(x: Matrix, k: int, rng: Generator, weight: Vector) -> Ids:
    """Positions (k,) of rows to start from: each the best of a few drawn in proportion to squared distance.

    Many are drawn at once, since one wide matrix product is far quicker than many narrow ones. What was drawn before
    the last picks is kept with probability distance now / distance then, so that the distribution stays what it is.
    """
    square = np.einsum("ij,ij->i", x, x)
    w = weight.astype(np.float32)
    picked: list[int] = []
    far, trials = np.full(len(x), np.inf, np.float32), 2 + int(np.log(k))
    while len(picked) < k:
        chance = far * w if picked else w
        total = np.cumsum(chance, dtype=np.float64)
        if total[-1] <= 0:  # all that is left are repeats: any will do
            left = np.setdiff1d(np.arange(len(x)), picked)
            return np.array([*picked, *rng.choice(left, k - len(picked), replace=False)], np.int64)
        size = max(trials, min(DRAWN, TOGETHER // len(x))) if picked else trials
        drawn = np.minimum(np.searchsorted(total, rng.random(size) * total[-1], side="right"), len(x) - 1)
        reach = rng.random(size) * chance[drawn]
        distance = np.maximum(square[:, None] + square[drawn] - 2.0 * (x @ x[drawn].T), np.float32(0.0))
        ahead = 0
        while len(picked) < k:
            now = far[drawn[ahead:]] * w[drawn[ahead:]] if picked else chance[drawn]
            kept = ahead + np.flatnonzero(reach[ahead:] < now)[:trials]
            if len(kept) < trials and ahead:  # too few are left: draw again
                break
            kept = kept if len(kept) else np.array([int(np.argmax(chance[drawn]))])
            nearest = np.minimum(far[:, None], distance[:, kept])
            won = int(np.argmin(w @ nearest))
            picked.append(int(drawn[kept[won]]))
            far = nearest[:, won]
            far[picked[-1]] = 0.0
            ahead = int(kept[-1]) + 1
            if ahead >= size:
                break
    return np.array(picked, np.int64)


def _sums(x: Matrix, cell: Ids, k: int) -> Matrix:
    from scipy.sparse import csr_array

    return np.asarray(csr_array((np.ones(len(x), np.float32), (cell, np.arange(len(x)))), shape=(k, len(x))) @ x)
