"""One query: what is free is counted and drawn from without a list of it."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from labelsieve.core.errors import PoolExhausted
from labelsieve.core.rounds import ArrayPool
from labelsieve.core.types import Labels
from labelsieve.project.querying import Standing, compose_query, compose_side
from labelsieve.project.slices import sides
from labelsieve.selection.strategies import random

NOTHING = Labels(np.empty(0, np.int64), np.empty(0, np.int64), ("a",))


def test_a_control_is_drawn_as_from_a_list_of_what_is_free() -> None:
    """The draw counts among what is free without making a list of it: the same items come out."""
    pool = ArrayPool(np.zeros((400, 2), np.float32), np.sort(np.random.default_rng(1).choice(5000, 400, replace=False)))
    for seed in range(20):
        ids, rng = pool.ids, np.random.default_rng(seed)
        on = sides(seed, ids, None, {"audit": 0.1})
        answered = np.sort(rng.choice(ids, int(rng.integers(0, 200)), replace=False))
        standing = Standing(pool, on, NOTHING, answered, control=12)
        query = compose_query(standing, random, 30, np.random.default_rng(seed))
        found = query.ids[[purpose == "control" for purpose in query.purpose]]
        free = np.setdiff1d(on.search, answered)
        expected = np.sort(np.random.default_rng(seed).choice(free, len(found), replace=False))
        assert len(found) > 0
        assert_array_equal(np.sort(found), expected)
        assert not np.isin(query.ids, answered).any() and len(np.unique(query.ids)) == 30


def test_the_last_item_can_be_asked_and_no_more() -> None:
    pool = ArrayPool(np.zeros((50, 2), np.float32))
    on = sides(3, pool.ids, None, {"audit": 0.2})
    answered = np.delete(np.arange(50), [7, 21])
    asked = compose_query(Standing(pool, on, NOTHING, answered), random, 2, np.random.default_rng(0))
    assert sorted(asked.ids.tolist()) == [7, 21]
    with pytest.raises(PoolExhausted, match="3 items were asked for, 2 of 50 are left"):
        compose_query(Standing(pool, on, NOTHING, answered), random, 3, np.random.default_rng(0))
    with pytest.raises(PoolExhausted, match="0 of 50 are left"):
        compose_query(Standing(pool, on, NOTHING, pool.ids), random, 1, np.random.default_rng(0))


def test_both_random_sides_stand_in_a_query_and_one_can_be_asked_alone() -> None:
    pool = ArrayPool(np.zeros((1000, 2), np.float32))
    on = sides(3, pool.ids, None, {"audit": 0.05, "calibration": 0.1})
    standing = Standing(pool, on, NOTHING, np.empty(0, np.int64))
    query = compose_query(standing, random, 20, np.random.default_rng(0))
    for purpose in ("audit", "calibration"):
        found = query.ids[[p == purpose for p in query.purpose]]
        assert len(found) == 2 and set(found) == set(on.drawn[purpose][:2])
    assert not np.isin(query.ids[[p == "search" for p in query.purpose]], on.aside).any()
    alone = compose_side(standing, "calibration", 30)
    assert_array_equal(alone.ids, on.drawn["calibration"][:30])
    assert set(alone.purpose) == {"calibration"} and alone.propensity[0] == 0.1
    with pytest.raises(PoolExhausted, match="900 calibration items were asked for"):
        compose_side(standing, "calibration", 900)


def test_a_pool_can_be_asked_to_its_last_item() -> None:
    pool = ArrayPool(np.zeros((60, 2), np.float32))
    on = sides(5, pool.ids, None, {"audit": 0.2, "calibration": 0.2})
    answered, seen = np.empty(0, np.int64), 0
    while seen < 60:
        query = compose_query(Standing(pool, on, NOTHING, answered), random, 12, np.random.default_rng(0))
        assert len(np.unique(query.ids)) == 12 and not np.isin(query.ids, answered).any()
        answered, seen = np.union1d(answered, query.ids), seen + 12
