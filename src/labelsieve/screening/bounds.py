"""What a random audit proves about a search: how much of what is odd was found, and how little is left."""

from collections.abc import Sequence
from fractions import Fraction

from labelsieve.core.errors import InputError
from labelsieve.core.types import Cost, Guarantee
from labelsieve.screening.draws import audit_size, between, most_odd, whole

TILES = 64  # items on a contact sheet
SECONDS = 30.0  # a contact sheet takes, where nobody has timed it
LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)  # recall that the next step is priced for

RANDOM = "the audit was drawn uniformly at random from everything unreviewed, and every item of it was answered"
ONE_LOOK = "one look at this audit; for several, split the confidence beforehand (looks)"
NO_MISS = "the reviewer overlooks nothing odd; hidden items measure that (--hidden, or reviewed_recall_bound)"
SURE = "what was called odd is odd"


def recall_bound(
    found: float, unreviewed: float, audited: float, odd_in_audit: float, confidence: float = 0.95
) -> Guarantee:
    """At least this share of all odd items was found before the audit: found / (found + U).

    `found`: odd items found before the audit. `unreviewed`: items nobody had reviewed when the audit was drawn.
    `audited` of those were drawn at random and answered; `odd_in_audit` of them were odd. U is the largest number of
    odd items among the unreviewed with P(at most odd_in_audit in the draw) > 1 - confidence. Odd items of the audit
    are part of U and never of `found`: the search missed them. Now that they are in hand as well, at least
    (found + odd_in_audit) / (found + U) of all are known, with the same confidence: `checked["with_audit"]`.
    Nothing found: the bound is 0. InputError for counts that cannot be.
    Source: hypergeometric test, inverted (Buonaccorsi 1987). Cost: O(sqrt(unreviewed) log(unreviewed)).

    >>> promise = recall_bound(90, 10_000, 1000, 0)
    >>> promise.checked["odd_at_most"], promise.bound == 90 / 118
    (28, True)
    """
    found = whole("found", found)
    pool, drawn, odd = audit_counts(unreviewed, audited, odd_in_audit)
    most = most_odd(pool, drawn, odd, between("confidence", confidence))
    bound = found / (found + most) if found else 0.0
    checked = {
        "found": found,
        "unreviewed": pool,
        "audited": drawn,
        "odd_in_audit": odd,
        "odd_at_most": most,
        "with_audit": (found + odd) / (found + most) if found + odd else 0.0,
    }
    nothing = "nothing odd was found before the audit, so nothing can be claimed of what share that is"
    claim = f"at least {floor_percent(bound)} of all odd items were found before the audit" if found else nothing
    nearer = next((r for r in LEVELS if r > bound and audit_for(found, pool, odd, r, confidence) is not None), None)
    price = recall_price((found, pool, drawn, odd), nearer, confidence) if nearer else None
    return Guarantee(claim, bound, confidence, checked, (RANDOM, ONE_LOOK, NO_MISS, SURE), price)


def rest_bound(unreviewed: float, audited: float, odd_in_audit: float, confidence: float = 0.95) -> Guarantee:
    """At most this share of what is left after the audit is odd: (U - odd_in_audit) / (unreviewed - audited).

    It needs nothing found and no idea of how common odd items are: with none in an audit of m it is close to 3 / m.
    U, errors and cost as in `recall_bound`; a bound of 0 where everything was audited.

    >>> rest_bound(1_000_000, 3000, 0).claim
    'at most 1 in 1,001 of the 997,000 items left is odd'
    """
    pool, drawn, odd = audit_counts(unreviewed, audited, odd_in_audit)
    left, most = pool - drawn, most_odd(pool, drawn, odd, between("confidence", confidence)) - odd
    bound = most / left if left else 0.0
    if not left:
        claim = "nothing is left: every item was reviewed"
    elif not most:
        claim = f"none of the {left:,} items left is odd"
    else:
        claim = f"at most 1 in {left // most:,} of the {left:,} items left is odd"
    checked = {"unreviewed": pool, "audited": drawn, "odd_in_audit": odd, "left": left, "odd_left_at_most": most}
    size = min(drawn or TILES, left)
    buys = "about half this bound" if drawn else "a first bound"
    price = (
        cost_of(size, buys=f"{buys}, if nothing odd is among them and this was declared as a look") if most else None
    )
    return Guarantee(claim, bound, confidence, checked, (RANDOM, ONE_LOOK, NO_MISS), price)


