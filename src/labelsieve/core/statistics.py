"""Intervals and curves that every floor reports with. numpy and the standard library only."""

from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.types import Interval


def wilson(hits: int, n: int, confidence: float = 0.95) -> Interval:
    """Share hits / n with the Wilson score interval; (nan, 0, 1) for n = 0. Source: Wilson 1927.

    >>> round(wilson(8, 10).low, 3), round(wilson(8, 10).high, 3)
    (0.49, 0.943)
    """
    if n == 0:
        return Interval(float("nan"), 0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(p, max(0.0, middle - half), min(1.0, middle + half))


def bootstrap(values: NDArray[Any], rng: Generator, confidence: float = 0.95, draws: int = 2000) -> Interval:
    """Mean of (n,) values with a percentile bootstrap interval over them (n = 1 gives a point)."""
    values = np.asarray(values, dtype=np.float64)
    means = values[rng.integers(0, len(values), size=(draws, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def curve_area(labels: NDArray[Any], score: NDArray[Any]) -> float:
    """Trapezoid mean of a learning curve from the first query to the last; the score itself for one point."""
    x, y = np.asarray(labels, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if len(x) < 2:
        return float(y[-1])
    return float(np.trapezoid(y, x) / (x[-1] - x[0]))
