"""How unusual each item is, when little or nothing is labelled. Higher is odder, everywhere."""

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from labelsieve.core.errors import NotEnoughLabels
from labelsieve.core.rounds import BLOCK, Pool, Round
from labelsieve.core.types import Ids, Matrix, Vector
from labelsieve.heads.gaussian import Gaussian

LEARN_FROM = 20_000  # pool rows that the covariance is learnt from at most


def mahalanobis(x: Matrix, reference: Matrix | None = None) -> Vector:
    """Squared Mahalanobis distances (n,) of x (n, d) from `reference` (m, d), or from x itself.

    The covariance is shrunk (Ledoit-Wolf), so that fewer rows than columns are enough; give z-scored rows.
    `reference` may be items known to be dull. NotEnoughLabels for an empty reference. Cost: O((n + m) d^2).

    >>> x = np.array([[0, 0], [1, 1], [0, 1], [1, 0], [9, 9]], dtype=np.float32)
    >>> int(mahalanobis(x).argmax())
    4
    """
    rows = np.asarray(x if reference is None else reference, dtype=np.float32)
    if not len(rows):
        raise NotEnoughLabels("the reference holds no row.", "label some items as dull, or leave it out.")
    gaussian = Gaussian.fit(rows[i : i + BLOCK] for i in range(0, len(rows), BLOCK))
    x = np.asarray(x, dtype=np.float32)
    return np.concatenate([gaussian.distance(x[i : i + BLOCK]) for i in range(0, len(x), BLOCK)] or [np.empty(0)])


def pool_anomaly(pool: Pool, ids: Ids, rng: Generator, learn_from: int = LEARN_FROM) -> Vector:
    """Mahalanobis distances (m,) of `ids` from the pool; a random part of a large pool is learnt from.

    Cost: O((m + learn_from) d^2) time, O(d^2) memory beside one block.
    """
    known = pool.ids
    if len(known) > learn_from:
        known = known[np.sort(rng.choice(len(known), learn_from, replace=False))]
    gaussian = Gaussian.fit(_blocks(pool, known))
    return np.concatenate([gaussian.distance(x) for x in _blocks(pool, ids)] or [np.empty(0)])


def pool_ranks(state: Round) -> NDArray[np.float32]:
    """How unusual each item of the pool is in it, as ranks (N,) in [0, 1], in the order of its ids. They are kept.

    Mahalanobis distances; the covariance is that of at most 20,000 random rows. Cost: once O(N d^2), then nothing.
    """

    def made() -> NDArray[np.float32]:
        return rank(pool_anomaly(state.pool, state.pool.ids, default_rng(0))).astype(np.float32)

    return state.kept("anomaly ranks", made)


def _blocks(pool: Pool, ids: Ids) -> Iterator[Matrix]:
    for i in range(0, len(ids), BLOCK):
        yield pool.take(ids[i : i + BLOCK])


def rank(score: Vector) -> Vector:
    """Ranks (m,) in [0, 1], ties share their mean; a single score has rank 1. Cost: O(m log m).

    >>> rank(np.array([3.0, 1.0, 1.0])).tolist()
    [1.0, 0.25, 0.25]
    """
    if len(score) < 2:
        return np.ones(len(score))
    _, code, count = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - 1 - (count - 1) / 2)[code] / (len(score) - 1), dtype=np.float64)
