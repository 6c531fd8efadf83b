from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.ensemble import IsolationForest

from labelsieve.core.rounds import ArrayPool, InMemory, Round
from labelsieve.core.types import Labels
from labelsieve.screening import isolation
from labelsieve.screening.isolation import Isolation


@pytest.fixture(scope="module")
def pool():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 4)).astype(np.float32)
    x[:20] += [4, 0, 0, 0]
    x[20:40] += [0, 4, 0, 0]
    return x


def state_of(x, ids=(), y=(), kept=None, weight=None):
    labels = Labels(np.array(ids, np.int64), np.array(y, np.int64), ("dull", "odd"), "screen", weight)
    return Round(ArrayPool(x), labels, kept=kept or InMemory())


def test_without_answers_it_is_the_isolation_forest_of_scikit_learn(pool):
    state = state_of(pool)
    forest = Isolation.of(state)
    score = forest.scores(state, np.arange(600))
    model = IsolationForest(n_estimators=100, max_samples=256, random_state=0).fit(pool)
    assert np.corrcoef(np.log(-model.score_samples(pool)), score)[0, 1] > 0.999999
    assert score.mean() == pytest.approx(0, abs=1e-4)
    assert score.std() == pytest.approx(1, abs=1e-4)
    assert forest.leaves.dtype == np.uint8
    assert forest.leaves.shape == (100, 600)


def test_answers_raise_what_is_like_odd_items_and_lower_what_is_like_dull_ones(pool):
    kept = InMemory()
    before = Isolation.of(state_of(pool, kept=kept)).prior
    state = state_of(pool, [0, 1, 2, 20, 21, 22], [1, 1, 1, 0, 0, 0], kept)
    moved = Isolation.of(state).scores(state, np.arange(600)) - before
    assert moved[3:20].mean() > 0.2
    assert moved[23:40].mean() < -0.2
    part = Isolation.of(state).scores(state, np.array([5, 7]))
    np.testing.assert_allclose(part, (moved + before)[[5, 7]])


def test_moves_are_those_that_the_loss_wants(pool, monkeypatch):
    monkeypatch.setattr(isolation, "TREES", 3)
    monkeypatch.setattr(isolation, "STEPS", 1000)
    ids, y, weight = np.array([0, 5, 30, 300]), np.array([1, 1, 0, 0]), np.array([1.0, 1.0, 1.0, 3.0])
    state = state_of(pool, ids, y, weight=weight)
    forest = Isolation.of(state)
    leaves = forest.leaves[:, ids].astype(int) + np.arange(3)[:, None] * 256
    has = np.zeros((4, 3 * 256))
    for row, places in enumerate(leaves.T):
        has[row, places] = 1
    level, sign = np.quantile(forest.prior, 0.97), np.array([1, 1, -1, -1])

    def loss(move):
        margin = sign * (forest.prior[ids] - level + has @ move)
        return np.array([0.5, 0.5, 0.25, 0.75]) @ np.logaddexp(0, -margin) + 3 * move @ move / (2 * isolation.STRENGTH)

    best = minimize(loss, np.zeros(768), options={"gtol": 1e-6}).x
    np.testing.assert_allclose(forest.scores(state, ids), forest.prior[ids] + has @ best, atol=2e-3)


def test_labels_of_one_kind_and_equal_rows_are_fine(pool):
    for y in ([0, 0], [1, 1]):
        state = state_of(pool, [3, 4], y)
        assert np.isfinite(Isolation.of(state).scores(state, np.arange(600))).all()
    for x in (np.ones((30, 3), np.float32), pool[:1], pool[:2]):
        state = state_of(x, [0], [1])
        assert np.isfinite(Isolation.of(state).scores(state, np.arange(len(x)))).all()


def test_of_a_large_pool_a_part_has_leaves(pool, monkeypatch):
    monkeypatch.setattr(isolation, "ROWS", 100)
    state = state_of(pool, [0, 599], [1, 0])
    forest = Isolation.of(state)
    assert forest.leaves.shape == (100, 100)
    assert len(np.unique(forest.ids)) == 100
    assert len(forest.scores(state, np.arange(100))) == 100  # also with labels that are not in that part


def test_what_depends_on_the_pool_is_made_once(pool):
    made = []

    def kept(name, make):
        made.append(name)
        return memory(name, make)

    memory = InMemory()
    state = replace(state_of(pool), kept=kept)
    first, again = Isolation.of(state), Isolation.of(state)
    assert first.leaves is again.leaves
    assert len(set(made)) == 3
    np.testing.assert_array_equal(first.trees.value, again.trees.value)
