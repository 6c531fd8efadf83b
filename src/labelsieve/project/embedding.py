"""Run an engine over what has no embeddings yet: shard by shard, decoding beside computing, resumable.

A shard is the unit of resumption: its items and their order depend on ids alone, so that a run
which was killed and run again writes the same shards, byte for byte.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from labelsieve.core.errors import EngineError, InputError
from labelsieve.core.norms import MOST, small_enough
from labelsieve.core.sockets import Engine
from labelsieve.core.types import Ids, Matrix

SHARD = 2048  # items a shard: a kill costs at most this much work; an engine of long rows says a smaller number
CHUNK = 16  # items a worker prepares and computes at once


@dataclass(frozen=True, slots=True)
class EmbedProgress:
    """How far a run is. `rate` is items a second of this run; `left` is seconds, by that rate.

    While an engine is fetched first, `what` names the file and the numbers are bytes.
    """

    done: int
    total: int
    rate: float
    left: float
    what: str = ""


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What a run did. `digest` covers all shards of the engine, whoever wrote them."""

    engine: str
    done: int
    there: int
    set_aside: tuple[tuple[int, str], ...]  # (id, reason)
    seconds: float
    digest: str
    recomputed: tuple[str, ...] = ()  # shards whose bytes were damaged
    taught: int = 0  # items beside the pool that were embedded again, since another engine had done it
    untaught: tuple[str, ...] = ()  # keys of those that cannot be read any more: they take no part


class ShardStore(Protocol):
    """Where rows go: `append` is atomic, and only complete shards are ever seen."""

    def append(self, ids: Ids, x: Matrix) -> Any: ...


@dataclass
class _Shard:
    ids: Ids
    waiting: int
    rows: dict[int, Matrix] = field(default_factory=dict)  # position -> (d,)
    bad: dict[int, str] = field(default_factory=dict)  # position -> reason


Things = Callable[[Ids], Iterator[Any]]  # data of the ids in order; an InputError in its place for what cannot be read
Chunk = tuple[_Shard, list[int], list[Any]]
Aside = Callable[[list[tuple[int, str]]], None]  # keeps (id, reason) of what was set aside
Answer = tuple[_Shard, list[int], Matrix, list[tuple[int, str]]]


def folder_name(engine: Engine) -> str:
    """`<engine>@<revision>+<preprocess>`, safe as a folder name on every system."""
    raw = f"{engine.name}@{engine.revision[:16]}+{engine.preprocess}"
    return "".join(c if c.isalnum() or c in "@+-_." else "-" for c in raw)


def embed_pending(
    engine: Engine,
    store: ShardStore,
    pending: Ids,
    things: Things,
    set_aside: Aside,
    progress: Callable[[EmbedProgress], None] | None = None,
) -> int:
    """Number of rows written. What cannot be embedded goes to `set_aside`, shard by shard, before its shard.

    Cost: (preprocessing + inference) / cores an item; holds about two shards in memory.
    """
    from threadpoolctl import threadpool_limits

    workers = os.cpu_count() or 1
    began, done = time.perf_counter(), 0
    flight: deque[Future[Answer]] = deque()
    seen = 0

    def collect(answer: Answer) -> None:
        nonlocal done, seen
        done += _collect(answer, store, set_aside)
        seen += len(answer[1]) + len(answer[3])
        _tell(progress, seen, len(pending), began)

    with ThreadPoolExecutor(workers) as crew, threadpool_limits(1 if workers > 1 else None):
        try:
            for chunk in _chunks(engine, pending, things):
                flight.append(crew.submit(_work, engine, *chunk))
                if len(flight) >= 4 * workers:
                    collect(flight.popleft().result())
            while flight:
                collect(flight.popleft().result())
        except BaseException:
            for future in flight:
                future.cancel()
            raise
    return done


