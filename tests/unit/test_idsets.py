"""Sets of ids as ascending arrays give what sets give."""

import numpy as np
from numpy.testing import assert_array_equal

from labelsieve.core.idsets import common, holds, positions, same, without
from labelsieve.core.types import Ids


def _cases() -> list[tuple[Ids, Ids]]:
    rng = np.random.default_rng(0)
    drawn = [
        (np.sort(rng.choice(60, n, replace=False)), np.sort(rng.choice(80, k, replace=False)))
        for n, k in rng.integers(0, 50, size=(200, 2))
    ]
    few, none = np.array([3, 5, 9]), np.empty(0, np.int64)
    return [*drawn, (few, few), (few, few.copy()), (few, none), (none, few), (none, none)]


def test_they_give_what_sets_give() -> None:
    for ids, others in _cases():
        a, b = set(ids.tolist()), set(others.tolist())
        assert common(ids, others).tolist() == sorted(a & b)
        assert ids[positions(ids, others)].tolist() == sorted(a & b)
        assert without(ids, others).tolist() == sorted(a - b)
        assert without(ids, others[::-1]).tolist() == sorted(a - b)
        assert holds(ids, others) == (b <= a)
        assert same(ids, others) == (ids.tolist() == others.tolist())


def test_nothing_is_copied_where_nothing_is_gone() -> None:
    ids = np.arange(10)
    assert without(ids, np.array([11, -1])) is ids
    assert common(ids, ids) is ids
    assert_array_equal(ids, np.arange(10))
