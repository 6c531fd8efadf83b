"""Whether an image is scored by its places or as a whole: by how each ranks the labelled items that it did not see."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import ShapeError
from labelsieve.core.types import DULL, ODD, Vector

Way = Literal["head", "patches", "both"]
FEW = 4  # odd items below which nothing is compared


@dataclass(frozen=True, slots=True)
class Choice:
    """What scores images, and why. `head` and `patches` are areas under the ROC curve of `odd` odd and `dull` dull
    labelled items, each scored by what did not see it; None where they were not compared."""

    way: Way
    why: str
    head: float | None = None
    patches: float | None = None
    odd: int = 0
    dull: int = 0

    @property
    def comparable(self) -> bool:
        """Whether enough is known to compare the two."""
        return self.odd >= FEW and self.dull > 0


def choose_way(y: NDArray[Any], head: Vector, patches: Vector) -> Choice:
    """Patches or the head, whichever ranks labelled items y (m,) in {DULL, ODD} better; a tie goes to patches.

    `head` (m,) and `patches` (m,) are scores of each item by what did not see it. Give no calibration item: a choice
    that they had a part in would break their promise. Under 4 odd items, or without a dull one, it is patches.
    Source: measured on boards and photographs, see benchmarks/results/patch_choice.json. Cost: O(m log m).

    >>> choose_way(np.array([0] * 5 + [1] * 4), np.arange(9.0), np.zeros(9)).way
    'head'
    """
    if not len(y) == len(head) == len(patches):
        raise ShapeError(f"{len(y)} labels, {len(head)} and {len(patches)} scores do not fit.", "one of each an item.")
    odd, dull = int((y == ODD).sum()), int((y == DULL).sum())
    choice = few_known(odd, dull)
    if not choice.comparable:
        return choice
    mine, theirs = ranked_area(y, head), ranked_area(y, patches)
    way: Way = "head" if mine > theirs else "patches"
    named = {"head": "the head, which sees the picture as a whole", "patches": "patches"}[way]
    said = f"area under the ROC curve {mine:.2f} by the head, {theirs:.2f} by patches, on {odd} odd and {dull} dull"
    return Choice(way, f"{named}: {said} labelled items, held out in turn", mine, theirs, odd, dull)


def few_known(odd: int, dull: int) -> Choice:
    """The choice while too little is known to compare anything."""
    known = f"{odd} of the {FEW} odd items that it takes are known" if odd else "nothing odd is known yet"
    known = known if dull else "nothing is known to be dull"
    return Choice("patches", f"patches: {known}, so the head cannot be held against them", None, None, odd, dull)


def ranked_area(y: NDArray[Any], score: Vector) -> float:
    """The share of pairs of an odd and a dull item whose odd one scores higher; a tie is half. NaN without a pair.

    >>> ranked_area(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.9]))
    0.875
    """
    dull, odd = np.sort(score[y == DULL]), score[y == ODD]
    if not len(dull) or not len(odd):
        return float("nan")
    below = np.searchsorted(dull, odd, "left") + np.searchsorted(dull, odd, "right")
    return float(np.mean(below / (2.0 * len(dull))))
