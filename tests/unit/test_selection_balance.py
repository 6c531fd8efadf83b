"""Even shares: strata with honest propensities, and quotas that rare classes get filled."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels
from labelsieve.selection.balance import (
    by_class_balance,
    by_stratified,
    drawn_by_stratum,
    even_level,
    greedy_quotas,
    labels_by_class,
    lacking,
    said,
)
from labelsieve.selection.strategies import by_margin


class Fixed:
    """A head whose probabilities are given: row i of the pool is column 0 of x."""

    def __init__(self, proba):
        self.proba = np.asarray(proba, np.float32)

    def fit(self, x, y, weight=None):
        return self

    def predict_proba(self, x):
        return self.proba[x[:, 0].astype(int)]


def rows(n):
    return np.arange(n, dtype=np.float32)[:, None]


def test_the_level_is_the_highest_that_fits() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        size = rng.integers(1, 12, rng.integers(1, 7))
        n = int(rng.integers(0, size.sum() + 1))
        fits = [level for level in range(0, int(size.max()) + 1) if np.minimum(size, level).sum() <= n]
        got = even_level(size, n)
        assert np.minimum(size, got).sum() == np.minimum(size, max(fits)).sum()


def test_strata_give_even_shares_and_a_small_one_all_it_has() -> None:
    stratum = np.repeat([5, 2, 9], [100, 3, 50])
    picked, chance = drawn_by_stratum(np.arange(153), stratum, 23, np.random.default_rng(0))
    assert np.bincount(stratum[picked])[[5, 2, 9]].tolist() == [10, 3, 10]
    expected = {5: 0.1, 2: 1.0, 9: 0.2}
    assert_allclose(chance, [expected[s] for s in stratum[picked]])


def test_propensities_are_the_shares_that_repeated_draws_show() -> None:
    stratum = np.repeat([0, 1, 2], [2, 7, 11])
    seen, said_ = np.zeros(20), np.zeros(20)
    draws = 4000
    for seed in range(draws):
        picked, chance = drawn_by_stratum(np.arange(20), stratum, 8, np.random.default_rng(seed))
        assert len(np.unique(picked)) == 8
        seen[picked] += 1
        said_[picked] = chance
    assert_allclose(seen / draws, said_, atol=0.035)
    assert said_.sum() == pytest.approx(8)


def test_a_rare_predicted_class_gets_its_share() -> None:
    proba = np.tile([0.6, 0.4], (200, 1))
    proba[[7, 50, 120]] = [0.3, 0.7]
    labels = Labels(np.array([0, 7]), np.array([0, 1]), ("a", "b"))
    query = by_stratified(Round(ArrayPool(rows(200)), labels, Fixed(proba)), 4, np.random.default_rng(0))
    assert {50, 120} < set(query.ids.tolist())
    assert sorted(query.propensity.round(4).tolist()) == [round(2 / 197, 4)] * 2 + [1.0, 1.0]


def test_without_a_head_every_blob_gets_its_share() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2, 3], [300, 20, 20, 20])
    x = (20 * np.eye(4, 6)[y] + 0.1 * rng.normal(size=(360, 6))).astype(np.float32)
    labels = Labels(np.zeros(0, np.int64), np.zeros(0, np.int64), ("?",))
    query = by_stratified(Round(ArrayPool(x), labels), 4, np.random.default_rng(0))
    assert sorted(y[query.ids].tolist()) == [0, 1, 2, 3]
    assert query.why == ("drawn at random within its cluster",)


def test_lack_is_what_is_missing_to_an_even_share() -> None:
    assert lacking(np.array([10.0, 2.0, np.nan]), 8).tolist() == [0.0, 8.0, 0.0]
    assert lacking(np.array([5.0, 5.0]), 6).tolist() == [3.0, 3.0]


def test_counts_leave_out_classes_that_nobody_has_met() -> None:
    labels = Labels(np.arange(3), np.array([0, 0, 2]), ("a", "b", "c"))
    assert_allclose(labels_by_class(Round(ArrayPool(rows(9)), labels)), [2, np.nan, 1])
    y = np.array([[1, 0, np.nan], [1, 0, 1]], np.float32)
    many = Labels(np.arange(2), y, ("a", "b", "c"), "multilabel")
    assert_allclose(labels_by_class(Round(ArrayPool(rows(9)), many)), [2, np.nan, 1])


def test_greedy_fills_what_is_lacking_like_the_formula_says() -> None:
    rng = np.random.default_rng(0)
    proba, score, lack = rng.dirichlet(np.ones(4), 30), rng.random(30), np.array([3.0, 0.0, 1.5, 2.0])
    order, gain = greedy_quotas(proba, score, lack, 10, 0.7)
    chosen: list[int] = []

    def worth(rows_: list[int]) -> float:
        return float(score[rows_].sum() - 0.7 * np.abs(lack - proba[rows_].sum(axis=0)).sum())

    for row, step in zip(order.tolist(), gain.tolist(), strict=True):
        options = {i: worth([*chosen, i]) - worth(chosen) for i in range(30) if i not in chosen}
        assert max(options.values()) == pytest.approx(step)
        assert options[row] == pytest.approx(step)
        chosen.append(row)


def test_class_balance_asks_about_the_class_that_lacks_labels() -> None:
    rng = np.random.default_rng(0)
    proba = np.stack([np.linspace(0.95, 0.6, 400), 1 - np.linspace(0.95, 0.6, 400)], axis=1)
    rare = rng.choice(np.arange(40, 400), 12, replace=False)
    proba[rare] = [0.35, 0.65]  # many others are in more doubt: margin passes these by
    labels = Labels(np.arange(22), np.repeat([0, 1], [20, 2]), ("a", "b"))

    def state() -> Round:
        return Round(ArrayPool(rows(400)), labels, Fixed(proba))

    balanced = by_class_balance(state(), 10, np.random.default_rng(0))
    assert len(set(balanced.ids.tolist()) & set(rare.tolist())) >= 8
    assert not set(by_margin(state(), 10, np.random.default_rng(0)).ids.tolist()) & set(rare.tolist())


def test_what_is_said_in_a_multilabel_task_is_against_the_usual() -> None:
    proba = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.4], [0.9, 0.1]])
    labels = Labels(np.zeros(0, np.int64), np.zeros((0, 2), np.float32), ("a", "b"), "multilabel")
    state = Round(ArrayPool(rows(4)), labels, Fixed(proba))
    assert said(state, np.arange(4)).tolist() == [0, 0, 1, 0]
