"""What a random draw says about what it was drawn from: exact hypergeometric bounds, at any size of the pool."""

from fractions import Fraction
from math import comb, sqrt

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.types import Vector

NEAR = 1e-9  # a chance this close to the limit, as a share of it, is decided by whole numbers
WHOLE = 2_000  # the largest pool where that is cheap; above, the larger bound is taken


def odd_drawn(pool: int, odd: int, drawn: int) -> tuple[int, Vector]:
    """The number `first`, and the chances (w,) that a draw holds first, first + 1, ... odd items.

    `drawn` items are drawn at random from a pool that holds `odd` odd ones.

    What lies more than 12 standard deviations from the mode is left out: it is below 1e-30.
    Source: the hypergeometric distribution, by ratios of neighbouring terms. Cost: O(sqrt(pool)) at most.
    """
    low, high = max(0, drawn + odd - pool), min(drawn, odd)
    mode = min(max((drawn + 1) * (odd + 1) // (pool + 2), low), high)
    share = odd / max(pool, 1)
    wide = int(12 * sqrt(drawn * share * (1 - share))) + 100
    up = np.arange(mode, min(high, mode + wide), dtype=np.float64)  # from x to x + 1
    down = np.arange(mode, max(low, mode - wide), -1, dtype=np.float64)  # from x to x - 1
    dull = float(pool - odd - drawn)
    more = np.cumprod((odd - up) * (drawn - up) / ((up + 1) * (dull + up + 1)))
    less = np.cumprod(down * (dull + down) / ((odd - down + 1) * (drawn - down + 1)))
    chance = np.concatenate([less[::-1], [1.0], more])
    return mode - len(less), chance / chance.sum()


def chance_at_most(few: int, pool: int, odd: int, drawn: int) -> float:
    """The chance that at most `few` of `drawn` items are odd, when `odd` of the `pool` are.

    >>> round(chance_at_most(0, 10_000, 28, 1000), 4)
    0.0521
    """
    first, chance = odd_drawn(pool, odd, drawn)
    return float(chance[: max(few - first + 1, 0)].sum())


def likely(few: int, pool: int, odd: int, drawn: int, confidence: float) -> bool:
    """Whether P(at most `few` odd in the draw) > 1 - confidence: then `odd` cannot be ruled out."""
    chance, limit = chance_at_most(few, pool, odd, drawn), 1 - confidence
    if abs(chance - limit) > NEAR * limit:
        return chance > limit
    if pool > WHOLE:
        return True
    ways = sum(comb(odd, i) * comb(pool - odd, drawn - i) for i in range(max(0, drawn + odd - pool), few + 1))
    return Fraction(ways, comb(pool, drawn)) > 1 - Fraction(str(float(confidence)))


def most_odd(pool: int, drawn: int, odd: int, confidence: float) -> int:
    """The largest number of odd items in the pool with P(at most `odd` in the draw) > 1 - confidence.

    It counts those in the draw. Source: hypergeometric test, inverted (Clopper and Pearson 1934; Buonaccorsi 1987).
    Cost: O(sqrt(pool) log(pool)).

    >>> most_odd(10_000, 1000, 0, 0.95)
    28
    """
    low, high = odd, pool - drawn + odd  # low is always likely; more than high would have shown
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if likely(odd, pool, middle, drawn, confidence) else (low, middle - 1)
    return low


def fewest_odd(pool: int, drawn: int, odd: int, confidence: float) -> int:
    """The smallest number of odd items in the pool with P(at least `odd` in the draw) > 1 - confidence.

    >>> fewest_odd(100, 100, 7, 0.95), fewest_odd(100, 10, 0, 0.95)
    (7, 0)
    """
    return pool - most_odd(pool, drawn, drawn - odd, confidence)


def audit_size(pool: int, at_most: int, odd_in_audit: int, confidence: float) -> int | None:
    """The smallest draw with `odd_in_audit` odd items that shows at most `at_most` odd in the pool, those included.

    None when no draw does: more odd items were found than there may be. Cost: O(sqrt(pool) log(pool)).

    >>> audit_size(1_000_000, 11, 0, 0.95)
    220921
    """
    if at_most < odd_in_audit:
        return None
    if at_most >= pool:
        return odd_in_audit
    low, high = odd_in_audit, pool
    while low < high:
        middle = (low + high) // 2
        enough = not likely(odd_in_audit, pool, at_most + 1, middle, confidence)
        low, high = (low, middle) if enough else (middle + 1, high)
    return low


def share_at_least(hits: int, n: int, confidence: float) -> float:
    """Lower bound of a share when `hits` of `n` independent tries hit (Clopper and Pearson 1934); 0 for n = 0.

    >>> [round(share_at_least(n, n, 0.95), 3) for n in (14, 29, 59)]
    [0.807, 0.902, 0.95]
    """
    from scipy.special import betaincinv

    return float(betaincinv(hits, n - hits + 1, 1 - confidence)) if hits else 0.0


def whole(name: str, value: float, least: int = 0) -> int:
    """`value` as a whole number of at least `least`; InputError names it otherwise."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not (number and value == value // 1 and value >= least):
        raise InputError(f"{name} is {value}; expected a whole number of at least {least}.", f"count {name} again.")
    return int(value)


def between(name: str, value: float) -> float:
    """`value` if it lies between 0 and 1, both excluded; InputError names it otherwise."""
    if not (isinstance(value, (int, float, np.integer, np.floating)) and 0 < value < 1):
        raise InputError(f"{name} is {value}; expected a number between 0 and 1.", _in_percent(name, value))
    return float(value)


def _in_percent(name: str, value: object) -> str:
    usual = 95 if name in ("confidence", "recall", "sensitivity") else 1  # a rate or a share of what is rare
    percent = value if isinstance(value, (int, float)) and 1 < value < 100 else usual
    return f"for {percent:g} % give {name} {percent / 100:g}."
