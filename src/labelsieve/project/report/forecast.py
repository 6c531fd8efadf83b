"""What more labels would buy: an inverse power law through the learning curve. An estimate, and marked as one."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Interval
from labelsieve.project.curves import CurvePoint
from labelsieve.project.report.data import Forecast

LEAST_POINTS = 4
DRAWS = 400
POWERS = np.linspace(0.1, 2.0, 39)  # of n in: error = floor + slope * n ** -power
FLOORS = np.linspace(0.0, 1.0, 21)  # as a share of the smallest error seen


def forecast_score(points: Sequence[CurvePoint], more: int = 100, seed: int = 0) -> Forecast | None:
    """The score after `more` labels with a 95 % interval; None with fewer than 4 points or no spread of labels.

    All points are measured on the same audit items, so that their measuring error is taken as common to all.
    The law itself is doubted too: each draw scatters the points by their residuals and weighs them anew
    (Bayesian bootstrap), later points more, by their labels.
    Source: inverse power laws of error, Figueroa et al. 2012; the grid keeps the fit from running away.
    Cost: O(draws * points * grid).
    """
    known = [point for point in points if np.isfinite(point.score.mean) and point.labels > 0]
    if len(known) < LEAST_POINTS or known[-1].labels < 2 * known[0].labels:
        return None
    rng = np.random.default_rng(seed)
    labels = np.array([point.labels for point in known], np.float64)
    error = np.array([1 - point.score.mean for point in known])
    last, weight = known[-1].score, labels / labels.sum()
    law = _fit(labels, error[None], weight[None])
    scatter = float(np.sqrt(weight @ (_at(law, labels)[0] - error) ** 2 * len(labels) / max(len(labels) - 3, 1)))
    moved = _moved(error, last, rng)
    drawn = np.clip(moved + scatter * rng.standard_normal(moved.shape), 0.0, 1.0)
    laws = _fit(labels, drawn, weight * rng.standard_exponential(moved.shape))
    steps = np.array([labels[-1], labels[-1] + more])
    now, then = _at(laws, steps).T
    best = _at(law, steps)[0]
    gain = min(float(best[0] - best[1]), 1.0 - last.mean)  # no more than what is missing
    # Two heads also differ by luck. Apart from the shift: together they would look surer than today's score.
    gains = rng.permutation(now - then) + scatter * rng.standard_normal(len(now))
    score = _within(last.mean + gain, 1 - moved[:, -1] + gains, (0.0, 1.0))
    return Forecast(int(steps[1]), more, score, _within(gain, gains, (-1.0, 1.0)))


def _moved(error: NDArray[np.float64], last: Interval, rng: np.random.Generator) -> NDArray[np.float64]:
    """Curves (draws, k) that other audit items could have shown: one shift of the logit for all points."""
    share, width = np.clip(last.mean, 0.02, 0.98), max(last.high - last.low, 1e-3)
    n = max(share * (1 - share) * (2 * 1.96 / width) ** 2, 5.0)  # items that the interval speaks of
    smooth = (error * n + 0.5) / (n + 1)
    there = rng.beta(smooth[-1] * (n + 1), (1 - smooth[-1]) * (n + 1), size=(DRAWS, 1))  # Jeffreys
    shift = _logit(np.clip(there, 1e-6, 1 - 1e-6)) - _logit(smooth[-1:])
    moved: NDArray[np.float64] = 1 / (1 + np.exp(-(_logit(smooth) + shift)))
    return moved


def _logit(p: NDArray[np.float64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = np.log(p / (1 - p))
    return out


Law: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]  # floor, slope, power


def _fit(labels: NDArray[np.float64], error: NDArray[np.float64], weight: NDArray[np.float64]) -> Law:
    """The law of least weighted squared error for each of the curves (draws, k); slopes are never negative."""
    laws = labels ** -POWERS[:, None]  # (powers, k)
    size = (weight @ (laws**2).T)[:, None, :]  # (draws, 1, powers)
    floors = FLOORS[None, :, None] * error.min(axis=1)[:, None, None]
    rest = error[:, None, :] - floors  # (draws, floors, k)
    slope = np.maximum((rest * weight[:, None, :]) @ laws.T / size, 0.0)  # (draws, floors, powers)
    loss = ((rest**2) * weight[:, None, :]).sum(axis=2)[..., None] - slope**2 * size
    at = np.unravel_index(loss.reshape(len(error), -1).argmin(axis=1), loss.shape[1:])
    draw = np.arange(len(error))
    return floors[draw, at[0], 0], slope[draw, at[0], at[1]], POWERS[at[1]]


def _at(law: Law, labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Errors (draws, k) of the laws at these numbers of labels."""
    floor, slope, power = (part[:, None] for part in law)
    out: NDArray[np.float64] = floor + slope * labels**-power
    return out


def _within(mean: float, draws: NDArray[np.float64], bounds: tuple[float, float]) -> Interval:
    """95 % of the draws, and the mean within them, all within the bounds."""
    low, mean, high = np.clip([np.quantile(draws, 0.025), mean, np.quantile(draws, 0.975)], *bounds).tolist()
    return Interval(mean, min(low, mean), max(high, mean))