def looks(shares: int | Sequence[float], confidence: float = 0.95) -> tuple[float, ...]:
    """The confidence of each of several looks (n,), so that all of them together hold with `confidence`.

    `shares` is the number of looks, declared before the first one, or how much of the risk each gets. Whichever look
    is reported: the claims hold together (Bonferroni), if how much is drawn for each look was planned beforehand as
    well, or each look is at an audit of its own. InputError for none.

    >>> [round(one, 4) for one in looks(5)]
    [0.99, 0.99, 0.99, 0.99, 0.99]
    """
    risk = 1 - Fraction(str(between("confidence", confidence)))
    if not isinstance(shares, Sequence):
        shares = [1.0] * whole("looks", shares, least=1)
    if not shares or not all(0 < share < float("inf") for share in shares):
        raise InputError(f"the shares of the looks are {list(shares)}; expected numbers above 0.", "looks(3), say.")
    parts = [Fraction(share) for share in shares]
    return tuple(float(1 - risk * part / sum(parts)) for part in parts)


def audit_for(found: int, unreviewed: int, odd_in_audit: int, recall: float, confidence: float) -> int | None:
    """The smallest audit that shows `recall` with `odd_in_audit` odd items in it; None where no audit can."""
    if not found:
        return None
    return audit_size(unreviewed, odd_allowed(found, recall), odd_in_audit, confidence)


def odd_allowed(found: int, recall: float) -> int:
    """How many odd items may be left if `found` are to be at least `recall` of all.

    >>> odd_allowed(100, 0.8), odd_allowed(100, 0.9)
    (25, 11)
    """
    wanted = Fraction(str(recall))
    return int(found * (1 - wanted) / wanted)


def recall_price(counts: Sequence[int], recall: float, confidence: float, seconds: float = SECONDS) -> Cost | None:
    """What more audit it takes to show `recall`, if it is all dull; counts: found, unreviewed, audited, odd_in_audit.

    Reading the same audit again is a further look: `confidence` has to be that of a declared look then. None where
    no audit can show it: too many odd items were overlooked, and only more search helps.
    """
    found, unreviewed, audited, odd = counts
    size = audit_for(found, unreviewed, odd, recall, confidence)
    if size is None:
        return None
    buys = f"recall of at least {recall:g}, if nothing odd is among them and this was declared as a look"
    return cost_of(max(0, size - audited), seconds, buys)


def cost_of(labels: int, seconds: float = SECONDS, buys: str = "") -> Cost:
    """Labels as contact sheets of 64 tiles, and as hours at `seconds` a sheet.

    >>> cost_of(6400)
    Cost(labels=6400, sheets=100, hours=0.8333333333333334, buys='')
    """
    if not 0 < seconds < float("inf"):
        raise InputError(f"a sheet takes {seconds} seconds; expected more than 0.", "time one sheet.")
    sheets = -(-labels // TILES)
    return Cost(labels, sheets, sheets * seconds / 3600, buys)


def audit_counts(unreviewed: float, audited: float, odd_in_audit: float) -> tuple[int, int, int]:
    """The three counts as whole numbers; InputError where they cannot be."""
    pool, drawn, odd = (
        whole("unreviewed", unreviewed),
        whole("audited", audited),
        whole("odd_in_audit", odd_in_audit),
    )
    if drawn > pool:
        hint = "unreviewed counts what nobody had seen when the audit was drawn, the audit included."
        raise InputError(f"{drawn} items were audited of {pool} unreviewed; expected at most as many.", hint)
    if odd > drawn:
        raise InputError(f"{odd} odd items in an audit of {drawn}; expected at most as many.", "count the audit alone.")
    return pool, drawn, odd


def floor_percent(share: float) -> str:
    """A share in per cent, rounded down: a bound is never rounded up.

    >>> floor_percent(0.7627), floor_percent(0.99999)
    ('76.2 %', '99.9 %')
    """
    return f"{int(share * 1000 + 1e-9) / 10:g} %"
