"""Curriculum: difficulties by the formula, schedules against the papers' definitions."""

import numpy as np
import pytest

from labelsieve.core.errors import InputError, ShapeError, UnknownName
from labelsieve.selection.curriculum import PACES, difficulty, steps_of


def test_difficulty_by_the_formula() -> None:
    proba = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(difficulty(proba, np.array([0, 1, 2])), [0.7, 1.5, 2.0])
    np.testing.assert_allclose(difficulty(proba), [0.7, 0.5, 0.0])
    y = np.array([[1.0, 0.0, np.nan], [0.0, 0.0, 1.0], [np.nan, np.nan, np.nan]])
    np.testing.assert_allclose(difficulty(proba, y), [0.8, 0.6, 0.0])
    assert difficulty(np.ones((3, 1)), np.zeros(3, int)).tolist() == [0, 0, 0]
    assert difficulty(np.empty((0, 2))).tolist() == []


def test_equal_parts_by_margin() -> None:
    hard = np.random.default_rng(0).permutation(100) / 100
    steps = steps_of(hard, 10)
    assert np.bincount(steps, minlength=11)[1:].tolist() == [10] * 10
    assert (np.diff(hard[np.argsort(steps, kind="stable")].reshape(10, 10).max(axis=1)) > 0).all()


def test_competence_is_the_share_of_the_paper() -> None:
    hard = np.random.default_rng(0).permutation(1000) / 1000
    steps = steps_of(hard, 8, "competence")
    for t in range(1, 9):
        share = np.mean(steps <= t)
        assert share == pytest.approx(min(1.0, np.sqrt(t * (1 - 0.01**2) / 8 + 0.01**2)), abs=1 / 1000)


def test_self_paced_thresholds_grow() -> None:
    hard = np.random.default_rng(0).gamma(1.0, size=500)
    steps = steps_of(hard, 4, "self_paced")
    median = np.median(hard)
    for t, limit in enumerate(median * 1.3 ** np.arange(3), start=1):
        np.testing.assert_array_equal(steps <= t, hard <= limit + 1e-12)
    assert steps.max() == 4


@pytest.mark.parametrize("by", PACES)
@pytest.mark.parametrize("hard", [np.zeros(7), np.array([0.3]), np.empty(0), np.repeat([0.1, 0.9], 50)])
def test_harder_never_comes_earlier(by: str, hard: np.ndarray) -> None:
    steps = steps_of(hard, 3, by)  # type: ignore[arg-type]
    assert steps.shape == hard.shape and ((steps >= 1) & (steps <= 3)).all()
    order = np.argsort(hard, kind="stable")
    assert (np.diff(steps[order]) >= 0).all()
    assert steps_of(hard, 1, by).tolist() == [1] * len(hard)  # type: ignore[arg-type]


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(InputError, match="0 steps"):
        steps_of(np.ones(3), 0)
    with pytest.raises(InputError, match="finite"):
        steps_of(np.array([np.nan]))
    with pytest.raises(UnknownName, match="pace"):
        steps_of(np.ones(3), 3, "speed")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="row 0 of the probabilities"):
        difficulty(np.full((2, 2), np.inf))
    with pytest.raises(ShapeError):
        difficulty(np.ones((3, 2)), np.zeros(2, int))
