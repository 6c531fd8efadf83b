"""Norms of rows, in one pass of single precision where that is enough."""

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Matrix, Vector

SMALL, LARGE = 1e-30, 1e30  # squares beyond these are summed again in double precision
MOST = 1e16  # a number of an embedding; distances of rows with larger ones overflow float32, and drown all others
ROUNDING = 1e-5  # a square so near to 1 is 1


def small_enough(x: Matrix) -> NDArray[np.bool_]:
    """Whether the numbers of each row of x (m, d) are finite and at most 1e16 in size, as (m,). Cost: one pass.

    >>> small_enough(np.array([[1.0, -1e16], [1.0, 2e16], [np.nan, 0.0]])).tolist()
    [True, False, False]
    """
    if not x.shape[1]:
        return np.ones(len(x), bool)
    with np.errstate(invalid="ignore"):
        small: NDArray[np.bool_] = (x.max(axis=1) <= MOST) & (x.min(axis=1) >= -MOST)  # NaN fails both
    return small


def norms_of(x: Matrix) -> Vector:
    """Norm (m,) of each row of x (m, d) float32, to about 1e-6 of itself; NaN and infinity where a row holds them.

    Rows of unit norm, but for rounding, get exactly 1. Cost: O(m d), one pass.

    >>> norms_of(np.array([[3.0, 4.0], [1e-30, 0.0], [1.0, 1e-6]], np.float32)).tolist()
    [5.0, 1.0000000031710769e-30, 1.0]
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # such rows are done again below
        square = np.einsum("ij,ij->i", x, x).astype(np.float64)
    again = ~((square > SMALL) & (square < LARGE))
    if again.any():
        square[again] = np.square(x[again], dtype=np.float64).sum(axis=1)
    near = np.abs(square - 1.0) <= ROUNDING
    square[near] = 1.0
    norm: Vector = np.sqrt(square)
    return norm
