"""A round as a strategy sees it: the pool, what is labelled, the head; and a count of what was scored."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, PoolExhausted, ShapeError, UnknownName
from labelsieve.core.idsets import positions, without
from labelsieve.core.types import Ids, Labels, Matrix, Query, Vector

if TYPE_CHECKING:
    from labelsieve.core.sockets import Head, Neighbours

BLOCK = 4096  # rows scored at once, which a cache holds: results do not depend on how the pool is stored
MANY = 131_072  # rows from which on blocks are scored side by side
REFIT = "fit it again, on rows that are finite."
DENSE = 0.75  # from this share of wanted rows on, whole blocks are scored where they lie


class Kept(Protocol):
    """Arrays that depend on the pool alone, by name: made once, then handed out. Not to be written to."""

    def __call__(self, name: str, make: Callable[[], NDArray[Any]]) -> NDArray[Any]: ...


class InMemory:
    """Arrays that are kept as long as this is."""

    def __init__(self) -> None:
        self._known: dict[str, NDArray[Any]] = {}

    def __call__(self, name: str, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        if name not in self._known:
            self._known[name] = make()
        return self._known[name]


class Pool(Protocol):
    """Embeddings by id. `ids` (N,) is ascending; `take` gives (m, d) float32 in the order asked, to several threads.

    What it gives may lie in the pool itself, and is not to be written to.
    """

    @property
    def ids(self) -> Ids: ...
    @property
    def dim(self) -> int: ...
    def take(self, ids: Ids) -> Matrix: ...


class Maps(Pool, Protocol):
    """Feature maps of images as rows (m, h * w * c) by id; `grid` is (h, w, c). Images that gave none are absent."""

    @property
    def grid(self) -> tuple[int, int, int]: ...


@runtime_checkable
class ThreadedHead(Protocol):
    """A head that several threads may ask at once. While inside `one_thread_each`, a call of it uses one thread."""

    def predict_proba(self, x: Matrix) -> Matrix: ...
    def one_thread_each(self) -> AbstractContextManager[Any]: ...


class ArrayPool:
    """A pool over one array (N, d), also memory-mapped. Rows have the ids given, else 0 .. N - 1."""

    def __init__(self, x: Any, ids: Ids | None = None) -> None:
        self._x = x
        self._order: Ids | None = None
        if ids is None:
            self._ids: Ids = np.arange(len(x), dtype=np.int64)
        else:
            given = np.asarray(ids, dtype=np.int64)
            if np.any(given[1:] <= given[:-1]):
                self._order = np.argsort(given, kind="stable")
            self._ids = given.view() if self._order is None else given[self._order]
        self._ids.flags.writeable = False  # they are handed out as they are

    @property
    def ids(self) -> Ids:
        return self._ids

    @property
    def dim(self) -> int:
        return int(self._x.shape[1])

    def take(self, ids: Ids) -> Matrix:
        first = run_at(self._ids, ids)
        if first is not None and self._order is None:
            found: Matrix = np.ascontiguousarray(self._x[first : first + len(ids)], np.float32).view()
            found.flags.writeable = False  # it lies in x, where it can
            return found
        rows = locate(self._ids, ids)
        return np.ascontiguousarray(self._x[rows if self._order is None else self._order[rows]], np.float32)


def run_at(ids: Ids, wanted: Ids) -> int | None:
    """Where `wanted` (m,) stands in ascending `ids` as one piece; None where it does not. Cost: O(m + log N)."""
    if not len(wanted):
        return None
    first = int(np.searchsorted(ids, wanted[0]))
    return first if np.array_equal(ids[first : first + len(wanted)], wanted) else None


def locate(ids: Ids, wanted: Ids) -> Ids:
    """Positions (m,) of `wanted` in ascending `ids`. UnknownName where one is absent. Cost: O(m log N)."""
    if len(ids) and ids[-1] - ids[0] == len(ids) - 1:  # no gap: nothing to search
        at = np.asarray(wanted, np.int64) - ids[0]
        bad = (at < 0) | (at >= len(ids))
    else:
        at = np.searchsorted(ids, wanted)
        bad = np.ones(len(wanted), bool)
        if len(ids):
            bad = ids[np.minimum(at, len(ids) - 1)] != wanted
    if np.any(bad):
        raise UnknownName("item of this pool", str(wanted[bad][0]), [])
    return np.asarray(at, np.int64)


@dataclass
class Round:
    """All that a strategy may know. `labels` are the training labels, `asked` every id that may not be asked again."""

    pool: Pool
    labels: Labels
    head: "Head | None" = None
    asked: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    number: int = 0  # how many queries of this task were answered before
    costs: Mapping[str, float] = field(default_factory=dict)  # measured once by project and stored
    scored: int = 0
    allowed: Ids | None = None  # ascending: nothing but these may be asked, where candidates were narrowed
    neighbours: "Neighbours | None" = None  # of items, by an index that project opened
    wanted: int | None = None  # the class that is searched for; ODD in a screen task
    price: Callable[[Ids], Vector] | None = None  # what a label of each item costs (m,), above 0
    past: Sequence[Query] = ()  # the queries of this task so far, oldest first: what a search learns its arms from
    kept: Kept = field(default_factory=InMemory)  # what depends on the pool alone is computed once
    tabular: bool = False  # rows are columns of a table: their length means something, and directions do not
    maps: Maps | None = None  # feature maps of images, where the project has an engine for them
    templates: Pool | None = None  # by the ids of images: the maps of what each is held against
    _proba: dict[bytes, Matrix] = field(default_factory=dict, repr=False)

    def blocked(self) -> Ids:
        """The ids (k,), ascending, that may not be asked again."""
        return np.union1d(self.asked, self.labels.ids)

    def free(self) -> Ids:
        """The ids (m,) that may still be asked, ascending. Cost: O(N), or O(m) where candidates were narrowed."""
        return without(self.pool.ids if self.allowed is None else self.allowed, self.blocked())

    def left(self) -> int:
        """How many items may still be asked. Cost: O(k log N) for k that may not."""
        ids = self.pool.ids if self.allowed is None else self.allowed
        return len(ids) - len(positions(ids, self.blocked()))

    def require(self, n: int) -> Ids:
        """`free()`, or PoolExhausted when fewer than n are left."""
        self.check(n)
        return self.free()

    def check(self, n: int) -> None:
        """PoolExhausted when fewer than n are left. Cost: as `left`."""
        left = self.left()
        if n > left:
            raise PoolExhausted(
                f"{n} items were asked for, {left} of {len(self.pool.ids)} are left to ask.",
                f"ask for at most {left}, or sync new items.",
            )

    def within(self, ids: Ids) -> "Round":
        """This round, narrowed to candidates `ids` (m,) ascending. It counts what it scores by itself."""
        return replace(self, allowed=ids, scored=0, _proba={})

    def take(self, ids: Ids) -> Matrix:
        """Embeddings (m, d) of `ids`."""
        return self.pool.take(ids)

    def proba(self, ids: Ids) -> Matrix:
        """Probabilities (m, c) of `ids` by the head, scored in blocks, cached and counted."""
        mark = ids.tobytes() if len(ids) < 4096 else bytes(str((len(ids), hash(ids.tobytes()))), "ascii")
        if mark not in self._proba:
            out = np.empty((0, len(self.labels.classes)), np.float32)
            for place, part in self._predicted(ids):
                if place.start == 0:
                    out = np.empty((len(ids), part.shape[1]), np.float32)
                out[place] = part
            self._proba[mark] = out
            self.scored += len(ids)
        return self._proba[mark]

    def score(self, ids: Ids, of: Callable[[Matrix], NDArray[Any]]) -> Vector:
        """Score (m,) of `ids`: `of` takes probabilities (b, c), a block at a time, and gives (b,). Counted, not cached.

        Cost: one scan by the head; memory for one block and the answer.
        """
        score = np.empty(len(ids))
        for place, part in self._predicted(ids):
            score[place] = of(part)
        self.scored += len(ids)
        return score

    def refit(self, ids: Ids, y: NDArray[Any], weight: Vector | None = None) -> "Head":
        """A new head of the kind of this round's, fitted on `ids` (m,), which may repeat, with answers y."""
        return deepcopy(self._fitted()).fit(self.take(ids), y, weight)

    def _fitted(self) -> "Head":
        if self.head is None:
            raise ValueError("this round has no head yet")
        return self.head

    def _predicted(self, ids: Ids) -> Iterator[tuple[slice, Matrix]]:
        """(place in ids, probabilities) a block at a time, in order, and never more than a few at once."""
        head = self._fitted()

        def proba(block: Ids, inside: Ids | None) -> Matrix:
            found = np.asarray(head.predict_proba(self.take(block)))
            if found.ndim != 2 or len(found) != len(block):
                raise ShapeError(f"the head gave {found.shape} for {len(block)} rows; (rows, classes) was expected.")
            with np.errstate(over="ignore", invalid="ignore"):
                total = float(found.sum(dtype=np.float32))
            if total - total != 0.0:  # NaN, infinity
                raise InputError(f"the head gives probabilities that are not finite, from item {block[0]} on.", REFIT)
            return found if inside is None else np.take(found.T, inside, axis=1).T

        blocks = _blocks(self.pool.ids, ids)
        if len(ids) < MANY or not isinstance(head, ThreadedHead):
            yield from ((place, proba(block, inside)) for place, block, inside in blocks)
            return
        workers = min(os.cpu_count() or 1, 8)
        flight: deque[tuple[slice, Future[Matrix]]] = deque()
        with head.one_thread_each(), ThreadPoolExecutor(workers) as crew:
            for place, block, inside in blocks:
                flight.append((place, crew.submit(proba, block, inside)))
                if len(flight) > 2 * workers:
                    place, done = flight.popleft()
                    yield place, done.result()
            for place, done in flight:
                yield place, done.result()


def _blocks(known: Ids, ids: Ids) -> Iterator[tuple[slice, Ids, Ids | None]]:
    """(place in ids, ids to read, which of those are meant) a block at a time; None where all of them are.

    Where nearly all items of a stretch of the pool are meant, as when a few are labelled, the stretch is read whole:
    it is one piece in memory, and picking rows out of it would copy all of it.
    """
    first, last = np.searchsorted(known, ids[[0, -1]]).tolist() if len(ids) else (0, -1)
    beside = len(ids) > 0 and ids[0] < 0  # taught items stand in no block of the pool
    if beside or len(ids) < DENSE * (last - first + 1) or last >= len(known) or np.any(ids[1:] <= ids[:-1]):
        for i in range(0, len(ids), BLOCK):
            yield slice(i, i + BLOCK), ids[i : i + BLOCK], None
        return
    start = 0
    for i in range(first, last + 1, BLOCK):
        block = known[i : min(i + BLOCK, last + 1)]
        stop = int(np.searchsorted(ids, block[-1], "right"))
        meant, place, start = ids[start:stop], slice(start, stop), stop
        if np.array_equal(meant, block):
            yield place, block, None
        elif len(meant):
            yield place, block, locate(block, meant)
