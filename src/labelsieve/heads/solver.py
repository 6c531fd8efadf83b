"""Penalised logistic regression: the one solver behind every linear head. Convex: one answer, however it starts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.heads.threads import one_thread

Floats = NDArray[np.float64]
Real = NDArray[Any]  # float32 or float64
MEMORY, MOST_STEPS = 12, 1000  # of L-BFGS
STEEP = 0.1  # curvature as a share of rate x (1 - rate): of .03 .. 1, the value with the fewest steps on five sets
EXACT = 5e-6  # softmax at a looser tolerance has its exponentials and slopes in float32, which is faster
SMALL = 1e-12  # directions with less than this share of the largest variance carry nothing


@dataclass(frozen=True, slots=True)
class Problem:
    """Rows x (m, d); targets (m, k); weights (m, k), 0 = not asked. One column a class, or one a yes/no question."""

    x: Floats
    target: Floats
    weight: Floats
    softmax: bool  # the columns exclude one another (their weights are equal then); else k separate questions
    c: float  # inverse strength of the penalty, as C of scikit-learn: loss x C + |coefficients|^2 / 2
    tol: float  # stop when no component of the gradient of the mean loss is larger


@dataclass(frozen=True, slots=True)
class Solution:
    """Logits are x @ coef + bias."""

    coef: Floats  # (d, k)
    bias: Floats  # (k,)
    steps: int


def solve(problem: Problem, start: tuple[Floats, Floats] | None = None) -> Solution:
    """The minimum of the penalised loss, from `start` (coef, bias) or from zero.

    Works in the principal axes of x: min(m, d) numbers a column are enough (representer theorem: exact). Each axis is
    scaled by about the curvature that it has for each column, so that L-BFGS needs tens of steps where it would need
    hundreds. Every column needs a target above 0 and, unless softmax, one below 1.
    Cost: O(m d min(m, d)) once, then O(m k min(m, d)) a step.
    """
    with one_thread():
        return _solved(problem, start)


def _solved(problem: Problem, start: tuple[Floats, Floats] | None) -> Solution:
    z, axes = _principal(problem.x)
    k = problem.target.shape[1]
    total = float(problem.weight.max(axis=1).sum())
    weight = problem.weight / total
    hits = weight * problem.target
    rate = hits.sum(axis=0) / weight.sum(axis=0)
    z = np.concatenate([z, np.ones((len(z), 1))], axis=1)  # the last column carries the bias
    penalty = np.full((z.shape[1], 1), 1.0 / (problem.c * total))
    penalty[-1] = 0.0  # the bias is not penalised
    scale = 1 / np.sqrt(STEEP * ((z * z).T @ (weight * (rate * (1 - rate)))) + penalty)
    loss = _softmax_loss if problem.softmax else _sigmoid_loss
    kind = np.float32 if problem.softmax and problem.tol > EXACT else np.float64
    across, parts = z.T.astype(kind), (weight.astype(kind), hits, hits.astype(kind))

    def value(theta: Floats) -> tuple[float, Floats]:
        w = theta.reshape(-1, k) * scale
        cost, slope = loss(z @ w, *parts)
        return cost + 0.5 * float((penalty * w * w).sum()), (scale * (across @ slope + penalty * w)).ravel()

    first = np.zeros((z.shape[1], k))
    if start is None:
        first[-1] = np.log(rate) if problem.softmax else np.log(rate / (1 - rate))
    else:
        first[:-1], first[-1] = axes.T @ start[0], start[1]
    theta, steps = _minimise(value, first / scale, problem.tol)
    w = theta * scale
    return Solution(axes @ w[:-1], w[-1], steps)


def _principal(x: Floats) -> tuple[Floats, Floats]:
    """x (m, d) in its own axes: (m, r) coordinates and (d, r) orthonormal axes, r <= min(m, d)."""
    m, d = x.shape
    gram = x.T @ x if d <= m else x @ x.T
    power, vectors = np.linalg.eigh(gram)
    keep = power > SMALL * max(float(power[-1]), 1e-300)
    vectors = vectors[:, keep]
    axes: Floats = vectors if d <= m else (x.T @ vectors) / np.sqrt(power[keep])
    return x @ axes, axes


def _softmax_loss(logit: Floats, weight: Real, hits: Floats, own: Real) -> tuple[float, Real]:
    """Loss, and its slope by the logits, which are overwritten. `hits` is weight x target, `own` the same in the type
    of `weight`."""
    logit -= logit.max(axis=1, keepdims=True)
    row = weight[:, 0]
    power = np.exp(logit, dtype=weight.dtype, casting="same_kind")
    total = power.sum(axis=1, dtype=np.float64)
    cost = float(row @ np.log(total)) - float(np.vdot(hits, logit))
    power *= (row / total).astype(weight.dtype)[:, None]
    power -= own
    return cost, power


def _sigmoid_loss(logit: Floats, weight: Real, hits: Floats, own: Real) -> tuple[float, Real]:
    """As `_softmax_loss`, with a question of its own in each column."""
    power = np.exp(-np.abs(logit))
    cost = float(np.vdot(weight, np.log1p(power) + np.maximum(logit, 0))) - float(np.vdot(hits, logit))
    slope = np.where(logit >= 0, 1.0, power) / (1 + power)
    slope *= weight
    slope -= own
    return cost, slope


def _minimise(value: Callable[[Floats], tuple[float, Floats]], first: Floats, tol: float) -> tuple[Floats, int]:
    from scipy.optimize import minimize

    options = {"maxcor": MEMORY, "maxiter": MOST_STEPS, "maxfun": 2 * MOST_STEPS, "gtol": tol, "ftol": 0.0, "maxls": 40}
    found = minimize(value, first.ravel(), jac=True, method="L-BFGS-B", options=options)
    return found.x.reshape(first.shape), int(found.nit)
