"""Active search: the lookahead equals its formula, pruning changes nothing, and it finds more than chance does."""

from dataclasses import replace

import numpy as np
import pytest

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.sockets import Strategy
from labelsieve.core.types import Ids
from labelsieve.heads.choose import choose_head
from labelsieve.heads.linear import Linear
from labelsieve.selection import searching
from labelsieve.selection.lookahead import Neighbourhoods, most_finds
from labelsieve.selection.neighbours import graph
from labelsieve.selection.searching import by_ens, by_greedy_search, by_two_step_search, searched_ahead
from labelsieve.selection.strategies import random
from labelsieve.testing.toys import Toy, toy_classes, toy_odd


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def round_of(toy: Toy, known: list[int] | Ids, **more: object) -> Round:
    labels = toy.labels(np.asarray(known, np.int64))
    head = choose_head(labels).fit(toy.x[labels.ids], labels.y) if len(labels) else None
    return replace(Round(ArrayPool(toy.x), labels, head), **more)


def model_of(seed: int, m: int = 40, k: int = 6) -> tuple[Neighbourhoods, Ids]:
    """A model of m items beside 20 labelled ones, and the mutual neighbours (m, m) among the m."""
    r = rng(seed)
    near = graph(r.normal(size=(20 + m, 3)).astype(np.float32), k)[0]
    return Neighbourhoods.of(near, r.random(20) < 0.4, r.uniform(0.05, 0.3, m)), near


def mutual(near: Ids) -> np.ndarray:
    """Whether i and j are among each other's neighbours (l + m, l + m)."""
    to = np.zeros((len(near), len(near)), bool)
    np.put_along_axis(to, near, True, axis=1)
    return to & to.T


def plain_finds(model: Neighbourhoods, near: Ids, open_: np.ndarray, ahead: int) -> np.ndarray:
    """From the definition: answer each item both ways, work out all chances anew, add the largest."""
    linked = mutual(near)[20:, 20:]
    out = np.full(len(open_), -np.inf)
    for i in np.flatnonzero(open_):
        p = (model.prior[i] + model.hits[i]) / (1 + model.known[i])
        others = np.array([j for j in np.flatnonzero(open_) if j != i])
        total = p
        for answer, share in ((1, p), (0, 1 - p)):
            after = (model.prior + model.hits + answer * linked[i]) / (1 + model.known + linked[i])
            total += share * np.sort(after[others])[::-1][:ahead].sum()
        out[i] = total
    return out


def test_labelled_neighbours_are_counted() -> None:
    r = rng(5)
    near, wanted = graph(r.normal(size=(60, 3)).astype(np.float32), 6)[0], r.random(20) < 0.5
    model = Neighbourhoods.of(near, wanted, np.full(40, 0.1))
    linked = mutual(near)[20:, :20]
    assert model.known.tolist() == linked.sum(axis=1).tolist()
    assert model.hits.tolist() == (linked & wanted).sum(axis=1).tolist()
    assert model.known.max() > 0


@pytest.mark.parametrize("ahead", [0, 1, 3, 10, 100])
@pytest.mark.parametrize("seed", range(4))
def test_the_choice_is_the_best_by_the_formula(ahead: int, seed: int) -> None:
    model, near = model_of(seed)
    open_ = rng(seed).random(40) < 0.8
    plain = plain_finds(model, near, open_, ahead)
    for prune in (True, False):
        item, finds = most_finds(model, open_, ahead, np.arange(40.0), prune)
        assert finds == pytest.approx(plain.max(), abs=1e-8)
        assert plain[item] == pytest.approx(plain.max(), abs=1e-8)


def test_a_label_tells_those_that_have_it_as_neighbour() -> None:
    model, near = model_of(0)
    before = model.chance()
    model.learn(5, 1)
    told = mutual(near)[25, 20:]
    assert (model.chance()[told] > before[told]).all()
    assert model.chance()[~told].tolist() == before[~told].tolist()


