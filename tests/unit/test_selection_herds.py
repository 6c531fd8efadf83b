"""Herding against the formula, the radius and temperature that labels give, and what doubt adds."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels, Matrix
from labelsieve.heads.choose import choose_head
from labelsieve.selection import herds
from labelsieve.selection.acquisition import margin
from labelsieve.selection.herds import (
    by_maxherding,
    by_uherding,
    calibration_error,
    label_radius,
    label_temperature,
    tempered,
)
from labelsieve.testing.toys import Toy, toy_classes, toy_multilabel


def unit(x: Matrix) -> Matrix:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def ahead(toy: Toy, known: np.ndarray) -> Round:
    labels = toy.labels(known)
    return Round(ArrayPool(toy.x), labels, choose_head(labels).fit(toy.x[labels.ids], labels.y))


def plain_herding(x: Matrix, known: np.ndarray, n: int, radius: float, weight: np.ndarray) -> list[int]:
    """Greedy on sum_i w_i max_j exp(-|x_i - x_j|^2 / (2 radius^2)), distances no larger than at a right angle."""
    square = np.minimum(((x[:, None] - x) ** 2).sum(axis=2), 2.0)
    kernel = np.exp(-square / (2 * radius**2))
    left = np.setdiff1d(np.arange(len(x)), known)
    order: list[int] = []
    for _ in range(n):
        have = [*known, *order]
        gain = {
            int(i): float(weight[left] @ kernel[np.ix_([*have, int(i)], left)].max(axis=0))
            for i in left
            if i not in order
        }
        order.append(max(gain, key=lambda i: gain[i]))
    return order


@pytest.mark.parametrize("known", [[], [3, 50, 70]])
def test_maxherding_is_greedy_on_its_formula(known: list[int]) -> None:
    toy = toy_classes(90)
    state = Round(ArrayPool(toy.x), toy.labels(np.array(known, np.int64)))
    query = by_maxherding(state, 6, np.random.default_rng(0))
    assert query.ids.tolist() == plain_herding(unit(toy.x), np.array(known, int), 6, 1.0, np.ones(90))


def test_uherding_is_greedy_on_its_formula() -> None:
    toy = toy_classes(90, spread=1.2)
    known = np.arange(0, 30, 2)
    state = ahead(toy, known)
    radius = label_radius(state, np.random.default_rng(0))
    heat = label_temperature(state, np.random.default_rng(0))
    weight = margin(tempered(state.head.predict_proba(toy.x), heat)) + herds.SURE  # type: ignore[union-attr]
    query = by_uherding(state, 6, np.random.default_rng(0))
    assert query.ids.tolist() == plain_herding(unit(toy.x), known, 6, radius, weight)
    assert query.scored == 75
    assert f"radius {radius:.2f}" in query.why[0]


def test_uherding_without_a_head_is_maxherding() -> None:
    toy = toy_classes(90)
    state = Round(ArrayPool(toy.x), toy.labels(np.zeros(0, np.int64)))
    a, b = (strategy(state, 6, np.random.default_rng(0)) for strategy in (by_maxherding, by_uherding))
    assert a.ids.tolist() == b.ids.tolist()
    assert "nothing is learnt yet" in b.why[0]


def test_the_radius_is_the_smallest_distance_between_labels_and_shrinks() -> None:
    angle = np.array([0.0, 0.0, 0.4, 1.0, 1.05])
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    x[1] *= 3.0  # the same direction: not another place

    def radius(ids: list[int]) -> float:
        labels = Labels(np.array(ids, np.int64), np.zeros(len(ids), np.int64), ("a", "b"))
        return label_radius(Round(ArrayPool(x), labels), np.random.default_rng(0))

    assert radius([]) == radius([2]) == radius([0, 1]) == 1.0
    assert_allclose(radius([0, 1, 2]), 2 * np.sin(0.2), rtol=1e-4)
    assert_allclose(radius([0, 1, 2, 3, 4]), 2 * np.sin(0.025), rtol=1e-3)


def test_temperature_divides_logits() -> None:
    logit = np.array([[1.0, 0.0, -2.0], [0.0, 3.0, 0.0]])
    p = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    half = np.exp(logit / 2) / np.exp(logit / 2).sum(axis=1, keepdims=True)
    assert_allclose(tempered(p, 2.0), half, rtol=1e-5)
    assert_allclose(tempered(p, 1.0), p, rtol=1e-5)
    assert np.isfinite(tempered(np.array([[1.0, 0.0]]), 0.01)).all()


def test_calibration_error_is_the_gap_of_confidence_and_accuracy() -> None:
    sure = np.repeat([[0.9, 0.1]], 10, axis=0)
    assert_allclose(calibration_error(sure, np.array([0] * 9 + [1])), 0.0, atol=1e-9)
    assert_allclose(calibration_error(sure, np.array([0] * 5 + [1] * 5)), 0.4)
    # bins are told apart: .9 of the one half is right half the time, .6 of the other always
    mixed = np.concatenate([sure, np.repeat([[0.6, 0.4]], 10, axis=0)])
    assert_allclose(calibration_error(mixed, np.array([0] * 5 + [1] * 5 + [0] * 10)), 0.4)


class Overconfident:
    """A head that is right in three of four items and says .999."""

    def fit(self, x: Matrix, y: np.ndarray, weight: np.ndarray | None = None) -> "Overconfident":
        return self

    def predict_proba(self, x: Matrix) -> Matrix:
        says = (x[:, 0] > 0).astype(int)
        return np.asarray(np.where(np.eye(2)[says] > 0, 0.999, 0.001), np.float32)


def test_an_overconfident_head_is_tempered() -> None:
    y = np.arange(80) // 2 % 2
    x = np.where(y == 1, 1.0, -1.0)[:, None] * np.where(np.arange(80) % 4 == 0, -1, 1)[:, None]
    labels = Labels(np.arange(80), y, ("a", "b"))
    state = Round(ArrayPool(x.astype(np.float32)), labels, Overconfident())
    assert label_temperature(state, np.random.default_rng(0)) > 4


def test_too_few_labels_leave_the_temperature_alone() -> None:
    toy = toy_classes(90)
    for known in ([], [0], np.flatnonzero(toy.y == 0)[:9], np.arange(4)):
        labels = toy.labels(np.array(known, np.int64))
        assert label_temperature(Round(ArrayPool(toy.x), labels), np.random.default_rng(0)) == 1.0
    toy = toy_multilabel(60)
    assert label_temperature(ahead(toy, np.arange(20)), np.random.default_rng(0)) == 1.0


def test_doubt_moves_the_query_to_the_border() -> None:
    toy = toy_classes(600, dim=2, classes=2, spread=1.0, seed=3)
    state = ahead(toy, np.arange(40))
    doubt = margin(state.head.predict_proba(toy.x))  # type: ignore[union-attr]
    asked, covered = (s(state, 20, np.random.default_rng(0)) for s in (by_uherding, by_maxherding))
    assert doubt[asked.ids].mean() > doubt[covered.ids].mean() + 0.05
