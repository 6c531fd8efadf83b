"""What a reviewer overlooks: measured with hidden items known to be odd, and taken off the guarantee."""

from collections.abc import Mapping

from labelsieve.core.errors import InputError
from labelsieve.core.types import Guarantee, Vector
from labelsieve.screening.bounds import ONE_LOOK, RANDOM, SURE, audit_counts, floor_percent, looks
from labelsieve.screening.draws import between, odd_drawn, share_at_least, whole

Hidden = Mapping[str, tuple[int, int]]  # how they were found -> (shown, caught)
ALIKE = "ASSUMED, not shown: odd items nobody has seen are recognised as often as the hidden ones"
BLIND = "the reviewer cannot tell a hidden item from the others, and misses one independently of another"
STEADY = "what is overlooked does not change which items the search shows next"
FEW = 20  # hidden items of a way, or of ways together, below which nothing is judged by itself: 20, all caught, show .8


def reviewer_bound(hidden: Hidden, confidence: float = 0.95) -> dict[str, Guarantee]:
    """For each way in which hidden odd items had been found, the share of them that the reviewer catches at least.

    `hidden` gives (shown, caught) for each way: "search", "audit", "miss", ... Items that the search found tend to
    look odd, so a reviewer may catch those and overlook others: read the ways apart. Each bound holds by itself.
    Source: Clopper and Pearson 1934. Cost: O(1) a way. InputError for no item, or more caught than shown.

    >>> {way: round(g.bound, 3) for way, g in reviewer_bound({"search": (59, 59), "audit": (10, 9)}).items()}
    {'search': 0.95, 'audit': 0.606}
    """
    between("confidence", confidence)
    out = {}
    for way, (shown, caught) in _counts(hidden).items():
        bound = share_at_least(caught, shown, confidence)
        claim = f"the reviewer catches at least {floor_percent(bound)} of odd items like those found by {way}"
        out[way] = Guarantee(claim, bound, confidence, {"shown": shown, "caught": caught}, (ALIKE, BLIND))
    return out


def reviewed_recall_bound(
    found: float, unreviewed: float, audited: float, odd_in_audit: float, hidden: Hidden, confidence: float = 0.95
) -> Guarantee:
    """At least this share of all odd items was found before the audit, by a reviewer who overlooks some.

    As `recall_bound`, with a third of the risk on each of: how much the reviewer catches (`hidden`, as in
    `reviewer_bound`; the worst of the groups of `pooled_ways` counts, each with its part of the risk); what was
    overlooked among the items that the search showed; what is odd among the unreviewed, where the audit may have
    overlooked some too. What is pooled is an assumption, and stands among them.
    The bound cannot exceed what the reviewer catches: more audit does not help then, a second reviewer does.
    Source: a thinned hypergeometric and a binomial test, inverted; union bound; of a pool the mean counts (Hoeffding
    1956).
    Cost: O(sqrt(unreviewed) log(unreviewed)).

    >>> promise = reviewed_recall_bound(90, 10_000, 1000, 0, {"search": (60, 57)})
    >>> round(promise.bound, 2), promise.checked["overlooked_at_most"]
    (0.56, 26)
    """
    found = whole("found", found)
    pool, drawn, odd = audit_counts(unreviewed, audited, odd_in_audit)
    third = looks(3, confidence)[0]
    catches, pooled = _catches(_counts(hidden), third)
    missed = overlooked_at_most(found, catches, third) if found else None
    most = most_odd_seen_by((pool, drawn, odd), catches, third)
    bound = found / (found + missed + most) if found and missed is not None else 0.0
    checked = {
        "found": found,
        "unreviewed": pool,
        "audited": drawn,
        "odd_in_audit": odd,
        "odd_at_most": most,
        "reviewer_catches": catches,
    }
    checked |= {"overlooked_at_most": missed} if missed is not None else {}
    claim = f"at least {floor_percent(bound)} of all odd items were found before the audit"
    if not found or missed is None:
        claim = "nothing odd was found, or the reviewer may overlook everything: no recall can be claimed"
    return Guarantee(claim, bound, confidence, checked, (RANDOM, ONE_LOOK, SURE, ALIKE, *pooled, BLIND, STEADY))


