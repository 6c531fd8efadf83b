"""How like the odd places of known odd pictures a patch looks: what a defect that was missed teaches.

Patches are rows (p, c). Nobody draws where a picture is odd: its oddest patches stand for that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from labelsieve.core.types import DULL, ODD, Ids, Matrix, Vector
from labelsieve.heads.linear import Linear

NEAR_TOP = 0.8  # of the distance of a picture's oddest patch: patches from there on are odd places,
PLACES = 10  # at most so many of a picture
LEAST = 0.5  # of the oddest dull patches: a picture with nothing so odd shows no place
FLAT = 0.05  # of the widest column: a narrower one is not stretched any more
C = 1.0  # of the regression, whose weights add up to 1
MOST, HALF = 4.0, 8  # the weight of what they teach: MOST where odd pictures are many, half of it with HALF of them
KEPT = 256  # patches that stand for a picture whose file may be gone


@dataclass(frozen=True, slots=True)
class Likeness:
    """A logistic regression on patches: odd places against what is oddest of dull pictures, and any other of theirs.

    Distance alone cannot know that a scratch matters and a smudge does not. Source: measured, decision 0013.
    """

    slope: Vector  # (c,)
    level: float
    weight: float

    @classmethod
    def none(cls) -> Self:
        """What no odd picture teaches: all patches count the same."""
        return cls(np.zeros(1), 0.0, 0.0)

    @classmethod
    def fit(cls, odd: Sequence[Matrix], dull: Matrix, usual: Matrix, known: int) -> Self:
        """Learn from odd places, one matrix a picture, the oddest patches of dull pictures, and any others of them.

        `known` is how many odd pictures there are in all: what they teach weighs the same while some are held out.

        Each picture counts the same, the two kinds of dull patches too, and all odd ones as much as all dull ones.
        A picture without odd places teaches nothing. Cost: O(m c^2) for m patches in all.
        """
        odd = [one for one in odd if len(one)]
        if not odd:
            return cls.none()
        kinds = [np.full(len(one), 1 / len(one) / len(odd)) for one in odd]
        kinds += [np.full(len(part), 0.5 / len(part)) for part in (dull, usual)]
        x, weight = np.concatenate([*odd, dull, usual]).astype(np.float64), np.concatenate(kinds) / 2
        y = np.full(len(x), DULL)
        y[: sum(map(len, odd))] = ODD
        plain = x[y == DULL]
        middle, spread = plain.mean(axis=0), plain.std(axis=0)
        spread = np.maximum(spread, FLAT * spread.max() or 1.0)
        head = Linear(2, c=C).fit(np.asarray((x - middle) / spread, np.float32), y, weight)
        told = head.decision(np.vstack([np.zeros(x.shape[1]), np.eye(x.shape[1])]).astype(np.float32))[:, 0]
        slope = (told[1:].astype(np.float64) - told[0]) / spread
        return cls(slope, float(told[0] - slope @ middle), MOST * known / (known + HALF))

    def factor(self, patches: Matrix) -> Vector:
        """What the oddness of patches is multiplied by (p,): 1 for one like the dull ones, up to 1 + weight."""
        if not self.weight:
            return np.ones(len(patches))
        logit = np.clip(patches @ self.slope.astype(np.float32) + self.level, -50.0, 50.0)
        return np.asarray(1 + self.weight / (1 + np.exp(-logit)), np.float64)


def places_of(distance: Vector) -> Ids:
    """Which patches (k,) of an odd picture are its odd places, by their distances (p,) to the dull ones: oddest first.

    Distances are in shares of the oddest dull patches'. None where all are usual.

    >>> places_of(np.array([0.2, 1.0, 0.7, 0.8])).tolist()
    [1, 3]
    """
    order = np.argsort(-distance, kind="stable")[:PLACES]
    return np.asarray(order[distance[order] >= max(NEAR_TOP * distance[order[0]], LEAST)], np.int64)
