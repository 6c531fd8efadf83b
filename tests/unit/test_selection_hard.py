"""Hard items and disagreements: planted ones, and against the formula."""

import numpy as np
import pytest

from labelsieve.core.errors import InputError, ShapeError
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels
from labelsieve.heads.linear import Linear
from labelsieve.selection.hard import by_hardness, disagreements, hardness
from labelsieve.testing.toys import toy_classes, toy_multilabel


def played(wanted: int | None, spread: float = 0.9) -> Round:
    toy = toy_classes(400, classes=3, spread=spread)
    labels = toy.labels(np.arange(90))
    return Round(ArrayPool(toy.x), labels, Linear(3).fit(toy.x[:90], toy.y[:90]), wanted=wanted)


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_a_wanted_class_is_predicted_by_all_that_is_asked_while_there_is_any(wanted: int) -> None:
    state = played(wanted, spread=2.0)
    query = by_hardness(state, 20, np.random.default_rng(0))
    proba = state.proba(state.free())
    said = dict(zip(state.free().tolist(), proba.argmax(axis=1).tolist(), strict=True))
    assert {said[id_] for id_ in query.ids.tolist()} == {wanted}
    assert np.all(np.diff(query.score) <= 0)
    mean = proba[proba.argmax(axis=1) == wanted, wanted].mean()
    assert state.proba(query.ids)[:, wanted].mean() < mean  # less sure than the class as a whole


def test_the_score_is_doubt_and_the_labels_around() -> None:
    state = played(1, spread=2.0)
    query = by_hardness(state, 15, np.random.default_rng(0))
    for id_, score in zip(query.ids.tolist(), query.score.tolist(), strict=True):
        p = state.proba(np.array([id_]))[0, 1]
        far = ((state.take(state.labels.ids) - state.take(np.array([id_]))) ** 2).sum(axis=1)
        around = state.labels.y[np.argsort(far, kind="stable")[:5]]
        assert score == pytest.approx(2 - p + np.mean(around != 1), abs=1e-5)


def test_a_class_that_nothing_is_predicted_to_be_falls_back_to_the_nearest_to_it() -> None:
    toy = toy_classes(300, classes=2, spread=0.3)
    labels = Labels(np.arange(40), toy.y[:40], ("a", "b", "c"))
    head = Linear(3).fit(toy.x[:40], toy.y[:40])
    query = by_hardness(Round(ArrayPool(toy.x), labels, head, wanted=2), 5, np.random.default_rng(0))
    assert len(query) == 5 and (query.score < 1).all()


def test_without_a_head_it_says_so() -> None:
    toy = toy_classes(30)
    query = by_hardness(Round(ArrayPool(toy.x), toy.labels(np.arange(0))), 4, np.random.default_rng(0))
    assert "drawn at random" in query.why[0]


@pytest.mark.parametrize("wanted", [None, 1])
def test_several_classes_an_item(wanted: int | None) -> None:
    toy = toy_multilabel(200)
    labels = toy.labels(np.arange(80))
    head = Linear(4).fit(toy.x[:80], labels.y)
    state = Round(ArrayPool(toy.x), labels, head, wanted=wanted)
    query = by_hardness(state, 8, np.random.default_rng(0))
    if wanted is not None:
        assert (state.proba(query.ids)[:, wanted] > 0.5).all()
    assert np.isfinite(query.score).all()


def test_hardness_by_the_formula() -> None:
    proba = np.array([[0.5, 0.3, 0.2], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]], np.float32)
    np.testing.assert_allclose(hardness(proba, 0), [1.5, 0.2, 0.1], atol=1e-6)
    np.testing.assert_allclose(hardness(proba), [1.5, 1.3, 1.2], atol=1e-6)
    several = np.array([[0.9, 0.6], [0.2, 0.45]], np.float32)
    np.testing.assert_allclose(hardness(several, 1, several=True), [1.4, 0.45], atol=1e-6)
    np.testing.assert_allclose(hardness(several, several=True), [1.4, 1.45], atol=1e-6)


def test_planted_wrong_labels_come_first() -> None:
    toy = toy_classes(300, classes=4, spread=0.4)
    y = toy.y.copy()
    wrong = np.arange(0, 300, 31)
    y[wrong] = (y[wrong] + 1) % 4
    half = np.arange(300) % 2 == 0
    proba = np.empty((300, 4), np.float32)
    for side in (half, ~half):
        proba[~side] = Linear(4, c=1.0).fit(toy.x[side], y[side]).predict_proba(toy.x[~side])
    found, surer = disagreements(proba, y)
    assert set(found[: len(wrong)].tolist()) == set(wrong.tolist())
    assert np.all(np.diff(surer) <= 0) and (surer > 0).all()


def test_disagreements_of_several_classes_and_unknown_answers() -> None:
    proba = np.array([[0.9, 0.1], [0.95, 0.6], [0.2, 0.2]])
    y = np.array([[1.0, 0.0], [0.0, np.nan], [np.nan, 1.0]])
    found, surer = disagreements(proba, y)
    assert found.tolist() == [1, 2]
    np.testing.assert_allclose(surer, [0.9, 0.6])
    assert disagreements(proba[:2], np.array([-1, 1]))[0].tolist() == [1]
    assert disagreements(np.empty((0, 2)), np.empty(0, np.int64))[0].tolist() == []
    with pytest.raises(ShapeError):
        disagreements(proba, np.array([1]))
    with pytest.raises(InputError, match="row 1 of the probabilities"):
        disagreements(np.array([[1.0, 0.0], [np.nan, 1.0]]), np.array([0, 1]))
