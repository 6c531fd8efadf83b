"""Nearest class mean: the head for the very first labels."""

from contextlib import AbstractContextManager
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Matrix, State, Vector
from labelsieve.heads.columns import Columns
from labelsieve.heads.inputs import labelled, rows
from labelsieve.heads.threads import one_thread

SHARPNESS = 10.0  # logits are -SHARPNESS x squared distance over the mean one between means


class NearestMean:
    """Softmax over the squared distances to the class means; works from one label a class.

    Multilabel: for each class the mean of the items that have it against the mean of those that do not.
    Cost: fit O(m d), predict O(n c d).
    """

    def __init__(self, n_classes: int | None = None) -> None:
        self.n_classes = n_classes
        self._means: NDArray[np.float64] = np.empty((0, 0))
        self._columns = Columns()
        self._sharpness = 1.0

    def fit(self, x: Matrix, y: NDArray[Any], weight: Vector | None = None) -> Self:
        data = labelled(x, y, weight, self.n_classes)
        self.n_classes, self._columns = data.n_classes, Columns.of(data)
        present = self._columns.present
        if data.multilabel:
            w = np.where(np.isnan(data.y), 0.0, 1.0) * data.weight[:, None]
            on = np.nan_to_num(data.y) * w
            self._means = np.concatenate([_means(data.x, part[:, present]) for part in (on, w - on)])
        else:
            self._means = _means(data.x, (data.y[:, None] == present) * data.weight[:, None])
        gaps = self._means - self._means.mean(axis=0) if len(self._means) else np.zeros((1, 1))
        spread_of_means = 2 * float((gaps**2).sum(axis=1).mean())
        self._sharpness = SHARPNESS / spread_of_means if spread_of_means > 0 else 1.0
        return self

    def predict_proba(self, x: Matrix) -> Matrix:
        logit = _logits(rows(x, self._columns.dim), self._means, self._sharpness)
        if self._columns.rate is None:
            return self._columns.of_logits(logit)
        k, rate = self._columns.width, self._columns.rate[self._columns.present]
        return self._columns.of_logits(logit[:, :k] - logit[:, k:] + np.log(rate / (1 - rate)))

    def one_thread_each(self) -> AbstractContextManager[Any]:
        """While inside, a prediction uses one thread, so that several threads may predict side by side."""
        return one_thread()

    def config(self) -> dict[str, Any]:
        """The arguments that make a head like this one."""
        return {"n_classes": self.n_classes}

    def state(self) -> State:
        return {**self._columns.state(), "means": self._means, "sharpness": np.array(self._sharpness)}

    def restore(self, state: State) -> Self:
        self._columns, self._means = Columns.restore(state), state["means"]
        self._sharpness = float(state["sharpness"])
        return self


def _means(x: Matrix, member: NDArray[Any]) -> NDArray[np.float64]:
    """Weighted means (k, d) of x (m, d) for memberships (m, k)."""
    total: NDArray[np.float64] = member.sum(axis=0, dtype=np.float64)
    return np.asarray((member.T @ x.astype(np.float64)) / total[:, None])


def _logits(x: Matrix, means: NDArray[np.float64], sharpness: float) -> NDArray[np.float64]:
    """-sharpness x squared distance (m, k), up to a number that is the same for the whole row."""
    if not means.size:
        return np.zeros((len(x), 0))
    half = np.asarray(x @ means.T.astype(np.float32), dtype=np.float64)
    return np.asarray(sharpness * (2 * half - (means**2).sum(axis=1)))
