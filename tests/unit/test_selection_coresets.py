"""Coresets: every method holds the contract; each is compared with its formula or a planted answer."""

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.errors import InputError, PoolExhausted, ShapeError, UnknownName
from labelsieve.selection import coresets, keeping
from labelsieve.selection.coresets import coreset, method_for, shares
from labelsieve.selection.dynamics import watched
from labelsieve.selection.keeping import METHODS
from labelsieve.testing.toys import toy_classes

FREE = [name for name, how in METHODS.items() if not how.learn and name != "stratified"]


def uneven(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    toy = toy_classes(400, classes=4, spread=0.8, seed=seed)
    keep = (toy.y != 3) | (np.arange(400) % 8 == 3)
    return toy.x[keep], toy.y[keep]


@pytest.mark.parametrize("method", [*METHODS, "auto"])
def test_positions_are_whole_distinct_and_repeatable(method: str) -> None:
    x, y = uneven()
    for n in (0, 1, 3, 40, len(x)):
        found = coreset(x, n, y, method, rng=3)
        assert found.dtype == np.int64 and found.shape == (n,)
        assert len(np.unique(found)) == n
        assert n == 0 or (found.min() >= 0 and found.max() < len(x))
        np.testing.assert_array_equal(found, coreset(x, n, y, method, rng=3))


@pytest.mark.parametrize("method", [*FREE, "auto"])
def test_without_classes(method: str) -> None:
    x, _ = uneven()
    assert len(np.unique(coreset(x, 30, method=method))) == 30


@pytest.mark.parametrize("method", sorted(set(METHODS) - set(FREE)))
def test_methods_that_need_classes_name_those_that_do_not(method: str) -> None:
    with pytest.raises(InputError, match="herding") as error:
        coreset(np.eye(5), 2, method=method)
    assert "kmeans" in str(error.value)


@pytest.mark.parametrize("method", [name for name, how in METHODS.items() if how.by_class])
def test_each_class_keeps_its_share(method: str) -> None:
    x, y = uneven()
    found = coreset(x, 50, y, method)
    np.testing.assert_array_equal(np.bincount(y[found]), shares(np.bincount(y), 50))
    first = np.bincount(y[found[:25]], minlength=4)
    assert np.abs(first - 25 * np.bincount(y) / len(y)).max() <= 1.5  # and so does every beginning


@pytest.mark.parametrize("method", METHODS)
def test_repeats_flat_rows_and_one_class_are_fine(method: str) -> None:
    flat = np.zeros((50, 3))
    assert len(np.unique(coreset(flat, 20, np.arange(50) % 2, method))) == 20
    copies = np.repeat(np.eye(4), 30, axis=0)
    assert len(np.unique(coreset(copies, 60, np.zeros(120), method))) == 60
    assert coreset(np.ones((1, 2)), 1, np.array(["only"]), method).tolist() == [0]


def test_facility_location_covers_planted_groups_first() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(6), 30)
    x = 10 * rng.normal(size=(6, 8))[group] + rng.normal(size=(180, 8))
    for method in ("facility_location", "kmeans", "kcenter"):
        assert sorted(group[coreset(x, 6, method=method)].tolist()) == list(range(6))


def test_herding_is_the_greedy_of_the_paper() -> None:
    x = np.random.default_rng(1).normal(size=(40, 5)).astype(np.float32)
    mean, w, expected = x.mean(axis=0), x.mean(axis=0), []
    for _ in range(12):
        score = x @ w
        score[expected] = -np.inf
        expected.append(int(np.argmax(score)))
        w = w + mean - x[expected[-1]]
    assert coreset(x, 12, method="herding").tolist() == expected
    error = np.linalg.norm(x[expected].mean(axis=0) - mean)
    others = [np.linalg.norm(x[np.random.default_rng(s).permutation(40)[:12]].mean(axis=0) - mean) for s in range(50)]
    assert error < min(others)


def test_moderate_is_nearest_to_the_median_distance() -> None:
    x, y = uneven()
    found = coreset(x, 12, y, "moderate")
    for c in range(4):
        rows = np.flatnonzero(y == c)
        far = np.linalg.norm(x[rows] - x[rows].mean(axis=0), axis=1)
        picked = found[y[found] == c]
        expected = rows[np.argsort(np.abs(far - np.median(far)))[: len(picked)]]
        assert set(picked.tolist()) == set(expected.tolist())


