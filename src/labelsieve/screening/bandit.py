"""Which arm of a search asks next: each by the share of odd items among what it would have asked before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from labelsieve.core.types import ODD, Labels, Query

JOIN = " + "  # between the arms of an item in Query.arms
# Hits and misses that an arm is thought to have had before it has asked anything: what did best on most pools comes
# with some trust, what knows nothing of odd items with the least.
BEFORE = {
    "fuse": (3.0, 7.0),
    "tails": (3.0, 7.0),
    "anomaly": (2.0, 9.0),
    "apart": (2.0, 9.0),
    "isolation": (2.0, 8.0),
    "forest": (2.0, 8.0),
    "patches": (6.0, 4.0),
    "medoids": (1.0, 29.0),
    "explore": (1.0, 29.0),
}
OTHERS = (1.0, 9.0)
IN_DENSE = {"isolation": OTHERS, "forest": OTHERS}  # trees split columns, which mean nothing one by one there
SURER = 2.0  # each hit and miss counts so often: draws lie nearer to what was found, and less is given away
FADE = 0.95  # of what counts, after ten more answers
LAST = 2_000  # answers that are looked at: older ones weigh less than 1 in 10,000


@dataclass(frozen=True, slots=True)
class Credit:
    """Odd and dull answers to what an arm had on its list; older ones count less."""

    hits: float = 0.0
    misses: float = 0.0

    def share(self, before: tuple[float, float], rng: Generator) -> float:
        """A share of odd items that this arm may find: a draw from a Beta of its hits and misses, those before too."""
        return float(rng.beta(SURER * (before[0] + self.hits), SURER * (before[1] + self.misses)))


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


def drawn_order(arms: Sequence[str], credit: Mapping[str, Credit], rng: Generator, dense: bool = False) -> list[str]:
    """All arms, the first the one to ask: by one draw each (Thompson 1933). `dense`: the pool is dense embeddings."""
    before = {**BEFORE, **IN_DENSE} if dense else BEFORE
    share = np.array([credit.get(arm, Credit()).share(before.get(arm, OTHERS), rng) for arm in arms])
    return [arms[i] for i in np.argsort(-share, kind="stable")]
