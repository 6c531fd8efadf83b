"""How much of what is odd a threshold catches: measured on a fresh stream, or on items that were put in."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log

from labelsieve.core.errors import InputError
from labelsieve.core.types import Guarantee
from labelsieve.screening.bounds import LEVELS, NO_MISS, ONE_LOOK, SURE, audit_counts, cost_of, floor_percent, looks
from labelsieve.screening.draws import between, fewest_odd, most_odd, share_at_least, whole

FRESH = "no label of this audit had a part in training or in the choice of the threshold"
WITHIN = "within each stratum the audit was drawn uniformly at random, its size fixed beforehand, every item answered"
STAYS = "ASSUMED, not shown: what comes next is like this stream, stratum by stratum, in the same shares"
ALIKE = "ASSUMED, not shown: the items put in resemble the odd ones of the field, as if drawn from those at random"
APART = "no item put in is a near-duplicate of another or of one trained on, and whoever reviews cannot tell it"


@dataclass(frozen=True, slots=True)
class Stratum:
    """A range of scores of a stream: is it flagged, how many items, how many audited, how many of these odd."""

    flagged: bool
    size: int
    audited: int
    odd: int


def sensitivity_bound(strata: Sequence[Stratum], confidence: float = 0.95, later: bool = False) -> Guarantee:
    """At least this share of the odd items of a stream lies in its flagged strata.

    Exact in each stratum, the risk split evenly over those where an unknown is left. `later` speaks of the stream to
    come instead of this one (Clopper-Pearson rates in place of hypergeometric counts). Strata are ranges of scores, so
    that the audit can be dense where odd items are likely. InputError for counts that cannot be, or nothing flagged.
    Source: Clopper and Pearson 1934; union bound. Cost: O(sqrt(size) log(size)) a stratum.

    >>> above, below = Stratum(True, 200, 200, 40), Stratum(False, 9800, 3000, 0)
    >>> promise = sensitivity_bound([above, below])
    >>> promise.checked["missed_at_most"], round(promise.bound, 3)
    (8, 0.833)
    """
    between("confidence", confidence)
    strata = [Stratum(s.flagged, *audit_counts(s.size, s.audited, s.odd)) for s in strata]
    if not any(s.flagged for s in strata):
        raise InputError(f"none of {len(strata)} strata is flagged.", "flag the strata above the threshold.")
    open_ = [s for s in strata if s.size and (later or s.audited < s.size)]
    each = looks(len(open_), confidence)[0] if open_ else confidence
    caught = sum(_odd(s, each, later, least=True) for s in strata if s.flagged)
    missed = sum(_odd(s, each, later, least=False) for s in strata if not s.flagged)
    bound = caught / (caught + missed) if caught else 0.0
    claim = f"at least {floor_percent(bound)} of the odd items {'to come' if later else 'of this stream'} are flagged"
    checked = {
        "items": sum(s.size for s in strata),
        "flagged": sum(s.size for s in strata if s.flagged),
        "audited": sum(s.audited for s in strata),
        "odd_in_audit": sum(s.odd for s in strata),
        "caught_at_least": caught,
        "missed_at_most": missed,
    }
    assumes = (WITHIN, FRESH, ONE_LOOK, NO_MISS, SURE)
    return Guarantee(claim, bound, confidence, checked, (*assumes, STAYS) if later else assumes)


def _odd(stratum: Stratum, confidence: float, later: bool, least: bool) -> float:
    size, audited, odd = stratum.size, stratum.audited, stratum.odd
    if not later:
        return (fewest_odd if least else most_odd)(size, audited, odd, confidence)
    if least:
        return size * share_at_least(odd, audited, confidence)
    return size * (1 - share_at_least(audited - odd, audited, confidence))


def spiked_bound(spiked: float, caught: float, confidence: float = 0.95) -> Guarantee:
    """At least this share of odd items like those put in would be caught: `caught` of `spiked` were.

    Cheap where odd items are too rare to audit for, and only as good as its assumption, which stands first.
    Source: Clopper and Pearson 1934. Cost: O(1). InputError for more caught than put in.

    >>> round(spiked_bound(29, 29).bound, 3)
    0.902
    """
    spiked, caught = whole("spiked", spiked, least=1), whole("caught", caught)
    if caught > spiked:
        raise InputError(f"{caught} of {spiked} spiked items were caught; expected at most all.", "count again.")
    bound = share_at_least(caught, spiked, between("confidence", confidence))
    claim = f"at least {floor_percent(bound)} of odd items are caught, IF the field's are like the ones put in"
    nearer = next((level for level in LEVELS if level > bound), None) if caught == spiked else None
    price = None
    if nearer:
        more = spikes_needed(nearer, confidence) - spiked
        price = cost_of(more, buys=f"recall of at least {nearer:g}, if all are caught and this was declared as a look")
    return Guarantee(claim, bound, confidence, {"spiked": spiked, "caught": caught}, (ALIKE, APART, ONE_LOOK), price)


def spikes_needed(sensitivity: float, confidence: float = 0.95) -> int:
    """How many independent odd items to put in, all to be caught, to show `sensitivity`.

    >>> [spikes_needed(s) for s in (0.8, 0.9, 0.95)]
    [14, 29, 59]
    """
    return ceil(log(1 - between("confidence", confidence)) / log(between("sensitivity", sensitivity)) - 1e-9)
