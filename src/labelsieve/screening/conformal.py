"""How often a dull item scores so high: p-values against dull items drawn at random, and what they promise."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.random import Generator

from labelsieve.core.errors import InputError, NotEnoughLabels
from labelsieve.core.types import Vector
from labelsieve.screening.draws import between

NEAR = 1e-9  # rounding of alpha * (m + 1)


@dataclass(frozen=True, slots=True)
class AlarmRate:
    """What `dull` calibration items promise: at most `wanted` of the dull items to come score above `threshold`.

    `attained` is the rate that is met, on average over the draws of calibration items: k / (dull + 1). With this very
    draw the rate is at most `at_most`, with 95 % confidence. `floor` is the lowest rate that `dull` items can promise.
    """

    wanted: float
    dull: int
    threshold: float
    attained: float
    at_most: float
    floor: float


def p_values(score: Vector, dull_scores: Vector, rng: Generator | None = None) -> Vector:
    """The chance (n,) that a dull item scores as high as each of `score`: (1 + dull that do) / (m + 1).

    `dull_scores` (m,) are those of dull items drawn at random that had no part in the head. For a dull item
    P(p <= alpha) <= alpha, for every alpha, whatever the head; no p-value is below 1 / (m + 1). With `rng` ties are
    broken at random and p is smoothed: then P(p <= alpha) = alpha. NotEnoughLabels for m = 0, InputError for NaN.
    Source: Vovk, Gammerman and Shafer 2005; Bates, Candes, Lei, Romano and Sesia 2023. Cost: O((n + m) log m).

    >>> p_values(np.array([0.1, 0.5, 0.9]), np.array([0.2, 0.3, 0.5])).tolist()
    [1.0, 0.5, 0.25]
    """
    ordered = _ordered(dull_scores)
    score = _finite("score", score)
    m = len(ordered)
    below = np.searchsorted(ordered, score, "left")
    if rng is None:
        return np.asarray((1 + m - below) / (m + 1), np.float64)
    ties = np.searchsorted(ordered, score, "right") - below
    return np.asarray((m - below - ties + rng.random(len(score)) * (1 + ties)) / (m + 1), np.float64)


def alarm_rate(dull_scores: Vector, wanted: float = 0.01) -> AlarmRate:
    """The threshold above which at most `wanted` of the dull items to come score, and what that rests on.

    p <= wanted is the same as a score above the threshold. Infinity where the floor is above `wanted`: nothing may be
    flagged then. Errors as in `p_values`; InputError for a rate that is not between 0 and 1.
    Source: as `p_values`; the rate given the draw is Beta(k, m + 1 - k) at most (Vovk 2012).

    >>> rate = alarm_rate(np.arange(199) / 199, 0.01)
    >>> rate.attained, round(rate.at_most, 3), rate.floor
    (0.01, 0.024, 0.005)
    """
    from scipy.special import betaincinv

    ordered, wanted = _ordered(dull_scores), between("the rate of false alarms", wanted)
    m = len(ordered)
    k = min(int(wanted * (m + 1) + NEAR), m)
    threshold = float(ordered[m - k]) if k else float("inf")
    at_most = float(betaincinv(k, m + 1 - k, 0.95)) if k else 0.0
    return AlarmRate(wanted, m, threshold, k / (m + 1), at_most, 1 / (m + 1))


def dull_needed(wanted: float) -> int:
    """How many dull calibration items make a rate of false alarms attainable.

    >>> dull_needed(0.01), dull_needed(0.001), dull_needed(0.3)
    (99, 999, 3)
    """
    return ceil(1 / between("the rate of false alarms", wanted) - 1 - NEAR)


def discoveries(p: Vector, rate: float) -> np.ndarray:
    """Which of p (n,) to flag, so that on average at most `rate` of what is flagged is dull (n,) bool.

    Source: Benjamini and Hochberg 1995; with conformal p-values of one calibration set: Bates et al. 2023, theorem 2.
    Cost: O(n log n).

    >>> discoveries(np.array([0.01, 0.9, 0.02, 0.5]), 0.1).tolist()
    [True, False, True, False]
    """
    rate, n = between("the share of dull items", rate), len(p)
    ordered = np.sort(p)
    under = np.flatnonzero(ordered <= rate * np.arange(1, n + 1) / max(n, 1) * (1 + NEAR))
    return np.asarray(p <= ordered[under[-1]] if len(under) else np.zeros(n, bool))


def _ordered(dull_scores: Vector) -> Vector:
    ordered = np.sort(_finite("dull score", dull_scores))
    if not len(ordered):
        raise NotEnoughLabels(
            "no calibration item is labelled as dull.", "labelsieve next PROJECT --purpose calibration -n 100"
        )
    return ordered


def _finite(what: str, score: Vector) -> Vector:
    out = np.asarray(score, np.float64)
    if not np.isfinite(out).all():
        raise InputError(f"a {what} is {out[~np.isfinite(out)][0]}; expected finite numbers.", "score finite rows.")
    return out
