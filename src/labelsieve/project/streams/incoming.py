"""What is to be screened and is not of the pool: opened as the project's own sources are, embedded block by block.

One item that cannot be read or embedded is set aside with its reason, and stops nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ShapeError
from labelsieve.core.rounds import Pool
from labelsieve.core.sockets import Engine
from labelsieve.core.types import Ids, Matrix, Vector
from labelsieve.project.context import Context
from labelsieve.project.embedding import embed_pending
from labelsieve.project.streams.newparts import Part, opened_part, require_kind, rows_given, things_of

__all__ = ["BLOCK", "Given", "Incoming", "Part", "incoming_items", "row_marks", "same_rows"]
BLOCK = 2048  # items embedded at once: what is in memory beside their keys
NO_PICTURE = InputError("it is no picture, so it has no feature map, and patches score the items of this task.")
NOT_FINITE = "the embedding holds a value that is not finite (NaN or infinite)"

Given = Path | NDArray[Any]


@dataclass
class Incoming:
    """Everything that is to be screened: `parts` one after the other; `bad` (key, reason) grows as they are read."""

    parts: list[Part]
    bad: list[tuple[str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(part.count for part in self.parts)

    def key(self, position: int) -> str:
        """The name of an item; where several files were given, the file's name stands before a row or a path."""
        part, at = self._at(position)
        own = str(at) if part.keys is None else part.keys[at]
        return own if len(self.parts) == 1 else f"{part.name}:{own}"

    def digests(self) -> list[str]:
        """Of each item's content; empty for the rows of an array."""
        return [mark for part in self.parts for mark in (part.digests or [""] * part.count)]

    def thing(self, position: int) -> Any:
        """The data of one item, as an engine takes it."""
        part, at = self._at(position)
        return part.array[at] if part.read is None else next(iter(part.read([part.refs[at]])))

    def _at(self, position: int) -> tuple[Part, int]:
        for part in self.parts:
            if position < part.count:
                return part, position
            position -= part.count
        raise IndexError(position)

    def mapped(self, at: Ids, engine: Engine, score: Callable[[Matrix], Vector]) -> Vector:
        """What `score` gives (m,) of the feature maps of these items; NaN for one without a map, which is set aside.

        Cost: that of the engine; the maps of a shard in memory.
        """
        out = np.full(len(at), np.nan)

        class Store:
            def append(self, ids: Ids, x: Matrix) -> None:
                out[ids] = score(x)

        def things(ids: Ids) -> Iterator[Any]:
            for position in at[ids].tolist():
                part, row = self._at(position)
                yield from things_of(part, np.array([row])) if part.modality == "image" else (NO_PICTURE,)

        def aside(found: list[tuple[int, str]]) -> None:
            self.bad += [(self.key(int(at[i])), why) for i, why in found]

        embed_pending(engine, Store(), np.arange(len(at)), things, aside)
        return out

    def blocks(self, engine: Engine, dim: int) -> Iterator[tuple[Ids, Matrix]]:
        """(positions (b,), embeddings (b, d)) of what can be embedded, a block at a time, in order."""
        first = 0
        for part in self.parts:
            for start in range(0, part.count, BLOCK):
                at = np.arange(start, min(start + BLOCK, part.count))
                kept, x = self._array(part, at, first) if part.read is None else self._embedded(part, at, first, engine)
                if len(kept) and x.shape[1] != dim:
                    raise ShapeError(f"{part.name} gives {x.shape[1]} columns; this project has {dim}.")
                yield first + kept, x
            first += part.count

    def _array(self, part: Part, at: Ids, first: int) -> tuple[Ids, Matrix]:
        with np.errstate(over="ignore"):
            x = np.asarray(part.array[at[0] : at[-1] + 1], np.float32)
        finite = np.isfinite(x).all(axis=1)
        self.bad += [(self.key(first + int(i)), NOT_FINITE) for i in at[~finite]]
        return at[finite], x[finite]

    def _embedded(self, part: Part, at: Ids, first: int, engine: Engine) -> tuple[Ids, Matrix]:
        kept: list[tuple[Ids, Matrix]] = []

        class Store:
            def append(self, ids: Ids, x: Matrix) -> None:
                kept.append((ids, x))

        def aside(found: list[tuple[int, str]]) -> None:
            self.bad += [(self.key(first + i), why) for i, why in found]

        embed_pending(engine, Store(), at, lambda ids: things_of(part, ids), aside)
        if not kept:
            return at[:0], np.empty((0, engine.dim), np.float32)
        return np.concatenate([ids for ids, _ in kept]), np.concatenate([x for _, x in kept])


def incoming_items(context: Context, new: Sequence[Given], dim: int) -> Incoming:
    """Everything in `new`: folders, files, or arrays (n, dim). Errors name what is wrong with which of them.

    Cost: one scan of each, to know what is there; ready embeddings are not read yet.
    """
    out = Incoming([])
    for given in new:
        part = rows_given(given) if isinstance(given, np.ndarray) else opened_part(context, given, out.bad)
        require_kind(context, part)
        if part.array is not None and part.array.shape[1] != dim:
            raise ShapeError(
                f"{part.name} has {part.array.shape[1]} columns; the embeddings of this project have {dim}.",
                "embed it with the engine that the project's embeddings come from.",
            )
        out.parts.append(part)
    if not len(out):
        first = f" The first: {out.bad[0][0]}: {out.bad[0][1]}." if out.bad else ""
        raise InputError(
            f"there is nothing to screen: {len(out.bad)} items are set aside.{first}", "give files with items."
        )
    return out


def row_marks(x: Matrix) -> NDArray[np.uint64]:
    """One hash of 64 bits for each row (n, d): equal rows have the same, others practically never. Cost: O(n d)."""
    numbers = np.ascontiguousarray(x + np.float32(0), np.float32).view(np.uint32)  # -0 is 0
    keys = np.random.default_rng(7).integers(1, 2**63, x.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return np.asarray(np.einsum("ij,j->i", numbers, keys, dtype=np.uint64, casting="unsafe"))


def same_rows(pool: Pool, marks: NDArray[np.uint64]) -> Ids:
    """The id (n,) of the first item of the pool with such an embedding, -1 where there is none. Cost: one pass."""
    wanted, back = np.unique(marks, return_inverse=True)
    found = np.full(len(wanted), -1, np.int64)
    for first in range(0, len(pool.ids), BLOCK):
        ids = pool.ids[first : first + BLOCK]
        there = row_marks(pool.take(ids))
        at = np.minimum(np.searchsorted(wanted, there), len(wanted) - 1)
        hit = np.flatnonzero((wanted[at] == there) & (found[at] < 0))
        found[at[hit][::-1]] = ids[hit][::-1]  # the first of several
    return np.asarray(found[back], np.int64)
