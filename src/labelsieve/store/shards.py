"""Embeddings in shards: files that are mapped, checked when they are first touched, and whole or not there.

A shard is two or three files whose name holds the first id and a digest of all its bytes:

    000000004096-5f2c...e1.npy         rows (m, d) float32, or int8 codes
    000000004096-5f2c...e1.scale.npy   of int8 rows, what a code of 1 stands for (m,) float32
    000000004096-5f2c...e1.ids.npy     their ids (m,) int64, ascending

The rows are renamed into place last, so a kill leaves no half shard. Two processes that append never write the same
name, unless the bytes are the same too. A shard is hashed when it is first touched, unless it was hashed before and
the disk says that it has not changed since (store/stamps.py).
"""

import hashlib
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import EngineError, InputError, ShapeError, UnknownName
from labelsieve.core.rounds import locate, run_at
from labelsieve.core.types import Ids, Matrix
from labelsieve.store.placing import sweep
from labelsieve.store.rowfiles import (
    IDS,
    ROWS,
    SCALE,
    CorruptShard,
    Stored,
    StoredRows,
    coded,
    digest_of,
    map_rows,
    maps_at_once,
    read_ids,
    write_shard,
)
from labelsieve.store.stamps import Found, Stamps

__all__ = ["CorruptShard", "Shards"]
ENDINGS = (ROWS, IDS, SCALE)


@dataclass(frozen=True)
class _Shard:
    name: str
    first: int
    count: int
    scattered: Ids | None  # None where the ids have no gap, as they mostly do

    @classmethod
    def of(cls, name: str, ids: Ids) -> "_Shard":
        whole = ids[-1] - ids[0] == len(ids) - 1
        return cls(name, int(ids[0]), len(ids), None if whole else ids)

    @property
    def last(self) -> int:
        return self.first + self.count - 1 if self.scattered is None else int(self.scattered[-1])

    @property
    def ids(self) -> Ids:
        if self.scattered is not None:
            return self.scattered
        return np.arange(self.first, self.first + self.count, dtype=np.int64)


class _Lookup(NamedTuple):
    """Where each id stands. Positions run over all shards, one after the other."""

    ids: Ids  # ascending
    starts: Ids  # first position of each shard, and the end
    shards: list[_Shard]
    order: Ids | None  # position of each id; None where the shards follow one another

    def places(self, at: Ids) -> tuple[Ids, Ids]:
        """Number of the shard (m,) and row in it (m,) of the ids at `at`."""
        position = at if self.order is None else self.order[at]
        which = np.searchsorted(self.starts, position, "right") - 1
        return which, position - self.starts[which]