def test_pruning_changes_no_pick_and_saves_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from labelsieve.selection import lookahead

    toy, work, plain = clusters(), [0], lookahead._after
    known = np.concatenate([np.flatnonzero(toy.y)[:3], np.flatnonzero(toy.y == 0)[:9]])

    def counted(model: Neighbourhoods, part: Ids, *more: object) -> np.ndarray:
        work[0] += len(part)
        return plain(model, part, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(lookahead, "_after", counted)
    for ahead in (1, None):
        done = []
        for prune in (True, False):
            work[0] = 0
            query = searched_ahead("x", ahead, prune)(round_of(toy, known), 6, rng(3))
            done.append((query.ids.tolist(), query.score.tolist(), work[0]))
        assert done[0][:2] == done[1][:2]
        assert done[0][2] < 0.7 * done[1][2]


def clusters(seed: int = 0) -> Toy:
    """Ten clusters of 60 rows; one is odd."""
    r = rng(seed)
    group = np.repeat(np.arange(10), 60)
    x = r.normal(size=(10, 6))[group] * 2 + 0.5 * r.normal(size=(600, 6))
    return Toy(x.astype(np.float32), (group < 1).astype(np.int64), ("dull", "odd"), "screen")


def found(strategy: Strategy, toy: Toy, start: Ids, rounds: int = 12, n: int = 4) -> int:
    known, near = start, graph(toy.x, 60)[0]
    for i in range(rounds):
        costs = {"budget": float((rounds - i) * n)}
        state = round_of(toy, known, neighbours=lambda ids, k: near[ids][:, :k], costs=costs)
        known = np.union1d(known, strategy(state, n, rng(i)).ids)
    return int(toy.y[known].sum())


@pytest.mark.parametrize("strategy", [by_greedy_search, by_two_step_search, by_ens])
def test_a_search_finds_far_more_than_chance(strategy: Strategy) -> None:
    for seed in range(3):
        toy = clusters(seed)
        start = np.array([0, 100, 200, 300])  # one odd item is known
        assert found(strategy, toy, start) >= 3 * found(random, toy, start)


def test_from_nothing_the_lookahead_asks_where_much_is_learnt() -> None:
    toy = clusters()
    assert found(by_ens, toy, np.zeros(0, np.int64)) > 10


def test_without_a_rest_of_the_budget_the_likeliest_are_asked() -> None:
    toy = clusters()
    known = np.concatenate([np.flatnonzero(toy.y)[:5], np.flatnonzero(toy.y == 0)[::40]])
    state = round_of(toy, known, costs={"budget": 10.0})
    query = by_ens(state, 10, rng())
    assert (query.score <= 1).all()
    assert (np.diff(query.score) <= 1e-9).all()
    assert toy.y[query.ids].mean() == 1


def test_the_wanted_class_is_searched_for() -> None:
    toy = toy_classes(300, spread=0.4)
    for wanted in range(4):
        query = by_greedy_search(round_of(toy, np.arange(0, 80), wanted=wanted), 10, rng())
        assert (toy.y[query.ids] == wanted).all()
        assert f"{toy.classes[wanted]!r} is wanted" in query.why[0]
    query = by_ens(round_of(toy, [0, 1, 2]), 2, rng())
    assert "rarest labelled" in query.why[0]


@pytest.mark.parametrize("indexed", [True, False])
def test_a_large_pool_is_searched_near_what_is_wanted(monkeypatch: pytest.MonkeyPatch, indexed: bool) -> None:
    monkeypatch.setattr(searching, "COMPARED", 120)
    monkeypatch.setattr(searching, "FINDS", 30)
    toy = clusters()
    known = np.array([0, 1, 100, 200, 300])
    near = graph(toy.x, 60)[0]
    state = round_of(toy, known, neighbours=(lambda ids, k: near[ids][:, :k]) if indexed else None)
    state.head = Linear(2, c=1.0, balanced=True).fit(toy.x[known], toy.y[known])
    ids = searching._candidates(state, 5, rng())
    assert len(ids) == 120
    assert not np.isin(ids, known).any()
    assert toy.y[ids].mean() > 0.2  # .1 in the pool
    query = by_two_step_search(state, 5, rng())
    assert query.scored == 120
    assert toy.y[query.ids].mean() >= 0.6


def test_repeats_by_the_thousand_are_quick() -> None:
    x = np.repeat(np.eye(3, 4, dtype=np.float32), 1000, axis=0)
    toy = Toy(x, np.repeat([1, 0, 0], 1000), ("dull", "odd"), "screen")
    state = Round(ArrayPool(x), toy.labels(np.array([0, 1500])))
    assert (by_two_step_search(state, 20, rng()).ids < 1000).mean() > 0.6  # a third of the pool
    assert len(np.unique(by_ens(state, 20, rng()).ids)) == 20


def test_the_reason_says_where_a_rank_is_taken_for_a_chance() -> None:
    toy = toy_odd(120, 20)
    known = np.concatenate([np.flatnonzero(toy.y == 1)[:4], np.flatnonzero(toy.y == 0)[:8]])
    state = round_of(toy, np.sort(known))
    classes = replace(state, labels=replace(state.labels, kind="classes"))
    for by in (by_ens, by_two_step_search):
        assert "ranks, which are taken for chances" in by(state, 3, rng()).why[0]
        assert "ranks" not in by(replace(state, head=None), 3, rng()).why[0]
        assert "ranks" not in by(classes, 3, rng()).why[0]
