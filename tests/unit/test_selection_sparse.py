"""Facility location over nearest neighbours, and by uncertainty."""

import numpy as np
import pytest

from labelsieve.core.errors import InputError, PoolExhausted
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels
from labelsieve.heads.linear import Linear
from labelsieve.selection import sparse
from labelsieve.selection.balls import probcover
from labelsieve.selection.centres import kcenter
from labelsieve.selection.clusters import typiclust
from labelsieve.selection.coverage import facility_location
from labelsieve.selection.sparse import by_unsure_facility_location, sparse_facility_location


def plain(x: np.ndarray, n: int, k: int, weight: np.ndarray) -> list[int]:
    """Greedy over the matrix of similarities, all but each row's k nearest set to 0."""
    square = ((x[:, None].astype(np.float64) - x[None]) ** 2).sum(axis=2)
    near = np.maximum(1 - square / (2 * (x**2).sum(axis=1).mean()), 0)
    np.fill_diagonal(square, np.inf)
    kept = np.eye(len(x), dtype=bool)
    np.put_along_axis(kept, np.argsort(square, axis=1)[:, :k], True, axis=1)
    near[~kept] = 0
    best, picked = np.zeros(len(x)), []
    for _ in range(n):
        gain = weight @ np.maximum(near - best[:, None], 0)
        gain[picked] = -1
        picked.append(int(gain.argmax()))
        best = np.maximum(best, near[:, picked[-1]])
    return picked


@pytest.mark.parametrize("weighted", [False, True])
def test_picks_are_those_of_the_plain_version(weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse, "NEIGHBOURS", 7)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 6)).astype(np.float32)
    weight = rng.random(200) if weighted else np.ones(200)
    found = sparse_facility_location(x, 25, weight=weight if weighted else None)
    assert found.tolist() == plain(x, 25, 7, weight)


def test_what_a_label_is_near_to_waits() -> None:
    rng = np.random.default_rng(0)
    group = np.arange(600) % 6
    x = (np.eye(6)[group] + 0.05 * rng.normal(size=(600, 6))).astype(np.float32)
    found = sparse_facility_location(x, 4, labelled=np.array([0, 1]))
    assert sorted(group[found].tolist()) == [2, 3, 4, 5]


def test_all_can_be_picked_and_bad_input_is_named() -> None:
    x = np.repeat(np.random.default_rng(0).random((30, 3)), 4, axis=0)
    assert sorted(sparse_facility_location(x, 119, labelled=np.array([5])).tolist()) == [*range(5), *range(6, 120)]
    assert sparse_facility_location(x[:1], 1).tolist() == [0]
    with pytest.raises(PoolExhausted):
        sparse_facility_location(x, 120, labelled=np.array([5]))
    with pytest.raises(InputError, match="negative"):
        sparse_facility_location(x, 3, weight=-np.ones(120))


def test_items_that_the_head_is_unsure_of_are_covered_first() -> None:
    rng = np.random.default_rng(0)
    x = np.r_[rng.normal([4, 0], 0.3, (300, 2)), rng.normal([-4, 0], 0.3, (300, 2)), rng.normal([0, 4], 0.3, (40, 2))]
    y = np.repeat([0, 1], 10)
    rows = np.r_[np.arange(10), np.arange(300, 310)]
    state = Round(ArrayPool(x.astype(np.float32)), Labels(rows, y, ("a", "b")))
    state.head = Linear(2).fit(state.take(rows), y)
    query = by_unsure_facility_location(state, 2, np.random.default_rng(0))
    assert query.ids[0] >= 600
    assert query.scored == 620


@pytest.mark.filterwarnings("error")
def test_nothing_asked_of_a_pool_that_is_labelled_is_nothing() -> None:
    x = np.random.default_rng(0).random((9, 2))
    for choose in (sparse_facility_location, facility_location, kcenter, typiclust, probcover):
        assert choose(x, 0, labelled=np.arange(9)).shape == (0,)
