"""Coverage: a few items near to all others. Lazy greedy facility location; never an n x n matrix."""

from heapq import heapify, heappop, heappush

import numpy as np
from numpy.random import Generator

from labelsieve.core.errors import PoolExhausted, ShapeError
from labelsieve.core.randomness import as_rng
from labelsieve.core.types import Ids, Matrix, Vector

FACILITIES, POINTS = 8192, 4096  # at most so many rows may be chosen, and so many are to be covered


def facility_location(
    x: Matrix,
    n: int,
    weight: Vector | None = None,
    labelled: Ids | None = None,
    rng: int | Generator = 0,
) -> Ids:
    """Positions (n,) of the rows of x (m, d) that cover the others best, most useful first.

    Greedy on sum_i weight_i max_j s_ij with s = max(0, 1 - |a - b|^2 / (2 mean |a|^2)), which is the cosine on
    unit-norm rows; `labelled` positions cover already and are never chosen. Beyond 8,192 rows a random part of the
    rows can be chosen, beyond 4,096 a random part counts as what must be covered.

    Source: Nemhauser, Wolsey and Fisher 1978 (within 1 - 1/e of the best); lazy by Minoux 1978.
    Cost: O(min(m, 8192) min(m, 4096) d), then about n re-evaluations of a few rows.
    """
    x = checked_rows(x)
    rng = as_rng(rng)
    taken = np.zeros(0, np.int64) if labelled is None else np.unique(labelled)
    free = np.setdiff1d(np.arange(len(x)), taken)
    if n > len(free):
        raise PoolExhausted(f"{n} rows were asked for, {len(free)} of {len(x)} are not labelled.", "ask for fewer.")
    rows = _part(free, max(FACILITIES, n), rng)
    points = _part(np.arange(len(x)), POINTS, rng)
    half = float(np.mean(np.einsum("ij,ij->i", x[points], x[points]))) or 1.0
    w = np.ones(len(points)) if weight is None else np.asarray(weight, np.float64)[points]
    covered = best_similarity(x[points], x[taken], half)
    order, _ = greedy_cover(similarity(x[rows], x[points], half), n, w, covered)
    return rows[order]


def similarity(a: Matrix, b: Matrix, half: float = 1.0) -> Matrix:
    """max(0, 1 - |a - b|^2 / (2 half)) for all pairs (k, m); half = 1 makes it the cosine of unit-norm rows."""
    s: Matrix = a @ b.T
    s -= 0.5 * np.einsum("ij,ij->i", a, a)[:, None]
    s -= 0.5 * np.einsum("ij,ij->i", b, b)[None, :]
    s *= np.float32(1.0 / half)
    s += np.float32(1.0)
    return np.maximum(s, np.float32(0.0), out=s)


def best_similarity(x: Matrix, centres: Matrix, half: float = 1.0) -> Vector:
    """Similarity (m,) of each row of x to the nearest of the centres; 0 without any. In blocks of 1,024 centres."""
    best = np.zeros(len(x), np.float32)
    for i in range(0, len(centres), 1024):
        np.maximum(best, similarity(x, centres[i : i + 1024], half).max(axis=1), out=best)
    return best.astype(np.float64)


def greedy_cover(s: Matrix, n: int, weight: Vector, covered: Vector) -> tuple[Ids, Vector]:
    """Order (n,) and gain (n,) of the rows of s (k, m) that add most to sum_i weight_i max(covered_i, max_j s_ji).

    A gain can only shrink as more is covered, so old gains are upper bounds and few rows are evaluated again.
    Cost: O(k m) once, O(m) for each re-evaluation.
    """
    w, best = weight.astype(np.float32), covered.astype(np.float32)
    heap = []
    for i in range(0, len(s), 256):
        gain = np.maximum(s[i : i + 256] - best, np.float32(0.0)) @ w
        heap += [(-float(g), i + j, 0) for j, g in enumerate(gain)]
    heapify(heap)
    order, gains = np.empty(n, np.int64), np.empty(n)
    step = 0
    while step < n:
        bound, row, seen = heappop(heap)
        if seen < step:
            heappush(heap, (-float(np.maximum(s[row] - best, np.float32(0.0)) @ w), row, step))
            continue
        order[step], gains[step] = row, -bound
        np.maximum(best, s[row], out=best)
        step += 1
    return order, gains


def checked_rows(x: Matrix) -> Matrix:
    """x as (m, d) float32, or ShapeError."""
    x = np.asarray(x, dtype=np.float32)
    if x.ndim != 2:
        raise ShapeError(f"x has shape {x.shape}; (rows, columns) was expected.", "reshape it to two dimensions.")
    return x


def _part(rows: Ids, limit: int, rng: Generator) -> Ids:
    return rows if len(rows) <= limit else np.sort(rng.choice(rows, size=limit, replace=False))
