"""Whether new items are like the pool at all: a two-sample test, and how many of them would be flagged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.errors import ShapeError
from labelsieve.core.types import Matrix, Vector
from labelsieve.screening.conformal import p_values
from labelsieve.screening.draws import share_at_least

ROWS = 1000  # a side, at most: distances of all pairs are held
PERMUTED = 999
LEVEL = 0.01  # of the test
LEAST = 20  # new items below which nothing is decided
TIMES, SOME, HALF = 5.0, 0.2, 0.5  # what "most of it would be flagged" means, see `shift_of`
AMONG = 5000  # rows of the pool among which the nearest is looked for
FAR, FAR_LIMIT = 0.1, 0.3  # share of the pool that counts as far from the rest, and of new items that may be as far
NEAR = 1e-9


@dataclass(frozen=True, slots=True)
class Shift:
    """The evidence: `energy` in [0, 1] (0: the same distribution) with its p-value, and shares of the `new` items.

    `flagged` of them score above what `expected` of the pool does; `far` of them lie farther from the nearest item of
    the pool than .9 of its items do, by one measure or the other. `flagged_low` and `far_low` are lower bounds at
    95 %, to be compared with `limit` and `far_limit`.
    """

    energy: float
    p: float
    new: int
    compared: tuple[int, int]  # rows of the test, new and of the pool
    expected: float
    flagged: float
    flagged_low: float
    limit: float
    far: float
    far_low: float
    far_limit: float = FAR_LIMIT

    @property
    def decided(self) -> bool:
        """Whether there are enough items to say anything."""
        return self.new >= LEAST

    @property
    def another_domain(self) -> bool:
        """The two differ, and more than the limit would be flagged, or lies far from anything in the pool."""
        over = self.flagged_low > self.limit or self.far_low > self.far_limit
        return self.decided and self.p <= LEVEL and over


@dataclass(frozen=True, slots=True)
class Side:
    """One of two sets of items: at most 1,000 viewed rows x (m, d), drawn at random, how far each is `away` (m, c) from
    the nearest item of the pool, by c measures, and the `score` of all of them (n,)."""

    x: Matrix
    away: NDArray[np.float64]
    score: Vector


def shift_of(new: Side, pool: Side, alarms: float, rng: Generator) -> Shift:
    """Whether `new` is of another domain than `pool`, and why.

    It is where the energy test rejects at .01 and, with 95 % confidence, either more than max(5 x alarms, .2) of the
    new items (half of them, where that is more) score higher than all but `alarms` of the pool, or more than .3 of
    them lie farther from the nearest item of the pool than .9 of its own do (a pool holds odd items itself, so its
    outermost items say little). A few odd items in a batch
    like the pool are not enough, nor is a batch from one corner of the pool. Under 20 items nothing is decided.
    Source: Szekely and Rizzo 2004 (energy test), by permutation; the rule is ours, measured in
    benchmarks/results/conformal.json. Cost: O((m + k)^2 (d + 999)) for m + k rows, at most 2,000.
    """
    rate = max(alarms, 1 / (len(pool.score) + 1))
    energy, p = energy_test(new.x, pool.x, rng)
    flagged = p_values(new.score, pool.score) <= rate * (1 + NEAR)
    each = max(FAR, 1 / (len(pool.away) + 1)) * (1 + NEAR)
    far = np.any([p_values(*two) <= each for two in zip(new.away.T, pool.away.T, strict=True)], axis=0)
    low = [share_at_least(int(part.sum()), len(part), 0.95) for part in (flagged, far)]
    limit = max(min(TIMES * rate, HALF), SOME)
    sizes = len(new.score), (len(new.x), len(pool.x))
    return Shift(energy, p, *sizes, rate, float(flagged.mean()), low[0], limit, float(far.mean()), low[1])


def away_from(x: Matrix, pool: Matrix, tabular: bool, own: bool = False) -> NDArray[np.float64]:
    """How far each row of x (m, d) is from the nearest of the pool's rows (k, d): (m, 2), by distance and 1 - cosine.

    Of tables (m, 1), by distance. Other photographs differ in length, other texts in direction: either alone is blind
    to one of them.
    `own`: each row of x is one of the pool's itself, which does not count. Cost: O(m k d).
    """
    far = [_nearest(x, pool, own)]
    if not tabular:
        far.append(_nearest(_unit(x), _unit(pool), own) ** 2 / 2)
    return np.stack(far, axis=1)


def _nearest(x: Matrix, pool: Matrix, own: bool) -> Vector:
    square = (pool**2).sum(axis=1)
    found = [np.empty(0)]
    for i in range(0, len(x), ROWS):
        part = x[i : i + ROWS]
        far = (part**2).sum(axis=1)[:, None] + square - 2 * part @ pool.T
        found.append(np.partition(far, 1, axis=1)[:, 1] if own and len(pool) > 1 else far.min(axis=1))
    return np.asarray(np.sqrt(np.maximum(np.concatenate(found), 0.0)), np.float64)


def _unit(x: Matrix) -> Matrix:
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.where(norm > 0, norm, 1), np.float32)


def energy_test(x: Matrix, y: Matrix, rng: Generator, permuted: int = PERMUTED) -> tuple[float, float]:
    """(statistic, p) of whether x (m, d) and y (k, d) come from one distribution.

    The statistic is 1 - (mean distance within x + mean distance within y) / (2 mean distance between them), as sums
    over all pairs: 0 for the same rows, 1 where both are points. p is exact for rows in any order: the share of
    `permuted` relabellings (and this one) that part the rows as far. ShapeError for no rows, or different widths.
    Source: Szekely and Rizzo 2004; Phipson and Smyth 2010. Cost: O((m + k)^2 (d + permuted)).
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or not (len(x) and len(y)):
        raise ShapeError(f"the rows have the shapes {x.shape} and {y.shape}; expected (m, d) and (k, d), none empty.")
    distance = _distances(np.concatenate([x, y]))
    m, k = len(x), len(y)
    chosen = np.zeros((m + k, permuted + 1), np.float32)
    chosen[:m, 0] = 1
    for column in range(1, permuted + 1):
        chosen[rng.permutation(m + k)[:m], column] = 1
    total = float(distance.sum(dtype=np.float64))
    to_all = distance.sum(axis=1, dtype=np.float64) @ chosen
    within_x = np.einsum("ij,ij->j", chosen, distance @ chosen, dtype=np.float64)
    between = to_all - within_x
    within_y = total - within_x - 2 * between
    apart = between / (m * k)
    energy = 1 - (within_x / m**2 + within_y / k**2) / np.maximum(2 * apart, 1e-30)
    if total == 0:  # every row is the same
        return 0.0, 1.0
    as_far = int((energy[1:] >= energy[0] - 1e-6).sum())
    return float(max(energy[0], 0.0)), (1 + as_far) / (permuted + 1)


