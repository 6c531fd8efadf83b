"""Sensitivity at a threshold, spiked items, and a reviewer who overlooks some: coverage summed or simulated."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

import labelsieve as ls
from labelsieve.core.errors import InputError
from labelsieve.core.randomness import stream
from labelsieve.screening.draws import most_odd, odd_drawn
from labelsieve.screening.reviewers import _catches, most_odd_seen_by, overlooked_at_most, pooled_ways
from labelsieve.screening.thresholds import spikes_needed


def test_strata_that_are_known_whole_give_the_truth() -> None:
    promise = ls.sensitivity_bound([ls.Stratum(True, 50, 50, 9), ls.Stratum(False, 30, 30, 3)])
    assert promise.bound == 0.75


def test_coverage_of_strata_summed_exactly() -> None:
    sizes, odd, drawn = (60, 100, 400), (8, 3, 2), (20, 30, 100)
    parts = [odd_drawn(*triple) for triple in zip(sizes, odd, drawn, strict=True)]
    held = 0.0
    for xs in product(*(range(len(chance)) for _, chance in parts)):
        chance = float(np.prod([part[1][x] for part, x in zip(parts, xs, strict=True)]))
        if chance < 1e-9:
            continue
        seen = [part[0] + x for part, x in zip(parts, xs, strict=True)]
        strata = [ls.Stratum(i == 0, sizes[i], drawn[i], seen[i]) for i in range(3)]
        held += chance * (ls.sensitivity_bound(strata).bound <= 8 / 13)
    assert held >= 0.95


def test_the_stream_to_come_is_known_less_well() -> None:
    strata = [ls.Stratum(True, 200, 200, 40), ls.Stratum(False, 9800, 3000, 0)]
    now, later = ls.sensitivity_bound(strata), ls.sensitivity_bound(strata, later=True)
    assert later.bound < now.bound
    assert any("ASSUMED" in line for line in later.assumes)
    assert not any("ASSUMED" in line for line in now.assumes)


def test_strata_that_cannot_be_are_refused() -> None:
    for wrong in ([], [ls.Stratum(False, 5, 5, 0)], [ls.Stratum(True, 5, 6, 0)], [ls.Stratum(True, 5, 5, 6)]):
        with pytest.raises(InputError):
            ls.sensitivity_bound(wrong)
    assert ls.sensitivity_bound([ls.Stratum(True, 5, 5, 0), ls.Stratum(False, 5, 5, 0)]).bound == 0.0


def test_spiked_items_of_the_recipe() -> None:
    assert [spikes_needed(s) for s in (0.8, 0.9, 0.95)] == [14, 29, 59]
    for level, n in ((0.8, 14), (0.9, 29), (0.95, 59)):
        assert ls.spiked_bound(n, n).bound >= level > ls.spiked_bound(n - 1, n - 1).bound
        assert ls.spiked_bound(n, n - 1).bound < level
    assert ls.spiked_bound(10, 0).bound == 0
    assert "IF" in ls.spiked_bound(29, 29).claim and ls.spiked_bound(29, 29).assumes[0].startswith("ASSUMED")
    step = ls.spiked_bound(14, 14).next_cost
    assert step is not None and step.labels == 15
    for wrong in ((0, 0), (5, 6), (-1, 0)):
        with pytest.raises(InputError):
            ls.spiked_bound(*wrong)


def test_the_share_is_that_of_clopper_and_pearson() -> None:
    for n, caught in ((20, 17), (59, 59), (7, 1)):
        bound = ls.spiked_bound(n, caught).bound
        assert binom.sf(caught - 1, n, bound) == pytest.approx(0.05)


def test_ways_of_finding_stay_apart() -> None:
    ways = ls.reviewer_bound({"search": (60, 60), "audit": (10, 7)})
    assert ways["search"].bound > 0.95 > ways["audit"].bound
    assert all(g.assumes[0].startswith("ASSUMED") for g in ways.values())
    for wrong in ({}, {"search": (0, 0)}, {"search": (5, 6)}):
        with pytest.raises(InputError):
            ls.reviewer_bound(wrong)


def test_a_reviewer_who_sees_all_changes_nothing_but_the_risk() -> None:
    for counts in ((500, 100, 0), (500, 100, 3), (40, 40, 2)):
        assert most_odd_seen_by(counts, 1 - 1e-12, 0.95) == most_odd(*counts, 0.95)


def test_overlooked_is_the_largest_number_that_is_likely() -> None:
    for found, catches in ((90, 0.9), (3, 0.5), (0, 0.93)):
        most = overlooked_at_most(found, catches, 0.95)
        assert most is not None
        assert binom.cdf(found, found + most, catches) > 0.05 >= binom.cdf(found, found + most + 1, catches)
    assert overlooked_at_most(5, 0.0, 0.95) is None


def test_a_reviewer_who_caught_none_earns_no_claim() -> None:
    promise = ls.reviewed_recall_bound(90, 1000, 500, 0, {"search": (5, 0)})
    assert promise.bound == 0.0 and "no recall can be claimed" in promise.claim


def test_ways_with_few_items_are_judged_together() -> None:
    assert pooled_ways({"search": (3, 3)}) == (("search",),)
    assert pooled_ways({"search": (30, 1), "audit": (20, 20)}) == (("audit",), ("search",))
    assert pooled_ways({"search": (30, 1), "audit": (19, 19)}) == (("audit", "search"),)
    assert pooled_ways({"a": (90, 1), "b": (12, 9), "c": (9, 9)}) == (("b", "c"), ("a",))
    assert pooled_ways({"a": (90, 1), "b": (40, 9), "c": (9, 9), "d": (1, 1)}) == (("b", "c", "d"), ("a",))
    alone = ls.reviewed_recall_bound(90, 10_000, 4000, 0, {"search": (60, 60)})
    mixed = ls.reviewed_recall_bound(90, 10_000, 4000, 0, {"search": (57, 57), "audit": (3, 3)})
    assert mixed.bound == alone.bound > 0.6
    assert [line for line in mixed.assumes if "audit (3), search (57)" in line and line.startswith("ASSUMED")]
    assert not [line for line in alone.assumes if "judged together" in line]


def test_a_small_way_that_is_often_overlooked_holds_the_share_down() -> None:
    caught = [ls.reviewed_recall_bound(90, 10_000, 4000, 0, {"search": (200, 200), "audit": (4, n)}) for n in (4, 1, 0)]
    shares = [promise.checked["reviewer_catches"] for promise in caught]
    assert shares[0] > 0.95 > shares[1] > shares[2]
    assert shares[2] == pytest.approx(1 - (0.05 / 3) ** (1 / 4))  # all it can be where none of four was caught


@pytest.mark.parametrize(
    "ways",
    [
        {"search": (40, 0.9), "audit": (3, 0.9)},
        {"search": (15, 0.95), "audit": (4, 0.95), "import": (2, 0.95)},
        {"search": (30, 1.0), "audit": (10, 0.5)},
        {"search": (19, 0.6), "audit": (2, 0.1)},
    ],
)
def test_the_share_of_a_pool_is_too_high_as_seldom_as_promised(ways: dict[str, tuple[int, float]]) -> None:
    """Exact: every outcome of every way, with its chance. The mean of the pool counts where the ways differ."""
    mean = sum(n * p for n, p in ways.values()) / sum(n for n, _ in ways.values())
    wrong = 0.0
    for caught in np.ndindex(*(n + 1 for n, _ in ways.values())):
        hidden = {way: (n, right) for (way, (n, _)), right in zip(ways.items(), caught, strict=True)}
        if _catches(hidden, 0.95)[0] > mean + 1e-12:
            chances = [binom.pmf(right, n, p) for (n, p), right in zip(ways.values(), caught, strict=True)]
            wrong += float(np.prod(chances))
    assert wrong <= 0.05


def test_a_corrected_bound_never_says_more() -> None:
    for odd in (0, 2):
        plain = ls.recall_bound(90, 10_000, 4000, odd).bound
        corrected = [ls.reviewed_recall_bound(90, 10_000, 4000, odd, {"search": (n, n)}).bound for n in (20, 100, 2000)]
        assert corrected == sorted(corrected)
        assert corrected[-1] < plain


def test_the_correction_covers_where_the_plain_bound_fails() -> None:
    """300 odd, of which the search shows 290; the reviewer misses 5 % everywhere; a third of the rest is audited."""
    rng, held, plain = stream(0, "reviewer"), [], []
    for _ in range(60):
        found = rng.binomial(290, 0.95)
        seen = rng.binomial(rng.hypergeometric(10, 3990, 3000), 0.95)
        hidden = {"search": (100, int(rng.binomial(100, 0.95)))}
        plain.append(ls.recall_bound(found, 4000, 3000, seen).bound <= found / 300)
        held.append(ls.reviewed_recall_bound(found, 4000, 3000, seen, hidden).bound <= found / 300)
    assert np.mean(plain) < 0.5
    assert np.mean(held) >= 0.95
