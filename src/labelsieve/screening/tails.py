"""Odd by the tails of single columns: a value that few others reach, in one column or in several."""

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from labelsieve.core.rounds import BLOCK, Round
from labelsieve.core.types import Matrix
from labelsieve.screening.anomaly import rank
from labelsieve.selection.candidates import thin

LEARN_FROM = 100_000  # pool rows that the tails are learnt from at most


def tail_ranks(state: Round) -> NDArray[np.float32]:
    """How far each item of the pool lies in the tails of its columns, as ranks (N,) in [0, 1]. They are kept.

    The score is the largest of three sums over columns of -log(share of rows as far out): on the left, on the
    right, and on the side to which each column is skewed. Tails are those of at most 100,000 random rows.
    Source: Li et al. 2022 (ECOD). Cost: once O(N d log(rows)), then nothing.
    """

    def made() -> NDArray[np.float32]:
        pool = state.pool
        reference = pool.take(thin(pool.ids, LEARN_FROM, default_rng(0)))
        ordered = np.sort(reference, axis=0)
        skewed_left = _skew(reference) < 0
        blocks = (pool.ids[i : i + BLOCK] for i in range(0, len(pool.ids), BLOCK))
        return rank(np.concatenate([_far_out(pool.take(ids), ordered, skewed_left) for ids in blocks])).astype("f4")

    return state.kept("tail ranks", made)


def _far_out(x: Matrix, ordered: Matrix, skewed_left: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The score (m,) of rows x (m, d), by the sorted columns (n, d) of the reference."""
    n, d = ordered.shape
    sums = np.zeros((3, len(x)))
    for j in range(d):
        below = np.searchsorted(ordered[:, j], x[:, j], "right")
        above = n - np.searchsorted(ordered[:, j], x[:, j], "left")
        left, right = (-np.log(np.maximum(count, 1) / n) for count in (below, above))
        sums += left, right, left if skewed_left[j] else right
    return np.asarray(sums.max(axis=0))


def _skew(x: Matrix) -> NDArray[np.float64]:
    """The sign of the third moment of each column (d,)."""
    away = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    return np.asarray((away**3).mean(axis=0))
