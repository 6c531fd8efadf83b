"""BADGE: the picks have the distribution of the naive version, and the gradients are never made."""

from itertools import permutations

import numpy as np
import pytest

from labelsieve.core.errors import InputError, PoolExhausted, ShapeError
from labelsieve.core.randomness import as_rng
from labelsieve.selection.gradients import BLOCK, badge, residuals


def made(m: int, d: int = 4, c: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.ones(c), size=m)
    return rng.normal(size=(m, d)).astype(np.float32), proba.astype(np.float32)


def gradients(x: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """The naive version: every gradient, in full."""
    error = proba - np.eye(proba.shape[1])[proba.argmax(axis=1)]
    return np.asarray((error[:, :, None] * x[:, None, :]).reshape(len(x), -1), np.float64)


def chances(g: np.ndarray, n: int) -> dict[tuple[int, ...], float]:
    """The probability of every ordered pick of n by D^2 sampling from the largest gradient."""
    square = ((g[:, None] - g[None]) ** 2).sum(axis=2)
    first = int(np.linalg.norm(g, axis=1).argmax())
    found = {}
    for rest in permutations(sorted(set(range(len(g))) - {first}), n - 1):
        order, chance = [first], 1.0
        for j in rest:
            near = square[order].min(axis=0)
            chance *= near[j] / near.sum()
            order.append(j)
        found[tuple(order)] = chance
    return found


def test_picks_have_the_distribution_of_the_reference() -> None:
    x, proba = made(5)
    expected = chances(gradients(x, proba), 3)
    assert sum(expected.values()) == pytest.approx(1)
    draws = 700
    rng = as_rng(7)
    seen = dict.fromkeys(expected, 0)
    for _ in range(draws):
        seen[tuple(badge(x, proba, 3, rng=rng).tolist())] += 1
    statistic = sum((seen[k] - draws * p) ** 2 / (draws * p) for k, p in expected.items())
    assert min(expected.values()) * draws > 3
    assert statistic < len(expected) - 1 + 4 * np.sqrt(2 * (len(expected) - 1))  # four standard deviations


def test_bounds_that_are_measured_again_leave_the_distribution_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelsieve.selection.gradients.GROUP", 1)  # so that bounds are measured all the time
    x, proba = made(5, seed=3)
    expected = chances(gradients(x, proba), 3)
    rng, draws = as_rng(1), 500
    seen = dict.fromkeys(expected, 0)
    for _ in range(draws):
        seen[tuple(badge(x, proba, 3, rng=rng).tolist())] += 1
    statistic = sum((seen[k] - draws * p) ** 2 / (draws * p) for k, p in expected.items())
    assert statistic < len(expected) - 1 + 4 * np.sqrt(2 * (len(expected) - 1))


def test_repeats_and_sure_items_come_last() -> None:
    x, proba = made(4, seed=1)
    x, proba = np.repeat(x, 50, axis=0), np.repeat(proba, 50, axis=0)
    x, proba = np.r_[x, np.ones((50, 4), np.float32)], np.r_[proba, np.tile([1.0, 0.0, 0.0], (50, 1))]
    picked = badge(x, proba, 8, rng=0)
    assert len(np.unique(picked)) == 8
    assert set((picked[:5] // 50).tolist()) == {0, 1, 2, 3, 4}  # one of each gradient, the zero among them


def test_all_can_be_picked_and_nothing_twice() -> None:
    x, proba = made(40)
    labelled = np.array([3, 30, 31])
    picked = badge(x, proba, 37, labelled=labelled)
    assert sorted([*picked.tolist(), *labelled.tolist()]) == list(range(40))
    assert badge(x, proba, 0).shape == (0,)
    with pytest.raises(PoolExhausted):
        badge(x, proba, 38, labelled=labelled)


def test_the_type_and_place_of_the_rows_change_nothing(tmp_path: object) -> None:
    x, proba = made(2 * BLOCK + 5, seed=2)
    mapped = np.memmap(f"{tmp_path}/x", np.float64, "w+", shape=x.shape)
    mapped[:] = x
    assert badge(x, proba, 20).tolist() == badge(mapped, proba.astype(np.float64), 20).tolist()


def test_bad_input_is_named() -> None:
    x, proba = made(9)
    with pytest.raises(ShapeError, match=r"\(8, 3\); \(9, classes\)"):
        badge(x, proba[:8], 2)
    bad = proba.copy()
    bad[2, 1] = np.nan
    with pytest.raises(InputError, match=r"row 2 of proba is .*nan.*; numbers from 0 to 1"):
        badge(x, bad, 2)
    bad[2] = [3.0, -1.0, 0.5]
    with pytest.raises(InputError, match=r"row 2 of proba is \[3.0, -1.0, 0.5\]"):
        badge(x, bad, 2)
    x[4] = np.inf
    with pytest.raises(InputError, match="row 4"):
        badge(x, proba, 2)


def test_residuals_of_several_classes_an_item_are_against_each_class() -> None:
    assert residuals(np.array([[0.75, 0.25], [0.5, 0.75]]), several=True).tolist() == [[-0.25, 0.25], [-0.5, -0.25]]
    assert residuals(np.array([[0.75, 0.25]])).tolist() == [[-0.25, 0.25]]
