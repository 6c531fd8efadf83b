"""Committees against the formulas written out, and planted pools on which they have to disagree."""

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels
from labelsieve.heads.choose import choose_head
from labelsieve.selection.committee import (
    by_bald,
    by_vote_divergence,
    by_vote_entropy,
    drawn_heads,
    information,
    resampled,
    split_votes,
)
from labelsieve.testing.toys import toy_classes, toy_multilabel


@pytest.fixture
def said() -> NDArray[np.float64]:
    return np.random.default_rng(0).dirichlet(np.ones(4) * 0.6, size=(5, 30))


def test_vote_entropy_counts_votes(said: NDArray[np.float64]) -> None:
    for item, score in zip(range(30), split_votes(said), strict=True):
        votes = [int(np.argmax(said[k, item])) for k in range(5)]
        shares = [votes.count(code) / 5 for code in set(votes)]
        assert score == pytest.approx(-sum(s * np.log(s) for s in shares))


def test_information_is_the_mean_divergence_from_the_mean(said: NDArray[np.float64]) -> None:
    for item, score in zip(range(30), information(said), strict=True):
        mean = said[:, item].mean(axis=0)
        naive = np.mean([sum(p * np.log(p / q) for p, q in zip(said[k, item], mean, strict=True)) for k in range(5)])
        assert score == pytest.approx(naive)


def test_information_is_at_most_the_log_of_the_heads() -> None:
    told = np.stack([np.eye(3)[[k]] for k in range(3)])
    assert information(told)[0] == pytest.approx(np.log(3))
    assert information(np.repeat(told[:1], 3, axis=0))[0] == 0.0


def play(rows: NDArray[np.int64], multilabel: bool = False) -> Round:
    toy = toy_multilabel(300) if multilabel else toy_classes(300, spread=1.2)
    labels = toy.labels(rows)
    return Round(ArrayPool(toy.x), labels, choose_head(labels).fit(toy.x[labels.ids], labels.y))


def few_of_some_classes() -> Round:
    toy = toy_classes(300)
    return play(np.concatenate([np.flatnonzero(toy.y == c)[: 20 if c == 0 else 1] for c in range(4)]))


def test_heads_with_weights_on_all_labels_know_all_classes() -> None:
    state = few_of_some_classes()
    proba = np.stack(
        [h.predict_proba(state.take(np.arange(50))) for h in drawn_heads(state, 8, np.random.default_rng(0))]
    )
    assert (proba.max(axis=1) > 0).all()
    assert len({head.tobytes() for head in proba}) == 8


def test_a_class_that_was_not_drawn_has_no_chance_and_keeps_its_column() -> None:
    state = few_of_some_classes()
    proba = np.stack(
        [h.predict_proba(state.take(np.arange(50))) for h in resampled(state, 8, np.random.default_rng(0))]
    )
    assert proba.shape == (8, 50, 4)
    assert (proba[:, :, 1:].max(axis=1) == 0).any()  # 23 labels: a class of one is lost in every third draw
    assert proba.sum(axis=2) == pytest.approx(1.0, abs=1e-5)
    assert np.isfinite(information(proba)).all()


def test_the_round_keeps_its_own_head() -> None:
    state = play(np.arange(40))
    assert state.head is not None
    before = state.head.predict_proba(state.take(np.arange(300)))
    by_bald(state, 5, np.random.default_rng(0))
    assert np.array_equal(before, state.head.predict_proba(state.take(np.arange(300))))


@pytest.mark.parametrize("asks", [by_vote_entropy, by_vote_divergence, by_bald])
def test_items_between_two_classes_are_asked(asks: object) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 6)).astype(np.float32) * 0.3
    x[:80, 0] += 3
    x[80:160, 0] -= 3
    x[160:, 0] *= 0.2
    labels = Labels(np.r_[np.arange(6), np.arange(80, 86)], np.repeat([0, 1], 6), ("a", "b"))
    state = Round(ArrayPool(x), labels, choose_head(labels).fit(x[labels.ids], labels.y))
    query = asks(state, 10, rng)  # type: ignore[operator]
    assert (query.ids >= 160).sum() >= 8
    assert query.scored == 188


def test_rare_classes_count_as_much_in_a_multilabel_task() -> None:
    state = play(np.arange(60), multilabel=True)
    members = resampled(state, 8, np.random.default_rng(0))
    from labelsieve.selection.committee import disagreement

    ids = np.arange(60, 300)
    score = disagreement(members, information, state, ids)
    proba = np.stack([head.predict_proba(state.take(ids)) for head in members])
    naive = np.zeros(len(ids))
    for item, code in product(range(len(ids)), range(4)):
        one = [information(np.stack([proba[:, i, code], 1 - proba[:, i, code]], axis=1)[:, None]) for i in (item,)]
        naive[item] += float(one[0][0]) / 4 / _usual(proba, code)
    assert score == pytest.approx(naive, rel=1e-4)
    assert score.mean() == pytest.approx(1.0)


def _usual(proba: NDArray[np.float32], code: int) -> float:
    return float(information(np.stack([proba[:, :, code], 1 - proba[:, :, code]], axis=2)).mean())
