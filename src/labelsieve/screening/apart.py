"""Odd by standing alone: how far an item lies from the few items of the pool that are nearest to it."""

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from labelsieve.core.rounds import Round
from labelsieve.core.types import Matrix
from labelsieve.heads.fused import directions_of
from labelsieve.screening.anomaly import rank
from labelsieve.selection.candidates import thin

NEAREST = 5
LEARN_FROM, AT_LEAST = 20_000, 1_000  # rows that neighbours are looked up among,
PAIRS = 1_000_000_000  # fewer of them in a pool with which these would be more pairs
ROWS = 512  # compared at once with all of those
LOOK_AT, FEW = 1_000, 20  # rows whose columns are looked at; values of a column that are few


def few_values(x: Matrix) -> bool:
    """Whether half of the columns of x (n, d) or more take fewer than 20 values, or than half the rows: bits, counts,
    features that are mostly 0.

    A single column means something there, so that trees, which split one at a time, have something to hold on to; an
    embedding may be turned any way. Source: measured, see docs/decisions/0007-the-search.md. Cost: O(n d log n).

    >>> few_values(np.eye(100, dtype=np.float32)), few_values(np.arange(200, dtype=np.float32).reshape(100, 2))
    (True, False)
    """
    ordered = np.sort(x, axis=0)
    values = 1 + (ordered[1:] != ordered[:-1]).sum(axis=0)
    return bool(np.median(values) < min(FEW, len(x) / 2)) if len(x) else False


def is_dense(state: Round) -> bool:
    """Whether the pool is embeddings in columns that mean nothing one by one, by at most 1,000 random rows.

    Not where there are feature maps: there patches say, place by place, what has no near neighbour.
    """
    if state.tabular or state.maps is not None:
        return False

    def made() -> NDArray[np.bool_]:
        return np.array([not few_values(state.take(thin(state.pool.ids, LOOK_AT, default_rng(0))))])

    return bool(state.kept("dense", made)[0])


def apart_ranks(state: Round) -> NDArray[np.float32]:
    """How far each item of the pool lies from its five nearest ones, as ranks (N,) in [0, 1]. They are kept.

    The mean distance between directions (lengths where the rows are columns of a table), to at most 20,000 random
    rows; a row is no neighbour of its own.
    Source: Angiulli and Pizzuti 2002. Cost: once O(20,000 N d), from 50,000 rows on O(1e9 d); then nothing.
    """

    def made() -> NDArray[np.float32]:
        pool = state.pool
        at = np.arange(len(pool.ids))
        at = thin(at, min(LEARN_FROM, max(AT_LEAST, PAIRS // max(len(at), 1))), default_rng(0))
        among = directions_of(pool.take(pool.ids[at]), state.tabular)
        far = np.empty(len(pool.ids))
        for i in range(0, len(far), ROWS):
            x = directions_of(pool.take(pool.ids[i : i + ROWS]), state.tabular)
            first, last = np.searchsorted(at, [i, i + len(x)])
            far[i : i + ROWS] = _gaps(x, among, at[first:last] - i, first)
        return rank(far).astype(np.float32)

    return state.kept("apart ranks", made)


def _gaps(x: Matrix, among: Matrix, own: NDArray[np.int64], first: int) -> NDArray[np.float64]:
    """Mean distances (m,) of x (m, d) to the nearest of `among`, whose rows from `first` on are x[own]."""
    square = np.einsum("ij,ij->i", among, among)[None, :] - 2.0 * (x @ among.T)
    square[own, first + np.arange(len(own))] = np.inf
    k = min(NEAREST, len(among) - 1)
    if k < 1:
        return np.zeros(len(x))
    near = np.partition(square, k - 1, axis=1)[:, :k] + np.einsum("ij,ij->i", x, x)[:, None]
    return np.asarray(np.sqrt(np.maximum(near, 0.0, dtype=np.float64)).mean(axis=1))
