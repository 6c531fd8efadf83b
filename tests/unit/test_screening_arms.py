import numpy as np
import pytest

from labelsieve.core.rounds import ArrayPool, InMemory, Round
from labelsieve.core.types import DULL, ODD, Labels
from labelsieve.heads.fused import directions_of
from labelsieve.heads.linear import Linear
from labelsieve.screening import arms
from labelsieve.screening.anomaly import mahalanobis, rank
from labelsieve.screening.apart import apart_ranks
from labelsieve.screening.arms import Scene, by_anomaly, by_apart, by_forest, by_fuse, by_linear, by_medoids, lists_of
from labelsieve.screening.ranking import Ranked, scanned
from labelsieve.screening.tails import tail_ranks
from labelsieve.selection.clusters import kmeans


@pytest.fixture(scope="module")
def pool():
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(500, 6)) * [1, 2, 3, 1, 1, 1]).astype(np.float32)
    y = np.zeros(500, int)
    x[:40, 3:] += 2.5
    y[:40] = ODD
    order = rng.permutation(500)
    return x[order], y[order]


def scene_of(x, y, known, size=10, tabular=False, kept=None, asked=()):
    known = np.sort(np.asarray(known, np.int64))
    labels = Labels(known, y[known], ("dull", "odd"), "screen")
    state = Round(ArrayPool(x), labels, asked=np.array(asked, np.int64), tabular=tabular, kept=kept or InMemory())
    return Scene(state, state.free(), size, np.random.default_rng(0))


def test_shares_are_of_all_that_was_scored():
    score = np.array([3.0, 1.0, 3.0, 2.0, 1.0, 0.0])
    ranked = Ranked.of(np.arange(6), score, 4, np.random.default_rng(0))
    np.testing.assert_array_equal(score[ranked.ids], [3, 3, 2, 1])
    np.testing.assert_allclose(ranked.share, [(score < s).sum() / 5 for s in score[ranked.ids]])
    assert len(Ranked.of(np.arange(0), score[:0], 4, np.random.default_rng(0)).ids) == 0
    assert Ranked.of(np.arange(1), score[:1], 4, np.random.default_rng(0)).share.tolist() == [0.0]


def test_a_scan_scores_all_rows_in_their_order(pool):
    state = scene_of(*pool, []).state
    found = scanned(state, state.pool.ids[::3], lambda x: x[:, 1] * 2)
    np.testing.assert_array_equal(found, pool[0][::3, 1] * 2)


def test_the_most_unusual_come_first(pool):
    x, y = pool
    found = by_anomaly(scene_of(x, y, [4], asked=[7])).ids
    distance = mahalanobis(x)
    distance[[4, 7]] = -1
    np.testing.assert_array_equal(found, np.argsort(-distance)[:10])


@pytest.mark.parametrize("tabular", [True, False])
def test_linear_and_fuse_score_as_a_head_on_the_view_of_heads(pool, tabular):
    x, y = pool
    scene = scene_of(x, y, range(100), tabular=tabular)
    rows = directions_of(x, tabular)
    head = Linear(2, c=1.0, balanced=True).fit(rows[:100], y[:100])
    score = head.decision(rows[100:])[:, 0]
    np.testing.assert_array_equal(by_linear(scene).ids, 100 + np.argsort(-score)[:10])
    unusual = tail_ranks(scene.state) if tabular else rank(mahalanobis(x))
    both = rank(score.astype(float)) + unusual[100:] / (1 + y[:100].sum())
    np.testing.assert_array_equal(by_fuse(scene).ids, 100 + np.argsort(-both)[:10])


def test_medoids_are_nearest_to_the_centres_of_cells_with_fewest_labels(pool, monkeypatch):
    monkeypatch.setattr(arms, "CELLS", 12)
    x, y = pool
    centres, cell = kmeans(x, 12, np.random.default_rng(0))
    gap = ((x[:, None] - centres) ** 2).sum(axis=2)
    cell = gap.argmin(axis=1)
    known = np.flatnonzero(cell == cell[0])[:1]
    given = np.bincount(cell[known], minlength=12)
    found = by_medoids(scene_of(x, y, known, size=11)).ids
    assert sorted(cell[found].tolist()) == sorted(np.flatnonzero(given == 0).tolist())
    for item in found:
        own = np.flatnonzero(cell == cell[item])
        assert item == own[gap[own, cell[item]].argmin()]
    more = by_medoids(scene_of(x, y, known, size=500)).ids
    assert len(np.unique(more)) == 499


def test_medoids_take_part_where_nothing_is_labelled_and_where_all_rows_are_equal():
    x = np.ones((20, 3), np.float32)
    assert len(np.unique(by_medoids(scene_of(x, np.zeros(20, int), [], size=20)).ids)) == 20


def test_the_forest_scores_random_items_and_those_on_other_lists(pool, monkeypatch):
    monkeypatch.setattr(arms, "FOREST_ROWS", 30)
    x, y = pool
    scene = scene_of(x, y, range(200), size=400)
    other = by_linear(scene_of(x, y, range(200), size=25))
    found = by_forest(scene, {"linear": other})
    assert 30 <= len(found.ids) <= 55
    assert np.isin(other.ids, found.ids).all()
    assert y[found.ids[:8]].mean() > 0.5


def test_which_arms_have_a_list(pool):
    x, y = pool
    odd, dull = np.flatnonzero(y == ODD), np.flatnonzero(y == DULL)
    blind = {"anomaly", "apart", "isolation", "medoids"}
    assert set(lists_of(scene_of(x, y, []))) == blind
    assert set(lists_of(scene_of(x, y, dull[:30]))) == blind
    assert set(lists_of(scene_of(x, y, odd[:2]))) == {*blind, "linear", "fuse"}
    assert set(lists_of(scene_of(x, y, [odd[0], dull[0]]))) == {*blind, "linear", "fuse", "forest"}
    table = lists_of(scene_of(x, y, [], tabular=True))
    assert set(table) == {*blind, "tails"} - {"apart"}
    assert set(lists_of(scene_of((x > 0).astype(np.float32), y, []))) == blind - {"apart"}


def test_the_arm_apart_asks_for_what_is_far_from_its_nearest_items(pool):
    x, y = pool
    found = by_apart(scene_of(x, y, [4], asked=[7])).ids
    rank_ = apart_ranks(scene_of(x, y, []).state).copy()
    rank_[[4, 7]] = -1
    np.testing.assert_array_equal(found, np.argsort(-rank_)[:10])
