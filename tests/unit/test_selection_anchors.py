"""AnchorAL: balanced anchors, and the unlabelled items nearest to them."""

import numpy as np
import pytest
from toy_rounds import Exact, round_of

from labelsieve.core.errors import InputError
from labelsieve.selection.anchors import anchors_of, near_anchors, spread
from labelsieve.selection.composing import among
from labelsieve.selection.strategies import by_margin
from labelsieve.testing.toys import toy_classes, toy_multilabel, toy_odd


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_each_class_gives_as_many_anchors() -> None:
    toy = toy_odd(400, odd=12)
    known = np.concatenate([np.flatnonzero(toy.y == 1)[:6], np.flatnonzero(toy.y == 0)[:200]])
    ids = anchors_of(round_of(toy, known), 5, rng())
    assert np.bincount(toy.y[ids]).tolist() == [5, 5]
    assert np.isin(ids, known).all()
    assert anchors_of(round_of(toy, known), 5, rng(1)).tolist() != ids.tolist()


def test_anchors_spread_over_their_class() -> None:
    x = np.repeat(np.eye(4, 6, dtype=np.float32) * 9, [500, 3, 3, 3], axis=0)
    groups = np.repeat(np.arange(4), [500, 3, 3, 3])
    assert all(sorted(groups[spread(x, 4, rng(seed))].tolist()) == [0, 1, 2, 3] for seed in range(20))
    assert len(np.unique(spread(np.ones((9, 2), np.float32), 9, rng()))) == 9


def test_candidates_are_the_nearest_unlabelled_of_the_anchors() -> None:
    toy = toy_classes(300)
    known = np.array([10, 20, 30])
    state = round_of(toy, known, asked=np.arange(100, 200))
    near = Exact(toy)(known, 299)
    plain = {int(j) for row in near for j in [j for j in row if j not in known and not 100 <= j < 200][:7]}
    assert near_anchors(k=7)(state, rng()).tolist() == sorted(plain)


def test_a_limit_keeps_the_most_similar() -> None:
    toy = toy_classes(300)
    state = round_of(toy, [10])
    assert near_anchors(k=60, limit=12)(state, rng()).tolist() == sorted(Exact(toy)(np.array([10]), 12)[0].tolist())


def test_anchors_never_bring_back_what_is_labelled_over_many_rounds() -> None:
    toy = toy_multilabel(300)
    state = round_of(toy, [0, 1])
    for seed in range(30):
        query = among(near_anchors(anchors=3, k=20, explore=0.2), by_margin)(state, 4, rng(seed))
        assert not np.isin(query.ids, state.labels.ids).any()
        state = round_of(toy, np.union1d(state.labels.ids, query.ids))
    assert len(state.labels) == 122


def test_nothing_labelled_and_no_neighbours_are_said() -> None:
    toy = toy_classes(80)
    query = among(near_anchors(), by_margin)(round_of(toy, []), 3, rng())
    assert "nothing is labelled" in query.why[0]
    with pytest.raises(InputError, match="labelsieve index"):
        near_anchors()(round_of(toy, [1], neighbours=None), rng())
    with pytest.raises(InputError, match="anchors is 0"):
        near_anchors(anchors=0)
