"""Prototypes: planted cells, medoids against every other choice, and cells that take turns."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels, Matrix
from labelsieve.heads.choose import choose_head
from labelsieve.selection import prototypes
from labelsieve.selection.prototypes import by_kmeans, by_kmedoids, by_weighted_kmeans, central, medoids, turns
from labelsieve.testing.toys import toy_classes

NONE = np.zeros((0, 3), np.float32)


def groups(sizes: list[int], dim: int = 3, seed: int = 0) -> tuple[Matrix, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(sizes)), sizes)
    return (9 * np.eye(len(sizes), dim)[y] + 0.2 * rng.normal(size=(len(y), dim))).astype(np.float32), y


def unlabelled(x: Matrix) -> Round:
    return Round(ArrayPool(x), Labels(np.zeros(0, np.int64), np.zeros(0, np.int64), ("a", "b", "c")))


def cost(x: Matrix, picked: tuple[int, ...], given: Matrix = NONE) -> float:
    centres = np.concatenate([x[list(picked)], given])
    return float(np.linalg.norm(x[:, None] - centres, axis=2).min(axis=1).sum())


@pytest.mark.parametrize("strategy", [by_kmeans, by_kmedoids])
def test_one_item_is_asked_of_each_cell_and_the_largest_comes_first(strategy) -> None:  # type: ignore[no-untyped-def]
    x, y = groups([10, 40, 20])
    query = strategy(unlabelled(x), 3, np.random.default_rng(0))
    assert y[query.ids].tolist() == [1, 2, 0]
    assert_allclose(query.score, np.array([40, 20, 10]) / 70)


def test_the_item_nearest_to_the_centre_of_its_cell_is_asked() -> None:
    x, y = groups([10, 40, 20])
    query = by_kmeans(unlabelled(x), 3, np.random.default_rng(0))
    assert len(query.ids) == 3
    for picked in query.ids:
        mates = np.flatnonzero(y == y[picked])
        far = np.linalg.norm(x[mates] - x[mates].mean(axis=0), axis=1)
        assert picked == mates[far.argmin()]


def test_cells_take_turns_nearest_first() -> None:
    cell = np.array([0, 1, 1, 0, 2, 1])
    place = np.array([0.5, 0.3, 0.1, 0.2, 0.9, 0.2])
    assert turns(cell, place, np.array([-2.0, -3.0, -1.0])).tolist() == [2, 3, 4, 5, 0, 1]


def test_an_empty_cell_is_passed_over() -> None:
    assert turns(np.array([2, 0, 2]), np.array([0.1, 0.2, 0.3]), np.zeros(4)).tolist() == [1, 0, 2]


def test_weight_draws_the_centre() -> None:
    x = np.array([[0.0, 0], [1, 0], [2, 0]], np.float32)
    for heavy in range(3):
        weight = np.full(3, 1e-3)
        weight[heavy] = 1.0
        picked, share = central(x, 1, np.random.default_rng(0), weight)
        assert picked.tolist() == [heavy]
        assert_allclose(share, 1.0)


def test_more_items_than_cells_are_asked_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = groups([10, 40, 20])
    monkeypatch.setattr(prototypes, "CELLS", 3)
    for strategy in (by_kmeans, by_kmedoids):
        query = strategy(unlabelled(x), 8, np.random.default_rng(0))
        assert y[query.ids].tolist() == [1, 2, 0, 1, 2, 0, 1, 2]
        assert len(set(query.ids.tolist())) == 8


def test_doubtful_items_alone_are_clustered() -> None:
    toy = toy_classes(400, classes=3)
    labels = toy.labels(np.arange(0, 60))
    head = choose_head(labels).fit(toy.x[labels.ids], labels.y)
    state = Round(ArrayPool(toy.x), labels, head)
    proba = np.sort(head.predict_proba(toy.x), axis=1)
    doubt = 1 - (proba[:, -1] - proba[:, -2])
    query = by_weighted_kmeans(state, 5, np.random.default_rng(0))
    assert doubt[query.ids].min() >= np.sort(doubt[60:])[-50] - 1e-6
    assert query.scored == 340


# k-medoids


@pytest.mark.parametrize("k", [1, 2, 3])
def test_medoids_are_as_good_as_the_best_of_all_choices(k: int) -> None:
    for seed in range(5):
        x, _ = groups([4, 5, 6], seed=seed)
        found = medoids(x, k, NONE, np.random.default_rng(seed))
        best = min(cost(x, choice) for choice in combinations(range(len(x)), k))
        assert_allclose(cost(x, tuple(found)), best, rtol=1e-5)


def test_no_single_swap_makes_medoids_better() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 3)).astype(np.float32)
    given = x[:4] + 0.1
    found = medoids(x, 6, given, rng)
    assert len(set(found.tolist())) == 6
    now = cost(x, tuple(found), given)
    for slot in range(6):
        for row in np.setdiff1d(np.arange(60), found):
            other = found.copy()
            other[slot] = row
            assert cost(x, tuple(other), given) >= now * (1 - 1e-5)


def test_a_medoid_that_is_labelled_keeps_its_cell() -> None:
    x, y = groups([10, 40, 20])
    labels = Labels(np.array([10, 11]), np.zeros(2, np.int64), ("a", "b"))
    query = by_kmedoids(Round(ArrayPool(x), labels), 2, np.random.default_rng(0))
    assert sorted(y[query.ids].tolist()) == [0, 2]


def test_swaps_keep_the_two_nearest_medoids_right() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    within = np.linalg.norm(x[:, None] - x, axis=2)
    stays = np.linalg.norm(x - 2.0, axis=1)
    swaps = prototypes._Swaps(within, stays, rng.choice(80, 7, replace=False))
    swapped = sum(swaps.tried(row) for row in range(80))
    assert swapped > 3
    far = np.sort(np.concatenate([within[swaps.picked], stays[None]]), axis=0)
    assert_allclose(swaps._far, far[:2])


def test_nothing_asked_is_an_empty_query() -> None:
    x, _ = groups([3, 3])
    for strategy in (by_kmeans, by_kmedoids):
        assert len(strategy(unlabelled(x), 0, np.random.default_rng(0))) == 0
