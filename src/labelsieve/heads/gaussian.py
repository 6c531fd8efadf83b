"""One Gaussian with a shrunk covariance: how far a row is from the rest."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import NotEnoughLabels
from labelsieve.core.types import Matrix, State, Vector

FLOOR = 1e-9  # least variance of a direction, as a share of the largest

TINY = 1e-30  # keeps 1 / sqrt(variance) within float32

SAME = 1e-20  # variance a column below which rows are copies of one another, for columns of size 1


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Mean (d,), whitening (d, r) and shrinkage in [0, 1]; `distance` is the squared Mahalanobis distance.

    `rest` above 0: the rows were fewer than columns, and `whiten` holds what their span takes off rest * |x - mean|^2.
    """

    mean: NDArray[np.float64]
    whiten: NDArray[np.float32]
    shrinkage: float
    rest: float = 0.0

    @classmethod
    def fit(cls, chunks: Iterable[Matrix]) -> "Gaussian":
        """Ledoit-Wolf estimate from chunks of rows (m, d), read once. NotEnoughLabels for no row at all.

        Source: Ledoit & Wolf 2004, A well-conditioned estimator for large-dimensional covariance matrices.
        Cost: O(n d^2 + d^3), memory O(d^2).
        """
        sums: _Sums | None = None
        for chunk in chunks:
            if len(chunk):
                sums = _Sums(chunk.mean(axis=0, dtype=np.float64)) if sums is None else sums
                sums.add(chunk)
        if sums is None:
            raise NotEnoughLabels("there is no row to learn what is usual from.", "label or sync some items first.")
        covariance, fourth = sums.covariance(), sums.fourth_moment()
        d = len(covariance)
        power = float(np.trace(covariance)) / d
        away = float(((covariance - power * np.eye(d)) ** 2).sum()) / d
        noise = max(fourth - float((covariance**2).sum()), 0.0) / (sums.n * d)
        shrinkage = min(noise / away, 1.0) if away > 0 else 1.0
        values, vectors = np.linalg.eigh((1 - shrinkage) * covariance + shrinkage * power * np.eye(d))
        values = np.maximum(values, max(FLOOR * float(values[-1]), TINY))  # constant columns
        return cls(sums.mean(), (vectors / np.sqrt(values)).astype(np.float32), shrinkage)

    @classmethod
    def of_rows(cls, x: Matrix, weight: Vector | None = None) -> "Gaussian":
        """The same estimate from rows (m, d) in memory that may weigh differently (m,), above 0.

        NotEnoughLabels for no row. Source: as `fit`; fewer rows than columns are worked on in their own span.
        Cost: O(m d min(m, d) + min(m, d)^3).
        """
        if not len(x):
            raise NotEnoughLabels("there is no row to learn what is usual from.", "label or sync some items first.")
        share = np.ones(len(x)) if weight is None else np.asarray(weight, dtype=np.float64)
        share = share / share.sum()
        mean = share @ x
        away = x.astype(np.float64) - mean
        d, thin = x.shape[1], len(x) < x.shape[1]
        scaled = away * np.sqrt(share)[:, None]
        values, vectors = np.linalg.eigh(scaled @ scaled.T if thin else scaled.T @ scaled)
        values = np.maximum(values, 0.0)
        fourth = float(share @ np.einsum("ij,ij->i", away, away) ** 2)
        power, square = float(values.sum()) / d, float((values**2).sum())
        spread, noise = square / d - power**2, max(fourth - square, 0.0) * float((share**2).sum()) / d
        shrinkage = min(noise / spread, 1.0) if spread > 0 else 1.0
        own, base = (1 - shrinkage) * values + shrinkage * power, shrinkage * power
        if power <= SAME * (1 + float(mean @ mean) / d):  # one row, or copies of one: plain distance from it
            return cls(mean, np.zeros((d, 0), np.float32), 1.0, 1.0)
        least = max(FLOOR * float(own[-1]), TINY)
        if not thin:
            return cls(mean, (vectors / np.sqrt(np.maximum(own, least))).astype(np.float32), shrinkage)
        base = max(base, least)
        there = values > FLOOR * max(float(values[-1]), TINY)
        span = scaled.T @ vectors[:, there] / np.sqrt(values[there])
        taken = np.sqrt(np.maximum(1 / base - 1 / np.maximum(own[there], least), 0.0))
        return cls(mean, (span * taken).astype(np.float32), shrinkage, 1 / base)

    def distance(self, x: Matrix) -> Vector:
        """Squared Mahalanobis distances (m,), higher is odder. Cost: O(m d r) for whitening (d, r)."""
        away = x - self.mean.astype(np.float32)
        white = away @ self.whiten
        own = np.einsum("ij,ij->i", white, white)
        if not self.rest:
            return np.asarray(own, dtype=np.float64)
        square = np.einsum("ij,ij->i", away, away)
        return np.asarray(np.maximum(self.rest * square.astype(np.float64) - own, 0.0))

    def state(self) -> State:
        shrinkage, rest = np.array(self.shrinkage), np.array(self.rest)
        return {"mean": self.mean, "whiten": self.whiten, "shrinkage": shrinkage, "rest": rest}

    @classmethod
    def restore(cls, state: State) -> "Gaussian":
        return cls(state["mean"], state["whiten"], float(state["shrinkage"]), float(state.get("rest", 0.0)))


class _Sums:
    """Sums over rows, taken from a first guess of their mean so that they stay small."""

    def __init__(self, guess: NDArray[np.float64]) -> None:
        d = len(guess)
        self.n, self._guess = 0, guess
        self._first, self._second = np.zeros(d), np.zeros((d, d))
        self._third, self._fourth = np.zeros(d), 0.0  # of |x|^2 x and |x|^4

    def add(self, chunk: Matrix) -> None:
        x = np.asarray(chunk - self._guess.astype(np.float32), dtype=np.float64)
        square = np.einsum("ij,ij->i", x, x)
        self.n += len(x)
        self._first += x.sum(axis=0)
        self._second += x.T @ x
        self._third += square @ x
        self._fourth += float(square @ square)

    def mean(self) -> NDArray[np.float64]:
        return self._guess + self._first / self.n

    def covariance(self) -> NDArray[np.float64]:
        move = self._first / self.n
        return self._second / self.n - np.outer(move, move)

    def fourth_moment(self) -> float:
        """Mean of |x - mean|^4."""
        move = self._first / self.n
        far, power = float(move @ move), float(np.trace(self._second))
        total = self._fourth + 4 * float(move @ self._second @ move) + self.n * far**2
        total += -4 * float(move @ self._third) + 2 * far * power - 4 * far * self.n * far
        return total / self.n
