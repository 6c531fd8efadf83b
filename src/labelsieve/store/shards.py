"""Embeddings in shards: files that are mapped, checked when they are first touched, and whole or not there.

A shard is two files whose name holds the first id and a digest of all its bytes:

    000000004096-5f2c...e1.npy       rows (m, d) float32
    000000004096-5f2c...e1.ids.npy   their ids (m,) int64, ascending

The ids are written first and the rows are renamed into place last, so a kill leaves no half shard. Two
processes that append never write the same name, unless the bytes are the same too.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import EngineError, InputError, ShapeError
from labelsieve.core.rounds import locate
from labelsieve.core.types import Ids, Matrix

ROWS, IDS = ".npy", ".ids.npy"
STALE = 3600  # seconds after which a temporary file belongs to a process that was killed


class CorruptShard(EngineError):
    """The bytes of a shard are not those that were written. `shard` is its name."""

    def __init__(self, path: Path, shard: str, why: str) -> None:
        super().__init__(
            f"the shard {path} is damaged: {why}.",
            "labelsieve embed PROJECT computes it again (labels are not affected).",
        )
        self.shard = shard


@dataclass
class _Shard:
    name: str
    ids: Ids
    rows: NDArray[Any] | None = field(default=None, repr=False)  # mapped once it was checked


class Shards:
    """A pool over all complete shards of `folder`: `ids` ascending, `take` in any order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shards: dict[str, _Shard] = {}
        self._broken: dict[str, str] = {}  # shards whose ids cannot be read
        self._index: tuple[Ids, NDArray[np.int32], NDArray[np.int64], list[_Shard]] | None = None
        self._dim = 0
        _sweep(folder)
        self.refresh()

    def refresh(self) -> None:
        """Sees shards that another process has written or dropped meanwhile."""
        there = {path.name.removesuffix(ROWS) for path in self.folder.glob(f"*{ROWS}") if not path.name.endswith(IDS)}
        there = {name for name in there if not name.startswith(".")}
        for name in self._shards.keys() - there:
            del self._shards[name]
        self._broken = {}
        for name in sorted(there - self._shards.keys()):
            ids = _read_ids(self.folder / (name + IDS))
            if ids is None:
                self._broken[name] = "its ids cannot be read"
            else:
                self._shards[name] = _Shard(name, ids)
        self._index = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def ids(self) -> Ids:
        """Ids (N,) of all rows, ascending. An id that stands in two shards counts once."""
        return self._lookup()[0]

    @property
    def dim(self) -> int:
        """Columns of the embeddings; 0 while there is no shard."""
        if not self._dim and self._shards:
            self._dim = int(self._checked(self._shards[min(self._shards)]).shape[1])
        return self._dim

    @property
    def names(self) -> list[str]:
        """The names of all shards, by first id."""
        return sorted({*self._shards, *self._broken})

    @property
    def digest(self) -> str:
        """32 hex digits over all shards: the same ids, rows and cuts give the same digest, whoever wrote them when."""
        return hashlib.blake2b("\n".join(self.names).encode(), digest_size=16).hexdigest()

    def _lookup(self) -> tuple[Ids, NDArray[np.int32], NDArray[np.int64], list[_Shard]]:
        """Ascending ids; for each the number of its shard and its row there; the shards by number."""
        if self._index is None:
            shards = [self._shards[name] for name in sorted(self._shards)]
            lengths = [len(shard.ids) for shard in shards]
            ids = np.concatenate([np.empty(0, np.int64), *(shard.ids for shard in shards)])
            which = np.repeat(np.arange(len(shards), dtype=np.int32), lengths)
            rows = np.concatenate([np.empty(0, np.int64), *(np.arange(n) for n in lengths)])
            if np.any(np.diff(ids) <= 0):
                ids, first = np.unique(ids, return_index=True)
                which, rows = which[first], rows[first]
            self._index = (ids, which, rows, shards)
        return self._index

    def take(self, ids: Ids) -> Matrix:
        """Rows (m, d) of `ids`, in that order. CorruptShard where a touched shard is damaged.

        Cost: near the speed of memory; each shard is hashed once a process, when it is first touched.
        """
        known, which, rows, shards = self._lookup()
        at = locate(known, np.asarray(ids, dtype=np.int64))
        which, rows = which[at], rows[at]
        out = np.empty((len(at), self.dim), np.float32)
        for number, positions in _runs(which):
            values = self._checked(shards[number])
            inside = rows[positions]
            if _consecutive(inside):
                out[positions] = values[inside[0] : inside[-1] + 1]
            elif isinstance(positions, slice):
                np.take(values, inside, axis=0, out=out[positions])
            else:
                out[positions] = values[inside]
        return out

    def _checked(self, shard: _Shard) -> NDArray[Any]:
        """The mapped rows of a shard, hashed when they are first touched."""
        if shard.rows is None:
            path = self.folder / (shard.name + ROWS)
            rows = _map_rows(path, shard.name)
            if len(rows) != len(shard.ids) or _digest(shard.ids, rows) != shard.name.rpartition("-")[2]:
                raise CorruptShard(path, shard.name, "its digest does not match its name")
            shard.rows = rows
        return shard.rows

    def append(self, ids: Ids, x: Matrix) -> str:
        """Writes rows (m, d) as one new shard and gives its name: after a kill it is there whole, or not at all.

        Errors: ShapeError where shapes or widths do not fit, EngineError where the disk does not take it.
        """
        ids, x = self._fitting(np.asarray(ids, dtype=np.int64), np.asarray(x))
        name = f"{int(ids[0]):012d}-{_digest(ids, x)}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write(self.folder / (name + IDS), ids)
            _write(self.folder / (name + ROWS), x)
            _sync_folder(self.folder)
        except OSError as error:
            raise EngineError(
                f"the shard {name} cannot be written to {self.folder}: {error.strerror or error}.",
                "check free space and permissions; what was embedded before is safe.",
            ) from error
        self._shards[name] = _Shard(name, ids)
        self._broken.pop(name, None)
        self._index = None
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
        return ids, np.ascontiguousarray(x[order], dtype="<f4")

    def verify(self) -> list[str]:
        """Names of the damaged shards. Cost: one read of everything."""
        damaged = [*self._broken]
        for name, shard in sorted(self._shards.items()):
            shard.rows = None
            try:
                self._checked(shard)
            except CorruptShard:
                damaged.append(name)
        return sorted(damaged)

    def names_of(self, ids: Ids) -> list[str]:
        """Names of the shards that hold any of `ids`."""
        return [name for name, shard in sorted(self._shards.items()) if np.isin(shard.ids, ids).any()]

    def drop(self, shard: str) -> str:
        """Removes a shard by name, so that its ids count as missing; gives the name back."""
        if shard not in self._shards and shard not in self._broken:
            raise InputError(f"{self.folder.name} has no shard {shard!r}.", "verify() names the damaged ones.")
        for ending in (ROWS, IDS):  # the rows first: without them there is no shard
            (self.folder / (shard + ending)).unlink(missing_ok=True)
        self._shards.pop(shard, None)
        self._broken.pop(shard, None)
        self._index = None
        return shard


