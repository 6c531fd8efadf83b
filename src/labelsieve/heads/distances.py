"""How far rows lie from what is usual, in one or two views at once, on the scale of the pool."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Matrix, State, Vector
from labelsieve.heads.gaussian import Gaussian

LEAST = 1e-3  # share of a usual squared distance below which rows count as equally near


@dataclass(frozen=True, slots=True)
class Place:
    """Where a score lies and how wide it spreads over the pool; called on scores (n,) it puts them on that scale."""

    mean: float = 0.0
    spread: float = 1.0

    @classmethod
    def of(cls, score: NDArray[np.floating]) -> "Place":
        mean, spread = float(np.mean(score, dtype=np.float64)), float(np.std(score, dtype=np.float64))
        return cls(mean, spread if spread > 1e-9 * max(abs(mean), 1e-30) else 1.0)  # else constant but for rounding

    def __call__(self, score: NDArray[np.floating]) -> Vector:
        return np.asarray((score - self.mean) / self.spread, dtype=np.float64)

    def state(self) -> NDArray[np.float64]:
        return np.array([self.mean, self.spread])

    @classmethod
    def restore(cls, state: NDArray[np.float64]) -> "Place":
        return cls(float(state[0]), float(state[1]))


@dataclass(frozen=True, slots=True)
class Distances:
    """The log of the squared Mahalanobis distance in each view, each placed in the pool, added and placed again."""

    gaussians: tuple[Gaussian, ...]
    places: tuple[Place, ...]
    whole: Place

    @classmethod
    def fit(cls, usual: Sequence[Matrix], weight: Vector, pool: Sequence[Matrix]) -> "Distances":
        """From the usual rows (m, d) with their weights (m,), and rows of the pool (r, d), one matrix a view each.

        Cost: O((m + r) d min(m, d)) a view.
        """
        gaussians = tuple(Gaussian.of_rows(x, weight) for x in usual)
        logs = [_log(gaussian, x) for gaussian, x in zip(gaussians, pool, strict=True)]
        places = tuple(Place.of(log) for log in logs)
        total = sum((place(log) for place, log in zip(places, logs, strict=True)), np.zeros(len(logs[0])))
        return cls(gaussians, places, Place.of(total))

    def __call__(self, views: Sequence[Matrix]) -> Vector:
        """Distances (n,) of rows (n, d), one matrix a view: 0 is the pool's mean, 1 its deviation.

        Views beyond those that it was fitted on are not looked at.
        """
        parts = zip(self.gaussians, self.places, views, strict=False)
        return self.whole(sum((place(_log(own, x)) for own, place, x in parts), np.zeros(len(views[0]))))

    def state(self) -> State:
        out = {"places": np.array([place.state() for place in (*self.places, self.whole)])}
        for at, gaussian in enumerate(self.gaussians):
            out |= {f"{at}_{name}": value for name, value in gaussian.state().items()}
        return out

    @classmethod
    def restore(cls, state: State) -> "Distances":
        *places, whole = (Place.restore(row) for row in state["places"])
        names = ("mean", "whiten", "shrinkage", "rest")
        own = [Gaussian.restore({name: state[f"{at}_{name}"] for name in names}) for at in range(len(places))]
        return cls(tuple(own), tuple(places), whole)


def _log(gaussian: Gaussian, x: Matrix) -> Vector:
    return np.asarray(np.log(np.maximum(gaussian.distance(x) / x.shape[1], LEAST)))
