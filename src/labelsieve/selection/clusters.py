"""Clusters: typical items of cells that have no label yet, by k-means."""

import numpy as np
from numpy.random import Generator

from labelsieve.core.randomness import as_rng
from labelsieve.core.types import Ids, Matrix, Vector
from labelsieve.selection.coverage import checked_rows, rows_left

ROWS = 10_000  # clusters are found on at most so many rows
CLUSTERS = 500
NEIGHBOURS = 20
SMALL = 5  # a cluster of fewer rows is more likely to be stray points than a class


def typiclust(x: Matrix, n: int, labelled: Ids | None = None, rng: int | Generator = 0) -> Ids:
    """Positions (n,) of typical rows of x (m, d): one from each of the largest clusters with fewest labels.

    Clusters are as many as labels there will be (at most 500); typical is what has near neighbours inside its cluster.
    Beyond 10,000 rows a random part is clustered.

    Source: Hacohen, Dekel and Weinshall 2022, section 3. Cost: O(min(m, 10000) k d) for k clusters.
    """
    x = checked_rows(x)
    rng = as_rng(rng)
    taken, free = rows_left(len(x), n, labelled)
    if len(free) > max(ROWS, n):
        free = np.sort(rng.choice(free, size=max(ROWS, n), replace=False))
    rows = np.concatenate([taken, free])
    clusters = min(len(taken) + n, CLUSTERS, len(rows))
    _, cell = kmeans(x[rows], clusters, rng)
    return free[typical(x[free], cell[len(taken) :], np.bincount(cell[: len(taken)], minlength=clusters), n)]


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
    square = np.einsum("ij,ij->i", x, x)
    picked = np.empty(k, np.int64)
    far = np.full(len(x), np.inf)
    chance, trials = weight, 2 + int(np.log(k))
    for i in range(k):
        total = np.cumsum(chance)
        if total[-1] <= 0:  # all that is left are repeats: any will do
            chance = np.where(np.isin(np.arange(len(x)), picked[:i]), 0.0, 1.0)
            total = np.cumsum(chance)
        tried = np.minimum(np.searchsorted(total, rng.random(trials) * total[-1], side="right"), len(x) - 1)
        distance = np.maximum(square[:, None] + square[tried] - 2.0 * (x @ x[tried].T), 0.0)
        nearest = np.minimum(far[:, None], distance)
        won = int(np.argmin(weight @ nearest))
        picked[i], far = tried[won], nearest[:, won]
        far[tried[won]] = 0.0
        chance = far * weight
    return picked


def _sums(x: Matrix, cell: Ids, k: int) -> Matrix:
    from scipy.sparse import csr_array

    return np.asarray(csr_array((np.ones(len(x), np.float32), (cell, np.arange(len(x)))), shape=(k, len(x))) @ x)
