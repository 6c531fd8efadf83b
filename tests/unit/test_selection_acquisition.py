"""Scores of probabilities: those of the formula for any type, layout and number of classes; bad numbers are named."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import labelsieve as ls
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels, Matrix
from labelsieve.selection import acquisition
from labelsieve.selection.acquisition import from_proba, over_classes, ratio

Score = Callable[[Any], Any]


def _entropy(row: Any) -> float:
    return -sum(float(p) * float(np.log(p)) for p in row.tolist() if p > 0)


def _gap(row: Any) -> float:
    first, second = sorted(map(float, row))[-1:-3:-1]
    return 1 - (first - second)


def _ratio(row: Any) -> float:
    first, second = sorted(map(float, row))[-1:-3:-1]
    return second / first


BY_HAND: list[tuple[Score, Callable[[Any], float]]] = [
    (ls.entropy, _entropy),
    (ls.margin, _gap),
    (ls.least_confident, lambda row: 1 - float(max(row))),
    (ratio, _ratio),
]


@pytest.mark.parametrize(("score", "by_hand"), BY_HAND)
@pytest.mark.parametrize("classes", [2, 3, 20, 64, 65, 300])
def test_scores_are_those_of_the_formula(score: Score, by_hand: Callable[[Any], float], classes: int) -> None:
    p = np.random.default_rng(classes).dirichlet(np.full(classes, 0.1), size=150)
    p[0] = np.eye(classes)[1]  # certain
    p[1] = 1 / classes  # all tie
    assert_allclose(score(p), [by_hand(row) for row in p], atol=1e-12)
    assert_allclose(score(p.astype(np.float32)), [by_hand(row) for row in p], atol=2e-6)
    assert_allclose(score(p.astype(np.float16)), [by_hand(row) for row in p.astype(np.float16)], atol=2e-6)


@pytest.mark.parametrize(("score", "by_hand"), BY_HAND)
def test_layout_and_blocks_change_no_bit(
    score: Score, by_hand: Callable[[Any], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    p = np.random.default_rng(0).dirichlet(np.full(7, 0.3), size=999).astype(np.float32)
    whole = score(p)
    assert score(np.asfortranarray(p)).tolist() == whole.tolist()
    assert score(np.repeat(p, 2, axis=0)[::2]).tolist() == whole.tolist()
    monkeypatch.setattr(acquisition, "ROWS", 10)
    assert score(p).tolist() == whole.tolist()
    assert score(p[:1]).tolist() == whole[:1].tolist()
    assert score(p[:0]).tolist() == []


@pytest.mark.parametrize("score", [score for score, _ in BY_HAND])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1.5, -0.2])
def test_a_number_that_is_no_probability_is_named_with_its_row(score: Score, value: float) -> None:
    p = np.full((9000, 4), 0.25, np.float32)
    p[8123, 2] = value
    with pytest.raises(ls.InputError, match=f"row 8123 of the probabilities holds {value}"):
        score(p)


@pytest.mark.parametrize("wrong", [np.ones((2, 2), complex), np.array([["a", "b"]]), np.array([[None, 1]])])
def test_what_is_no_number_is_refused(wrong: Any) -> None:
    with pytest.raises(ls.InputError, match="real numbers were expected"):
        ls.entropy(wrong)


def test_whole_numbers_and_truth_values_are_probabilities_too() -> None:
    assert ls.margin(np.array([[1, 0], [0, 1]])).tolist() == [0.0, 0.0]
    assert ls.least_confident(np.array([[True, False]])).tolist() == [0.0]
    assert ls.entropy([[0.5, 0.5], [1, 0]]).tolist() == [np.log(2), 0.0]
    with pytest.raises(ls.ShapeError, match=r"\(4, 0\)"):
        ls.entropy(np.ones((4, 0)))


class Echo:
    """A head whose probabilities are the rows themselves."""

    def __init__(self) -> None:
        self.most = 0

    def fit(self, x: Matrix, y: Any, weight: Any = None) -> "Echo":
        return self

    def predict_proba(self, x: Matrix) -> Matrix:
        self.most = max(self.most, len(x))
        return x


def test_a_large_multilabel_pool_is_streamed_and_scored_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    p = np.random.default_rng(0).beta(0.3, 2.0, size=(40_000, 3)).astype(np.float32)
    labels = Labels(np.zeros(0, np.int64), np.zeros((0, 3), np.float32), ("a", "b", "c"), "multilabel")
    exact = over_classes(ls.margin, p)
    state = Round(ArrayPool(p), labels, Echo())
    assert_allclose(from_proba(ls.margin)(state, state.free()), exact, atol=1e-6)
    monkeypatch.setattr(acquisition, "USUAL", 10_000)
    streamed = Round(ArrayPool(p), labels, Echo())
    score = from_proba(ls.margin)(streamed, streamed.free())
    assert_allclose(score, exact, rtol=0.05)  # the mean of a class is that of a part
    assert not np.allclose(score, exact, rtol=1e-6)
    assert sum(len(cached) for cached in streamed._proba.values()) < 11_000
    again = from_proba(ls.margin)(Round(ArrayPool(p), labels, Echo()), state.free())
    assert again.tolist() == score.tolist()


@pytest.mark.parametrize("score", [ls.entropy, ls.margin, ls.least_confident, ratio])
def test_rows_that_do_not_sum_to_one_are_refused(score: Score) -> None:
    with pytest.raises(ls.InputError, match=r"row 1 of the probabilities sums to 1\.8"):
        score(np.array([[0.5, 0.5], [0.9, 0.9]]))
    with pytest.raises(ls.InputError, match="row 4096 of the probabilities sums to 0"):
        score(np.concatenate([np.full((4096, 2), 0.5), np.zeros((4096, 2))]))
    assert len(score(np.full((5000, 3), 1 / 3, np.float16))) == 5000
