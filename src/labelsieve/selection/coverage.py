"""Coverage: a few items near to all others. Lazy greedy facility location; never an n x n matrix."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, PoolExhausted, ShapeError
from labelsieve.core.randomness import as_rng
from labelsieve.core.types import Ids, Matrix, Vector
from labelsieve.selection.given import row_numbers, wanted_number

FACILITIES, POINTS = 8192, 4096  # at most so many rows can be chosen, and so many are to be covered
BLOCK = 512
ROWS = 4096  # of x are read at once
SMALLEST, LARGEST = 1e-24, 1e30  # sums of squares between which single precision can be trusted


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
    take = reader(x)
    rng = as_rng(rng)
    taken, free = rows_left(len(x), n, labelled)
    rows = _part(free, max(FACILITIES, n), rng)
    points = _part(np.arange(len(x)), POINTS, rng)
    w = None if weight is None else checked_weight(weight, len(x))[points]
    order, _ = Covering(take(points), take(taken)).greedy(take(rows), n, w)
    return rows[order]


class Covering:
    """Points (m, d) to be covered, and how well `given` rows (k, d) cover each of them already.

    Similarity is the cosine of the docstring above; with a `width` it is exp((cosine - 1) / width), which falls off
    faster: what is near counts for more against what is merely on the same side.
    """

    def __init__(self, points: Matrix, given: Matrix, width: float | None = None) -> None:
        self._points, self._width = points, width
        self._half = float(np.einsum("ij,ij->i", points, points).sum(dtype=np.float64)) / max(len(points), 1) or 1.0
        self._covered = np.zeros(len(points), np.float32)
        for i in range(0, len(given), BLOCK):
            near = self._near(given[i : i + BLOCK])
            np.maximum(self._covered, near.max(axis=0), out=self._covered)

    def _near(self, rows: Matrix) -> Matrix:
        near = similarity(rows, self._points, self._half)
        if self._width is not None:
            near -= np.float32(1.0)
            near /= np.float32(self._width)
            np.exp(near, out=near)
        return near

    def greedy(self, rows: Matrix, n: int, weight: Vector | None = None) -> tuple[Ids, Vector]:
        """Order (n,) of rows (r, d) and the gain (n,) of each: what it adds to the weighted mean similarity.

        A gain can only shrink as more is covered, so old gains are upper bounds and few rows are evaluated again.
        Cost: O(r m d) once, then O(m) for each re-evaluation.
        """
        best = self._covered.copy()
        w = np.ones(len(best), np.float32) if weight is None else np.asarray(weight, np.float32)
        w = w / max(float(w.sum()), 1e-12)
        near = self._near(rows)
        heap: list[tuple[float, int, int]] = []  # (minus the gain, row, step at which that was the gain)
        for i in range(0, len(near), BLOCK):
            gain = np.maximum(near[i : i + BLOCK] - best, np.float32(0.0)) @ w
            heap += [(-float(g), i + j, 0) for j, g in enumerate(gain)]
        heapify(heap)
        order, gains = np.empty(n, np.int64), np.empty(n)
        step = 0
        while step < n:
            bound, row, seen = heappop(heap)
            if seen < step:
                heappush(heap, (-float(np.maximum(near[row] - best, np.float32(0.0)) @ w), row, step))
                continue
            order[step], gains[step] = row, -bound
            np.maximum(best, near[row], out=best)
            step += 1
        return order, gains


def similarity(a: Matrix, b: Matrix, half: float = 1.0) -> Matrix:
    """max(0, 1 - |a - b|^2 / (2 half)) for all pairs (k, m); half = 1 makes it the cosine of unit-norm rows."""
    s: Matrix = a @ b.T
    s -= 0.5 * np.einsum("ij,ij->i", a, a)[:, None]
    s -= 0.5 * np.einsum("ij,ij->i", b, b)[None, :]
    s *= np.float32(1.0 / half)
    s += np.float32(1.0)
    return np.maximum(s, np.float32(0.0), out=s)


def directions(x: Matrix, centre: Matrix) -> Matrix:
    """Rows of x (m, d) as seen from a centre (d,): unit norm, and zero for a row that is the centre itself."""
    moved = x - centre
    norm = np.sqrt(np.einsum("ij,ij->i", moved, moved))[:, None]
    return np.asarray(moved / np.where(norm > 0, norm, np.float32(1.0)), np.float32)


def checked_rows(x: Any) -> Matrix:
    """x as (m, d) float32. ShapeError for another number of dimensions, InputError for NaN and infinity."""
    return reader(x)(np.arange(len(x)))


def reader(x: Any) -> Callable[[Ids], Matrix]:
    """A function: positions (k,) -> those rows of x as (k, d) float32.

    x is read once, in blocks, to see that it is fit; it may be memory-mapped and of any type of number, and is never
    held as a whole. ShapeError for another number of dimensions, InputError for NaN, infinity, and numbers whose
    squares single precision does not hold.
    Cost: O(md), memory for one block.
    """
    x = x if isinstance(x, np.ndarray) else np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise InputError(f"x holds {x.dtype}; real numbers were expected.", "pass embeddings (rows, columns).")
    if x.ndim != 2 or not x.shape[1]:
        raise ShapeError(f"x has shape {x.shape}; (rows, columns) was expected.", "reshape it to two dimensions.")
    most = 0.0
    for i in range(0, len(x), ROWS):
        square = _sum_of_squares(np.asarray(x[i : i + ROWS]))
        if not square <= LARGEST:  # then, and only then, row by row
            whole = np.isfinite(x[i : i + ROWS]).all(axis=1)
            if not whole.all():
                raise InputError(f"row {i + int(np.argmin(whole))} of x is not finite.", "leave such rows out.")
        most = max(most, square)
    if most > LARGEST or (most < SMALLEST and any(x[i : i + ROWS].any() for i in range(0, len(x), ROWS))):
        raise InputError("x holds numbers whose squares single precision does not hold.", "divide x by its largest.")

    def take(at: Ids) -> Matrix:
        first, last = (int(at[0]), int(at[-1])) if len(at) else (0, -1)
        if last - first == len(at) - 1 and (np.diff(at) == 1).all():
            return np.ascontiguousarray(x[first : last + 1], np.float32)  # a view where it can be one
        return np.ascontiguousarray(x[at], np.float32)

    return take


def _sum_of_squares(rows: NDArray[Any]) -> float:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        flat = np.asarray(rows, np.float32).reshape(-1)
        return float(flat @ flat)


def rows_left(m: int, n: int, labelled: Ids | None) -> tuple[Ids, Ids]:
    """Positions (k,) that are labelled and (m - k,) that are not, both ascending; errors for what cannot be."""
    wanted_number(n)
    taken = np.unique(row_numbers(labelled, m))
    left = np.ones(m, bool)
    left[taken] = False
    free = np.flatnonzero(left).astype(np.int64, copy=False)
    if n > len(free):
        raise PoolExhausted(f"{n} items were asked for, {len(free)} of {m} are left to ask.", "ask for fewer.")
    return taken, free


def _part(rows: Ids, limit: int, rng: Generator) -> Ids:
    return rows if len(rows) <= limit else np.sort(rng.choice(rows, size=limit, replace=False))


def checked_weight(weight: Vector, m: int) -> Vector:
    """Weights (m,) as numbers from 0 to 1, the largest 1; ShapeError and InputError for others."""
    w = np.asarray(weight)
    if w.dtype.kind not in "fiub":
        raise InputError(f"weight holds {w.dtype}; real numbers were expected.")
    w = w.astype(np.float64)
    if w.shape != (m,):
        raise ShapeError(f"weight has shape {w.shape}; ({m},) was expected: one number a row of x.")
    if not (w >= 0).all() or not np.isfinite(w).all():
        raise InputError("weight has negative or infinite numbers; 0 or more was expected.")
    return w / (w.max(initial=0.0) or 1.0)
