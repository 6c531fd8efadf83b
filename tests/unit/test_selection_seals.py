"""SEALS: what is near to labels, never what may not be asked, at a cost that does not grow with the pool."""

import numpy as np
import pytest
from toy_rounds import Exact, round_of

from labelsieve.core.errors import InputError
from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Labels
from labelsieve.selection.candidates import drawn, everything, explored
from labelsieve.selection.composing import among
from labelsieve.selection.naming import candidates_called
from labelsieve.selection.seals import BLIND, by_scan_cost, near_labelled
from labelsieve.selection.strategies import by_margin
from labelsieve.selection.wanting import wanted_class
from labelsieve.testing.toys import toy_classes, toy_multilabel, toy_odd


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_candidates_are_the_neighbours_of_what_is_labelled_less_what_may_not_be_asked() -> None:
    toy = toy_classes(200)
    state = round_of(toy, [3, 50, 120], asked=np.array([7, 8]))
    distance = np.square(toy.x[:, None] - toy.x[None]).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    plain = {int(j) for i in (3, 50, 120) for j in np.argsort(distance[i])[:20]} - {3, 50, 120, 7, 8}
    ids = near_labelled(k=20, explore=0)(state, rng())
    assert ids.tolist() == sorted(plain)
    assert ids.dtype == np.int64


def test_a_labelled_item_never_comes_back() -> None:
    toy = toy_classes(400)
    near = Exact(toy)
    state = round_of(toy, [0, 1], neighbours=near)
    seals = near_labelled(k=30, explore=0.1, least=0)
    for seed in range(30):
        ids = seals(state, rng(seed))
        assert not np.isin(ids, state.blocked()).any()
        asked = among(seals, by_margin)(state, 5, rng(seed)).ids
        assert not np.isin(asked, state.labels.ids).any()
        state = round_of(toy, np.union1d(state.labels.ids, asked), asked=np.arange(390, 400), neighbours=near)
    assert len(state.labels) == 152


def test_exploration_adds_its_share_of_other_items() -> None:
    toy = toy_classes(500)
    state = round_of(toy, [0, 1, 2])
    near = near_labelled(k=20, explore=0)(state, rng())
    both = near_labelled(k=20, explore=0.5, least=0)(state, rng())
    assert np.isin(near, both).all()
    assert len(both) == len(near) + int(np.ceil(0.5 * len(near)))
    assert len(near_labelled(k=20, least=200)(state, rng())) == len(near) + 200
    assert explored(near_labelled(k=20, explore=0), 0.5)(state, rng()).tolist() == both.tolist()


def test_around_the_wanted_class_only() -> None:
    toy = toy_odd(400, odd=10)
    odd, dull = np.flatnonzero(toy.y == 1)[:2], np.flatnonzero(toy.y == 0)[:40]
    state = round_of(toy, np.concatenate([odd, dull]))
    ids = near_labelled(k=15, around="wanted", explore=0)(state, rng())
    assert ids.tolist() == near_labelled(k=15, explore=0)(round_of(toy, odd, asked=dull), rng()).tolist()


def test_nothing_to_look_around_says_so_and_looks_at_random() -> None:
    toy = toy_odd(400, odd=10)
    for known, around in (([], "all"), ([], "wanted"), (np.flatnonzero(toy.y == 0)[:5], "wanted")):
        state = round_of(toy, known)
        seals = near_labelled(around=around)  # type: ignore[arg-type]
        assert len(seals(state, rng())) == min(BLIND, state.left())
        query = among(seals, by_margin)(state, 5, rng())
        assert "at random" in query.why[0]
    dull = round_of(toy, np.flatnonzero(toy.y == 0)[:5])
    assert len(near_labelled(k=3, explore=0)(dull, rng())) == dull.left()  # nothing odd is known: near and at random