def _distances(rows: Matrix) -> Matrix:
    """Euclidean distances (n, n) of all pairs."""
    centred = (rows - rows.mean(axis=0)).astype(np.float64)
    square = np.einsum("ij,ij->i", centred, centred)
    out = square[:, None] + square[None, :] - 2 * centred @ centred.T
    np.fill_diagonal(out, 0.0)
    return np.asarray(np.sqrt(np.maximum(out, 0.0)), np.float32)


def moved_columns(x: Matrix, y: Matrix, names: Sequence[str], n: int = 5) -> list[tuple[str, float]]:
    """The n names whose columns moved most from the pool rows y (k, d) to the new rows x (m, d), the furthest first.

    How far is the difference of means in standard deviations of y; several columns may share a name, and the one
    that moved furthest counts. A column that is constant in y counts by how often x differs from it.
    Cost: O((m + k) d).

    >>> y = np.array([[0, 1], [2, 1]], np.float32)
    >>> moved_columns(y + [[3, 0]], y, ["size", "hue"], 1)
    [('size', 3.0)]
    """
    spread, move = y.std(axis=0, dtype=np.float64), x.mean(axis=0, dtype=np.float64) - y.mean(axis=0, dtype=np.float64)
    fixed = spread <= 1e-6 * np.maximum(np.abs(y).max(axis=0), 1e-30)
    changed = (np.abs(x - y[:1]) > 1e-6).mean(axis=0)
    size = np.where(fixed, np.sign(move) * changed, move / np.where(fixed, 1.0, spread))
    best: dict[str, float] = {}
    for name, value in zip(names, size.tolist(), strict=True):
        if abs(value) >= abs(best.get(name, 0.0)):
            best[name] = value
    return sorted(best.items(), key=lambda pair: -abs(pair[1]))[:n]
