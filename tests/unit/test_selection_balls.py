"""ProbCover: the picks of the plain version, and a radius that is what it says."""

import numpy as np
import pytest

from labelsieve.core.errors import PoolExhausted
from labelsieve.selection.balls import PART, probcover, pure_radius


def test_each_ball_holds_the_most_that_any_can() -> None:
    x = np.random.default_rng(0).random((300, 2)).astype(np.float32)
    near = ((x[:, None] - x[None]) ** 2).sum(axis=2) < 0.15**2
    for labelled in ([], [4, 200]):
        picked = probcover(x, 12, labelled=np.array(labelled, np.int64), radius=0.15)
        bare = ~near[labelled].any(axis=0)
        counts = []
        for j in picked:
            held = (near & bare).sum(axis=1)
            assert held[j] == held.max()
            counts.append(int(held[j]))
            bare &= ~near[j]
        assert counts[0] > counts[-1] > 0


def test_the_dense_groups_come_first_and_labelled_ones_not_at_all() -> None:
    rng = np.random.default_rng(1)
    size = [300, 200, 100, 50, 5]
    group = np.repeat(np.arange(5), size)
    x = (10 * np.eye(5)[group] + 0.1 * rng.normal(size=(len(group), 5))).astype(np.float32)
    assert group[probcover(x, 5, classes=5)].tolist() == [0, 1, 2, 3, 4]
    labelled = np.array([0, 310])
    assert group[probcover(x, 3, labelled=labelled, classes=5)].tolist() == [2, 3, 4]


def test_the_radius_is_the_largest_that_keeps_95_of_100_balls_pure() -> None:
    x = np.r_[np.arange(100), np.arange(100) + 120.0][:, None].astype(np.float32)
    radius = pure_radius(x, 2, np.random.default_rng(0))
    cell = np.arange(200) < 100
    distance = np.abs(x - x.T)

    def pure(r: float) -> float:
        return float(np.mean([len(set(cell[row < r].tolist())) == 1 for row in distance]))

    assert pure(radius) >= 0.95 > pure(radius * 1.1)


def test_when_all_is_held_the_rest_is_drawn() -> None:
    x = np.zeros((600, 3), np.float32)
    picked = probcover(x, 600)
    assert sorted(picked.tolist()) == list(range(600))
    assert picked.tolist() != sorted(picked.tolist())
    assert probcover(x[:1], 1).tolist() == [0]
    assert probcover(x, 0).shape == (0,)
    with pytest.raises(PoolExhausted):
        probcover(x, 600, labelled=np.array([1]))


def test_a_large_pool_is_seen_in_part() -> None:
    x = np.random.default_rng(0).random((PART + 500, 2)).astype(np.float32)
    picked = probcover(x, 5, labelled=np.array([7]), radius=0.1)
    assert len(np.unique(picked)) == 5 and 7 not in picked
