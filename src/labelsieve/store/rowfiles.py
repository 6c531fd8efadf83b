"""The files of a shard: rows as float32, or as int8 codes with one scale a row; written whole or not at all."""

import hashlib
import os
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import EngineError, InputError
from labelsieve.core.types import Ids, Matrix
from labelsieve.store.placing import placed, settle, settle_names

Stored = Literal["float32", "int8"]
ROWS, IDS, SCALE = ".npy", ".ids.npy", ".scale.npy"
TOP = 127  # the largest code


class CorruptShard(EngineError):
    """The bytes of a shard are not those that were written. `shard` is its name."""

    def __init__(self, path: Path, shard: str, why: str) -> None:
        super().__init__(
            f"the shard {path} is damaged: {why}.",
            "labelsieve embed PROJECT computes it again (labels are not affected).",
        )
        self.shard = shard


@dataclass(frozen=True, slots=True)
class StoredRows:
    """Rows (m, d) as they are stored: float32, or int8 codes of which each row has a scale (m,)."""

    values: NDArray[Any]
    scale: NDArray[np.float32] | None = None

    def read(self, inside: Any, out: Matrix) -> None:
        """Fills `out` (k, d) with the rows `inside`: a slice or numbers (k,). Cost: O(k d), near that of a copy."""
        if self.scale is None:
            if isinstance(inside, slice) or not out.flags.c_contiguous:
                out[:] = self.values[inside]
            else:
                np.take(self.values, inside, axis=0, out=out)
            return
        np.copyto(out, self.values[inside])
        out *= self.scale[inside][:, None]

    def ahead(self) -> None:
        """Asks the system to read the rows from disk, where it can; returns at once."""
        mapped = getattr(self.values.base, "_mmap", None)
        if isinstance(mapped, mmap) and hasattr(mapped, "madvise"):
            from mmap import MADV_WILLNEED

            mapped.madvise(MADV_WILLNEED)


def stored_type(rows: int, dim: int, memory: int) -> Stored:
    """How to store a pool (rows, dim) on a machine with `memory` bytes: float32 while it fits half of that, else int8.

    What fits stays in the page cache, and float32 is read there as it is; int8 is a quarter as large.

    >>> stored_type(1_000_000, 384, 8 << 30), stored_type(20_000_000, 256, 24 << 30)
    ('float32', 'int8')
    """
    return "float32" if 4 * rows * dim <= memory / 2 else "int8"


def memory_bytes() -> int:
    """The memory of this machine; 8 GiB where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 << 30


def coded(x: Matrix, stored: Stored) -> StoredRows:
    """Rows (m, d) as they will be stored. int8: the largest number of a row gets the code 127, and an error of any
    number is at most half a step, max |x| / 254. InputError for NaN and infinity there."""
    if stored == "float32":
        return StoredRows(np.ascontiguousarray(x, dtype="<f4"))
    x = np.asarray(x, dtype=np.float32)
    scale = np.abs(x).max(axis=1) / np.float32(TOP)
    if not np.isfinite(scale).all():
        raise InputError(
            f"row {int(np.argmin(np.isfinite(scale)))} holds NaN or infinity; int8 has no code for it.",
            "leave such rows out, or store float32.",
        )
    codes = np.rint(x / np.where(scale > 0, scale, 1)[:, None]).astype(np.int8)
    return StoredRows(np.ascontiguousarray(codes), scale.astype("<f4"))


def digest_of(ids: Ids, rows: StoredRows) -> str:
    """32 hex digits over ids, rows and, where there are any, scales."""
    kind = "" if rows.scale is None else " int8"
    mark = hashlib.blake2b(f"{rows.values.shape[1]}{kind}\n".encode(), digest_size=16)
    mark.update(np.ascontiguousarray(ids, dtype="<i8").data)
    if rows.scale is not None:
        mark.update(np.ascontiguousarray(rows.scale).data)
    mark.update(rows.values.data)
    return mark.hexdigest()


def read_ids(path: Path) -> Ids | None:
    """Ids (m,) of a shard; None where the file does not hold ascending ids."""
    try:
        ids: Ids = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return ids if ids.dtype == np.int64 and ids.ndim == 1 and len(ids) and np.all(ids[1:] > ids[:-1]) else None


def map_rows(folder: Path, name: str) -> StoredRows:
    """The rows of a shard, mapped and not read. CorruptShard where the files do not hold such rows."""
    path = folder / (name + ROWS)
    rows = _mapped(path, name)
    if rows.ndim != 2 or rows.dtype not in (np.float32, np.int8) or not rows.flags.c_contiguous:
        raise CorruptShard(path, name, f"it holds {rows.dtype} of shape {rows.shape}, expected rows of float32 or int8")
    if rows.dtype == np.float32:
        return StoredRows(rows)
    scale = _mapped(folder / (name + SCALE), name)
    if scale.shape != (len(rows),) or scale.dtype != np.float32:
        raise CorruptShard(path, name, f"its scales are {scale.dtype} of shape {scale.shape}, expected one a row")
    return StoredRows(rows, scale)


def _mapped(path: Path, name: str) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CorruptShard(path, name, f"it cannot be read ({error})") from error
    return array.view(np.ndarray)


def write_shard(folder: Path, name: str, ids: Ids, rows: StoredRows) -> None:
    """Writes the files of a shard, the rows last: without them there is no shard. OSError where the disk refuses."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / (name + IDS), ids)
    if rows.scale is not None:
        _write(folder / (name + SCALE), rows.scale)
    _write(folder / (name + ROWS), rows.values)
    settle_names(folder)


def _write(path: Path, array: NDArray[Any]) -> None:
    with placed(path.parent, path.name) as temporary:
        with temporary.open("wb") as file:
            np.save(file, array, allow_pickle=False)
        settle(temporary)
        temporary.replace(path)


def maps_at_once() -> int:
    """How many shards may stay mapped: each holds up to two open files of those that a process may have."""
    try:
        from resource import RLIMIT_NOFILE, getrlimit
    except ImportError:  # Windows
        return 256
    return max(16, min(getrlimit(RLIMIT_NOFILE)[0] // 4, 4096))