def test_hardest_first_takes_planted_wrong_labels_and_strata_leave_them_out() -> None:
    toy = toy_classes(400, classes=2, spread=0.3)
    y = toy.y.copy()
    wrong = np.arange(0, 400, 20)
    y[wrong] = 1 - y[wrong]
    for method in ("el2n", "forgetting"):
        assert len(np.intersect1d(coreset(toy.x, 40, y, method), wrong)) >= 15
    assert len(np.intersect1d(coreset(toy.x, 40, y, "ccs"), wrong)) == 0
    assert len(np.intersect1d(coreset(toy.x, 200, y, "ccs"), wrong)) > 0  # half is kept: none is left out


def test_dynamics_tell_easy_from_hard_from_wrong() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(300) % 2
    x = np.where(y, 1.0, -1.0)[:, None] * np.array([2.0, 0, 0]) + 0.4 * rng.normal(size=(300, 3))
    x[:20, 0] = 0.1 * rng.normal(size=20)  # between the two
    y[20:30] = 1 - y[20:30]
    seen = watched(x.astype(np.float32), y, rng)
    for hard in (seen.error, -seen.area):
        assert hard[30:].max() < np.median(hard[:20]) < hard[20:30].min()
    assert seen.forgotten[20:30].min() == 20 and seen.forgotten[30:].max() < 1


def test_gradients_are_of_heads_that_did_not_see_the_row() -> None:
    toy = toy_classes(200, classes=2, spread=0.3)
    y = toy.y.copy()
    y[7] = 1 - y[7]
    wrong = keeping.gradients_unseen(toy.x, y, np.random.default_rng(0))
    assert wrong.shape == (200, 2)
    np.testing.assert_allclose(wrong.sum(axis=1), 0, atol=1e-5)
    assert np.abs(wrong[7, 0]) > 0.8 and np.abs(wrong).argmax() // 2 == 7


def test_large_classes_are_chosen_from_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def watching(x: np.ndarray, known: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        seen.append(len(x))
        return keeping.by_cover(x, known, n, rng)

    monkeypatch.setitem(METHODS, "facility_location", keeping.Method(watching, rows=100))
    monkeypatch.setattr(coresets, "LEAST", 10)
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(10), 100)
    x = 10 * rng.normal(size=(10, 8))[group] + rng.normal(size=(1000, 8))
    assert set(group[coreset(x, 10, method="facility_location")].tolist()) == set(range(10))
    assert seen == [100]  # one block: ten blocks of one pick each would all take the same
    seen.clear()
    assert len(np.unique(coreset(x, 200, method="facility_location"))) == 200
    assert max(seen) <= 100 and sum(seen) == 1000
    assert len(np.unique(coreset(x, 990, method="facility_location"))) == 990


@pytest.mark.parametrize(
    ("sizes", "n", "expected"),
    [
        ([50, 30, 20], 10, [5, 3, 2]),
        ([97, 1, 1, 1], 4, [1, 1, 1, 1]),
        ([10, 10, 10], 2, None),
        ([3, 0, 100], 103, [3, 0, 100]),
        ([1, 1, 1000], 500, [1, 1, 498]),
        ([], 0, []),
    ],
)
def test_shares(sizes: list[int], n: int, expected: list[int] | None) -> None:
    found = shares(np.array(sizes, np.int64), n)
    assert found.sum() == n and (found <= np.array(sizes)).all() and (found >= 0).all()
    assert expected is None or found.tolist() == expected


def test_shares_of_anything_are_whole() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        sizes = rng.integers(0, 40, rng.integers(1, 12))
        n = int(rng.integers(0, sizes.sum() + 1))
        found = shares(sizes, n)
        assert found.sum() == n and (found >= 0).all() and (found <= sizes).all()
        assert n < np.count_nonzero(sizes) or (found[sizes > 0] > 0).all()


def test_auto_says_what_it_stands_for() -> None:
    assert method_for("auto", 0.05, True) == "herding"
    assert method_for("auto", 0.3, True) == "herding_unsure"
    assert method_for("auto", 0.3, False) == "facility_location"


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(PoolExhausted, match="6 items were asked for"):
        coreset(np.eye(5), 6)
    with pytest.raises(UnknownName, match="herdin"):
        coreset(np.eye(5), 2, method="herdin")
    with pytest.raises(ShapeError, match="one class a row"):
        coreset(np.eye(5), 2, np.zeros(4))
    with pytest.raises(InputError, match="y has NaN"):
        coreset(np.eye(3), 2, np.array([0, np.nan, 1]))
    with pytest.raises(InputError, match="row 1 of x is not finite"):
        ls.coreset(np.array([[0.0], [np.inf]]), 1)
    with pytest.raises(InputError):
        coreset(np.eye(3), -1)
