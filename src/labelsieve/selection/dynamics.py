"""Training dynamics: how each row fares while a small linear head learns it, by plain numpy."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from labelsieve.core.types import Ids, Matrix, Vector

EPOCHS, HEADS = 20, 3
EARLY = 5  # epochs after which the error of a row is read: later all are learnt
STEP, ROWS = 2.0, 64  # step length on rows of mean norm 1, and rows a step


@dataclass(frozen=True, slots=True)
class Dynamics:
    """One number a row (m,): `error` is EL2N, `forgotten` how often it was unlearnt, `area` its mean margin.

    `forgotten` is the number of epochs for a row that was never learnt. A high error, a high count and a low area
    are hard rows, and wrongly labelled ones.
    """

    error: Vector
    forgotten: Vector
    area: Vector


def watched(x: Matrix, y: Ids, rng: Generator) -> Dynamics:
    """What 3 softmax heads, each trained by 20 epochs of stochastic steps on all rows, went through: (m,) each.

    Source: EL2N: Paul, Ganguli and Dziugaite 2021, section 2.2; forgetting: Toneva et al. 2019, section 3; area
    under the margin: Pleiss et al. 2020, section 3.1. Here of linear heads on embeddings. Cost: O(60 m d c).
    """
    m, c = len(x), int(y.max(initial=0)) + 1
    part = x[:: -(-m // 10_000)]
    mean = part.mean(axis=0, dtype=np.float64).astype(np.float32)
    part = part - mean
    scale = np.float32(1.0 / (np.sqrt(np.mean(np.einsum("ij,ij->i", part, part), dtype=np.float64)) or 1.0))
    error, forgotten, area = np.zeros(m), np.zeros(m), np.zeros(m)
    for _ in range(HEADS):
        coef, bias = np.zeros((x.shape[1], c), np.float32), np.zeros(c, np.float32)
        right, unlearnt, ever = np.zeros(m, bool), np.zeros(m), np.zeros(m, bool)
        for epoch in range(EPOCHS):
            order = rng.permutation(m)
            for i in range(0, m, ROWS):
                rows = order[i : i + ROWS]
                at, own = (np.arange(len(rows)), y[rows])
                seen = (x[rows] - mean) * scale
                logit = seen @ coef + bias
                true = logit[at, own]
                wrong = _softmax(logit)
                wrong[at, own] -= 1.0
                if epoch == EARLY:
                    error[rows] += np.sqrt(np.einsum("ij,ij->i", wrong, wrong))
                logit[at, own] = -np.inf
                margin = true - logit.max(axis=1) if c > 1 else np.ones(len(rows))
                area[rows] += margin
                unlearnt[rows] += right[rows] & (margin <= 0)
                right[rows] = margin > 0
                ever[rows] |= margin > 0
                coef -= (STEP / len(rows)) * (seen.T @ wrong)
                bias -= (STEP / len(rows)) * wrong.sum(axis=0)
        forgotten += np.where(ever, unlearnt, EPOCHS)
    return Dynamics(error / HEADS, forgotten / HEADS, area / (HEADS * EPOCHS))


def _softmax(logit: Matrix) -> Matrix:
    p: Matrix = np.exp(logit - logit.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p
