"""What several looks at growing audits may claim together, and the promise of one of them."""

from bisect import bisect_left
from fractions import Fraction

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.errors import InputError
from labelsieve.screening.bounds import recall_bound
from labelsieve.screening.draws import most_odd, odd_drawn
from labelsieve.screening.promising import Tally, corrected, look_confidence, look_promises, next_price


@pytest.mark.parametrize("declared", [None, 1, 2, 7])
def test_the_risk_of_all_looks_is_never_more_than_was_allowed(declared: int | None) -> None:
    n = declared or 40
    spent = sum(Fraction(1) - Fraction(look_confidence(look, declared, 0.9)) for look in range(1, n + 1))
    whole = Fraction(2, 3) if declared in (2, 7) else 1  # the rest pays for sizes chosen by what a look has shown
    assert spent <= whole * Fraction(1, 10) + Fraction(1, 10**12)
    assert spent > whole * Fraction(99, 1000)  # and hardly any of it is wasted


def test_a_further_look_is_always_possible_unless_looks_were_declared() -> None:
    assert look_confidence(1) == 0.96 and look_confidence(2) == 0.995 and look_confidence(30) < 1
    assert look_confidence(3, 3) == pytest.approx(1 - 0.05 * 2 / 9) and look_confidence(1, 1) == 0.95
    with pytest.raises(InputError, match="declared looks is 3"):
        look_confidence(4, 3)
    with pytest.raises(InputError, match="look is 0"):
        look_confidence(0)


def wrong_at_worst(each: list[float], pool: int, odd: int, first: int) -> float:
    """The exact chance that one of two looks at a growing audit claims too much, where somebody who knows the truth
    chooses the second size by what the first look has shown."""

    def too_few(drawn: int, confidence: float) -> int:  # the most odd items in the audit that claim too few in the pool
        return bisect_left(range(drawn + 1), odd, key=lambda x: most_odd(pool, drawn, x, confidence)) - 1

    def chances(pool: int, odd: int, drawn: int) -> np.ndarray:
        low, few = odd_drawn(pool, odd, drawn)
        return np.concatenate([np.zeros(low), few])

    limit, sizes = too_few(first, each[0]), (first * np.geomspace(1.05, 15, 20)).astype(int).tolist()
    limits = [too_few(size, each[1]) for size in sizes]
    wrong = 0.0
    for x, chance in enumerate(chances(pool, odd, first)):
        then = [chances(pool - first, odd - x, size - first)[: max(0, few - x + 1)].sum() for size, few in
                zip(sizes, limits, strict=True)] if x > limit and chance > 1e-7 else [1.0]  # fmt: skip
        wrong += chance * max(then)
    return wrong


def test_choosing_the_next_size_by_what_a_look_showed_is_paid_for() -> None:
    assert wrong_at_worst(list(ls.looks(2)), 2000, 300, 100) > 0.055  # planned sizes alone are worth an even split
    for declared in (2, None):
        each = [look_confidence(look, declared) for look in (1, 2)]
        for odd in (90, 300):
            assert wrong_at_worst(each, 2000, odd, 100) <= 0.05


def test_without_corrections_it_is_the_recall_bound() -> None:
    said = look_promises(Tally(90, 0, 10_000, 1000, 2, 0, 92), 0.96, 0.95, 1)
    bare = recall_bound(90, 10_000, 1000, 2, 0.96)
    assert said["found"].bound == bare.bound
    assert said["known"].bound == bare.checked["with_audit"]
    assert said["rest"].bound == ls.rest_bound(10_000, 1000, 2, 0.96).bound
    assert {one.confidence for one in said.values()} == {0.95}
    assert any("look 1, at 0.96" in line for line in said["known"].assumes)


def test_items_that_the_reviewer_had_overlooked_and_skipped_ones_only_lower_the_bound() -> None:
    plain = look_promises(Tally(90, 0, 10_000, 1000, 0, 0, 90), 0.95, 0.95, 1)
    late = look_promises(Tally(90, 10, 10_000, 1000, 0, 0, 100), 0.95, 0.95, 1)
    assert late["found"].bound == 90 / (100 + 28) < plain["found"].bound
    assert late["known"].bound == 100 / 128
    skipped = look_promises(Tally(90, 0, 10_000, 1000, 3, 3, 90), 0.95, 0.95, 1)
    assert skipped["known"].bound == 90 / (90 + most_odd(10_000, 1000, 3, 0.95))


def test_bounds_stay_between_nothing_and_all() -> None:
    none = look_promises(Tally(0, 0, 50, 50, 0, 0, 0), 0.95, 0.95, 1)
    assert none["found"].bound == none["known"].bound == 0 and "nothing odd is known" in none["known"].claim
    every = look_promises(Tally(3, 0, 0, 0, 0, 0, 3), 0.95, 0.95, 1)
    assert every["found"].bound == every["known"].bound == 1
    more = look_promises(Tally(3, 0, 100, 100, 40, 0, 50), 0.95, 0.95, 1)  # more are known than the audit can explain
    assert more["known"].bound == 1


def test_the_corrected_bound_is_lower_and_falls_with_what_was_overlooked() -> None:
    tally = Tally(90, 0, 10_000, 1000, 0, 0, 90)
    bounds = [corrected(tally, {"search": (60, caught)}, 0.95, 0.95, 1).bound for caught in (60, 57, 40)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[1] == ls.reviewed_recall_bound(90, 10_000, 1000, 0, {"search": (60, 57)}, 0.95).bound
    assert bounds[0] < look_promises(tally, 0.95, 0.95, 1)["found"].bound
    late = corrected(Tally(90, 30, 10_000, 1000, 0, 0, 120), {"search": (60, 57)}, 0.95, 0.95, 1)
    assert late.bound < bounds[1] and "nothing" in corrected(Tally(0, 0, 9, 9, 0), {"s": (9, 9)}, 0.9, 0.9, 1).claim


@pytest.mark.parametrize("recall", [0.5, 0.8, 0.9])
def test_the_price_is_enough_and_one_label_less_is_not(recall: float) -> None:
    tally = Tally(90, 4, 10_000, 100, 1, 0, 97)
    cost = next_price(tally, recall, 0.99)
    assert cost is not None
    for more, reached in ((cost.labels, True), (cost.labels - 1, False)):
        then = Tally(90, 4, 10_000, 100 + more, 1, 0, 97)
        assert (look_promises(then, 0.99, 0.95, 2)["known"].bound >= recall) is reached


def test_no_price_where_too_much_was_overlooked() -> None:
    assert next_price(Tally(10, 0, 1000, 100, 12, 3, 19), 0.99, 0.95) is None
    assert next_price(Tally(0, 0, 1000, 0, 0, 0, 0), 0.5, 0.95) is None
    assert next_price(Tally(10, 90, 1000, 0, 0, 0, 10), 0.9, 0.95) is None
