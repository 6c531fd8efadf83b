"""What several looks at growing audits may claim together, and the promise of one of them."""

from dataclasses import dataclass, replace
from fractions import Fraction

from labelsieve.core.types import Cost, Guarantee
from labelsieve.screening.bounds import (
    NO_MISS,
    RANDOM,
    SECONDS,
    SURE,
    cost_of,
    floor_percent,
    recall_bound,
    rest_bound,
)
from labelsieve.screening.draws import audit_size, between, whole
from labelsieve.screening.reviewers import Hidden, reviewed_recall_bound

FIRST = Fraction(4, 5)  # of the risk goes to the first look where none were declared; then half of what is left
PLANNED = Fraction(2, 3)  # of the risk is shared by declared looks; the rest pays for sizes chosen by what was seen


@dataclass(frozen=True, slots=True)
class Tally:
    """What an audit rests on. `odd` of the `audited` are odd or have no class answer (`unsure` of them)."""

    found: int  # called odd before the audit was drawn, and now
    late: int  # reviewed before it, and called odd only since, or not answered any more
    unreviewed: int  # when it was drawn
    audited: int
    odd: int
    unsure: int = 0
    known: int = 0  # odd items of the whole pool that are known now


def look_confidence(look: int, declared: int | None = None, confidence: float = 0.95) -> float:
    """The confidence of the look-th look, from 1 on, so that all looks together hold with `confidence`.

    With several `declared` looks two thirds of the risk are shared evenly: whoever chooses how much more to draw by
    what a look has shown uses up the rest. Without, the first spends .8 of the risk and every further one half of what
    is left: a further look is always possible, and there is room for such choices too. InputError for more looks than
    were declared. Source: Bonferroni; alpha spending (Lan and DeMets 1983). Cost: O(1).

    >>> [round(look_confidence(k), 5) for k in (1, 2, 3)], round(look_confidence(2, 5), 5), look_confidence(1, 1)
    ([0.96, 0.995, 0.9975], 0.99333, 0.95)
    """
    look = whole("look", look, least=1)
    risk = 1 - Fraction(str(between("confidence", confidence)))
    if declared is not None:
        whole("declared looks", declared, least=look)
        return float(1 - risk * (PLANNED if declared > 1 else 1) / declared)
    return float(1 - risk * (FIRST if look == 1 else (1 - FIRST) / 2 ** (look - 1)))


def look_promises(tally: Tally, each: float, confidence: float, look: int) -> dict[str, Guarantee]:
    """What a look promises of an audit: "found" before it, "known" by now, "rest" of what is left.

    `each` is the confidence of this look, `confidence` that of all looks together. `late` items stand below the line
    of both shares and above neither of "found". Cost: as `recall_bound`.

    >>> round(look_promises(Tally(90, 0, 10_000, 1000, 0, 0, 90), 0.95, 0.95, 1)["known"].bound, 4)
    0.7627
    """
    counts = tally.unreviewed, tally.audited, tally.odd
    bare = recall_bound(tally.found, *counts, each)
    total = tally.found + tally.late + int(bare.checked["odd_at_most"])
    found = tally.found / total if tally.found else 0.0
    known = tally.known / max(total, tally.known) if tally.known else 0.0
    checked = {name: value for name, value in bare.checked.items() if name != "with_audit"}
    checked |= {"late": tally.late, "unsure": tally.unsure, "known": tally.known, "this_look": each}
    assumes = (RANDOM, _joint(look, each, confidence), NO_MISS, SURE)
    say_found = f"at least {floor_percent(found)} of all odd items were found before the audit"
    say_known = f"at least {floor_percent(known)} of all odd items are known by now"
    nothing = "nothing odd is known, so nothing can be claimed of what share that is"
    rest = rest_bound(*counts, each)
    return {
        "found": Guarantee(say_found if found else nothing, found, confidence, checked, assumes),
        "known": Guarantee(say_known if known else nothing, known, confidence, checked, assumes),
        "rest": replace(rest, confidence=confidence, assumes=assumes[:3], next_cost=None),
    }


def corrected(tally: Tally, hidden: Hidden, each: float, confidence: float, look: int) -> Guarantee:
    """The share found before the audit, by a reviewer who overlooks as much as the hidden items showed."""
    counts = tally.found, tally.unreviewed, tally.audited, tally.odd
    bare = reviewed_recall_bound(*counts, hidden, each)
    if not bare.bound:
        return replace(bare, confidence=confidence)
    below = tally.found + tally.late + bare.checked["overlooked_at_most"] + bare.checked["odd_at_most"]
    bound = tally.found / below
    claim = f"at least {floor_percent(bound)} of all odd items were found before the audit, overlooked ones counted"
    checked = {**bare.checked, "late": tally.late, "this_look": each}
    return replace(
        bare,
        claim=claim,
        bound=bound,
        confidence=confidence,
        checked=checked,
        assumes=(RANDOM, _joint(look, each, confidence), *bare.assumes[2:]),
    )


def next_price(tally: Tally, recall: float, each: float, seconds: float = SECONDS) -> Cost | None:
    """What more audit shows that `recall` of all odd items is known, if it is all dull; None where no audit can.

    `each` is the confidence of the look that would be read then.

    >>> next_price(Tally(90, 0, 10_000, 0, 0, 0, 90), 0.8, 0.95).labels
    1220
    """
    allowed = int(tally.known / Fraction(str(between("recall", recall)))) - tally.found - tally.late
    if not tally.known or allowed < 0:
        return None
    size = audit_size(tally.unreviewed, allowed, tally.odd, each)
    if size is None:
        return None
    return cost_of(
        max(0, size - tally.audited), seconds, f"recall of at least {recall:g}, if nothing odd is among them"
    )


def _joint(look: int, each: float, confidence: float) -> str:
    return f"this is look {look}, at {each:.6g}; all looks of this task together hold with {confidence:g}"
