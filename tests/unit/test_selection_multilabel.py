"""Mean-max loss and minimum margin, against their formulas written out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import labelsieve as ls
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels
from labelsieve.heads.choose import choose_head
from labelsieve.selection.multilabel import by_mean_max_loss, by_min_margin, count_model, least_margin, lost
from labelsieve.selection.strategies import by_least_confident, by_margin
from labelsieve.testing.toys import toy_classes, toy_multilabel


def test_the_loss_is_that_of_the_likeliest_set() -> None:
    rng = np.random.default_rng(0)
    proba, carried = rng.random((50, 5)), rng.integers(0, 6, 50)
    for row, many, found in zip(proba, carried, lost(proba, carried), strict=True):
        guess = set(np.argsort(-row)[:many].tolist())
        assert found == pytest.approx(sum(1 - p if k in guess else p for k, p in enumerate(row)))


def test_a_sure_head_loses_nothing() -> None:
    assert lost(np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), np.array([2, 1])).tolist() == [0.0, 0.0]
    assert_allclose(lost(np.array([[0.5, 0.5, 0.0]]), np.array([1])), [1.0])


def test_the_smallest_gap_of_any_class_counts() -> None:
    assert_allclose(least_margin(np.array([[0.9, 0.45], [0.99, 0.01], [0.5, 1.0]])), [0.9, 0.02, 1.0])


def test_how_many_classes_is_learnt_from_the_shape_of_probabilities() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 4, 300)
    proba = np.stack([rng.permutation(np.where(np.arange(6) < k, 0.9, 0.05)) for k in counts])
    proba = np.clip(proba + rng.normal(0, 0.03, proba.shape), 0.001, 0.999)
    guess = count_model(proba[:200], counts[:200])(proba[200:])
    assert (guess == counts[200:]).mean() > 0.95


def test_one_count_or_none_is_taken_as_it_is() -> None:
    proba = np.full((4, 3), 0.3)
    assert count_model(proba, np.array([2, 2, 2, 2]))(proba).tolist() == [2, 2, 2, 2]
    assert count_model(proba[:0], np.array([], np.int64))(proba[:2]).tolist() == [1, 1]


def test_with_one_class_an_item_they_are_least_confident_and_margin() -> None:
    toy = toy_classes(200)
    labels = toy.labels(np.arange(40))
    head = choose_head(labels).fit(toy.x[labels.ids], labels.y)

    def state() -> Round:
        return Round(ArrayPool(toy.x), labels, head)

    for ours, known in ((by_mean_max_loss, by_least_confident), (by_min_margin, by_margin)):
        a, b = (strategy(state(), 8, np.random.default_rng(1)) for strategy in (ours, known))
        assert a.ids.tolist() == b.ids.tolist()


def test_a_planted_item_in_doubt_about_many_classes_comes_first() -> None:
    class Head:
        def fit(self, x, y, weight=None):
            return self

        def predict_proba(self, x):
            table = np.array([[0.95, 0.02, 0.03]] * 4 + [[0.6, 0.5, 0.4], [0.5, 0.01, 0.02]], np.float32)
            return table[x[:, 0].astype(int)]

    y = np.array([[1, 0, 0], [1, 0, np.nan]], np.float32)
    labels = Labels(np.array([0, 1]), y, ("a", "b", "c"), "multilabel")
    x = np.arange(6, dtype=np.float32)[:, None]
    first = by_mean_max_loss(Round(ArrayPool(x), labels, Head()), 2, np.random.default_rng(0))
    assert first.ids.tolist() == [4, 5]
    assert_allclose(first.score, [0.4 + 0.5 + 0.4, 0.5 + 0.01 + 0.02], atol=1e-6)
    least = by_min_margin(Round(ArrayPool(x), labels, Head()), 2, np.random.default_rng(0))
    assert sorted(least.ids.tolist()) == [4, 5]


def test_probabilities_of_labelled_items_are_not_counted_as_scored() -> None:
    toy = toy_multilabel(120)
    labels = toy.labels(np.arange(50))
    state = Round(ArrayPool(toy.x), labels, choose_head(labels).fit(toy.x[:50], labels.y))
    assert by_mean_max_loss(state, 5, np.random.default_rng(0)).scored == 70


def test_ratio_is_the_second_over_the_first() -> None:
    from labelsieve.selection.acquisition import ratio

    assert_allclose(ratio(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [1.0, 0.0, 0.0]])), [0.5, 0.125, 0.0])
    assert ratio(np.ones((2, 1))).tolist() == [0.0, 0.0]
    with pytest.raises(ls.ShapeError):
        ratio(np.ones(3))
