"""Acquisitions, coverage, clusters, composition and the one-shot query."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import labelsieve as ls
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.sockets import Head
from labelsieve.core.types import Labels, Matrix
from labelsieve.heads.choose import choose_head
from labelsieve.selection.acquisition import from_proba, over_classes
from labelsieve.selection.automatic import auto
from labelsieve.selection.candidates import at_most
from labelsieve.selection.clusters import kmeans
from labelsieve.selection.composing import best, compose
from labelsieve.selection.coverage import Covering, directions
from labelsieve.selection.strategies import by_margin
from labelsieve.testing.toys import Toy, toy_classes, toy_multilabel


def blobs(sizes: list[int], dim: int = 8, seed: int = 0) -> tuple[Matrix, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(sizes)), sizes)
    x = 6 * np.eye(len(sizes), dim)[y] + 0.3 * rng.normal(size=(len(y), dim))
    return x.astype(np.float32), y


class Fixed:
    """A head that gives the probabilities it was made with: row i of the pool is column 0 of x."""

    def __init__(self, proba: np.ndarray) -> None:
        self.proba = proba

    def fit(self, x: Matrix, y: np.ndarray, weight: np.ndarray | None = None) -> "Fixed":
        return self

    def predict_proba(self, x: Matrix) -> Matrix:
        return np.asarray(self.proba[x[:, 0].astype(int)], np.float32)


def rows(n: int) -> Matrix:
    return np.arange(n, dtype=np.float32)[:, None]


def state(toy: Toy, known: list[int] | np.ndarray, x: Matrix | None = None) -> Round:
    labels = toy.labels(np.asarray(known, np.int64))
    x = toy.x if x is None else x
    head: Head | None = choose_head(labels).fit(x[labels.ids], labels.y) if len(labels) else None
    return Round(ArrayPool(x), labels, head)


# acquisitions


def test_acquisitions_are_high_where_an_item_is_wanted() -> None:
    proba = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.4, 0.3, 0.3]])
    assert_allclose(ls.margin(proba), [0.0, 1.0, 0.9])
    assert_allclose(ls.least_confident(proba), [0.0, 0.5, 0.6])
    assert_allclose(ls.entropy(proba), [0.0, np.log(2), 1.0889], atol=1e-4)


def test_one_class_leaves_nothing_to_doubt() -> None:
    for score in (ls.margin, ls.entropy, ls.least_confident):
        assert score(np.ones((3, 1))).tolist() == [0.0, 0.0, 0.0]


def test_a_wrong_shape_is_named() -> None:
    with pytest.raises(ls.ShapeError, match=r"\(3,\)"):
        ls.margin(np.ones(3))


def test_in_a_multilabel_task_doubt_counts_against_the_usual_doubt_of_a_class() -> None:
    proba = np.array([[0.5, 0.02], [0.5, 0.02], [0.5, 0.08]])  # the first class is in doubt everywhere
    assert_allclose(over_classes(ls.margin, proba), [0.75, 0.75, 1.5], atol=1e-6)
    assert over_classes(ls.margin, np.zeros((3, 2))).tolist() == [0.0, 0.0, 0.0]
    labels = Labels(np.zeros(0, np.int64), np.zeros((0, 2), np.float32), ("a", "b"), "multilabel")
    played = Round(ArrayPool(rows(3)), labels, Fixed(proba))
    assert_allclose(from_proba(ls.margin)(played, played.free()), [0.75, 0.75, 1.5], atol=1e-5)


def test_margin_asks_for_the_smallest_gap_first() -> None:
    proba = np.array([[0.9, 0.1], [0.5, 0.5], [0.6, 0.4], [0.8, 0.2]])
    labels = Labels(np.zeros(0, np.int64), np.zeros(0, np.int64), ("a", "b"))
    played = Round(ArrayPool(rows(4)), labels, Fixed(proba))
    query = by_margin(played, 3, np.random.default_rng(0))
    assert query.ids.tolist() == [1, 2, 3]
    assert_allclose(query.score, [1.0, 0.8, 0.4], atol=1e-6)
    assert query.scored == 4


def test_ties_fall_by_id_and_seed_not_by_storage() -> None:
    ids, flat = np.arange(100), np.zeros(100)
    one, two = (best(ids, flat, 10, np.random.default_rng(seed)) for seed in (0, 1))
    assert one.tolist() != two.tolist()
    assert one.tolist() != list(range(10))
    back = best(ids[::-1], flat, 10, np.random.default_rng(0))
    assert ids[::-1][back].tolist() == one.tolist()


def test_a_composed_strategy_scores_only_its_candidates() -> None:
    toy = toy_classes(300)
    part = compose(from_proba(ls.margin), candidates=at_most(50), name="margin of a part")
    played = state(toy, np.arange(0, 60, 3))
    query = part(played, 5, np.random.default_rng(0))
    assert len(query) == 5
    assert query.scored == 50
    assert len(part(state(toy, np.arange(0, 60, 3)), 120, np.random.default_rng(0))) == 120  # more than candidates


# coverage


def plain_greedy(near: np.ndarray, n: int, covered: np.ndarray) -> list[int]:
    order: list[int] = []
    for _ in range(n):
        gain = np.maximum(near - covered, 0).sum(axis=1)
        gain[order] = -1
        order.append(int(gain.argmax()))
        covered = np.maximum(covered, near[order[-1]])
    return order


def test_lazy_greedy_is_greedy() -> None:
    for seed in range(5):
        x = directions(np.random.default_rng(seed).normal(size=(120, 6)).astype(np.float32), np.zeros(6, np.float32))
        near = np.maximum(x @ x.T, 0)
        expected = plain_greedy(near, 25, near[:3].max(axis=0))
        order, gain = Covering(x, x[:3]).greedy(x, 25)
        assert order.tolist() == expected
        assert (np.diff(gain) <= 1e-6).all()
        assert gain[0] > 0


def test_facility_location_covers_every_blob_once() -> None:
    x, y = blobs([50, 20, 40, 30])
    assert sorted(y[ls.facility_location(x, 4)]) == [0, 1, 2, 3]
    assert y[ls.facility_location(x, 1)] == 0  # the largest first


def test_what_is_labelled_covers_already_and_comes_never_back() -> None:
    x, y = blobs([50, 20, 40, 30])
    labelled = np.flatnonzero((y == 0) | (y == 2))[::2]
    picked = ls.facility_location(x, 2, labelled=labelled)
    assert sorted(y[picked]) == [1, 3]
    every = ls.facility_location(x, len(x) - len(labelled), labelled=labelled)
    assert sorted([*every, *labelled]) == list(range(len(x)))
    with pytest.raises(ls.PoolExhausted):
        ls.facility_location(x, len(x), labelled=labelled)


def test_weight_says_what_has_to_be_covered() -> None:
    x, y = blobs([50, 20, 40, 30])
    assert y[ls.facility_location(x, 1, weight=np.where(y == 1, 1.0, 1e-3))] == 1
    with pytest.raises(ls.ShapeError, match="weight has shape"):
        ls.facility_location(x, 1, weight=np.ones(3))


def test_a_large_pool_is_covered_by_a_part_of_it() -> None:
    x, y = blobs([9000, 4000, 3000], dim=4)
    picked = ls.facility_location(x, 3)
    assert sorted(y[picked]) == [0, 1, 2]
    assert picked.tolist() == ls.facility_location(x, 3).tolist() != ls.facility_location(x, 3, rng=1).tolist()


def test_directions_have_unit_norm_and_the_centre_has_none() -> None:
    x = np.array([[1.0, 1.0], [3.0, 1.0], [1.0, -4.0]], np.float32)
    assert_allclose(directions(x, x[0]), [[0, 0], [1, 0], [0, -1]])


# clusters


def test_kmeans_finds_blobs() -> None:
    x, y = blobs([50, 20, 40, 30])
    centres, cell = kmeans(x, 4, 0)
    assert centres.shape == (4, 8)
    assert all(len(set(cell[y == c])) == 1 for c in range(4))
    assert len(set(cell)) == 4


def test_kmeans_with_fewer_places_than_centres() -> None:
    centres, cell = kmeans(np.repeat(np.eye(2, dtype=np.float32), 5, axis=0), 4, 0)
    assert np.isfinite(centres).all()
    assert len(cell) == 10


def test_typiclust_takes_a_typical_item_of_each_blob() -> None:
    x, y = blobs([50, 20, 40, 30])
    picked = ls.typiclust(x, 4)
    assert sorted(y[picked]) == [0, 1, 2, 3]
    for row in picked:  # nearer to its centre than most of its blob
        own = x[y == y[row]]
        far = np.linalg.norm(own - own.mean(axis=0), axis=1)
        assert np.linalg.norm(x[row] - own.mean(axis=0)) <= np.median(far)


def test_typiclust_goes_where_nothing_is_labelled() -> None:
    x, y = blobs([50, 20, 40, 30])
    labelled = np.array([0, 60])  # blobs 0 and 1
    assert sorted(y[ls.typiclust(x, 2, labelled=labelled)]) == [2, 3]


# auto


def test_auto_starts_with_one_of_each_kind_and_then_looks_where_the_head_doubts() -> None:
    x, y = blobs([200, 150, 100, 50])
    toy = Toy(x, y, ("a", "b", "c", "d"))
    first = auto(state(toy, []), 4, np.random.default_rng(0))
    assert sorted(y[first.ids]) == [0, 1, 2, 3]
    assert first.scored == 0
    assert np.isnan(first.propensity).all()
    sure = toy_classes(600, classes=3, spread=1.2)
    played = state(sure, np.arange(0, 90))
    query = auto(played, 10, np.random.default_rng(0))
    doubt = ls.margin(played.proba(query.ids))
    assert doubt.mean() > ls.margin(played.proba(played.free())).mean()
    assert query.scored == 510
    assert "unsure" in query.why[0]


def test_auto_beats_random_on_a_toy_with_a_rare_class() -> None:
    x, y = blobs([300, 200, 12, 10])
    seen = [len(set(y[ls.query(x, 6, rng=seed).ids])) for seed in range(10)]
    control = [len(set(y[ls.query(x, 6, strategy="random", rng=seed).ids])) for seed in range(10)]
    assert min(seen) == 4
    assert np.mean(control) < 4


# the one-shot query


def test_query_on_plain_arrays() -> None:
    toy = toy_classes(200)
    cold = ls.query(toy.x, 5)
    assert cold.ids.max() < 200
    assert cold.strategy == "auto"
    assert cold.scored == 0
    names = np.array(["cat", "dog", "emu", "fox"])[toy.y]
    warm = ls.query(toy.x, 5, labelled=cold.ids, y=names[cold.ids], strategy="margin")
    assert warm.scored == 195
    assert not set(warm.ids) & set(cold.ids)
    own = ls.query(toy.x, 5, labelled=cold.ids, y=names[cold.ids], strategy=by_margin)
    assert own.ids.tolist() == warm.ids.tolist()


def test_query_with_several_classes_a_row() -> None:
    toy = toy_multilabel(200)
    query = ls.query(toy.x, 5, labelled=np.arange(40), y=toy.y[:40])
    assert len(query) == 5
    assert query.scored == 160


def test_query_says_what_does_not_fit() -> None:
    x = np.eye(6)
    with pytest.raises(ls.UnknownName, match="Did you mean 'margin'"):
        ls.query(x, 1, strategy="margn")
    with pytest.raises(ls.InputError, match="y has 1 rows, labelled has 2"):
        ls.query(x, 1, labelled=np.array([0, 1]), y=np.array(["a"]))
    with pytest.raises(ls.ShapeError, match=r"\(6,\)"):
        ls.query(np.ones(6), 1)
    with pytest.raises(ls.InputError, match="row 3 of x is not finite"):
        ls.query(np.where(np.arange(6)[:, None] == 3, np.nan, x), 1)
    with pytest.raises(ls.InputError, match="row 9 is labelled"):
        ls.query(x, 1, labelled=np.array([9]))
    with pytest.raises(ls.InputError, match="-1 items"):
        ls.query(x, -1)
    with pytest.raises(ls.PoolExhausted, match="7 items were asked for"):
        ls.query(x, 7)