def pooled_ways(hidden: Hidden) -> tuple[tuple[str, ...], ...]:
    """The groups of ways that are judged together, by the number of hidden items alone, never by what was caught.

    Ways with fewer than 20 are pooled; while these are fewer than 20 together, the smallest of the others joins them.
    So a group has 20 or more, or it is the only one: each further group takes a part of the risk, and 3 items, all
    caught, show no more than that a fifth are. Cost: O(ways log ways).

    >>> pooled_ways({"search": (60, 57), "miss": (25, 25), "audit": (3, 3), "import": (2, 1)})
    (('audit', 'import', 'miss'), ('search',))
    """
    order = sorted(hidden, key=lambda way: (hidden[way][0], way))
    n = sum(hidden[way][0] < FEW for way in order)
    while 0 < n < len(order) and sum(hidden[way][0] for way in order[:n]) < FEW:
        n += 1
    pool = (tuple(sorted(order[:n])),) if n else ()
    return (*pool, *((way,) for way in order[n:]))


def _catches(ways: dict[str, tuple[int, int]], confidence: float) -> tuple[float, tuple[str, ...]]:
    """The share that a reviewer catches at least, and what is assumed of pooled ways.

    A pooled way that was caught so seldom that the share is ruled out for it alone holds it down.
    """
    groups = pooled_ways(ways)
    part = looks(len(groups), confidence)[0]
    share, said = 1.0, []
    for group in groups:
        shown, caught = (sum(ways[way][at] for way in group) for at in (0, 1))
        share = min(share, share_at_least(caught, shown, part))
        if len(group) > 1:
            share = min(share, *(1 - share_at_least(n - right, n, part) for n, right in map(ways.__getitem__, group)))
            named = ", ".join(f"{way} ({ways[way][0]})" for way in group)
            said.append(f"ASSUMED, not shown: odd items found by {named} are recognised alike; ways with fewer than "
                        f"{FEW} hidden items are judged together")  # fmt: skip
    return share, tuple(said)


def overlooked_at_most(found: int, catches: float, confidence: float) -> int | None:
    """The largest number of overlooked odd items that `found` caught ones leave likely; None for no limit.

    The largest m with P(Binomial(found + m, catches) <= found) > 1 - confidence. Cost: O(log).
    """
    from scipy.special import bdtr

    if catches <= 0:
        return None
    low, high = 0, 1
    while bdtr(found, found + high, catches) > 1 - confidence:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if bdtr(found, found + middle, catches) > 1 - confidence else (low, middle)
    return low


def most_odd_seen_by(counts: tuple[int, int, int], catches: float, confidence: float) -> int:
    """U of (unreviewed, audited, odd_in_audit), when an odd item is noticed with the chance `catches` only."""
    pool, drawn, odd = counts
    low, high = odd, pool
    while low < high:
        middle = (low + high + 1) // 2
        first, chance = odd_drawn(pool, middle, drawn)
        few = float(chance @ _noticed_at_most(odd, first, len(chance), catches))
        low, high = (middle, high) if few > (1 - confidence) * (1 - 1e-9) else (low, middle - 1)
    return low


def _noticed_at_most(few: int, first: int, n: int, catches: float) -> Vector:
    """P(at most `few` noticed) of first, first + 1, ... odd items (n,)."""
    import numpy as np
    from scipy.special import bdtr

    there = np.arange(first, first + n)
    return np.asarray(np.where(there <= few, 1.0, bdtr(few, np.maximum(there, few + 1), catches)))


def _counts(hidden: Hidden) -> dict[str, tuple[int, int]]:
    if not hidden:
        raise InputError("no hidden odd item was shown.", "show some: 59, all caught, show that 95 % are.")
    out = {}
    for way, (shown, caught) in hidden.items():
        pair = whole(f"shown ({way})", shown, least=1), whole(f"caught ({way})", caught)
        if pair[1] > pair[0]:
            raise InputError(
                f"{caught} of {shown} hidden items ({way}) were caught; expected at most all.", "count again."
            )
        out[way] = pair
    return out
