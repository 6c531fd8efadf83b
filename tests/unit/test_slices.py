import numpy as np
import pytest

from labelsieve.project.slices import random_quotas, share_of, sides, split


def test_no_group_stands_on_both_sides_of_a_split() -> None:
    groups = [f"patient{i % 37}" for i in range(1000)]
    for seed in range(5):
        train, test = split(seed, 1000, 0.3, groups)
        assert sorted([*train, *test]) == list(range(1000))
        assert not {groups[i] for i in train} & {groups[i] for i in test}
        assert 300 <= len(test) <= 300 + 28


def test_items_without_a_group_stand_alone() -> None:
    _, test = split(0, 100, 0.3, [None] * 50 + ["one"] * 50)
    on_test = set(test.tolist())
    assert on_test.isdisjoint(range(50, 100)) or set(range(50, 100)) <= on_test
    assert len(split(0, 100, 0.3, None)[1]) == 30


def test_audit_side_is_fixed_by_seed_and_groups_stay_together() -> None:
    ids = np.arange(1, 2001)
    groups = [f"g{i % 100}" for i in range(2000)]
    one, two = sides(7, ids, groups, {"audit": 0.1}), sides(7, ids, groups, {"audit": 0.1})
    assert np.array_equal(one.audit, two.audit) and np.array_equal(one.search, two.search)
    assert not {groups[i - 1] for i in one.audit} & {groups[i - 1] for i in one.search}
    assert len(one.audit) + len(one.search) == 2000


def test_items_that_come_later_never_move_the_others() -> None:
    few, many = sides(3, np.arange(1000), None, {"audit": 0.1}), sides(3, np.arange(3000), None, {"audit": 0.1})
    assert np.array_equal(np.sort(few.audit), np.sort(many.audit[many.audit < 1000]))


def test_the_audit_side_is_a_fair_share() -> None:
    counts = [len(sides(seed, np.arange(10_000), None, {"audit": 0.03}).audit) for seed in range(40)]
    assert 285 < np.mean(counts) < 315
    assert 8 < np.std(counts) < 30  # binomial: 17


@pytest.mark.parametrize(("n", "budget", "low", "high"), [(1797, 200, 30, 30), (100, 0, 20, 20), (10**6, 0, 300, 300)])
def test_share_of_the_audit_in_items(n: int, budget: int, low: int, high: int) -> None:
    assert low <= round(share_of("audit", n, budget) * n) <= high


def test_quota_paces_the_audit_to_its_least_and_then_five_percent() -> None:
    asked = audited = 0
    seen = []
    for _ in range(200):
        q = random_quotas(10, asked, {"audit": audited})["audit"]
        asked, audited = asked + 10, audited + q
        seen.append((asked, audited))
    assert dict(seen)[50] == 10 and dict(seen)[150] == 30 and dict(seen)[600] == 30 and dict(seen)[2000] == 100


def test_a_further_side_moves_nothing_of_the_first_and_groups_stay_whole() -> None:
    ids = np.arange(1, 5001)
    groups = [None if i % 2 else f"g{i % 300}" for i in range(5000)]
    alone = sides(7, ids, groups, {"audit": 0.1})
    both = sides(7, ids, groups, {"audit": 0.1, "calibration": 0.2})
    assert np.array_equal(alone.audit, both.audit)
    parts = [both.drawn["audit"], both.drawn["calibration"], both.search]
    assert np.array_equal(np.sort(np.concatenate(parts)), ids)
    assert np.array_equal(np.sort(np.concatenate(parts[:2])), both.aside)
    named = [{groups[i - 1] for i in part} - {None} for part in parts]
    assert not named[0] & named[1] and not named[0] & named[2] and not named[1] & named[2]
    assert 0.15 < len(both.drawn["calibration"]) / 5000 < 0.25


def test_random_items_do_not_grow_when_two_sides_share_them() -> None:
    for size in (3, 10, 64):
        alone = audit = calibration = asked = 0
        for _ in range(60):
            alone += random_quotas(size, asked, {"audit": alone})["audit"]
            both = random_quotas(size, asked, {"audit": audit, "calibration": calibration})
            audit, calibration = audit + both["audit"], calibration + both["calibration"]
            asked += size
            assert audit + calibration == alone and 0 <= audit - calibration <= 1


@pytest.mark.parametrize(("n", "items"), [(100, 10), (1000, 100), (3000, 150), (10**6, 1000)])
def test_share_of_the_calibration_in_items(n: int, items: int) -> None:
    assert round(share_of("calibration", n) * n) == items
