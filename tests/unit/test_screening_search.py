import numpy as np
import pytest

from labelsieve.core.errors import InputError, PoolExhausted
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import DULL, ODD, Labels
from labelsieve.heads.choose import choose_head
from labelsieve.heads.linear import Linear
from labelsieve.heads.usual import Usual
from labelsieve.screening.search import screen


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


def state_of(x, y, known, head=None):
    known = np.sort(np.asarray(known, dtype=np.int64))
    return Round(ArrayPool(x), Labels(known, y[known], ("dull", "odd"), "screen"), head)


def test_finds_most_odd_items_from_nothing(planted):
    x, y = planted
    known = np.empty(0, int)
    for number in range(12):
        query = screen(state_of(x, y, known), 10, np.random.default_rng(number))
        assert not np.isin(query.ids, known).any()
        known = np.concatenate([known, query.ids])
    assert y[known].sum() >= 24  # random would have found 3.6


def test_the_first_query_is_the_most_unusual_and_says_so(planted):
    x, y = planted
    query = screen(state_of(x, y, []), 5, np.random.default_rng(0))
    assert y[query.ids].mean() == 1
    assert all("nothing odd is known yet" in why and "than 99." in why for why in query.why)
    assert query.scored == 1000
    assert (np.diff(query.score) <= 0).all()


def test_dull_labels_alone_are_enough_to_go_on(planted):
    x, y = planted
    dull = np.flatnonzero(y == DULL)[:20]
    query = screen(state_of(x, y, dull), 5, np.random.default_rng(0))
    assert not np.isin(query.ids, dull).any()
    assert y[query.ids].mean() > 0.5


def test_after_many_labels_in_vain_a_share_is_drawn_at_random(planted):
    x, y = planted
    state = state_of(x, y, np.flatnonzero(y == DULL)[:30])
    query = screen(state, 10, np.random.default_rng(0))
    blind = ~np.isnan(query.propensity)
    assert blind.sum() == 3
    np.testing.assert_allclose(query.propensity[blind], 3 / (970 - 7))
    assert all("drawn at random: 30 labels" in why for why in np.array(query.why)[blind])
    assert len(np.unique(query.ids)) == 10
    drawn = np.concatenate([screen(state, 10, np.random.default_rng(i)).ids[-3:] for i in range(300)])
    assert len(np.unique(drawn)) > 500  # any of the 963 others may come


def test_odd_labels_alone_ask_for_what_is_near_them(planted):
    x, y = planted
    near = np.flatnonzero((y == ODD) & (x[:, 0] > 5))
    query = screen(state_of(x, y, near[:3]), 6, np.random.default_rng(0))
    assert y[query.ids].mean() == 1
    assert "the 3 odd items found so far" in query.why[0]


def test_the_head_of_the_round_is_used_when_it_can_tell_odd_from_dull(planted):
    x, y = planted
    known = np.arange(200)
    head = Linear(2, c=1, balanced=True).fit(x[known], y[known])
    given, fitted = (screen(state_of(x, y, known, h), 8, np.random.default_rng(0)) for h in (head, None))
    np.testing.assert_array_equal(given.ids, fitted.ids)
    usual = Usual().fit(x[known], y[known])
    np.testing.assert_array_equal(screen(state_of(x, y, known, usual), 8, np.random.default_rng(0)).ids, fitted.ids)


def test_every_reason_is_a_sentence_a_person_understands(planted):
    x, y = planted
    known = np.concatenate([np.flatnonzero(y == ODD)[:1], np.flatnonzero(y == DULL)[:3]])
    query = screen(state_of(x, y, known), 300, np.random.default_rng(0))
    assert len(query.why) == 300
    assert any(why.startswith("more like the odd item found so far than 99") for why in query.why)
    assert any(why.startswith("unlike the odd item found so far, but more unusual") for why in query.why)
    assert not any("100 %" in why or "nan" in why for why in query.why)


def test_asking_for_more_than_is_left_says_how_many_are():
    x = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    with pytest.raises(PoolExhausted, match="4 of 6"):
        screen(state_of(x, np.zeros(6, int), [0, 1]), 5, np.random.default_rng(0))
    assert len(screen(state_of(x, np.zeros(6, int), [0, 1]), 4, np.random.default_rng(0))) == 4


def test_screen_tasks_are_fitted_with_what_is_known(planted):
    x, y = planted
    labels = state_of(x, y, np.flatnonzero(y == DULL)[:50]).labels
    head = choose_head(labels)
    assert isinstance(head, Usual)
    proba = head.fit(x[labels.ids], labels.y).predict_proba(x)[:, ODD]
    assert proba[y == ODD].mean() > proba[y == DULL].mean() + 0.2
    both = Labels(np.arange(200), y[:200], ("dull", "odd"), "screen")
    chosen = choose_head(both)
    assert isinstance(chosen, Linear)
    assert (chosen.c, chosen.balanced) == (1.0, True)


def test_a_task_of_many_classes_is_no_screen():
    x = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
    labels = Labels(np.arange(3), np.arange(3), ("a", "b", "c"))
    with pytest.raises(InputError, match="3 classes"):
        screen(Round(ArrayPool(x), labels), 2, np.random.default_rng(0))
