"""Near-duplicates of what is asked: none is missed, and no query holds two of them."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from labelsieve.core.errors import InputError
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Ids, Labels, Query
from labelsieve.screening.twins import Apart, near_duplicates_of, pool_marks

NOTHING = Labels(np.empty(0, np.int64), np.empty(0, np.int64), ("dull", "odd"), "screen")


def first_ones(state: Round, n: int, rng: np.random.Generator) -> Query:
    """The strategy that wants low ids most."""
    ids = state.require(n)[:n]
    return Query(ids, -ids.astype(float), np.full(n, np.nan), "first", tuple(f"item {i}" for i in ids), (), len(ids))


def naive(x: np.ndarray, ids: Ids, item: int, similarity: float) -> Ids:
    row = x[ids.tolist().index(item)].astype(np.float64)
    near = 2 * (x @ row) / ((x.astype(np.float64) ** 2).sum(axis=1) + row @ row)
    return ids[(near >= similarity) & (ids != item)]


@pytest.mark.parametrize("dim", [1, 3, 16])
@pytest.mark.parametrize("similarity", [0.8, 0.98, 0.9999])
def test_none_is_missed(dim: int, similarity: float) -> None:
    rng = np.random.default_rng(dim)
    centres = rng.normal(size=(40, dim)) * rng.uniform(0.1, 30, size=(40, 1))
    noise = rng.choice([1e-3, 1e-2, 0.1, 0.3], size=(800, 1)) * rng.normal(size=(800, dim))
    x = (centres[rng.integers(0, 40, 800)] * (1 + noise)).astype(np.float32)
    ids = np.sort(rng.choice(5000, 800, replace=False))
    pool = ArrayPool(x, ids)
    marks = pool_marks(pool)
    found = [near_duplicates_of(pool, marks, int(item), similarity) for item in ids[:200]]
    for item, others in zip(ids[:200], found, strict=True):
        assert_array_equal(others, naive(x, ids, int(item), similarity))
    assert sum(map(len, found)) > 0


def test_with_1_only_equal_rows_are_together() -> None:
    x = np.array([[1, 2], [1, 2], [1, 2.000001], [-1, -2], [0, 0], [0, 0]], np.float32)
    pool = ArrayPool(x)
    marks = pool_marks(pool)
    assert [near_duplicates_of(pool, marks, i, 1.0).tolist() for i in range(6)] == [[1], [0], [], [], [5], [4]]
    with pytest.raises(InputError, match=r"similarity is 0"):
        near_duplicates_of(pool, marks, 0, 0.0)


def test_a_query_holds_no_two_of_a_group_and_is_filled_up() -> None:
    values = np.repeat(np.arange(8.0), [5, 1, 4, 1, 1, 3, 1, 1])
    pool = ArrayPool(np.stack([values, values**2], axis=1).astype(np.float32))
    asks = Apart(first_ones, pool, pool_marks(pool), 1.0, {})
    query = asks(Round(pool, NOTHING, asked=np.array([3, 7])), 6, np.random.default_rng(0))
    assert query.ids.tolist() == [0, 5, 6, 10, 11, 12]
    assert query.why[2] == "item 6" and query.strategy == "first"
    stands_for = {item: members.tolist() for item, members in asks.groups.items() if len(members)}
    assert stands_for == {0: [1, 2, 4], 6: [8, 9], 12: [13, 14]}, "what may not be asked travels with nothing"


def test_a_pool_of_one_group_gives_one_item() -> None:
    pool = ArrayPool(np.ones((30, 4), np.float32))
    asks = Apart(first_ones, pool, pool_marks(pool), 1.0, {})
    query = asks(Round(pool, NOTHING), 10, np.random.default_rng(0))
    assert query.ids.tolist() == [0] and len(asks.groups[0]) == 29
