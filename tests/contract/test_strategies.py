"""What every query strategy holds, whoever wrote it: one suite over all names that are installed."""

from pathlib import Path

import numpy as np
import pytest

from labelsieve.core import plugins
from labelsieve.core.errors import PoolExhausted
from labelsieve.core.rounds import ArrayPool, Pool, Round
from labelsieve.core.sockets import Strategy
from labelsieve.core.types import Ids, Query
from labelsieve.heads.choose import choose_head
from labelsieve.store.shards import Shards
from labelsieve.testing.toys import Toy, toy_classes, toy_multilabel, toy_odd

HEAVY = {"expected_error"}  # seconds a query: it fits a head for every answer it may get
NAMES = [pytest.param(name, marks=[pytest.mark.slow] if name in HEAVY else []) for name in plugins.names("strategies")]
STAGES = ("nothing labelled", "one label", "one class", "many labels")


def toy_for(name: str) -> Toy:
    return toy_odd(300, odd=12) if name == "screen" else toy_classes(300)


def labelled(toy: Toy, stage: str) -> Ids:
    if stage == "one class":
        return np.flatnonzero(toy.y == 0)[:6]
    return np.arange({"nothing labelled": 0, "one label": 1, "many labels": 60}[stage]) * 4


def play(toy: Toy, pool: Pool, rows: Ids, ids: Ids | None = None) -> Round:
    """A round over `pool` in which `rows` of the toy are labelled; `ids` (N,) are the ids of the toy's rows."""
    ids = np.arange(len(toy)) if ids is None else ids
    labels = toy.labels(rows)
    order = np.argsort(ids[labels.ids])
    labels = type(labels)(ids[labels.ids][order], labels.y[order], labels.classes, labels.kind)
    dull_only = toy.kind == "screen" and not (labels.y == 1).any()
    head = None
    if len(labels) and not dull_only:
        head = choose_head(labels).fit(pool.take(labels.ids), labels.y)
    return Round(pool, labels, head, number=1 if len(labels) else 0)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def strategy(name: str) -> Strategy:
    found: Strategy = plugins.load("strategies", name)
    return found


def whole(query: Query, n: int) -> None:
    assert len(query) == n
    assert len(np.unique(query.ids)) == n
    assert query.ids.dtype == np.int64
    assert query.score.shape == (n,)
    assert np.isfinite(query.score).all()
    assert query.propensity.shape == (n,)
    known = query.propensity[~np.isnan(query.propensity)]
    assert ((known > 0) & (known <= 1)).all()
    assert len(query.why) in (1, n)
    assert all(query.why)
    assert len(query.purpose) in (0, n)
    assert query.scored >= 0


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("n", [1, 7])
def test_a_query_is_whole_and_asks_nothing_twice(name: str, strategy: Strategy, stage: str, n: int) -> None:
    toy = toy_for(name)
    state = play(toy, ArrayPool(toy.x), labelled(toy, stage))
    state.asked = np.array([1, 2, 3, 299])
    query = strategy(state, n, np.random.default_rng(0))
    whole(query, n)
    assert query.strategy == name
    assert not set(query.ids.tolist()) & {*state.asked.tolist(), *state.labels.ids.tolist()}


@pytest.mark.parametrize("stage", STAGES)
def test_the_same_seed_gives_the_same_query(name: str, strategy: Strategy, stage: str) -> None:
    toy = toy_for(name)
    first, again = (
        strategy(play(toy, ArrayPool(toy.x), labelled(toy, stage)), 9, np.random.default_rng(5)) for _ in range(2)
    )
    assert first.ids.tolist() == again.ids.tolist()
    assert first.score.tolist() == again.score.tolist()


@pytest.mark.parametrize("stage", STAGES)
def test_the_order_of_rows_does_not_matter(name: str, strategy: Strategy, stage: str) -> None:
    toy = toy_for(name)
    rows, ids = labelled(toy, stage), np.arange(len(toy)) * 3 + 11
    new = np.random.default_rng(1).permutation(len(toy))
    straight = play(toy, ArrayPool(toy.x, ids), rows, ids)
    turned = play(toy, ArrayPool(toy.x[new], ids[new]), rows, ids)
    a, b = (strategy(state, 9, np.random.default_rng(5)) for state in (straight, turned))
    assert a.ids.tolist() == b.ids.tolist()


def test_shards_and_one_array_give_the_same_query(name: str, strategy: Strategy, tmp_path: Path) -> None:
    toy = toy_for(name)
    shards = Shards(tmp_path)
    for part in np.array_split(np.arange(len(toy)), 7):
        shards.append(part, toy.x[part])
    rows = labelled(toy, "many labels")
    a, b = (strategy(play(toy, pool, rows), 9, np.random.default_rng(5)) for pool in (ArrayPool(toy.x), shards))
    assert a.ids.tolist() == b.ids.tolist()


@pytest.mark.parametrize("stage", STAGES)
def test_the_last_items_can_be_asked_and_no_more(name: str, strategy: Strategy, stage: str) -> None:
    toy = toy_for(name)
    rows = labelled(toy, stage)
    state = play(toy, ArrayPool(toy.x), rows)
    left = np.setdiff1d(np.arange(len(toy)), rows)
    state.asked = left[:-5]
    query = strategy(state, 5, np.random.default_rng(0))
    whole(query, 5)
    assert sorted(query.ids.tolist()) == left[-5:].tolist()
    with pytest.raises(PoolExhausted, match="6 items were asked for, 5 of 300"):
        strategy(state, 6, np.random.default_rng(0))


@pytest.mark.slow
def test_repeats_and_constant_columns_are_fine(name: str, strategy: Strategy) -> None:
    toy = toy_for(name)
    x = np.repeat(toy.x[:30], 10, axis=0)
    x[:, 0] = 1.0
    repeats = Toy(x, np.repeat(toy.y[:30], 10), toy.classes, toy.kind)
    if toy.kind == "screen":
        repeats.y[[0, 50]] = 1
    query = strategy(play(repeats, ArrayPool(x), np.arange(0, 300, 10)), 40, np.random.default_rng(0))
    whole(query, 40)


@pytest.mark.slow
def test_equal_rows_everywhere_are_fine(name: str, strategy: Strategy) -> None:
    toy = toy_for(name)
    flat = Toy(np.zeros_like(toy.x), toy.y, toy.classes, toy.kind)
    whole(strategy(play(flat, ArrayPool(flat.x), np.array([], np.int64)), 12, np.random.default_rng(0)), 12)


@pytest.mark.parametrize("stage", ["nothing labelled", "many labels"])
def test_several_classes_an_item(name: str, strategy: Strategy, stage: str) -> None:
    if name == "screen":
        pytest.skip("screen asks about odd and dull items only")
    toy = toy_multilabel(300)
    whole(strategy(play(toy, ArrayPool(toy.x), labelled(toy, stage)), 9, np.random.default_rng(0)), 9)
