"""A round: what is left to ask, and scores that depend neither on storage, nor on blocks, nor on threads."""

import dataclasses
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelsieve.core import plugins, rounds
from labelsieve.core.errors import InputError, PoolExhausted, UnknownName
from labelsieve.core.rounds import ArrayPool, Round, locate, run_at
from labelsieve.core.types import Ids, Labels, Matrix
from labelsieve.heads.linear import Linear
from labelsieve.heads.means import NearestMean
from labelsieve.selection.acquisition import margin
from labelsieve.store import shards as store
from labelsieve.store.shards import Shards
from labelsieve.testing.toys import toy_classes


def _none() -> Labels:
    return Labels(np.empty(0, np.int64), np.empty(0, np.int64), ("a", "b"))


class Tells:
    """A head whose probability of class 0 is the first column, so that a mix-up of rows shows."""

    def __init__(self) -> None:
        self.read = 0

    def fit(self, x: Matrix, y: Any, weight: Any = None) -> "Tells":
        return self

    def predict_proba(self, x: Matrix) -> Matrix:
        self.read += len(x)
        return np.stack([x[:, 0], 1 - x[:, 0]], axis=1)


class Threaded(Tells):
    def one_thread_each(self) -> AbstractContextManager[Any]:
        return nullcontext()


def _telling(n: int) -> Matrix:
    return np.repeat(((np.arange(n) * 7919) % n / n).astype(np.float32)[:, None], 3, axis=1)


def _first(proba: Matrix) -> Matrix:
    return proba[:, 0]


@pytest.mark.parametrize("head", [Tells(), Threaded()])
@pytest.mark.parametrize("step", [1, 3])  # ids without and with gaps
def test_every_id_gets_the_score_of_its_own_row(
    monkeypatch: pytest.MonkeyPatch, head: Tells, step: int, tmp_path: Path
) -> None:
    monkeypatch.setattr(rounds, "BLOCK", 64)
    monkeypatch.setattr(rounds, "MANY", 128)
    monkeypatch.setattr(store, "maps_at_once", lambda: 2)
    x, ids = _telling(1000), np.arange(1000) * step + 5
    shards = Shards(tmp_path)
    for part in np.array_split(np.arange(1000), 9):
        shards.append(ids[part], x[part])
    rng = np.random.default_rng(0)
    kinds = {
        "all": ids,
        "nearly all": np.delete(ids, [0, 1, 70, 500, 501, 999]),
        "a stretch": ids[333:777],
        "scattered": np.sort(rng.choice(ids, 300, replace=False)),
        "in no order": rng.permutation(ids),
        "twice": np.repeat(ids[:200], 2),
        "one": ids[77:78],
        "none": ids[:0],
    }
    for wanted in kinds.values():
        for pool in (ArrayPool(x, ids), shards):
            state = Round(pool, _none(), head)
            score = state.score(wanted, _first)
            assert np.array_equal(score, x[np.searchsorted(ids, wanted), 0])
            assert np.array_equal(state.proba(wanted)[:, 0], score.astype(np.float32))
            assert state.scored == 2 * len(wanted)


def test_what_is_nearly_whole_is_read_where_it_lies_and_little_is_not() -> None:
    head, x = Tells(), _telling(3 * rounds.BLOCK)
    state = Round(ArrayPool(x), _none(), head, asked=np.arange(50, len(x), 100))
    state.score(state.free(), _first)
    assert head.read == len(x)  # those that may not be asked were read too, and are not counted
    assert state.scored == len(x) - len(state.asked)
    head.read = 0
    state.score(np.arange(0, len(x), 10), _first)
    assert head.read == len(range(0, len(x), 10))


def test_an_id_that_is_not_there_is_named_wherever_it_stands() -> None:
    ids = np.arange(100) * 2
    state = Round(ArrayPool(_telling(100), ids), _none(), Tells())
    for wrong in (-1, 51, 199, 198 + 500):
        wanted = np.sort(np.append(np.delete(ids, 20), wrong))
        with pytest.raises(UnknownName, match=f"'{wrong}'"):
            state.score(wanted, _first)
    with pytest.raises(UnknownName, match="'-1'"):
        ArrayPool(_telling(5)).take(np.array([2, -1]))
    with pytest.raises(UnknownName, match="'5'"):
        ArrayPool(_telling(5)).take(np.array([4, 5]))