def test_a_round_without_neighbours_says_what_to_do() -> None:
    state = round_of(toy_classes(50), [1, 2], neighbours=None)
    with pytest.raises(InputError, match="labelsieve index"):
        near_labelled()(state, rng())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seals(k=0)", "k is 0"),
        ("seals(around='x')", "around is 'x'"),
        ("seals(explore=2)", "explore is 2"),
        ("seals(least=-1)", "least is -1"),
    ],
)
def test_an_option_that_cannot_be_is_named(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        candidates_called(text)


def test_the_pool_is_never_gone_through() -> None:
    class Long:
        """A pool of 10^12 ids: anything that touches all of them fails."""

        shape = (10**12,)

        def __len__(self) -> int:
            return 10**12

        def __getitem__(self, at: Ids) -> Ids:
            return np.asarray(at, np.int64)

    class Far:
        ids, dim = Long(), 2

    labels = Labels(np.array([5, 10**11]), np.array([0, 1]), ("a", "b"))
    state = Round(Far(), labels, neighbours=lambda ids, k: ids[:, None] + 1 + np.arange(k)[None, :])  # type: ignore
    near = [*range(6, 16), *range(10**11 + 1, 10**11 + 11)]
    assert near_labelled(k=10, explore=0)(state, rng()).tolist() == near
    ids = near_labelled(k=10, explore=0.5, least=5)(state, rng())
    assert np.isin(near, ids).all()
    assert len(ids) == 30


def test_only_what_was_scored_is_counted() -> None:
    toy = toy_classes(500)
    state = round_of(toy, [0, 100, 200])
    query = among(near_labelled(k=20, least=9), by_margin)(state, 5, rng(1))
    assert query.scored == len(near_labelled(k=20, least=9)(state, rng(1))) < 100


def test_candidates_inside_candidates() -> None:
    toy = toy_classes(300)
    state = round_of(toy, [0, 1]).within(np.arange(0, 300, 2))
    ids = near_labelled(k=60, explore=0.5, least=9)(state, rng())
    assert (ids % 2 == 0).all()
    assert len(ids) > 10


def test_auto_scans_everything_while_that_is_quick_and_says_what_it_did() -> None:
    toy = toy_classes(300)
    auto, known = by_scan_cost(patience=1.0, k=20, explore=0.0), [0, 100, 200]
    quick, slow = {"scan": 1e-4}, {"scan": 1.0}
    for costs, more, all_, said in (
        ({}, {}, True, "not measured"),
        (quick, {}, True, "a scan takes 0.03 s"),
        (slow, {"neighbours": None}, True, "there is no index"),
        (slow, {}, False, "would take 3e+02 s"),
    ):
        state = round_of(toy, known, costs=costs, **more)
        ids = auto(state, rng())
        assert (ids.tolist() == everything(state, rng()).tolist()) is all_
        assert said in among(auto, by_margin)(state, 5, rng()).why[0]
    with pytest.raises(InputError, match="patience"):
        by_scan_cost(patience=-1)


def test_drawn_items_are_free_distinct_and_equally_likely() -> None:
    toy = toy_classes(40)
    state = round_of(toy, [0, 1], asked=np.array([5]))
    count = np.zeros(40)
    for seed in range(2000):
        ids = drawn(state, 4, rng(seed), np.array([7, 8]))
        assert len(np.unique(ids)) == 4
        count[ids] += 1
    assert count[[0, 1, 5, 7, 8]].tolist() == [0] * 5
    usual = 2000 * 4 / 35
    assert (np.abs(count[count > 0] - usual) < 5 * np.sqrt(usual)).all()
    assert len(drawn(state, 100, rng())) == 37


def test_the_wanted_class_is_named_odd_or_the_rarest() -> None:
    toy = toy_classes(100)
    rows = np.concatenate([np.flatnonzero(toy.y == 1)[:5], np.flatnonzero(toy.y == 3)[:2]])
    assert wanted_class(round_of(toy, rows))[0] == 3
    assert wanted_class(round_of(toy, rows, wanted=1)) == (1, "class 'b' is wanted")
    assert wanted_class(round_of(toy, []))[0] is None
    assert wanted_class(round_of(toy_odd(50, odd=5), []))[0] == 1
    several = toy_multilabel(60)
    labels = several.labels(np.arange(60))
    count = (labels.y > 0.5).sum(axis=0)
    assert wanted_class(round_of(several, np.arange(60)))[0] == int(np.argmin(np.where(count, count, 99)))


def test_a_class_that_nobody_named_is_told() -> None:
    toy = toy_classes(200)
    rows = np.concatenate([np.flatnonzero(toy.y == 0)[:5], np.flatnonzero(toy.y == 1)[:2]])
    strategy = among(near_labelled(k=15, around="wanted"), by_margin)
    guessed = strategy(round_of(toy, rows), 3, rng()).why[0]
    assert f"2 wanted items (no class was named; {toy.classes[1]!r} is the rarest labelled)" in guessed
    assert "no class was named" not in strategy(round_of(toy, rows, wanted=0), 3, rng()).why[0]
