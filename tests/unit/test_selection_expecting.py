"""Expected error and expected change against the sums written out."""

import numpy as np
import pytest

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Ids, Labels
from labelsieve.heads.linear import Linear
from labelsieve.selection.acquisition import entropy
from labelsieve.selection.expecting import by_expected_change, by_expected_error, doubt_left, gradient_length
from labelsieve.testing.toys import toy_classes, toy_multilabel


def play(rows: Ids, spread: float = 0.9, classes: int = 3) -> Round:
    toy = toy_classes(200, dim=5, classes=classes, spread=spread)
    labels = toy.labels(rows)
    return Round(ArrayPool(toy.x), labels, Linear(classes).fit(toy.x[labels.ids], labels.y))


def test_gradients_written_out_have_that_length() -> None:
    rng = np.random.default_rng(0)
    p, x = rng.dirichlet(np.ones(5), size=20), rng.normal(size=(20, 7))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    for i, length in zip(range(20), gradient_length(p), strict=True):
        naive = sum(p[i, y] * np.linalg.norm(np.outer(p[i] - np.eye(5)[y], x[i])) for y in range(5))
        assert length == pytest.approx(naive)


def test_long_rows_change_a_head_more() -> None:
    state = play(np.arange(30))
    x = np.repeat(state.take(np.arange(60, 61)), 40, axis=0) * np.linspace(1, 1e-3, 40, dtype=np.float32)[:, None]
    assert state.head is not None
    query = by_expected_change(Round(ArrayPool(x, np.arange(500, 540)), state.labels, state.head), 40, rng())
    p = np.asarray(state.head.predict_proba(x), np.float64)
    assert query.score == pytest.approx(
        gradient_length(p[query.ids - 500]) * np.linalg.norm(x, axis=1)[query.ids - 500]
    )
    assert query.scored == 40


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_what_is_left_in_doubt_is_the_expectation_over_answers() -> None:
    state = play(np.arange(20))
    reference, ids = np.arange(150, 200), np.array([33, 70])
    assert state.head is not None
    proba = state.head.predict_proba(state.take(ids))
    for item, p, left in zip(ids, proba, doubt_left(state, ids, reference), strict=True):
        naive = 0.0
        for y in range(3):
            more = Linear(3).fit(state.take(np.append(np.arange(20), item)), np.append(state.labels.y, y))
            naive += float(p[y]) * entropy(more.predict_proba(state.take(reference))).mean()
        assert left == pytest.approx(naive, rel=1e-3)


def test_an_answer_about_many_is_worth_more_than_one_about_a_stray() -> None:
    """Two clouds without labels, one large and one of three items: an item of the large one is asked first."""
    draw = np.random.default_rng(1)
    centres = np.array([[3, 0, 0], [-3, 0, 0], [0, 3, 0], [0, 0, 3]], float)
    cloud = np.repeat([0, 1, 2, 3], [10, 10, 60, 3])
    x = (centres[cloud] + 0.2 * draw.normal(size=(83, 3))).astype(np.float32)
    labels = Labels(np.r_[0:5, 10:15], np.repeat([0, 1], 5), ("a", "b"))
    state = Round(ArrayPool(x), labels, Linear(2).fit(x[labels.ids], labels.y))
    assert cloud[by_expected_error(state, 1, rng()).ids].tolist() == [2]


def test_multilabel_asks_yes_or_no_about_one_class() -> None:
    toy = toy_multilabel(120, dim=5)
    labels = toy.labels(np.arange(40))
    state = Round(ArrayPool(toy.x), labels, Linear(4).fit(toy.x[:40], labels.y))
    left = doubt_left(state, np.arange(40, 44), np.arange(50, 120))
    assert state.head is not None
    p = state.head.predict_proba(toy.x[40:41])[0].astype(float)
    code = int(np.argmin(np.abs(p - 0.5)))
    naive = 0.0
    for said in (0.0, 1.0):
        row = np.full((1, 4), np.nan, np.float32)
        row[0, code] = said
        after = Linear(4).fit(toy.x[:41], np.concatenate([labels.y, row])).predict_proba(toy.x[50:120])
        doubt = np.mean([entropy(np.stack([q, 1 - q], axis=1)).mean() for q in after.T])
        naive += (p[code] if said else 1 - p[code]) * doubt
    assert left[0] == pytest.approx(naive, rel=1e-3)


def test_weights_of_labels_are_kept() -> None:
    state = play(np.arange(20))
    ids, reference = np.arange(40, 45), np.arange(100, 200)
    plain = doubt_left(state, ids, reference)
    weighted = Labels(state.labels.ids, state.labels.y, state.labels.classes, weight=np.linspace(0.1, 2, 20))
    state = Round(state.pool, weighted, state.head)
    assert not np.allclose(plain, doubt_left(state, ids, reference), rtol=1e-3)