@pytest.mark.parametrize("strategy", ["margin", "auto", "typiclust"])
def test_int8_shards_ask_as_an_array_of_their_rows_does(strategy: str, tmp_path: Path) -> None:
    toy = toy_classes(400)
    shards = Shards(tmp_path, "int8")
    for part in np.array_split(np.arange(400), 7):
        shards.append(part, toy.x[part])
    labels = toy.labels(np.arange(0, 400, 9))
    queries = []
    for pool in (shards, ArrayPool(shards.take(shards.ids))):
        head = Linear(len(toy.classes)).fit(pool.take(labels.ids), labels.y)
        ask = plugins.load("strategies", strategy)
        queries.append(ask(Round(pool, labels, head, number=1), 12, np.random.default_rng(0)))
    assert queries[0].ids.tolist() == queries[1].ids.tolist()
    assert queries[0].score.tolist() == queries[1].score.tolist()


@pytest.mark.parametrize("kind", [Linear, NearestMean])
def test_threads_and_blocks_change_no_bit_of_a_score(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = toy_classes(3000)
    head: Any = kind(len(toy.classes)).fit(toy.x[:80], toy.y[:80])
    assert hasattr(head, "one_thread_each")
    state = Round(ArrayPool(toy.x), _none(), head)
    alone = state.score(np.arange(3000), margin)
    monkeypatch.setattr(rounds, "MANY", 1)
    monkeypatch.setattr(rounds, "BLOCK", 128)
    many = state.score(np.arange(3000), margin)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    one = state.score(np.arange(3000), margin)
    assert np.array_equal(many, one)
    assert np.allclose(many, alone, atol=1e-6)


def test_an_error_in_a_thread_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "MANY", 1)
    toy = toy_classes(300)
    head = Linear(len(toy.classes)).fit(toy.x[:80], toy.y[:80])
    toy.x[200, 3] = np.nan
    with pytest.raises(InputError, match="row 200 of x holds NaN"):
        Round(ArrayPool(toy.x), _none(), head).score(np.arange(300), margin)


def test_what_may_be_asked() -> None:
    labels = Labels(np.array([3, 7]), np.array([0, 1]), ("a", "b"))
    state = Round(ArrayPool(_telling(10)), labels, asked=np.array([7, 0, 55]))
    assert state.free().tolist() == [1, 2, 4, 5, 6, 8, 9]
    assert state.left() == 7
    assert state.within(np.array([0, 1, 9])).free().tolist() == [1, 9]
    with pytest.raises(PoolExhausted, match="8 items were asked for, 7 of 10"):
        state.check(8)
    fresh = dataclasses.replace(state, labels=_none(), asked=np.empty(0, np.int64))
    with pytest.raises(ValueError, match="read-only"):
        fresh.free()[0] = 5


def test_places_of_ids() -> None:
    for ids in (np.arange(5, 25), np.array([1, 4, 6, 7, 30])):
        wanted = ids[[3, 0, 4]]
        assert locate(ids, wanted).tolist() == [3, 0, 4]
        assert run_at(ids, ids[1:4]) == 1
        assert run_at(ids, ids[[1, 3]]) is None
        assert run_at(ids, ids[:0]) is None
        assert run_at(ids, np.append(ids[3:], 99)) is None
    with pytest.raises(UnknownName):
        locate(np.empty(0, np.int64), np.array([0]))


def test_rows_of_an_array_in_any_order() -> None:
    x, ids = _telling(50), np.random.default_rng(0).permutation(50) * 3
    pool = ArrayPool(x, ids)
    assert pool.ids.tolist() == sorted(ids.tolist())
    by_id: dict[int, Any] = {int(i): row.tolist() for i, row in zip(ids, x, strict=True)}
    for wanted in (pool.ids, pool.ids[10:20], ids[:7]):
        assert pool.take(wanted).tolist() == [by_id[int(i)] for i in wanted]
    assert ids.flags.writeable  # the caller's own array is left as it was


def test_blocks_cover_each_id_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "BLOCK", 16)
    known: Ids = np.unique(np.random.default_rng(1).integers(0, 500, 200))
    for drop in range(0, len(known), 13):
        ids = np.delete(known, [drop])
        seen = []
        for place, block, inside in rounds._blocks(known, ids):
            meant = block if inside is None else block[inside]
            assert meant.tolist() == ids[place].tolist()
            seen += meant.tolist()
        assert seen == ids.tolist()
