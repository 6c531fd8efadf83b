"""What a threshold is shown to catch, and whether the price that is named buys it."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from labelsieve.core.types import Labels
from labelsieve.project.streams.sensitivity import sensitivity_of


def scorer(n: int, flagged: int, above: tuple[int, int], below: tuple[int, int]) -> Any:
    """A pool of n items, `flagged` of which score above 0.5; audited ones and odd ones among them above and below."""
    scores = np.concatenate([np.full(sum(above[:1]), 0.9), np.full(below[0], 0.1)])
    y = np.concatenate([np.arange(above[0]) < above[1], np.arange(below[0]) < below[1]]).astype(np.int64)
    labels = Labels(np.arange(len(y)), y, ("dull", "odd"), "screen")
    side = SimpleNamespace(audit=np.arange(300))
    return SimpleNamespace(
        above=lambda t: (flagged if t == 0.5 else 0, n), audit=labels, audit_scores=scores,
        standing=SimpleNamespace(sides=side),
    )  # fmt: skip


def test_the_bound_is_of_the_two_strata() -> None:
    found = sensitivity_of(scorer(10_000, 500, (100, 60), (2000, 0)), 0.5, None, 0.95)
    flagged, rest = found.strata
    assert (flagged.size, flagged.audited, flagged.odd) == (500, 100, 60)
    assert (rest.size, rest.audited, rest.odd) == (9500, 2000, 0)
    low = 500 * 0.497  # Clopper-Pearson at .975 of 60 in 100: .4972
    high = 9500 * (1 - 0.025 ** (1 / 2000))
    assert found.guarantee.bound == pytest.approx(low / (low + high), abs=0.002)
    assert found.left == 300 - 2100


def test_the_price_buys_what_it_says() -> None:
    before = scorer(10_000, 500, (20, 12), (380, 0))
    found = sensitivity_of(before, 0.5, 0.9, 0.95)
    price = found.guarantee.next_cost
    assert not found.certified and price is not None
    more = price.labels
    bounds = []
    for labels in (more - 20, more + 1):
        part = int(labels * 500 / 10_000)
        then = scorer(10_000, 500, (20 + part, int(0.6 * (20 + part))), (380 + labels - part, 0))
        bounds.append(sensitivity_of(then, 0.5, 0.9, 0.95).guarantee.bound)
    assert bounds[0] < 0.9 <= bounds[1]


def test_what_nothing_can_show_has_no_price() -> None:
    nothing_flagged = sensitivity_of(scorer(1000, 0, (0, 0), (50, 2)), 0.5, 0.9, 0.95)
    assert nothing_flagged.guarantee.bound == 0 and nothing_flagged.guarantee.next_cost is None
    above_all = sensitivity_of(scorer(1000, 10, (0, 0), (50, 2)), float("inf"), 0.9, 0.95)
    assert above_all.guarantee.bound == 0 and not above_all.certified
    many_below = sensitivity_of(scorer(1000, 10, (5, 5), (400, 30)), 0.5, 0.9, 0.95)
    assert not many_below.certified and many_below.guarantee.next_cost is None


def test_no_audit_claims_nothing_and_what_is_shown_has_no_next_step() -> None:
    none = sensitivity_of(scorer(1000, 100, (0, 0), (0, 0)), 0.5, None, 0.95)
    assert none.guarantee.bound == 0 and none.guarantee.next_cost is not None and not none.certified
    assert "supposed" in none.guarantee.next_cost.buys
    shown = sensitivity_of(scorer(10_000, 500, (400, 300), (9000, 0)), 0.5, 0.9, 0.95)
    assert shown.certified and shown.guarantee.next_cost is None
