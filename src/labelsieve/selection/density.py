"""Information density: doubt counts for more where many items are alike."""

import numpy as np
from numpy.random import Generator

from labelsieve.core.rounds import Round
from labelsieve.core.types import Matrix, Query, Vector
from labelsieve.selection.acquisition import entropy, from_proba
from labelsieve.selection.candidates import thin
from labelsieve.selection.composing import NOTHING_LEARNT, at_random, best, chosen
from labelsieve.selection.coverage import similarity

BETA = 1.0
ROWS, POINTS = 20_000, 4096  # items of most entropy that are looked at, and items that they are compared with
BLOCK = 2048


def by_density_weight(state: Round, n: int, rng: Generator) -> Query:
    """Items with the highest entropy times their mean similarity to the pool: in doubt, and no stray points.

    Source: Settles and Craven 2008 (information density), beta = 1.
    Cost: one scan by the head, then O(20000 x 4096 d): the items of most entropy against a random part.
    """
    free, before = state.require(n), state.scored
    if state.head is None:
        return at_random(state, n, rng, "density", NOTHING_LEARNT)
    doubt = from_proba(entropy)(state, free)
    rows = np.sort(best(free, doubt, min(max(ROWS, n), len(free)), rng))
    crowd = crowding(state.take(free[rows]), state.take(thin(free, POINTS, rng)))
    score = doubt[rows] * crowd**BETA
    top = best(free[rows], score, n, rng)
    why = "in doubt, and like many other items"
    return chosen(free[rows[top]], score[top], "density", why, state.scored - before)


def crowding(x: Matrix, points: Matrix) -> Vector:
    """Mean similarity (m,) of rows x (m, d) to points (k, d), in [0, 1]: the cosine, 0 where below, on unit rows.

    Rows of other lengths: 1 - |a - b|^2 / (2 mean |point|^2), 0 where below. Cost: O(m k d).
    """
    half = float(np.mean(np.einsum("ij,ij->i", points, points), dtype=np.float64)) if len(points) else 0.0
    crowd = np.empty(len(x))
    for i in range(0, len(x), BLOCK):
        crowd[i : i + BLOCK] = similarity(x[i : i + BLOCK], points, half or 1.0).mean(axis=1, dtype=np.float64)
    return crowd
