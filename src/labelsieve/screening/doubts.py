"""Dull labels that lie closer to a known odd item than to other dull ones: a slip of the reviewer, maybe."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import DULL, ODD, Ids, Matrix, Vector

NEAR = 5  # the dull item that counts is the fifth nearest, or a nearer one while there are
EVERY = 20  # fewer than NEAR * EVERY dull items
CLOSER = 0.9  # and an odd item has to be closer than this share of its distance
MOST = 0.1  # of the dull items, the most doubtful: where odd and dull lie close, near misses teach a head most
FIRST, ROWS = 512, 1024  # dull items that most are cleared by, rows compared at once


class Doubts(NamedTuple):
    """Positions (k,) of doubtful dull rows, most doubtful first, of the odd row nearest to each, and how near it is.

    `ratio` (k,) is that distance as a share of the distance to the dull row that counts; below 0.9.
    """

    at: Ids
    odd: Ids
    ratio: Vector


def doubtful(x: Matrix, y: NDArray[Any], weight: Vector | None = None) -> Doubts:
    """The dull rows of x (m, d) whose nearest odd row is closer than .9 of the distance to their 5th nearest dull row.

    Give rows as heads of a screen want them (`directions_of`), y (m,) in {DULL, ODD}. Below 100 dull rows a nearer
    one counts in place of the 5th, the nearest below 40. At most a tenth of the dull rows, and at least one, is
    doubtful. Rows of weight 0 are left out. Nothing is doubtful without an odd row, or with a single dull one.
    Source: measured, see docs/decisions/0008-the-screen-head.md. Cost: O(m (odd + 512) d), and O(m d) for each row
    that the first 512 dull ones do not clear.
    """
    there = np.ones(len(x), bool) if weight is None else np.asarray(weight) > 0
    dull, odd = np.flatnonzero(there & (y == DULL)), np.flatnonzero(there & (y == ODD))
    if not len(odd) or len(dull) < 2:
        return Doubts(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    k = int(np.clip(len(dull) // EVERY, 1, NEAR))
    gap, nearest = np.empty(len(dull)), np.empty(len(dull), np.int64)
    for place, square in _squares(x, dull, odd):
        nearest[place], gap[place] = odd[square.argmin(axis=1)], square.min(axis=1)
    some = dull[:: max(len(dull) // FIRST, 1)]
    left = np.flatnonzero(gap < CLOSER**2 * _kth(x, dull, some, k))  # the true k-th is no farther than that
    own = _kth(x, dull[left], dull, k)
    ratio = np.sqrt(np.divide(gap[left], own, out=np.ones(len(left)), where=own > 0))
    order = np.argsort(ratio, kind="stable")
    order = order[ratio[order] < CLOSER][: max(int(MOST * len(dull)), 1)]
    return Doubts(dull[left][order], nearest[left][order], ratio[order])


def _kth(x: Matrix, of: Ids, among: Ids, k: int) -> Vector:
    """Squared distance (m,) of rows `of` to their k-th nearest of the rows `among`, themselves left out."""
    out = np.full(len(of), np.inf)
    for place, square in _squares(x, of, among):
        square[of[place][:, None] == among] = np.inf
        out[place] = np.partition(square, min(k, len(among)) - 1, axis=1)[:, min(k, len(among)) - 1]
    return out


def _squares(x: Matrix, of: Ids, among: Ids) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    there = x[among].astype(np.float64)
    size = np.einsum("ij,ij->i", there, there)
    for first in range(0, len(of), ROWS):
        rows = x[of[first : first + ROWS]].astype(np.float64)
        square = np.einsum("ij,ij->i", rows, rows)[:, None] + size - 2 * rows @ there.T
        square[square < 1e-12 * (size + 1e-300)] = 0.0  # rounding of rows that are the same
        yield slice(first, first + len(rows)), square
