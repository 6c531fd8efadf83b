"""Pools made of other pools keep every row at its id."""

import numpy as np
import pytest

from labelsieve.core.errors import InputError, ShapeError, UnknownName
from labelsieve.core.rounds import ArrayPool, Pool
from labelsieve.core.types import Ids, Matrix
from labelsieve.store.pools import ConcatPool, SubPool, ViewedPool


def _rows(ids: Ids, dim: int = 3) -> Matrix:
    return (ids[:, None] * 10 + np.arange(dim)[None, :]).astype(np.float32)


def _pool(*ids: int, dim: int = 3) -> Pool:
    return ArrayPool(_rows(np.array(ids), dim), np.array(ids))


def test_concat_interleaves_ids() -> None:
    pool = ConcatPool([_pool(5, 1, 9), _pool(2, 3), _pool(7)])
    assert pool.ids.tolist() == [1, 2, 3, 5, 7, 9]
    assert pool.dim == 3
    for ids in ([9, 2, 7, 1, 9], [2, 3], [3, 2], [7]):
        assert np.array_equal(pool.take(np.array(ids)), _rows(np.array(ids)))
    assert pool.take(np.empty(0, np.int64)).shape == (0, 3)
    with pytest.raises(UnknownName, match="4"):
        pool.take(np.array([4]))


def test_concat_refuses_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match="one width"):
        ConcatPool([_pool(1), _pool(2, dim=4)])
    with pytest.raises(InputError, match="item 1 stands in two pools"):
        ConcatPool([_pool(1, 2), _pool(1)])
    with pytest.raises(InputError, match="no pool"):
        ConcatPool([])


def test_sub_pool_hides_the_rest() -> None:
    pool = SubPool(_pool(1, 2, 3, 4), np.array([4, 2]))
    assert pool.ids.tolist() == [2, 4]
    assert np.array_equal(pool.take(np.array([4, 2])), _rows(np.array([4, 2])))
    with pytest.raises(UnknownName, match="3"):
        pool.take(np.array([2, 3]))
    with pytest.raises(UnknownName, match="9"):
        SubPool(_pool(1), np.array([9]))


def test_viewed_pool_may_change_the_width() -> None:
    pool = ViewedPool(_pool(3, 1), lambda x: x[:, :2] + 1)
    assert pool.ids.tolist() == [1, 3]
    assert pool.dim == 2
    assert pool.take(np.array([3])).tolist() == [[31.0, 32.0]]