class Shards:
    """A pool over all complete shards of `folder`: `ids` ascending, `take` in any order and always float32.

    `stored` says how new shards are written; None goes on as the folder began, and begins with float32.
    """

    def __init__(self, folder: Path, stored: Stored | None = None) -> None:
        if stored not in (None, "float32", "int8"):
            raise UnknownName("stored type", str(stored), ["float32", "int8"])
        self.folder, self._stored = folder, stored
        self._shards: dict[str, _Shard] = {}
        self._broken: dict[str, str] = {}  # shards whose ids cannot be read
        self._mapped: OrderedDict[str, StoredRows] = OrderedDict()  # the last used at the end
        self._whole: set[str] = set()  # found right by this process
        self._stamps = Stamps(folder)
        self._found: dict[str, Found] = {}  # stamps of the files of a shard before they were read
        self._most = maps_at_once()
        self._lock, self._hashing = Lock(), Lock()
        self._index: _Lookup | None = None
        self._dim = 0
        weakref.finalize(self, self._stamps.save)
        sweep(folder)
        self.refresh()

    def refresh(self) -> None:
        """Sees shards that another process has written or dropped meanwhile."""
        there = {path.name.removesuffix(ROWS) for path in self.folder.glob(f"*{ROWS}")}
        there = {name for name in there if not name.startswith(".") and "." not in name}
        for name in self._shards.keys() - there:
            self._forget(name)
        self._broken = {}
        for name in sorted(there - self._shards.keys()):
            self._found[name] = self._stamps.of(name + ending for ending in ENDINGS)
            ids = read_ids(self.folder / (name + IDS))
            if ids is None:
                self._broken[name] = "its ids cannot be read"
            else:
                self._shards[name] = _Shard.of(name, ids)
        self._index = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def ids(self) -> Ids:
        """Ids (N,) of all rows, ascending. An id that stands in two shards counts once."""
        return self._lookup().ids

    @property
    def dim(self) -> int:
        """Columns of the embeddings; 0 while there is no shard."""
        if not self._dim and self._shards:
            self._dim = int(self._checked(self._shards[min(self._shards)]).values.shape[1])
        return self._dim

    @property
    def stored(self) -> Stored:
        """How the next shard will be written."""
        if self._stored is None and self._shards:
            self._stored = "float32" if self._checked(self._shards[min(self._shards)]).scale is None else "int8"
        return self._stored or "float32"

    @property
    def names(self) -> list[str]:
        """The names of all shards, by first id."""
        return sorted({*self._shards, *self._broken})

    @property
    def digest(self) -> str:
        """32 hex digits over all shards: the same ids, rows and cuts give the same digest, whoever wrote them when."""
        return hashlib.blake2b("\n".join(self.names).encode(), digest_size=16).hexdigest()

    def _lookup(self) -> _Lookup:
        if self._index is None:
            shards = [self._shards[name] for name in sorted(self._shards)]
            starts = np.cumsum([0, *(shard.count for shard in shards)])
            ids, order = np.empty(int(starts[-1]), np.int64), None
            for shard, start in zip(shards, starts, strict=False):
                ids[start : start + shard.count] = shard.ids
            if any(before.last >= after.first for before, after in pairwise(shards)):
                ids, order = np.unique(ids, return_index=True)
            ids.flags.writeable = False  # they are handed out as they are
            self._index = _Lookup(ids, starts, shards, order)
        return self._index

    def take(self, ids: Ids) -> Matrix:
        """Rows (m, d) of `ids`, in that order. CorruptShard where a touched shard is damaged.

        Cost: near the speed of memory; a shard that changed since it was last hashed is hashed when first touched. Ids
        that lie together in one float32 shard are not copied.
        """
        ids, known = np.asarray(ids, dtype=np.int64), self._lookup()
        first = run_at(known.ids, ids)
        if first is not None and known.order is None:
            return self._run(known, first, first + len(ids))
        which, rows = known.places(locate(known.ids, ids))
        out = np.empty((len(ids), self.dim), np.float32)
        for number, positions in _runs(which):
            values, inside = self._checked(known.shards[number]), rows[positions]
            if isinstance(positions, slice):
                values.read(inside, out[positions])
            else:
                part = np.empty((len(inside), self.dim), np.float32)
                values.read(inside, part)
                out[positions] = part
        return out

    def _run(self, known: _Lookup, first: int, last: int) -> Matrix:
        """Rows of the positions first .. last - 1, shard by shard; the shard after one that begins is read ahead."""
        number = int(np.searchsorted(known.starts, first, "right")) - 1
        out: Matrix | None = None
        for shard, start in zip(known.shards[number:], known.starts[number:].tolist(), strict=False):
            if start >= last:
                break
            rows, low, high = self._checked(shard), max(first - start, 0), min(last - start, shard.count)
            if low == 0:
                self._ahead(known.shards[number + 1 : number + 2])
            if rows.scale is None and high - low == last - first:
                return rows.values[low:high]
            out = np.empty((last - first, rows.values.shape[1]), np.float32) if out is None else out
            rows.read(slice(low, high), out[start + low - first : start + high - first])
            number += 1
        return np.empty((0, self.dim), np.float32) if out is None else out

    def _ahead(self, shards: list[_Shard]) -> None:
        for shard in shards:
            with suppress(CorruptShard):  # told when it is touched
                self._opened(shard).ahead()

    def _opened(self, shard: _Shard) -> StoredRows:
        """The mapped rows of a shard; those that were not used for the longest time are closed."""
        with self._lock:
            rows = self._mapped.pop(shard.name, None) or map_rows(self.folder, shard.name)
            self._mapped[shard.name] = rows
            while len(self._mapped) > self._most:
                self._mapped.popitem(last=False)
            return rows

    def _checked(self, shard: _Shard) -> StoredRows:
        """The mapped rows of a shard, found right when they are first touched."""
        rows = self._opened(shard)
        if shard.name not in self._whole:
            with self._hashing:  # threads that meet at a shard do not all hash it
                self._check(shard, rows)
        return rows

    def _check(self, shard: _Shard, rows: StoredRows, thorough: bool = False) -> None:
        """CorruptShard where a shard is not as it was written; hashed where the disk says that it has changed."""

        def right() -> bool:
            return digest_of(shard.ids, rows) == shard.name.rpartition("-")[2]

        if shard.name in self._whole and not thorough:
            return
        if len(rows.values) != shard.count or not self._stamps.whole(self._found[shard.name], right, thorough):
            self._mapped.pop(shard.name, None)
            self._whole.discard(shard.name)
            raise CorruptShard(self.folder / (shard.name + ROWS), shard.name, "its digest does not match its name")
        self._whole.add(shard.name)

    def _forget(self, name: str) -> None:
        self._shards.pop(name, None)
        self._broken.pop(name, None)
        self._mapped.pop(name, None)
        self._found.pop(name, None)
        self._whole.discard(name)
        self._index = None

    def close(self) -> None:
        """Gives the mapped files back; what is touched again is mapped again, and not hashed again."""
        self._mapped.clear()
        self._stamps.save()

    def append(self, ids: Ids, x: Matrix) -> str:
        """Writes rows (m, d) as one new shard and gives its name: after a kill it is there whole, or not at all.

        Errors: ShapeError where shapes or widths do not fit, EngineError where the disk does not take it.
        """
        ids, x = self._fitting(np.asarray(ids, dtype=np.int64), np.asarray(x))
        rows = coded(x, self.stored)
        name = f"{int(ids[0]):012d}-{digest_of(ids, rows)}"
        try:
            write_shard(self.folder, name, ids, rows)
        except OSError as error:
            raise EngineError(
                f"the shard {name} cannot be written to {self.folder}: {error.strerror or error}.",
                "check free space and permissions; what was embedded before is safe.",
            ) from error
        self._forget(name)
        self._found[name] = self._stamps.of(name + ending for ending in ENDINGS)
        self._shards[name] = _Shard.of(name, ids)
        return name

    def _fitting(self, ids: Ids, x: NDArray[Any]) -> tuple[Ids, Matrix]:
        if x.ndim != 2 or ids.shape != (len(x),) or x.size == 0:
            raise ShapeError(
                f"ids {ids.shape} and embeddings {x.shape} do not fit; expected (m,) and (m, d), m and d at least 1.",
                "give one row an id.",
            )
        if self.dim and x.shape[1] != self.dim:
            raise ShapeError(
                f"embeddings have {x.shape[1]} columns; {self.folder.name} holds {self.dim}.",
                "give each engine a folder of its own.",
            )
        order = np.argsort(ids, kind="stable")
        ids = ids[order]
        if np.any(np.diff(ids) == 0):
            raise InputError(f"id {ids[:-1][np.diff(ids) == 0][0]} is given twice.", "give each id once.")
        return ids, x[order]

    def verify(self) -> list[str]:
        """Names of the damaged shards; all are hashed. Cost: one read of everything."""
        damaged = [*self._broken]
        self._mapped.clear()
        for name, shard in sorted(self._shards.items()):
            try:
                self._check(shard, self._opened(shard), thorough=True)
            except CorruptShard:
                damaged.append(name)
        self._stamps.save()
        return sorted(damaged)

    def names_of(self, ids: Ids) -> list[str]:
        """Names of the shards that hold any of `ids`. Cost: O(k log k), and more only where ids have gaps."""
        wanted = np.unique(np.asarray(ids, dtype=np.int64))
        return [name for name, shard in sorted(self._shards.items()) if _holds(shard, wanted)]

    def drop(self, shard: str) -> str:
        """Removes a shard by name, so that its ids count as missing; gives the name back."""
        if shard not in self._shards and shard not in self._broken:
            raise InputError(f"{self.folder.name} has no shard {shard!r}.", "verify() names the damaged ones.")
        for ending in ENDINGS:  # the rows first: without them there is no shard
            (self.folder / (shard + ending)).unlink(missing_ok=True)
        self._forget(shard)
        return shard


def _holds(shard: _Shard, wanted: Ids) -> bool:
    low, high = np.searchsorted(wanted, [shard.first, shard.last + 1]).tolist()
    return bool(high > low) and (shard.scattered is None or bool(np.isin(shard.scattered, wanted[low:high]).any()))


def _runs(which: NDArray[np.int64]) -> Iterator[tuple[int, Any]]:
    """(shard number, positions) pairs; positions are a slice where the ids of a shard lie together."""
    if len(which) == 0:
        return
    if np.all(np.diff(which) >= 0):
        cuts = np.flatnonzero(np.diff(which)) + 1
        for first, last in zip([0, *cuts.tolist()], [*cuts.tolist(), len(which)], strict=True):
            yield int(which[first]), slice(first, last)
        return
    order = np.argsort(which, kind="stable")
    for number, run in _runs(which[order]):
        yield number, order[run]
