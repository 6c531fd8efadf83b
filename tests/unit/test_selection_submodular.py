"""Graph cut and targeted information against their formulas, and what each prefers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels, Matrix
from labelsieve.selection import submodular
from labelsieve.selection.coverage import directions
from labelsieve.selection.submodular import (
    by_graph_cut,
    by_targeted,
    graph_cut,
    nearness,
    query_information,
    wanted_items,
)
from labelsieve.testing.toys import toy_classes

ASIDE = np.zeros((0, 5), np.float32)


def unit(m: int, dim: int = 5, seed: int = 0) -> Matrix:
    x = np.random.default_rng(seed).normal(size=(m, dim))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def likeness(a: Matrix, b: Matrix) -> np.ndarray:
    return np.exp((np.maximum(a.astype(float) @ b.T.astype(float), 0.0) - 1) / 0.3)


@pytest.mark.parametrize("given", [ASIDE, unit(3, seed=9)])
@pytest.mark.parametrize("balance", [0.0, 0.5, 5.0])
def test_graph_cut_adds_what_raises_its_objective_most(given: Matrix, balance: float) -> None:
    x, points = unit(40), unit(70, seed=1)

    def worth(rows: list[int]) -> float:
        picks = np.concatenate([given, x[rows]])
        return float(likeness(points, x[rows]).sum() / 70 - balance / (len(given) + 6) * likeness(picks, picks).sum())

    order: list[int] = []
    for _ in range(6):
        order.append(max(np.setdiff1d(np.arange(40), order).tolist(), key=lambda i: worth([*order, i])))
    found, gain = graph_cut(x, 6, points, given, balance)
    assert found.tolist() == order
    assert_allclose(gain[-1], worth(order) - worth(order[:-1]), rtol=1e-4, atol=1e-6)


def test_more_balance_is_more_diverse() -> None:
    x = unit(200)
    near = []
    for balance in (0.0, 0.5, 5.0):
        picked, _ = graph_cut(x, 10, x, ASIDE, balance)
        between = likeness(x[picked], x[picked])
        near.append(between[~np.eye(10, dtype=bool)].mean())
    assert near[0] > near[1] > near[2]


def test_graph_cut_stays_away_from_what_is_labelled() -> None:
    toy = toy_classes(300, spread=0.2)
    labels = toy.labels(np.flatnonzero(toy.y == 2)[:20])
    query = by_graph_cut(Round(ArrayPool(toy.x), labels), 9, np.random.default_rng(0))
    assert 2 not in toy.y[query.ids]
    assert set(toy.y[query.ids].tolist()) == {0, 1, 3}


# targeted


def test_query_information_adds_what_raises_its_objective_most() -> None:
    x, aim = unit(40), unit(8, seed=1)

    def worth(rows: list[int]) -> float:
        near = likeness(aim, x[rows])
        return float(near.max(axis=1).sum() + near.max(axis=0).sum())

    order: list[int] = []
    for _ in range(7):
        order.append(max(np.setdiff1d(np.arange(40), order).tolist(), key=lambda i: worth([*order, i])))
    found, gain = query_information(x, 7, aim)
    assert found.tolist() == order
    assert_allclose(gain[-1], worth(order) - worth(order[:-1]), rtol=1e-4, atol=1e-6)


def test_all_rows_can_be_taken() -> None:
    assert sorted(query_information(unit(12), 12, unit(2, seed=1))[0].tolist()) == list(range(12))
    assert sorted(graph_cut(unit(12), 12, unit(4, seed=1), ASIDE)[0].tolist()) == list(range(12))


def test_a_targeted_query_is_of_the_wanted_class() -> None:
    toy = toy_classes(300, spread=0.3)
    labels = toy.labels(np.arange(40))
    for code in range(4):
        state = Round(ArrayPool(toy.x), labels, wanted=code)
        query = by_targeted(state, 10, np.random.default_rng(0))
        assert (toy.y[query.ids] == code).all()
        assert repr(toy.classes[code]) in query.why[0]


def test_else_it_is_of_the_rarest_class_that_has_labels() -> None:
    toy = toy_classes(300, spread=0.3)
    known = np.concatenate([np.flatnonzero(toy.y == c)[:k] for c, k in ((0, 5), (1, 2), (3, 9))])
    state = Round(ArrayPool(toy.x), toy.labels(known))
    code, ids = wanted_items(state)
    assert code == 1
    assert ids.tolist() == sorted(np.flatnonzero(toy.y == 1)[:2].tolist())
    assert (toy.y[by_targeted(state, 8, np.random.default_rng(0)).ids] == 1).all()


def test_in_a_multilabel_task_the_set_has_the_class() -> None:
    y = np.array([[1, 0, 0], [1, 1, 0], [np.nan, 1, 0], [1, np.nan, 0]], np.float32)
    labels = Labels(np.array([3, 5, 6, 8]), y, ("a", "b", "c"), "multilabel")
    code, ids = wanted_items(Round(ArrayPool(np.eye(9)), labels))
    assert (code, ids.tolist()) == (1, [5, 6])


def test_without_labels_of_the_class_the_query_is_random_and_says_why() -> None:
    toy = toy_classes(100)
    empty = Round(ArrayPool(toy.x), toy.labels(np.zeros(0, np.int64)))
    query = by_targeted(empty, 5, np.random.default_rng(0))
    assert query.why == ("nothing is labelled yet: drawn at random",)
    assert_allclose(query.propensity, 0.05)
    other = Round(ArrayPool(toy.x), toy.labels(np.flatnonzero(toy.y == 0)[:5]), wanted=2)
    assert by_targeted(other, 5, np.random.default_rng(0)).why == ("no item is labelled 'c' yet: drawn at random",)


def test_nearness_is_the_cosine_from_the_centre() -> None:
    x, aim = 3 * unit(50) + 0.5, unit(6, seed=2)
    centre = x.mean(axis=0)
    assert_allclose(nearness(x, centre, aim), (directions(x, centre) @ aim.T).max(axis=1), atol=1e-5)
    assert np.isfinite(nearness(np.zeros((3, 5), np.float32), np.zeros(5, np.float32), aim)).all()


def test_few_candidates_are_the_most_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submodular, "CANDIDATES", 30)
    monkeypatch.setattr(submodular, "SHARE", 1)
    toy = toy_classes(300)
    state = Round(ArrayPool(toy.x), toy.labels(np.arange(40)), wanted=1)
    aim = state.labels.ids[state.labels.y == 1]
    free = state.free()
    centre = toy.x[free].mean(axis=0)
    alike = (directions(toy.x[free], centre) @ directions(toy.x[aim], centre).T).max(axis=1)
    query = by_targeted(state, 30, np.random.default_rng(0))
    assert sorted(query.ids.tolist()) == sorted(free[np.argsort(-alike)[:30]].tolist())
