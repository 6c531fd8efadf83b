"""CAL against its formula; DAL goes where nothing is labelled."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels
from labelsieve.heads.choose import choose_head
from labelsieve.selection.contrast import (
    by_contrast,
    by_discrimination,
    mean_divergence,
    neighbours_of,
    unlabelled_odds,
)
from labelsieve.testing.toys import toy_classes


def test_divergence_is_from_the_neighbours_to_the_item() -> None:
    rng = np.random.default_rng(0)
    near, own = rng.dirichlet(np.ones(3), (20, 4)), rng.dirichlet(np.ones(3), 20)
    expected = [np.mean([np.sum(p * np.log(p / q)) for p in ps]) for ps, q in zip(near, own, strict=True)]
    assert_allclose(mean_divergence(near, own), expected, rtol=1e-6)
    assert_allclose(mean_divergence(own[:, None], own), 0, atol=1e-12)


def test_several_classes_count_yes_and_no() -> None:
    p, q = 0.9, 0.2
    expected = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    assert_allclose(mean_divergence(np.array([[[p]]]), np.array([[q]]), multilabel=True), [expected])


def test_certainty_is_finite() -> None:
    assert np.isfinite(mean_divergence(np.array([[[1.0, 0.0]]]), np.array([[0.0, 1.0]]))).all()


def test_neighbours_are_fewer_while_classes_have_few_labels() -> None:
    toy = toy_classes(200)
    several = Labels(np.arange(30), np.eye(3, dtype=np.float32)[np.arange(30) % 3], ("a", "b", "c"), "multilabel")
    given = [
        Round(ArrayPool(toy.x), labels) for labels in (toy.labels(np.arange(5)), toy.labels(np.arange(150)), several)
    ]
    assert [neighbours_of(state) for state in given] == [1, 10, 3]


def test_contrast_scores_like_a_plain_loop() -> None:
    toy = toy_classes(150)
    labels = toy.labels(np.arange(25))
    head = choose_head(labels).fit(toy.x[:25], labels.y)
    query = by_contrast(Round(ArrayPool(toy.x), labels, head), 125, np.random.default_rng(0))
    theirs = head.predict_proba(toy.x[:25]).astype(np.float64)
    k = 25 // (3 * len(np.unique(labels.y)))
    assert neighbours_of(Round(ArrayPool(toy.x), labels, head)) == k
    for i, score in list(zip(query.ids, query.score, strict=True))[:20]:
        near = np.argsort(((toy.x[:25] - toy.x[i]) ** 2).sum(axis=1))[:k]
        own = np.clip(head.predict_proba(toy.x[i : i + 1])[0].astype(np.float64), 1e-6, 1)
        p = np.clip(theirs[near], 1e-6, 1)
        assert score == pytest.approx((p * np.log(p / own)).sum(axis=1).mean(), rel=1e-3, abs=1e-5)


def test_what_is_unlike_all_labels_is_asked() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [100, 100, 100])
    x = (6 * np.eye(3, 5)[y] + rng.normal(size=(300, 5))).astype(np.float32)
    known = np.concatenate([np.flatnonzero(y == 0)[:15], np.flatnonzero(y == 1)[:15]])
    labels = Labels(np.sort(known), y[np.sort(known)], ("a", "b", "c"))
    query = by_discrimination(Round(ArrayPool(x), labels), 10, np.random.default_rng(0))
    assert (y[query.ids[:1]] == 2).all()
    assert (y[query.ids] == 2).sum() >= 5


def test_sub_queries_do_not_all_go_to_the_same_place() -> None:
    """After a sub-query its items count as labelled: of two far groups both are asked about."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [100, 60, 50])
    place = np.array([[0, 0], [9, 0], [0, 7]])
    x = (place[y] + 0.3 * rng.normal(size=(210, 2))).astype(np.float32)
    labels = Labels(np.arange(20), np.zeros(20, np.int64), ("a",))
    query = by_discrimination(Round(ArrayPool(x), labels), 20, np.random.default_rng(0))
    assert {1, 2} <= set(y[query.ids].tolist())
    assert query.scored == 10 * 190


def test_odds_are_higher_away_from_labels() -> None:
    x = np.linspace(-1, 1, 50, dtype=np.float32)[:, None]
    odds = unlabelled_odds(x[25:], x[:10], x)
    assert (np.diff(odds) > 0).all()
    assert unlabelled_odds(x[:0], x, x[:3]).tolist() == [0.0, 0.0, 0.0]
