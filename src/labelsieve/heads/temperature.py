"""Temperature: one number that makes a head's probabilities mean what they say. It never changes which class wins.

Fit it on a random audit slice; labels that were chosen actively mis-fit it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import ShapeError
from labelsieve.core.types import Matrix

LOW, HIGH = 0.05, 20.0  # temperatures that are looked at
FLOOR = 1e-7
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Temperature:
    """Call it on probabilities (m, c) to get calibrated ones; t > 1 makes them less sure, 1 leaves them as they are."""

    t: float = 1.0

    def __call__(self, proba: NDArray[Any], multilabel: bool = False) -> Matrix:
        """(m, c) float32. Rows sum to 1 again, unless `multilabel`, where each cell stands alone."""
        if self.t == 1.0:
            return np.asarray(proba, dtype=np.float32)
        out = _scaled(_logits(proba, multilabel), self.t, multilabel)
        if not multilabel:
            out = out * (np.asarray(proba) > 0)  # a class without labels stays at 0
            out /= np.maximum(out.sum(axis=1, keepdims=True), FLOOR)
        return out.astype(np.float32)

    @classmethod
    def fit(cls, proba: NDArray[Any], y: NDArray[Any]) -> "Temperature":
        """The temperature of least log loss on items with known y: (m,) codes, or (m, c) with NaN = not asked.

        A normal prior on log t (mean 0, deviation 1) keeps a few items that all happen to be right from making the
        head certain. Source: Guo et al. 2017. Cost: 60 evaluations of O(m c).
        """
        y = np.asarray(y)
        if len(y) != len(proba):
            raise ShapeError(f"y has {len(y)} rows and the probabilities have {len(proba)}.")
        if np.isnan(y).all():
            return cls()
        logits = _logits(proba, y.ndim == 2)
        low, high = np.log(LOW), np.log(HIGH)
        shrink = (np.sqrt(5) - 1) / 2  # golden section: the loss has one valley in log t
        for _ in range(60):
            a, b = high - shrink * (high - low), low + shrink * (high - low)
            if _loss(logits, y, float(np.exp(a))) <= _loss(logits, y, float(np.exp(b))):
                high = b
            else:
                low = a
        return cls(float(np.exp((low + high) / 2)))


def cross_fitted(proba: NDArray[Any], y: NDArray[Any], folds: int = FOLDS) -> Matrix:
    """Calibrated probabilities (m, c) of the very items that the temperature is fitted on: each row by a temperature
    of the other rows, so that what is measured on them is honest. Rows must be in random order. Cost: `folds` fits."""
    y = np.asarray(y)
    out = np.array(proba, dtype=np.float32)
    fold = np.arange(len(out)) % max(min(folds, len(out)), 1)
    for k in np.unique(fold) if len(out) > 1 else ():
        here = fold == k
        out[here] = Temperature.fit(proba[~here], y[~here])(proba[here], y.ndim == 2)
    return out


def _logits(proba: NDArray[Any], multilabel: bool) -> NDArray[np.float64]:
    p = np.clip(np.asarray(proba, dtype=np.float64), FLOOR, 1 - FLOOR)
    return np.log(p / (1 - p)) if multilabel else np.log(p)


def _scaled(logits: NDArray[np.float64], t: float, multilabel: bool) -> NDArray[np.float64]:
    z = logits / t
    if multilabel:
        return np.asarray(1 / (1 + np.exp(-np.clip(z, -500, 500))))
    power = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(power / power.sum(axis=1, keepdims=True))


def _loss(logits: NDArray[np.float64], y: NDArray[Any], t: float) -> float:
    p = np.clip(_scaled(logits, t, y.ndim == 2), FLOOR, 1 - FLOOR)
    prior = float(np.log(t) ** 2 / (2 * max(len(y), 1)))
    if y.ndim == 2:
        each = y * np.log(p) + (1 - y) * np.log(1 - p)
        return float(-np.nansum(each) / max(len(y), 1)) + prior
    return float(-np.mean(np.log(p[np.arange(len(y)), y]))) + prior
