"""The bounds against integer arithmetic, and their coverage summed exactly."""

import time
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from scipy.stats import hypergeom

import labelsieve as ls
from labelsieve.core.errors import InputError
from labelsieve.screening.bounds import cost_of, odd_allowed, recall_price
from labelsieve.screening.draws import audit_size, chance_at_most, fewest_odd, most_odd, odd_drawn


def exactly(few: int, pool: int, odd: int, drawn: int) -> Fraction:
    ways = sum(comb(odd, i) * comb(pool - odd, drawn - i) for i in range(few + 1) if drawn >= i)
    return Fraction(ways, comb(pool, drawn))


def slowly(pool: int, drawn: int, odd: int, confidence: str) -> int:
    """U as the definition reads: try every number."""
    return max(k for k in range(pool + 1) if exactly(odd, pool, k, drawn) > 1 - Fraction(confidence))


def test_the_pattern_of_the_definition() -> None:
    promise = ls.recall_bound(90, 10_000, 1000, 0)
    assert promise.checked["odd_at_most"] == 28
    assert promise.bound == 90 / 118
    assert promise.confidence == 0.95
    assert "76.2 %" in promise.claim, "never rounded up"


@pytest.mark.parametrize("confidence", ["0.95", "0.5", "0.99"])
def test_u_is_that_of_a_loop_over_whole_numbers(confidence: str) -> None:
    for pool in (*range(15), 20, 24):
        for drawn in range(pool + 1):
            for odd in range(drawn + 1):
                assert most_odd(pool, drawn, odd, float(confidence)) == slowly(pool, drawn, odd, confidence)


def test_a_chance_equal_to_the_limit_is_ruled_out() -> None:
    assert exactly(0, 20, 1, 19) == Fraction(1, 20)
    assert most_odd(20, 19, 0, 0.95) == 0
    assert most_odd(20, 18, 0, 0.95) == 1


@pytest.mark.parametrize(("pool", "odd", "drawn"), [(500, 40, 60), (3000, 7, 1000), (400, 390, 200), (1000, 500, 999)])
def test_chances_are_those_of_whole_numbers(pool: int, odd: int, drawn: int) -> None:
    first, chance = odd_drawn(pool, odd, drawn)
    exact = [
        Fraction(comb(odd, x) * comb(pool - odd, drawn - x), comb(pool, drawn))
        for x in range(first, first + len(chance))
    ]
    np.testing.assert_allclose(chance, [float(p) for p in exact], rtol=1e-11)
    for few in range(first, first + len(chance), 7):
        assert chance_at_most(few, pool, odd, drawn) == pytest.approx(float(exactly(few, pool, odd, drawn)), rel=1e-11)


def covered(pool: int, odd: int, drawn: int, confidence: float) -> float:
    """The exact chance that U is at least the truth, summed over every outcome of the audit."""
    first, chance = odd_drawn(pool, odd, drawn)
    at = [p for x, p in enumerate(chance.tolist(), first) if p > 1e-12 and most_odd(pool, drawn, x, confidence) >= odd]
    return sum(at)


