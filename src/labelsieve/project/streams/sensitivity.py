"""How much of what is odd a threshold catches, shown on the project's own audit labels, and what more would cost."""

from dataclasses import dataclass, replace

from labelsieve.core.types import ODD, Cost, Guarantee
from labelsieve.project.streams.scoring import Scorer
from labelsieve.screening.bounds import LEVELS, cost_of
from labelsieve.screening.thresholds import Stratum, sensitivity_bound

GUESS = 0.5  # share of what is flagged that is odd, where no flagged item was audited


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """`guarantee` of items to come, by two strata of the pool: what scores above the threshold, and the rest.

    `wanted` is the recall that was asked for, None for none. `left` audit items nobody has answered yet.
    """

    guarantee: Guarantee
    strata: tuple[Stratum, Stratum]
    wanted: float | None
    left: int

    @property
    def certified(self) -> bool:
        """Whether what was asked for is shown; False where nothing was asked for and nothing can be claimed."""
        return self.guarantee.bound >= self.wanted if self.wanted is not None else self.guarantee.bound > 0


def sensitivity_of(scorer: Scorer, threshold: float, wanted: float | None, confidence: float) -> Sensitivity:
    """What the audit labels show of the threshold, with the price of the next step.

    The audit labels neither trained the head nor set the threshold: that is what calibration items are for.
    Cost: one scan of the pool by the head.
    """
    size, total = scorer.above(threshold)
    above, odd = scorer.audit_scores > threshold, scorer.audit.y == ODD
    flagged = Stratum(True, size, int(above.sum()), int((above & odd).sum()))
    rest = Stratum(False, total - size, int((~above).sum()), int((~above & odd).sum()))
    promise = sensitivity_bound((flagged, rest), confidence, later=True)
    aim = wanted if wanted is not None and wanted > promise.bound else None
    aim = aim or next((level for level in LEVELS if level > promise.bound), None)
    price = None if wanted is not None and promise.bound >= wanted else _price((flagged, rest), aim, confidence)
    side = scorer.standing.sides.audit
    return Sensitivity(replace(promise, next_cost=price), (flagged, rest), wanted, len(side) - len(scorer.audit))


def _price(strata: tuple[Stratum, Stratum], aim: float | None, confidence: float) -> Cost | None:
    """What more random audit it takes to show `aim`, if it goes on as it began and nothing odd is below the threshold.

    None where no audit of this pool can: nothing is flagged, or odd items were found below.
    """
    flagged, rest = strata
    if aim is None or not flagged.size:
        return None
    share = flagged.odd / flagged.audited if flagged.odd else GUESS

    def bound(more: int) -> float:
        part = more * flagged.size / max(flagged.size + rest.size, 1)
        first = min(flagged.audited + int(part), flagged.size)
        second = min(rest.audited + int(more - part), rest.size)
        then = Stratum(True, flagged.size, first, max(flagged.odd, int(share * first)))
        return sensitivity_bound((then, Stratum(False, rest.size, second, rest.odd)), confidence, later=True).bound

    low, high = 0, flagged.size + rest.size - flagged.audited - rest.audited
    if bound(high) < aim:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if bound(middle) >= aim else (middle + 1, high)
    kind = "as before" if flagged.odd else "supposed, none is known"
    buys = f"recall of at least {aim:g}, if {share:.0%} of what is flagged is odd ({kind}) and nothing else is"
    return cost_of(low, buys=buys)
