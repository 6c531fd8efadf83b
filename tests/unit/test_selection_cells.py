"""Cluster-margin, CLUE and FALCUN: against their rules, with planted cells and fixed probabilities."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels, Matrix
from labelsieve.selection import cells
from labelsieve.selection.cells import by_clue, by_cluster_margin, by_falcun, falcun


class Told:
    """A head that says what column 0 of a row holds."""

    def fit(self, x: Matrix, y: np.ndarray, weight: np.ndarray | None = None) -> "Told":
        return self

    def predict_proba(self, x: Matrix) -> Matrix:
        return np.stack([x[:, 0], 1 - x[:, 0]], axis=1)


def planted(sizes: list[int], sure: list[float]) -> tuple[Round, np.ndarray]:
    """Far cells of the sizes given; the probability of class 0 is that of the cell, a little less row by row."""
    y = np.repeat(np.arange(len(sizes)), sizes)
    p = np.array(sure)[y] + 1e-5 * np.arange(len(y))
    noise = 0.01 * np.random.default_rng(0).normal(size=(len(y), len(sizes)))
    x = np.column_stack([p, 50 * np.eye(len(sizes))[y] + noise])
    labels = Labels(np.zeros(0, np.int64), np.zeros(0, np.int64), ("a", "b"))
    return Round(ArrayPool(x.astype(np.float32)), labels, Told()), y


def test_cells_take_turns_the_one_with_fewest_doubtful_items_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "IN_CELL", 25)
    state, y = planted([30, 20, 10, 40], [0.55, 0.6, 0.65, 0.99])
    query = by_cluster_margin(state, 6, np.random.default_rng(0))  # 60 are doubtful: all but the last cell
    assert y[query.ids].tolist() == [2, 1, 0, 2, 1, 0]
    assert query.ids.tolist() == [50, 30, 0, 51, 31, 1]  # within a cell the most doubtful first
    assert query.scored == 100


def test_the_number_of_doubtful_items_bounds_who_takes_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "IN_CELL", 25)
    monkeypatch.setattr(cells, "DOUBTFUL", 2)
    state, y = planted([30, 20, 10, 40], [0.55, 0.6, 0.65, 0.99])
    query = by_cluster_margin(state, 10, np.random.default_rng(0))
    assert set(y[query.ids].tolist()) == {0}
    assert sorted(query.ids.tolist()) == list(range(10))


def test_clue_passes_over_cells_that_the_head_is_sure_of() -> None:
    state, y = planted([20, 20, 20, 300], [0.5, 0.5, 0.5, 0.995])
    query = by_clue(state, 3, np.random.default_rng(0))
    assert sorted(y[query.ids].tolist()) == [0, 1, 2]
    assert query.scored == 360


def test_falcun_draws_in_proportion() -> None:
    """The first draw, and the second given the first, have the chances of the formula."""
    proba = np.array([[0.5, 0.5], [0.6, 0.4], [0.7, 0.3], [0.4, 0.6]], np.float32)
    doubt = 1 - np.abs(proba[:, 0] - proba[:, 1]).astype(float)
    rng = np.random.default_rng(0)
    drawn = np.array([falcun(proba, doubt, 2, rng, 2.0)[0] for _ in range(8000)])
    first = (doubt + (doubt - doubt.min()) / (doubt.max() - doubt.min())) ** 2
    assert_allclose(np.bincount(drawn[:, 0], minlength=4) / 8000, first / first.sum(), atol=0.02)
    after = drawn[drawn[:, 0] == 0, 1]
    far = np.minimum(doubt, np.abs(proba - proba[0]).sum(axis=1))[1:]
    second = (doubt[1:] + (far - far.min()) / (far.max() - far.min())) ** 2
    assert_allclose(np.bincount(after, minlength=4)[1:] / len(after), second / second.sum(), atol=0.03)


def test_falcun_gives_each_row_once_also_where_nothing_is_in_doubt() -> None:
    sure = np.repeat([[1.0, 0.0]], 6, axis=0).astype(np.float32)
    picked, told = falcun(sure, np.zeros(6), 6, np.random.default_rng(0))
    assert sorted(picked.tolist()) == list(range(6))
    assert told.tolist() == [0.0] * 6
    many = np.array([falcun(sure, np.zeros(6), 1, np.random.default_rng(s))[0][0] for s in range(600)])
    assert np.bincount(many, minlength=6).min() > 60


def test_falcun_looks_at_a_part_of_a_large_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "SPREAD", 50)
    state, _ = planted([200, 200], [0.5, 0.9])
    query = by_falcun(state, 10, np.random.default_rng(0))
    assert query.scored == 50
    assert len(set(query.ids.tolist())) == 10


@pytest.mark.parametrize("strategy", [by_cluster_margin, by_clue, by_falcun])
def test_without_a_head_the_query_is_random_and_says_why(strategy) -> None:  # type: ignore[no-untyped-def]
    state, _ = planted([20, 20], [0.5, 0.9])
    state.head = None
    query = strategy(state, 4, np.random.default_rng(0))
    assert query.why == ("nothing is learnt yet: drawn at random",)
    assert_allclose(query.propensity, 0.1)
