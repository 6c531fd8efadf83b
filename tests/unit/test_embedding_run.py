"""The runner: order, resumption, set-aside. A real shard store stands in tests/integration."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from labelsieve.core.errors import EngineError, InputError
from labelsieve.project.embedding import SHARD, EmbedProgress, embed_pending


class Hashes:
    """An engine that embeds a number as (number, number squared), and knows bad things."""

    name, revision, preprocess, dim, space = "hashes", "1", "none", 2, "hashes"
    accepts = frozenset({"text"})

    def prepare(self, thing: Any) -> float:
        if thing == "13":
            raise InputError("13 cannot be decoded.")
        return float(thing)

    def compute(self, prepared: Sequence[float]) -> Any:
        if any(value == 17 for value in prepared):
            raise InputError("17 breaks the whole lot.")
        x = np.array(prepared, dtype=np.float32)
        return np.stack([x, np.where(x == 19, np.nan, x**2)], axis=1)


class Memory:
    def __init__(self) -> None:
        self.shards: list[tuple[Any, Any]] = []

    def append(self, ids: Any, x: Any) -> None:
        self.shards.append((ids, x))


def things(ids: Any) -> Iterator[Any]:
    return iter([InputError("gone") if i == 23 else str(i) for i in ids])


def test_one_bad_item_never_stops_the_rest() -> None:
    store, aside, told = Memory(), [], list[EmbedProgress]()
    done = embed_pending(Hashes(), store, np.arange(5000), things, aside.extend, told.append)
    assert dict(aside).keys() == {13, 17, 19, 23}
    assert done == 4996
    ids = np.concatenate([ids for ids, _ in store.shards])
    x = np.concatenate([x for _, x in store.shards])
    assert np.array_equal(ids, np.setdiff1d(np.arange(5000), [13, 17, 19, 23]))
    assert np.array_equal(x[:, 0], ids) and np.allclose(x[:, 1], ids.astype(np.float64) ** 2)
    assert len(store.shards) == -(-5000 // SHARD)
    assert told[-1].done == told[-1].total == 5000 and told[-1].left == 0


def test_what_is_set_aside_is_known_before_its_shard_is_there() -> None:
    order: list[str] = []

    class Store(Memory):
        def append(self, ids: Any, x: Any) -> None:
            order.append("shard")

    embed_pending(Hashes(), Store(), np.arange(30), things, lambda bad: order.append("aside"))
    assert order == ["aside", "shard"]


def test_an_engine_that_breaks_its_promise_is_an_error() -> None:
    class Short(Hashes):
        def compute(self, prepared: Sequence[float]) -> Any:
            return np.zeros((1, 2), np.float32)

    with pytest.raises(EngineError, match="shape"):
        embed_pending(Short(), Memory(), np.arange(40), things, lambda bad: None)
