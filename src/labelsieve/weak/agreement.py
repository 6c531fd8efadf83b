"""How far annotators agree beyond chance: Cohen's kappa, Fleiss' kappa, Krippendorff's alpha, with intervals.

1 is perfect agreement, 0 what chance gives, below 0 less than chance. NaN where it is undefined: nobody answered twice,
or every answer is of one class, so that there was nothing to disagree about.

An interval is a percentile bootstrap over items: equal items are drawn together (one multinomial a draw), so that it
costs what the number of different patterns of answers costs, not the number of items.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ShapeError
from labelsieve.core.types import Interval, Vector

Counts = NDArray[np.int64]
Measure = Callable[[Vector, Vector], Vector]  # patterns (k, ...), how often each came (b, k) -> (b,)
BLOCK = 2_000_000  # numbers that the bootstrap holds at once
DRAWS = 1000


def cohen_kappa(pairs: Counts) -> float:
    """Cohen's kappa of two annotators; `pairs` (c, c) counts what one said where the other said what.

    Source: Cohen 1960. Cost: O(c^2).

    >>> round(cohen_kappa(np.array([[20, 5], [10, 15]])), 3)
    0.4
    """
    return _once(_cohen, *_pair_patterns(pairs))


def cohen_interval(pairs: Counts, rng: Generator, draws: int = DRAWS, confidence: float = 0.95) -> Interval:
    """Cohen's kappa with its bootstrap interval over items. Cost: O(draws k c) for k different pairs of answers."""
    return _interval(_cohen, *_pair_patterns(pairs), rng, draws, confidence)


def fleiss_kappa(counts: Counts) -> float:
    """Fleiss' kappa; `counts` (n, c) says how many annotators gave an item each class, the same number for every item.

    Source: Fleiss 1971. InputError where items have different numbers of answers. Cost: O(n c).
    """
    return _once(_fleiss, *_item_patterns(_evenly(counts)))


def fleiss_interval(counts: Counts, rng: Generator, draws: int = DRAWS, confidence: float = 0.95) -> Interval:
    """Fleiss' kappa with its bootstrap interval over items. Cost: O(n log n + draws k c) for k different items."""
    return _interval(_fleiss, *_item_patterns(_evenly(counts)), rng, draws, confidence)


def krippendorff_alpha(counts: Counts) -> float:
    """Krippendorff's alpha for classes; `counts` (n, c) says how many answers of each class an item has.

    Items may have any number of answers; those with fewer than two say nothing and are left out.
    Source: Krippendorff 2011, section D (nominal, any number of observers, missing data). Cost: O(n c).

    >>> round(krippendorff_alpha(np.array([[2, 0], [0, 2], [1, 1]])), 3)
    0.444
    """
    return _once(_alpha, *_item_patterns(counts))


def alpha_interval(counts: Counts, rng: Generator, draws: int = DRAWS, confidence: float = 0.95) -> Interval:
    """Krippendorff's alpha with its bootstrap interval over items. Cost: O(n log n + draws k c), k different items."""
    return _interval(_alpha, *_item_patterns(counts), rng, draws, confidence)


def _once(measure: Measure, patterns: Vector, times: Vector) -> float:
    return float(measure(patterns, times[None])[0])


def _interval(
    measure: Measure, patterns: Vector, times: Vector, rng: Generator, draws: int, confidence: float
) -> Interval:
    """Draws in which the measure is undefined are left out; where all are, the interval is (nan, nan)."""
    here, n = _once(measure, patterns, times), int(times.sum())
    if not n or np.isnan(here):
        return Interval(float("nan"), float("nan"), float("nan"))
    found = []
    size = max(1, BLOCK // len(times))
    for first in range(0, draws, size):
        drawn = rng.multinomial(n, times / n, size=min(size, draws - first)).astype(np.float64)
        found.append(measure(patterns, drawn))
    values = np.concatenate(found)
    values = values[~np.isnan(values)]
    if not len(values):
        return Interval(here, float("nan"), float("nan"))
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(here, float(low), float(high))


def _pair_patterns(pairs: Counts) -> tuple[Vector, Vector]:
    """Each pair of answers that came as one row (k, 2, c) of ones and zeros, and how often it came (k,)."""
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[0] != pairs.shape[1]:
        raise ShapeError(f"pairs have the shape {pairs.shape}; expected (c, c).", "count them by Answers.pair_counts.")
    first, second = np.nonzero(pairs)
    eye = np.eye(len(pairs))
    return np.stack([eye[first], eye[second]], axis=1), pairs[first, second].astype(np.float64)


def _item_patterns(counts: Counts) -> tuple[Vector, Vector]:
    """The different rows (k, c) of the items with at least two answers, and how often each came (k,)."""
    counts = np.asarray(counts)
    if counts.ndim != 2:
        raise ShapeError(f"counts have the shape {counts.shape}; expected (n, c).", "count them by Answers.counts.")
    rows, times = np.unique(counts[counts.sum(axis=1) >= 2], axis=0, return_counts=True)
    return rows.astype(np.float64), times.astype(np.float64)


def _evenly(counts: Counts) -> Counts:
    counts = np.asarray(counts)
    several = np.unique(counts.sum(axis=-1)) if counts.ndim == 2 else np.zeros(1)
    if len(several) > 1:
        fact = f"items have from {several[0]} to {several[-1]} answers; Fleiss' kappa expects the same number for each."
        raise InputError(fact, "krippendorff_alpha takes any number.")
    return counts


def _cohen(patterns: Vector, times: Vector) -> Vector:
    n = times.sum(axis=1)
    first, second = times @ patterns[:, 0], times @ patterns[:, 1]  # (b, c)
    same = times @ (patterns[:, 0] * patterns[:, 1]).sum(axis=1)
    return _beyond(same * n, (first * second).sum(axis=1), n * n)


def _fleiss(patterns: Vector, times: Vector) -> Vector:
    each = patterns[0].sum() if len(patterns) else 0.0
    n = times.sum(axis=1)
    totals = times @ patterns
    same = times @ ((patterns**2).sum(axis=1) - each)  # ordered pairs of equal answers
    agreed = np.divide(same, n * each * (each - 1), out=np.full(len(n), np.nan), where=n > 0)
    shares = totals / np.maximum(n * each, 1.0)[:, None]
    return _beyond(agreed, (shares**2).sum(axis=1), np.ones(len(n)))


def _alpha(patterns: Vector, times: Vector) -> Vector:
    each = patterns.sum(axis=1)
    split = (each**2 - (patterns**2).sum(axis=1)) / np.maximum(each - 1, 1.0)
    totals = times @ patterns
    n = totals.sum(axis=1)
    apart, expected = times @ split, n * n - (totals**2).sum(axis=1)
    ratio = np.divide(apart * (n - 1), expected, out=np.full(len(n), np.nan), where=expected > 0)
    return np.asarray(1.0 - ratio, np.float64)


def _beyond(agreed: Vector, chance: Vector, whole: Vector) -> Vector:
    """(agreed - chance) / (whole - chance) for each draw (b,); NaN where chance alone agrees on everything."""
    room = whole - chance
    there = room > 1e-12 * np.maximum(whole, 1.0)
    return np.asarray(np.divide(agreed - chance, room, out=np.full(len(room), np.nan), where=there), np.float64)
