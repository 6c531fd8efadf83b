"""QUIRE against its definition: the n x n matrix, the minimum over all other answers, the worst own answer."""

import numpy as np
import pytest

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels
from labelsieve.selection.minmax import NOISE, Machine, by_quire, signs


def naive(x: np.ndarray, y: np.ndarray, k: int) -> np.ndarray:
    """max over y_s of min over y_u of y^T L y for each row s >= k, the first k rows being labelled y (k,)."""
    width = 2 * np.mean(np.sum((x[k:] - x[k:].mean(axis=0)) ** 2, axis=1))
    kernel = np.exp(-((x[:, None] - x[None]) ** 2).sum(axis=2) / width)
    inverse = np.linalg.inv(kernel + NOISE * np.eye(len(x)))
    worst = []
    for s in range(k, len(x)):
        others = np.array([u for u in range(k, len(x)) if u != s], int)
        values = []
        for answer in (1.0, -1.0):
            known, known_y = np.r_[np.arange(k), s], np.r_[y, answer]
            cross = inverse[np.ix_(others, known)] @ known_y
            free = -np.linalg.solve(inverse[np.ix_(others, others)], cross)
            whole = np.zeros(len(x))
            whole[known], whole[others] = known_y, free
            values.append(whole @ inverse @ whole)
        worst.append(max(values))
    return np.array(worst)


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)


def test_the_worst_case_is_that_of_the_definition(x: np.ndarray) -> None:
    y = np.array([1.0, -1, -1, 1, 1])
    worst = Machine(x[:5], y[:, None], x[5:]).worst()
    expected = naive(x.astype(float), y, 5)
    shared = expected[0] - worst[0]  # a number that all rows share
    assert worst + shared == pytest.approx(expected, rel=1e-5)
    assert np.ptp(expected) > 0.1


def test_questions_are_averaged(x: np.ndarray) -> None:
    y = np.random.default_rng(1).choice([1.0, -1.0], size=(5, 3))
    one = [Machine(x[:5], y[:, [q]], x[5:]).worst() for q in range(3)]
    assert Machine(x[:5], y, x[5:]).worst() == pytest.approx(np.mean(one, axis=0), rel=1e-6)


def test_a_chosen_row_counts_as_answered_as_expected(x: np.ndarray) -> None:
    y = np.array([1.0, -1, -1, 1, 1])
    first = Machine(x[:5], y[:, None], x[5:])
    said = first.said[:, 0].copy()
    order, _ = first.greedy(3, np.arange(25), np.random.default_rng(0))
    rows = np.r_[np.arange(5), 5 + order]
    again = Machine(x[rows], np.r_[y, said[order]][:, None], x[5:])
    assert again.said[:, 0] == pytest.approx(said, abs=1e-4)
    rest = np.setdiff1d(np.arange(25), order)
    assert again.variance[rest] == pytest.approx(first.variance[rest], rel=1e-4)


def test_a_crowd_is_asked_before_a_row_beside_a_label() -> None:
    rng = np.random.default_rng(2)
    x = np.concatenate([[[0.0, 0.0]], rng.normal(0, 0.05, (20, 2)), rng.normal(4, 0.05, (20, 2))]).astype(np.float32)
    state = Round(ArrayPool(x), Labels(np.array([0]), np.array([0]), ("a", "b")))
    query = by_quire(state, 2, rng)
    assert query.ids[0] > 20
    assert query.strategy == "quire"


def test_signs_of_every_kind() -> None:
    ids = np.arange(3)
    assert signs(Labels(ids, np.array([0, 0, 0]), ("a", "b"))).tolist() == [[1], [1], [1]]
    assert signs(Labels(ids, np.array([1, 0, 1]), ("a", "b"))).tolist() == [[-1], [1], [-1]]
    three = signs(Labels(ids, np.array([0, 2, 5]), tuple("abcdef")))
    assert three.tolist() == [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
    many = Labels(ids[:1], np.array([[1.0, 0.0, np.nan]], np.float32), ("a", "b", "c"), "multilabel")
    assert signs(many).tolist() == [[1, -1, 0]]
