"""When to stop: advice with its reasons, never a decision."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Ids

AGREE, ROUNDS, GAIN = 0.99, 3, 0.005


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether to stop, and the reasons for it, one sentence each."""

    stop: bool
    reasons: tuple[str, ...]


def kappa(a: Ids, b: Ids) -> float:
    """Cohen's kappa of two lists of class codes (m,): agreement beyond chance; 1 where both are one and the same class.

    Source: Cohen 1960; as a stopping signal Bloodgood and Vijay-Shanker 2009.

    >>> kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]))
    0.5
    """
    if len(a) == 0:
        return float("nan")
    codes, both = np.unique(np.concatenate([a, b]), return_inverse=True)
    share_a = np.bincount(both[: len(a)], minlength=len(codes)) / len(a)
    share_b = np.bincount(both[len(a) :], minlength=len(codes)) / len(b)
    chance = float(share_a @ share_b)
    agree = float(np.mean(np.asarray(a) == np.asarray(b)))
    return 1.0 if chance >= 1.0 else (agree - chance) / (1.0 - chance)


def advise(
    kappas: Sequence[float],
    audit: Sequence[float] = (),
    spent: float | None = None,
    budget: float | None = None,
    unit: str = "labels",
) -> Advice:
    """Advice to stop: the budget is spent, or successive heads agree and the audit slice gains no more.

    `kappas` compare each head with the one before on the same items, `audit` is the accuracy on the audit slice after
    each round, both oldest first.
    """
    reasons = []
    over = budget is not None and spent is not None and spent >= budget
    if over:
        reasons.append(f"{spent:g} of {budget:g} {unit} are spent.")
    last = [k for k in kappas[-ROUNDS:] if np.isfinite(k)]
    settled = len(last) == ROUNDS and min(last) >= AGREE
    if settled:
        reasons.append(f"The last {ROUNDS} heads agree with the one before (kappa >= {min(last):.3f}).")
    known: NDArray[np.float64] = np.asarray(audit, np.float64)
    known = known[np.isfinite(known)]
    gain = known[-1] - known[-1 - ROUNDS] if len(known) > ROUNDS else float("nan")
    flat = bool(gain < GAIN)
    if flat:
        reasons.append(f"Accuracy on the audit slice moved by {100 * gain:+.1f} points in {ROUNDS} rounds.")
    if not reasons:
        few = f"Fewer than {ROUNDS} rounds can be compared."
        reasons.append("Heads still change from round to round." if len(last) == ROUNDS else few)
    return Advice(over or (settled and (flat or len(known) == 0)), tuple(reasons))
