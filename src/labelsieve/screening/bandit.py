"""Which arm of a search asks next: each by the share of odd items among what it would have asked before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from labelsieve.core.types import ODD, Labels, Query

JOIN = " + "  # between the arms of an item in Query.arms
HITS, MISSES = 1.0, 3.0  # what an arm is thought to have done before it has asked anything
FADE = 0.95  # of what counts, after ten more answers
LAST = 2_000  # answers that are looked at: older ones weigh less than 1 in 10,000


@dataclass(frozen=True, slots=True)
class Credit:
    """Odd and dull answers to what an arm had on its list; older ones count less."""

    hits: float = 0.0
    misses: float = 0.0

    def drawn(self, rng: Generator) -> float:
        """A share of odd items that this arm may have: a draw from Beta(1 + hits, 3 + misses)."""
        return float(rng.beta(HITS + self.hits, MISSES + self.misses))


def credits_of(past: Sequence[Query], labels: Labels) -> dict[str, Credit]:
    """The credit of each arm by the queries so far. Every arm that had an item on its list is credited with its answer.

    Answered is what is among `labels`; all else counts nothing. Counts fade by 5 % every ten answers.
    Source: measured, see docs/decisions/0007-the-search.md. Cost: O(the last 2,000 answers).
    """
    odd = dict(zip(labels.ids.tolist(), (labels.y == ODD).tolist(), strict=True))
    found: dict[str, list[float]] = {}
    weight, seen = 1.0, 0
    for query in reversed(past):
        if seen >= LAST:
            break
        answered = [(item, arms) for item, arms in zip(query.ids.tolist(), query.arms, strict=False) if item in odd]
        for item, arms in answered:
            for arm in arms.split(JOIN) if arms else ():
                found.setdefault(arm, [0.0, 0.0])[not odd[item]] += weight
        seen += len(answered)
        weight *= FADE ** (len(answered) / 10)
    return {arm: Credit(hits, misses) for arm, (hits, misses) in found.items()}


def drawn_order(arms: Sequence[str], credit: Mapping[str, Credit], rng: Generator) -> list[str]:
    """All arms, the first the one to ask: by one draw each (Thompson 1933)."""
    share = np.array([credit.get(arm, Credit()).drawn(rng) for arm in arms])
    return [arms[i] for i in np.argsort(-share, kind="stable")]
