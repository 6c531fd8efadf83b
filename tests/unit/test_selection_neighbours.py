"""Exact neighbours in blocks: right, whatever the order and the cut of the rows; and searched once an item."""

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.errors import InputError
from labelsieve.core.rounds import ArrayPool
from labelsieve.selection.neighbours import ExactRows, ItemNeighbours, closest, exact_neighbours


def naive(queries, x, ids, k):
    far = ((queries[:, None, :].astype(np.float64) - x[None]) ** 2).sum(axis=2)
    order = np.stack([np.lexsort((ids, row)) for row in far])[:, :k]
    return ids[order]


@pytest.mark.parametrize("cut", [7, 50, 1000])
def test_the_nearest_whatever_the_cut(cut):
    rng = np.random.default_rng(1)
    x, queries = rng.normal(size=(300, 5)).astype(np.float32), rng.normal(size=(9, 5)).astype(np.float32)
    ids = rng.permutation(1000)[:300]
    blocks = ((ids[i : i + cut], x[i : i + cut]) for i in range(0, 300, cut))
    found, far = closest(queries, blocks, 12)
    assert np.array_equal(found, naive(queries, x, ids, 12))
    assert np.all(np.diff(far, axis=1) >= 0)


def test_equal_rows_by_the_thousand_fall_by_id_in_any_order():
    x = np.repeat(np.random.default_rng(0).normal(size=(3, 64)), 2000, axis=0).astype(np.float32)
    ids = np.arange(6000)
    order = np.random.default_rng(2).permutation(6000)
    found, far = closest(x[:1], [(ids[order][:2500], x[order][:2500]), (ids[order][2500:], x[order][2500:])], 40)
    assert found.tolist() == [list(range(40))]
    assert np.all(far == 0)


def test_where_there_are_fewer():
    found, far = closest(np.ones((2, 3), np.float32), [(np.array([4]), np.zeros((1, 3), np.float32))], 3)
    assert found.tolist() == [[4, -1, -1]] * 2
    assert far[0].tolist() == [3.0, np.inf, np.inf]
    assert closest(np.ones((2, 3), np.float32), [], 1)[0].tolist() == [[-1], [-1]]


def test_an_item_is_not_its_own_neighbour():
    x = np.repeat(np.eye(4, dtype=np.float32), 3, axis=0)
    near = exact_neighbours(ArrayPool(x, np.arange(12) * 10))
    assert near(np.array([10, 0]), 2).tolist() == [[0, 20], [10, 20]]
    one = exact_neighbours(ArrayPool(x[:1]))
    assert one(np.array([0]), 3).tolist() == [[-1, -1, -1]]


def test_only_new_items_are_searched():
    x = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    near = exact_neighbours(ArrayPool(x))
    first = near(np.arange(10), 5)
    assert near.searched == 10
    again = near(np.arange(12), 5)
    assert near.searched == 12
    assert np.array_equal(again[:10], first)
    assert np.array_equal(near(np.arange(10), 3), first[:, :3]) and near.searched == 12
    assert near(np.arange(10), 6).shape == (10, 6) and near.searched == 22


def test_within_a_part():
    x = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    only = np.arange(5, 50, 3)
    found, like = ExactRows(ArrayPool(x)).search(x[:4], 6, only)
    assert np.array_equal(found, naive(x[:4], x[only], only, 6))
    assert np.allclose(like, np.take_along_axis(x[:4] @ x.T, found, axis=1), atol=1e-6)


def test_k_of_none():
    with pytest.raises(InputError, match="0 neighbours"):
        ItemNeighbours(ArrayPool(np.eye(2)), ExactRows(ArrayPool(np.eye(2))))(np.array([0]), 0)


def test_plain_arrays_have_neighbours():
    x = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)
    asked = []

    def strategy(state, n, rng):
        asked.append(state.neighbours(np.array([3]), 2))
        return ls.Query(state.free()[:n], np.zeros(n), np.ones(n), "test")

    ls.query(x, 2, strategy=strategy)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert asked[0].tolist() == [np.argsort(-(unit @ unit[3]))[1:3].tolist()]
