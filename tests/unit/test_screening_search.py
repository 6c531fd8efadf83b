import re
from dataclasses import replace

import numpy as np
import pytest

from labelsieve.core.errors import InputError, PoolExhausted
from labelsieve.core.rounds import ArrayPool, InMemory, Round
from labelsieve.core.types import DULL, ODD, Labels, Query
from labelsieve.screening.anomaly import pool_ranks
from labelsieve.screening.search import screen, share_at_random


@pytest.fixture(scope="module")
def planted():
    """1,000 rows, 30 of them odd in two groups: one far out, one only a little."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(1000, 8)).astype(np.float32)
    y = np.zeros(1000, int)
    x[:15, 0] += 7
    x[15:30, :2] += 3.2
    y[:30] = ODD
    order = rng.permutation(1000)
    return x[order], y[order]


def state_of(x, y, known, head=None, past=(), kept=None):
    known = np.sort(np.asarray(known, dtype=np.int64))
    labels = Labels(known, y[known], ("dull", "odd"), "screen")
    return Round(ArrayPool(x), labels, head, past=past, kept=kept or InMemory())


def played(x, y, rounds, seed=0):
    known, past, kept = np.empty(0, np.int64), [], InMemory()
    for number in range(rounds):
        past.append(screen(state_of(x, y, known, None, past, kept), 10, np.random.default_rng(100 * seed + number)))
        assert not np.isin(past[-1].ids, known).any()
        known = np.concatenate([known, past[-1].ids])
    return past


def of_arm(query, arm):
    return np.array([why.startswith(f"{arm}: ") for why in query.why])


def test_finds_most_odd_items_from_nothing(planted):
    x, y = planted
    found = [sum(int(y[query.ids].sum()) for query in played(x, y, 12, seed)) for seed in range(2)]
    assert np.mean(found) >= 24  # random would have found 3.6


def test_a_query_names_its_arms_and_says_why(planted):
    x, y = planted
    past = played(x, y, 6)
    assert {query.strategy for query in past} == {"screen"}
    for query in past:
        assert len(query.arms) == len(query.why) == 10
        for arms, why in zip(query.arms, query.why, strict=True):
            assert why.split(":")[0] == arms.split(" + ")[0]
            assert len(set(arms.split(" + "))) == len(arms.split(" + "))
            assert "100 %" not in why and "nan" not in why
    said = " ".join(why for query in past for why in query.why)
    for text in (
        "anomaly: more unusual than 99",
        r"fuse: more like the (odd item|\d+ odd items) known so far, and more unusual, than \d",
        "explore: drawn at random",
    ):
        assert re.search(text, said), text
    first = past[0].arms
    assert not any("linear" in arms or "forest" in arms or "fuse" in arms for arms in first)


def test_the_places_of_anomaly_go_to_the_most_unusual(planted):
    x, y = planted
    query = screen(state_of(x, y, []), 40, np.random.default_rng(0))
    mine = of_arm(query, "anomaly")
    assert mine.sum() >= 3
    rank_ = pool_ranks(state_of(x, y, []))
    assert rank_[query.ids[mine]].min() > 0.9
    assert (np.diff(query.score[mine]) <= 0).all()
    assert query.scored == 1000


def test_an_arm_that_finds_odd_items_gets_more_of_the_places(planted):
    x, y = planted
    state = state_of(x, y, np.arange(200))
    rest = np.flatnonzero(y[:200] == DULL)
    past = [
        _query(np.flatnonzero(y[:200] == ODD), "medoids"),
        _query(rest, "anomaly + apart + isolation + explore + linear + fuse + forest"),
    ]
    for _ in range(2):
        query = screen(replace(state, past=past), 100, np.random.default_rng(0))
        share = {arm: of_arm(query, arm).mean() for arm in ("medoids", "anomaly", "isolation", "explore")}
        assert share["medoids"] > 0.3 > 2 * max(share["anomaly"], share["isolation"])
        assert share["explore"] > 0  # never nothing


def _query(ids, arms):
    n = len(ids)
    return Query(ids, np.zeros(n), np.full(n, np.nan), "screen", ("",) * n, (), 0, (arms,) * n)


def test_some_places_are_drawn_at_random_whatever_was_found(planted):
    x, y = planted
    odd = np.flatnonzero(y == ODD)
    state, past = state_of(x, y, odd), [_query(odd, "anomaly")]
    queries = [screen(replace(state, past=past), 10, np.random.default_rng(i)) for i in range(60)]
    drawn = np.array([of_arm(query, "explore").sum() for query in queries])
    assert 15 <= drawn.sum() <= 60  # one in twenty is 30
    for query, k in zip(queries, drawn, strict=True):
        known = ~np.isnan(query.propensity)
        np.testing.assert_array_equal(known, of_arm(query, "explore"))
        np.testing.assert_allclose(query.propensity[known], k / 970)
    assert len(np.unique(np.concatenate([q.ids[of_arm(q, "explore")] for q in queries]))) > 10


def test_while_nothing_odd_is_found_up_to_half_of_the_places_are_drawn_at_random(planted):
    x, y = planted
    dull = np.flatnonzero(y == DULL)
    assert [share_at_random(state_of(x, y, dull[:n])) for n in (0, 75, 150, 500)] == pytest.approx(
        [0.05, 0.275, 0.5, 0.5]
    )
    assert share_at_random(state_of(x, y, np.append(dull[:500], np.flatnonzero(y == ODD)[0]))) == 0.05
    state, past = state_of(x, y, dull[:200]), [_query(dull[:200], "anomaly + isolation + medoids + explore")]
    queries = [screen(replace(state, past=past), 10, np.random.default_rng(i)) for i in range(30)]
    assert 120 <= sum(of_arm(query, "explore").sum() for query in queries) <= 250  # of 300


def test_odd_labels_alone_ask_for_what_is_near_them(planted):
    x, y = planted
    near = np.flatnonzero((y == ODD) & (x[:, 0] > 5))
    query = screen(state_of(x, y, near[:3]), 20, np.random.default_rng(0))
    like = of_arm(query, "linear") | of_arm(query, "fuse")
    assert y[query.ids[like]].mean() > 0.4  # 27 of the 997 left are odd
    assert not of_arm(query, "forest").any()
    assert all("the 3 odd items known so far" in why for why in np.array(query.why)[like])


def test_taught_items_outside_of_the_pool_are_learnt_from_and_never_asked(planted):
    x, _ = planted
    taught = np.full((4, 8), -6.0, np.float32)
    ids = np.concatenate([np.arange(-4, 0), np.arange(len(x))])

    class Beside(ArrayPool):
        def take(self, wanted):
            return np.concatenate([taught, x])[np.searchsorted(ids, wanted)]

    labels = Labels(np.array([-4, -3, -2, -1, 500, 501]), np.array([1, 1, 1, 1, 0, 0]), ("dull", "odd"), "screen")
    labels = replace(labels, weight=np.array([0.5, 0.5, 0.5, 0.5, 1.0, 1.0]))
    query = screen(Round(Beside(x), labels), 50, np.random.default_rng(0))
    assert (query.ids >= 0).all()
    like = query.ids[of_arm(query, "linear") | of_arm(query, "fuse")]
    assert x[like].mean() < -0.3  # towards what was taught


def test_asking_for_more_than_is_left_says_how_many_are():
    x = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    with pytest.raises(PoolExhausted, match="4 of 6"):
        screen(state_of(x, np.zeros(6, int), [0, 1]), 5, np.random.default_rng(0))
    assert len(screen(state_of(x, np.zeros(6, int), [0, 1]), 4, np.random.default_rng(0))) == 4


def test_a_task_of_many_classes_is_no_screen():
    x = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
    labels = Labels(np.arange(3), np.arange(3), ("a", "b", "c"))
    with pytest.raises(InputError, match="3 classes"):
        screen(Round(ArrayPool(x), labels), 2, np.random.default_rng(0))
