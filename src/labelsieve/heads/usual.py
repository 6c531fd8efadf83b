"""The screen head while only dull items are known: what is unlike them is odd."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import NotEnoughLabels
from labelsieve.core.types import DULL, ODD, Matrix, State, Vector
from labelsieve.heads.gaussian import Gaussian
from labelsieve.heads.inputs import labelled, rows


class Usual:
    """Probability of odd from the Mahalanobis distance to the dull items (their covariance is shrunk).

    A rank, not a chance: it is .5 at the distance that the farthest dull item has from the others
    and grows with the distance. Odd items are left out of the fit.
    Cost: fit O(m d^2 + d^3), predict O(n d^2).
    """

    def __init__(self, n_classes: int | None = 2) -> None:
        self.n_classes = 2 if n_classes is None else n_classes
        self._gaussian: Gaussian | None = None
        self._edge = 1.0

    def fit(self, x: Matrix, y: NDArray[Any], weight: Vector | None = None) -> Self:
        data = labelled(x, y, weight, self.n_classes)
        dull = data.x[data.y == DULL]
        if not len(dull):
            raise NotEnoughLabels("no item is labelled as dull.", "label some dull items first.")
        self._gaussian = Gaussian.fit([dull])
        own = self._gaussian.distance(dull)
        self._edge = max(float(own.max()) * (1 + 1 / np.sqrt(len(dull))), 1e-12)
        return self

    def predict_proba(self, x: Matrix) -> Matrix:
        x = rows(x, 0 if self._gaussian is None else len(self._gaussian.mean))
        distance = self._gaussian.distance(x) if self._gaussian is not None else np.empty(0)
        out = np.zeros((len(distance), self.n_classes), dtype=np.float32)
        out[:, ODD] = distance / (distance + self._edge)
        out[:, DULL] = 1 - out[:, ODD]
        return out

    def config(self) -> dict[str, Any]:
        """The arguments that make a head like this one."""
        return {"n_classes": self.n_classes}

    def state(self) -> State:
        return (
            {}
            if self._gaussian is None
            else {**self._gaussian.state(), "n_classes": np.array(self.n_classes), "edge": np.array(self._edge)}
        )

    def restore(self, state: State) -> Self:
        self._gaussian, self._edge = Gaussian.restore(state), float(state["edge"])
        return self
