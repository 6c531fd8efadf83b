"""BatchBALD against the joint information written out."""

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from labelsieve.selection.jointly import Joint, joint_order


def naive_information(said: NDArray[np.float64], items: list[int]) -> float:
    """I(y_1 .. y_b; head) by adding up all joint answers."""
    k, _, c = said.shape
    joint = 0.0
    for answers in product(range(c), repeat=len(items)):
        p = np.mean([np.prod([said[h, i, y] for i, y in zip(items, answers, strict=True)]) for h in range(k)])
        joint -= p * np.log(p) if p > 0 else 0.0
    each = -sum(np.mean(np.sum(said[:, i] * np.log(said[:, i]), axis=1)) for i in items)
    return joint - each


def heads(k: int, m: int, c: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).dirichlet(np.ones(c), size=(k, m))


def test_gains_add_up_to_the_joint_information() -> None:
    said = heads(6, 9, 3)
    order, gain = joint_order(said, 4, np.random.default_rng(0))
    for b in range(1, 5):
        assert gain[:b].sum() == pytest.approx(naive_information(said, order[:b].tolist()), abs=1e-9)


def test_each_pick_is_the_best_there_is() -> None:
    said = heads(5, 8, 2, seed=1)
    order, _ = joint_order(said, 3, np.random.default_rng(0))
    for b in range(3):
        before = order[:b].tolist()
        scores = [naive_information(said, [*before, i]) if i not in before else -1.0 for i in range(8)]
        assert int(np.argmax(scores)) == order[b]


def test_draws_are_near_what_is_counted() -> None:
    said, rng = heads(6, 7, 3, seed=2), np.random.default_rng(0)
    counted, drawn = Joint(6), Joint(6)
    for item in range(8):
        counted.add(said[:, item % 7], 3**8, rng)
        drawn.add(said[:, item % 7], 4000, rng)  # 3^8 = 6561 do not fit
    assert drawn.entropy_given(said) == pytest.approx(counted.entropy_given(said), rel=0.03)
    assert drawn.entropy_given(said) != pytest.approx(counted.entropy_given(said), rel=1e-12)


def test_a_repeat_is_not_asked_twice_where_something_else_tells_more() -> None:
    likes = np.array([[0.95, 0.05], [0.95, 0.05], [0.05, 0.95], [0.05, 0.95]])  # tells heads 0, 1 from 2, 3
    other = np.array([[0.85, 0.15], [0.15, 0.85], [0.85, 0.15], [0.15, 0.85]])  # tells 0, 2 from 1, 3
    said = np.stack([likes, likes, likes, other], axis=1)
    order, gain = joint_order(said, 2, np.random.default_rng(0))
    assert order[0] in (0, 1, 2)
    assert order[1] == 3
    assert gain[1] < gain[0]


def test_heads_that_agree_tell_nothing() -> None:
    said = np.repeat(heads(1, 6, 3), 4, axis=0)
    order, gain = joint_order(said, 6, np.random.default_rng(0), np.arange(6) * 7)
    assert sorted(order.tolist()) == list(range(6))
    assert gain == pytest.approx(0.0, abs=1e-9)


def test_a_long_query_goes_on_after_the_heads_are_told_apart() -> None:
    said = heads(16, 120, 4, seed=4)
    order, gain = joint_order(said, 100, np.random.default_rng(0))
    assert len(set(order.tolist())) == 100
    assert (gain > 0).sum() > 60
