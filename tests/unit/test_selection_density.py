"""Information density: stray points in doubt lose to crowded ones."""

import numpy as np
from numpy.testing import assert_allclose

import labelsieve as ls
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels
from labelsieve.heads.choose import choose_head
from labelsieve.selection.density import by_density_weight, crowding
from labelsieve.testing.toys import toy_classes


def test_crowding_is_the_mean_clipped_cosine_on_unit_rows() -> None:
    x = np.random.default_rng(0).normal(size=(5000, 7)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    expected = np.maximum(x @ x[:300].T, 0).mean(axis=1)
    assert_allclose(crowding(x, x[:300]), expected, atol=1e-5)


def test_rows_that_are_all_zero_are_no_trouble() -> None:
    assert np.isfinite(crowding(np.zeros((4, 3), np.float32), np.zeros((2, 3), np.float32))).all()


def test_the_score_is_entropy_times_crowding() -> None:
    toy = toy_classes(250)
    labels = toy.labels(np.arange(30))
    head = choose_head(labels).fit(toy.x[:30], labels.y)
    query = by_density_weight(Round(ArrayPool(toy.x), labels, head), 6, np.random.default_rng(0))
    free = np.arange(30, 250)
    score = ls.entropy(head.predict_proba(toy.x[free])) * crowding(toy.x[free], toy.x[free])
    assert query.ids.tolist() == free[np.argsort(-score)][:6].tolist()
    assert_allclose(query.score, np.sort(score)[::-1][:6], rtol=1e-5)


def test_of_two_items_in_equal_doubt_the_crowded_one_comes_first() -> None:
    class Even:
        def fit(self, x, y, weight=None):
            return self

        def predict_proba(self, x):
            return np.full((len(x), 2), 0.5, np.float32)

    x = np.concatenate([np.tile([[1.0, 0.0]], (50, 1)), [[0.0, 1.0]]]).astype(np.float32)
    labels = Labels(np.array([0, 1]), np.array([0, 1]), ("a", "b"))
    query = by_density_weight(Round(ArrayPool(x), labels, Even()), 49, np.random.default_rng(0))
    assert query.ids[-1] == 50 and query.score[-1] < query.score[0] / 10
