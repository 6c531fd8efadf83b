import numpy as np
import pytest

from labelsieve.project.slices import audit_quota, audit_share, sides, split


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
    one, two = sides(7, ids, groups, 0.1), sides(7, ids, groups, 0.1)
    assert np.array_equal(one.audit, two.audit) and np.array_equal(one.search, two.search)
    assert not {groups[i - 1] for i in one.audit} & {groups[i - 1] for i in one.search}
    assert len(one.audit) + len(one.search) == 2000


def test_items_that_come_later_never_move_the_others() -> None:
    few, many = sides(3, np.arange(1000), None, 0.1), sides(3, np.arange(3000), None, 0.1)
    assert np.array_equal(np.sort(few.audit), np.sort(many.audit[many.audit < 1000]))


def test_the_audit_side_is_a_fair_share() -> None:
    counts = [len(sides(seed, np.arange(10_000), None, 0.03).audit) for seed in range(40)]
    assert 285 < np.mean(counts) < 315
    assert 8 < np.std(counts) < 30  # binomial: 17


@pytest.mark.parametrize(("n", "budget", "low", "high"), [(1797, 200, 30, 30), (100, 0, 20, 20), (10**6, 0, 300, 300)])
def test_audit_share_in_items(n: int, budget: int, low: int, high: int) -> None:
    assert low <= round(audit_share(n, budget) * n) <= high


def test_quota_paces_the_audit_to_its_least_and_then_five_percent() -> None:
    asked = audited = 0
    seen = []
    for _ in range(200):
        q = audit_quota(10, asked, audited)
        asked, audited = asked + 10, audited + q
        seen.append((asked, audited))
    assert dict(seen)[50] == 10 and dict(seen)[150] == 30 and dict(seen)[600] == 30 and dict(seen)[2000] == 100