def _digest(ids: Ids, rows: NDArray[Any]) -> str:
    mark = hashlib.blake2b(f"{rows.shape[1]}\n".encode(), digest_size=16)
    mark.update(np.ascontiguousarray(ids, dtype="<i8").data)
    mark.update(rows.data)
    return mark.hexdigest()


def _read_ids(path: Path) -> Ids | None:
    try:
        ids: Ids = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return ids if ids.dtype == np.int64 and ids.ndim == 1 and len(ids) and np.all(np.diff(ids) > 0) else None


def _map_rows(path: Path, name: str) -> NDArray[Any]:
    try:
        rows: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CorruptShard(path, name, f"it cannot be read ({error})") from error
    if rows.ndim != 2 or rows.dtype != np.float32 or not rows.flags.c_contiguous:
        raise CorruptShard(path, name, f"it holds {rows.dtype} of shape {rows.shape}, expected rows of float32")
    return rows


def _runs(which: NDArray[np.int32]) -> Iterator[tuple[int, Any]]:
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


def _consecutive(rows: NDArray[np.int64]) -> bool:
    return bool(rows[-1] - rows[0] == len(rows) - 1 and np.all(np.diff(rows) == 1))


def _write(path: Path, array: NDArray[Any]) -> None:
    temporary = path.with_name(f".tmp-{os.getpid()}-{os.urandom(4).hex()}-{path.name}")
    try:
        with temporary.open("wb") as file:
            np.save(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Makes the renames last through a power cut, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sweep(folder: Path) -> None:
    """Removes what killed processes left: old temporary files."""
    for path in folder.glob(".tmp-*"):
        try:
            if time.time() - path.stat().st_mtime > STALE:
                path.unlink()
        except OSError:  # another process was faster, or the folder is read-only: harmless either way
            continue
