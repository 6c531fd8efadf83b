"""ALFA-Mix: the closed form is exact on linear heads; boundary points lie on the border."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels
from labelsieve.heads.linear import Linear
from labelsieve.heads.means import NearestMean
from labelsieve.selection.mixing import (
    border_pairs,
    by_alfa_mix,
    by_boundary,
    change_by_mixing,
    change_by_slope,
    changing,
    class_means,
    linear_slopes,
    matched,
    on_border,
    spread,
)
from labelsieve.testing.toys import toy_classes, toy_multilabel


def played(classes: int = 4, known: int = 60) -> Round:
    toy = toy_classes(200, dim=6, classes=classes, spread=1.5)
    labels = toy.labels(np.arange(known))
    return Round(ArrayPool(toy.x), labels, Linear(classes).fit(toy.x[:known], labels.y))


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_slopes_are_those_of_the_logits(classes: int) -> None:
    state = played(classes)
    slopes = linear_slopes(state.head, 6, classes, np.arange(classes))
    a, b = state.take(np.array([100])), state.take(np.array([101]))
    logs = [np.log(state.head.predict_proba(x).astype(np.float64)) for x in (a, b)]
    change = (logs[1] - logs[0])[0]
    expected = ((b - a) @ slopes)[0]
    assert_allclose(change - change[0], expected - expected[0], atol=2e-2)


def test_a_class_without_labels_has_no_slope_and_other_heads_none_at_all() -> None:
    x = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    y = np.arange(30) % 3 + (np.arange(30) % 3 == 2)  # codes 0, 1, 3
    slopes = linear_slopes(Linear(5).fit(x, y), 3, 5, np.unique(y))
    assert (slopes[:, [2, 4]] == 0).all() and (slopes[:, [0, 1, 3]] != 0).all()
    assert linear_slopes(NearestMean(5).fit(x, y), 3, 5, np.unique(y)) is None
    two = linear_slopes(Linear(4).fit(x, np.where(y == 3, 1, y)), 3, 4, np.array([0, 1]))
    assert (two[:, [0, 2, 3]] == 0).all() and (two[:, 1] != 0).all()


def test_the_closed_form_is_where_the_class_changes() -> None:
    state = played()
    ids = state.free()
    x, proba, means = state.take(ids), state.proba(ids), class_means(state)
    slopes = linear_slopes(state.head, 6, 4, np.arange(4))
    share = change_by_slope(x, proba, means, slopes)
    said = proba.argmax(axis=1)
    uphill = proba @ slopes.T - slopes.T[said]
    far = means[np.linalg.norm(x[:, None] - means, axis=2).argmax(axis=1)]
    steep = np.linalg.norm(far - x, axis=1) / np.linalg.norm(uphill, axis=1)
    mixture = steep[:, None] * uphill / (far - x)  # the paper's alpha, cell by cell, for a share of 1
    assert np.isfinite(share).mean() > 0.9
    kept = np.isfinite(share)
    for factor, changes in ((0.98, False), (1.02, True)):
        alpha = (factor * share)[:, None] * mixture
        moved = (1 - alpha) * x + alpha * far
        new = state.head.predict_proba(moved[kept].astype(np.float32)).argmax(axis=1)
        assert (new != said[kept]).mean() == pytest.approx(float(changes), abs=0.02)


def test_other_heads_are_mixed_with_growing_shares() -> None:
    state = played()
    head = NearestMean(4).fit(state.take(state.labels.ids), state.labels.y)
    ids = state.free()
    x, means = state.take(ids), class_means(state)
    proba = head.predict_proba(x)
    change = change_by_mixing(head, x, proba, means)
    for i in range(0, len(x), 9):
        shares = [
            s
            for s in np.arange(1, 17) / 32
            if any(
                head.predict_proba(((1 - s) * x[i : i + 1] + s * m).astype(np.float32)).argmax() != proba[i].argmax()
                for m in means
            )
        ]
        assert change[i] == (shares[0] if shares else np.inf)


def test_anchors_are_class_means() -> None:
    state = played()
    x, y = state.take(state.labels.ids), state.labels.y
    assert_allclose(class_means(state), [x[y == k].mean(axis=0) for k in range(4)], atol=1e-5)
    toy = toy_multilabel(60)
    labels = toy.labels(np.arange(30))
    expected = [toy.x[:30][toy.y[:30, k] == 1].mean(axis=0) for k in range(4)]
    assert_allclose(class_means(Round(ArrayPool(toy.x), labels)), expected, atol=1e-5)


def test_only_what_changes_within_the_smallest_step_is_kept() -> None:
    change = np.array([0.01, 0.02, 0.05, 0.06, 0.3, np.inf])
    ids, rng = np.arange(6), np.random.default_rng(0)
    assert sorted(changing(ids, change, 2, rng)) == [0, 1]
    assert sorted(changing(ids, change, 3, rng)) == [0, 1, 2, 3]
    assert len(changing(ids, change, 6, rng)) == 6


def test_one_of_each_cluster_is_picked() -> None:
    y = np.repeat(np.arange(5), 30)
    x = (9 * np.eye(5)[y] + 0.1 * np.random.default_rng(0).normal(size=(150, 5))).astype(np.float32)
    assert sorted(y[spread(x, np.zeros(150), 5, np.random.default_rng(0))]) == [0, 1, 2, 3, 4]
    same = spread(np.zeros((20, 2), np.float32), np.arange(20.0), 8, np.random.default_rng(0))
    assert len(set(same.tolist())) == 8


def test_items_near_the_border_are_asked_by_alfa_mix() -> None:
    state = played(2)
    gap = np.abs(np.diff(state.head.predict_proba(state.take(state.free())), axis=1))[:, 0]
    query = by_alfa_mix(state, 10, np.random.default_rng(0))
    asked = np.abs(np.diff(state.head.predict_proba(state.take(query.ids)), axis=1))[:, 0]
    assert np.median(asked) < np.median(gap)


def test_points_lie_on_the_border() -> None:
    state = played()
    left, right, a, b = border_pairs(state, 80, np.random.default_rng(0))
    points = on_border(state.head, left, right, a, b)
    proba = state.head.predict_proba(points)
    rows = np.arange(len(points))
    assert (a != b).all() and len(points) == 20
    assert_allclose(proba[rows, a], proba[rows, b], atol=0.02)


def test_points_are_answered_by_different_items_near_to_them() -> None:
    near = np.array([[3, 1, 0], [3, 2, 1], [3, 2, 0]])
    far = np.array([[1.0, 4, 9], [1, 4, 9], [1, 4, 9]], np.float32)
    rows, distance = matched(near, far)
    assert rows.tolist() == [3, 2, 0] and distance.tolist() == [1.0, 2.0, 3.0]
    assert matched(near[:0], far[:0])[0].tolist() == []


def test_boundary_asks_nearer_to_the_border_than_chance() -> None:
    state = played(2)
    query = by_boundary(state, 15, np.random.default_rng(0))
    gap = np.abs(np.diff(state.head.predict_proba(state.take(state.free())), axis=1))[:, 0]
    asked = np.abs(np.diff(state.head.predict_proba(state.take(query.ids)), axis=1))[:, 0]
    assert asked.mean() < gap.mean()


def test_boundary_says_why_it_asks_at_random() -> None:
    toy = toy_classes(50)
    known = np.flatnonzero(toy.y == 0)[:4]
    labels = toy.labels(known)
    query = by_boundary(
        Round(ArrayPool(toy.x), labels, NearestMean(4).fit(toy.x[known], labels.y)), 5, np.random.default_rng(0)
    )
    assert "no two labelled items" in query.why[0] and len(query) == 5


def test_a_label_of_a_class_that_the_head_does_not_know_is_no_trouble() -> None:
    toy = toy_classes(80)
    labels = Labels(np.arange(20), toy.y[:20], (*toy.classes, "never seen"))
    for strategy in (by_alfa_mix, by_boundary):
        state = Round(ArrayPool(toy.x), labels, Linear(5).fit(toy.x[:20], labels.y))
        assert len(strategy(state, 6, np.random.default_rng(0))) == 6