def _chunks(engine: Engine, pending: Ids, things: Things) -> Iterator[Chunk]:
    size, shard_size = int(getattr(engine, "chunk", CHUNK)), int(getattr(engine, "shard", SHARD))
    for first in range(0, len(pending), shard_size):
        ids = pending[first : first + shard_size]
        data = list(things(ids))
        order = _order(data)
        shard = _Shard(ids, waiting=len(range(0, len(order), size)))
        for start in range(0, len(order), size):
            at = order[start : start + size]
            yield shard, at, [data[i] for i in at]


def _order(data: Sequence[Any]) -> list[int]:
    """Texts of a length together, so that a chunk needs little padding; all else as it comes."""
    if all(isinstance(thing, str) for thing in data):
        return sorted(range(len(data)), key=lambda i: (len(data[i]), i))
    return list(range(len(data)))


def _work(engine: Engine, shard: _Shard, at: list[int], data: list[Any]) -> Answer:
    good: list[int] = []
    ready: list[Any] = []
    bad: list[tuple[int, str]] = []
    for position, thing in zip(at, data, strict=True):
        try:
            if isinstance(thing, InputError):
                raise thing
            ready.append(engine.prepare(thing))
            good.append(position)
        except InputError as error:
            bad.append((position, error.fact))
    rows = _rows(engine, ready)
    if rows is None:  # one of them cannot be computed: find out which
        good, rows = _one_by_one(engine, good, ready, bad)
    fine = small_enough(rows)
    for i in np.flatnonzero(~fine):
        what = f"beyond {MOST:g}" if np.isfinite(rows[i]).all() else "that is not finite"
        bad.append((good[i], f"{engine.name} gave a value {what}"))
    return shard, [good[i] for i in np.flatnonzero(fine)], rows[fine], bad


def _rows(engine: Engine, ready: list[Any]) -> Matrix | None:
    if not ready:
        return np.empty((0, engine.dim), np.float32)
    try:
        rows = np.asarray(engine.compute(ready), dtype=np.float32)
    except InputError:
        return None
    if rows.shape != (len(ready), engine.dim):
        raise EngineError(
            f"{engine.name} gave an array of shape {rows.shape} for {len(ready)} items; expected "
            f"({len(ready)}, {engine.dim}).",
            "the engine does not keep its own promise: report it to its author.",
        )
    return rows


def _one_by_one(
    engine: Engine, good: list[int], ready: list[Any], bad: list[tuple[int, str]]
) -> tuple[list[int], Matrix]:
    kept: list[int] = []
    rows = [np.empty((0, engine.dim), np.float32)]
    for position, thing in zip(good, ready, strict=True):
        try:
            rows.append(np.asarray(engine.compute([thing]), dtype=np.float32))
            kept.append(position)
        except InputError as error:
            bad.append((position, error.fact))
    return kept, np.concatenate(rows)


def _collect(answer: Answer, store: ShardStore, set_aside: Aside) -> int:
    """Rows written: 0 until the shard's last chunk is in, then all of it at once."""
    shard, at, rows, bad = answer
    shard.rows.update(zip(at, rows, strict=True))
    shard.bad.update(bad)
    shard.waiting -= 1
    if shard.waiting:
        return 0
    if shard.bad:
        set_aside([(int(shard.ids[i]), shard.bad[i]) for i in sorted(shard.bad)])
    kept = sorted(shard.rows)
    if kept:
        store.append(shard.ids[kept], np.stack([shard.rows[i] for i in kept]))
    return len(kept)


def _tell(progress: Callable[[EmbedProgress], None] | None, seen: int, total: int, began: float) -> None:
    if progress is not None:
        rate = seen / max(time.perf_counter() - began, 1e-9)
        progress(EmbedProgress(seen, total, rate, (total - seen) / rate if rate else float("inf")))


def cache_folder(root: Path, engine: Engine) -> Path:
    """Where the shards of `engine` live."""
    return root / "cache" / "embeddings" / folder_name(engine)
