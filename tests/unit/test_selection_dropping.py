"""DropQuery on pools whose answer is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels
from labelsieve.heads.linear import Linear
from labelsieve.selection.dropping import by_dropquery, changed, nearest_rows
from labelsieve.testing.toys import toy_multilabel


def play(x: NDArray[np.float32], labels: Labels) -> Round:
    return Round(ArrayPool(x), labels, Linear(len(labels.classes)).fit(x[labels.ids], labels.y))


@pytest.fixture
def state() -> Round:
    """Classes are the sign of 40 columns that agree; rows from 100 on are at the border, in three places."""
    rng = np.random.default_rng(0)
    sign = np.repeat([1.0, -1.0], 50)
    clear = sign[:, None] + 0.1 * rng.normal(size=(100, 40))
    unsure = 0.3 * rng.normal(size=(60, 40))
    place = np.zeros((160, 3))
    place[100:] = 20 * np.eye(3)[np.arange(60) % 3]
    x = np.concatenate([np.concatenate([clear, unsure]), place], axis=1).astype(np.float32)
    ids = np.r_[0:10, 50:60]
    return play(x, Labels(ids, np.repeat([0, 1], 10), ("a", "b")))


def test_items_at_the_border_are_asked_one_a_place(state: Round) -> None:
    query = by_dropquery(state, 3, np.random.default_rng(0))
    assert (query.ids >= 100).all()
    assert sorted((query.ids - 100) % 3) == [0, 1, 2]
    assert (query.score > 0.5).all()


def test_the_share_is_that_of_dropouts_with_another_class(state: Round) -> None:
    ids = np.arange(160)
    share = changed(state, ids, np.random.default_rng(7))
    rng, x = np.random.default_rng(7), state.take(ids)
    assert state.head is not None
    whole = state.head.predict_proba(x).argmax(axis=1)
    naive = np.zeros(160)
    for _ in range(3):
        dropped = np.where(rng.integers(0, 256, size=x.shape, dtype=np.uint8) < 64, 4 * x, 0).astype(np.float32)
        naive += state.head.predict_proba(dropped).argmax(axis=1) != whole
    assert share == pytest.approx(naive / 3)
    assert share[:100].mean() < share[100:].mean()


def test_few_that_change_are_asked_first_and_the_rest_fills_up(state: Round) -> None:
    query = by_dropquery(state, 130, np.random.default_rng(0))
    assert len(set(query.ids.tolist())) == 130
    assert np.all(np.diff(query.score) <= 0)


def test_any_class_that_changes_counts_in_a_multilabel_task() -> None:
    toy = toy_multilabel(300)
    share = changed(play(toy.x, toy.labels(np.arange(60))), np.arange(60, 300), np.random.default_rng(0))
    assert set(np.round(share * 3).astype(int)) == {0, 1, 2, 3}


def test_two_centres_never_take_the_same_row() -> None:
    x = np.array([[0.0], [1.0], [1.1], [5.0]], np.float32)
    assert nearest_rows(np.array([[1.0], [1.04], [4.0]], np.float32), x).tolist() in ([1, 2, 3], [2, 1, 3])
    assert sorted(nearest_rows(np.zeros((4, 1), np.float32), x)) == [0, 1, 2, 3]
