"""The tails of columns: the formula, what it finds, and that it is kept."""

import numpy as np

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels
from labelsieve.screening.anomaly import rank
from labelsieve.screening.tails import tail_ranks


def round_of(x: np.ndarray) -> Round:
    none = np.empty(0, np.int64)
    return Round(ArrayPool(x.astype(np.float32)), Labels(none, none, ("dull", "odd"), "screen"))


def naive(x: np.ndarray) -> np.ndarray:
    n, d = x.shape
    left, right, skewed = np.zeros(n), np.zeros(n), np.zeros(n)
    for j in range(d):
        third = ((x[:, j] - x[:, j].mean()) ** 3).mean()
        for i in range(n):
            one, other = -np.log((x[:, j] <= x[i, j]).mean()), -np.log((x[:, j] >= x[i, j]).mean())
            left[i], right[i] = left[i] + one, right[i] + other
            skewed[i] += one if third < 0 else other
    return np.maximum(np.maximum(left, right), skewed)


def test_ranks_are_those_of_the_formula() -> None:
    x = np.random.default_rng(0).gamma(2.0, size=(200, 4)).astype(np.float32)
    x[:, 1] *= -1
    assert np.allclose(tail_ranks(round_of(x)), rank(naive(x)), atol=1e-6)


def test_a_value_that_nothing_else_has_is_found_where_columns_are_yes_or_no() -> None:
    x = (np.random.default_rng(1).random((1000, 30)) < 0.5).astype(np.float32)
    x[:, 7] = 0
    x[3, 7] = 1
    assert tail_ranks(round_of(x))[3] > 0.9


def test_constant_columns_and_equal_rows_say_nothing() -> None:
    assert (tail_ranks(round_of(np.ones((50, 3)))) == 0.5).all()


def test_it_is_computed_once() -> None:
    state = round_of(np.random.default_rng(2).normal(size=(60, 2)))
    assert tail_ranks(state) is tail_ranks(state)