@pytest.mark.parametrize("confidence", [0.95, 0.8])
@pytest.mark.parametrize("pool", [30, 400, 100_000])
def test_coverage_is_never_below_the_confidence(pool: int, confidence: float) -> None:
    sizes = sorted({1, pool // 10, pool // 3, pool - 1})
    truths = sorted({0, 1, 2, 5, 17, pool // 20, pool // 2})
    worst = min(covered(pool, odd, drawn, confidence) for odd in truths for drawn in sizes)
    assert worst >= confidence - 1e-9


def test_coverage_is_lost_when_the_point_estimate_is_read_as_a_bound() -> None:
    """That the test above can fail: the usual reading of the same audit holds far too seldom."""
    first, chance = odd_drawn(10_000, 40, 500)
    held = sum(p for x, p in enumerate(chance.tolist(), first) if x * 10_000 / 500 >= 40)
    assert held < 0.65


def test_the_lower_bound_covers_too() -> None:
    for pool, odd, drawn in [(50, 10, 20), (1000, 30, 300)]:
        first, chance = odd_drawn(pool, odd, drawn)
        held = sum(p for x, p in enumerate(chance.tolist(), first) if fewest_odd(pool, drawn, x, 0.95) <= odd)
        assert held >= 0.95 - 1e-9


def test_odd_items_of_the_audit_count_as_missed() -> None:
    """Found stays as it was; what is in hand after the audit is told apart, and both hold at once."""
    promise = ls.recall_bound(90, 10_000, 1000, 2)
    most = promise.checked["odd_at_most"]
    assert most == slowly_from(10_000, 1000, 2)
    assert promise.bound == 90 / (90 + most)
    assert promise.checked["with_audit"] == 92 / (90 + most)


def slowly_from(pool: int, drawn: int, odd: int) -> int:
    k = odd
    while exactly(odd, pool, k + 1, drawn) > Fraction(1, 20):
        k += 1
    return k


def test_edges() -> None:
    assert ls.recall_bound(0, 100, 10, 0).bound == 0.0
    assert "nothing odd was found" in ls.recall_bound(0, 100, 10, 0).claim
    assert ls.recall_bound(0, 0, 0, 0).bound == 0.0
    assert ls.recall_bound(5, 0, 0, 0).bound == 1.0, "everything was reviewed"
    assert ls.recall_bound(5, 100, 0, 0).bound == 5 / 105, "no audit: all the rest may be odd"
    assert ls.recall_bound(5, 100, 100, 7).bound == 5 / 12, "all audited: the truth"
    assert ls.recall_bound(5, 100, 10, 10).bound == 5 / 105
    assert ls.rest_bound(100, 100, 7).bound == 0.0
    assert ls.rest_bound(100, 0, 0).bound == 1.0
    assert ls.rest_bound(1_000_000, 1000, 0).bound == pytest.approx(3 / 1000, rel=0.01)


@pytest.mark.parametrize(
    "counts",
    [
        (-1, 10, 5, 0),
        (1, -10, 5, 0),
        (1, 10, 11, 0),
        (1, 10, 5, 6),
        (1, 10, 5, -1),
        (1.5, 10, 5, 0),
        (float("nan"), 10, 5, 0),
        (1, float("inf"), 5, 0),
        (True, 10, 5, 0),
        ("1", 10, 5, 0),
    ],
)
def test_counts_that_cannot_be_are_refused(counts: tuple[float, ...]) -> None:
    with pytest.raises(InputError) as caught:
        ls.recall_bound(*counts)
    assert caught.value.hint


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 95, float("nan"), None])
def test_a_confidence_outside_is_refused(confidence: float) -> None:
    for ask in (ls.recall_bound, lambda *a: ls.rest_bound(*a[1:])):
        with pytest.raises(InputError, match="confidence"):
            ask(1, 10, 5, 0, confidence)


def test_whole_floats_and_numpy_numbers_count() -> None:
    assert ls.recall_bound(np.int64(90), 1e4, np.float64(1000), 0).bound == 90 / 118


def test_large_pools_are_quick() -> None:
    start = time.process_time()
    most = ls.recall_bound(10_000, 10**8, 10**6, 3).checked["odd_at_most"]
    assert hypergeom.cdf(3, 10**8, most, 10**6) > 0.05 >= hypergeom.cdf(3, 10**8, most + 1, 10**6)
    assert ls.recall_bound(10_000, 10**8, 5 * 10**7, 5000).bound > 0.49
    assert time.process_time() - start < 2


def test_looks_share_the_risk() -> None:
    assert sum(1 - c for c in ls.looks(4)) == pytest.approx(0.05)
    assert ls.looks([1, 1, 3]) == pytest.approx((0.99, 0.99, 0.97))
    assert ls.looks(1, 0.9) == (0.9,)
    for wrong in (0, -1, 1.5, [], [1, 0], [1, float("nan")]):
        with pytest.raises(InputError):
            ls.looks(wrong)


def test_the_next_step_buys_what_it_says() -> None:
    promise = ls.recall_bound(90, 10_000, 1000, 0)
    price = promise.next_cost
    assert price is not None and "0.8" in price.buys
    assert ls.recall_bound(90, 10_000, 1000 + price.labels, 0).bound >= 0.8
    assert ls.recall_bound(90, 10_000, 1000 + price.labels - 1, 0).bound < 0.8
    assert recall_price((90, 10_000, 1000, 30), 0.9, 0.95) is None, "30 were missed: no audit can undo it"
    assert ls.recall_bound(0, 100, 10, 0).next_cost is None


def test_allowed_is_exact_where_floats_are_not() -> None:
    assert odd_allowed(100, 0.8) == 25  # 100 * (1 - 0.8) / 0.8 is less, in floats
    size = audit_size(10_000, 25, 0, 0.95)
    assert size is not None
    assert most_odd(10_000, size, 0, 0.95) == 25 and most_odd(10_000, size - 1, 0, 0.95) == 26


def test_sheets_are_begun_whole() -> None:
    assert (cost_of(65, 36).sheets, cost_of(65, 36).hours) == (2, 0.02)
    assert cost_of(0).sheets == 0
    with pytest.raises(InputError):
        cost_of(5, 0)
