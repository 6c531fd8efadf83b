"""What is to be screened and is not of the pool: opened as the project's own sources are, embedded block by block.

One item that cannot be read or embedded is set aside with its reason, and stops nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ShapeError, UnknownName
from labelsieve.core.rounds import Pool
from labelsieve.core.sockets import Engine
from labelsieve.core.types import Ids, Matrix, Modality, Vector
from labelsieve.project import config
from labelsieve.project.context import Context
from labelsieve.project.embedding import embed_pending
from labelsieve.project.syncing import is_range
from labelsieve.sources import Source, SourceOptions, open_source
from labelsieve.sources.base import Ref
from labelsieve.sources.imagefiles import hash_image, is_image_name
from labelsieve.sources.opening import BUILT_IN

BLOCK = 2048  # items embedded at once: what is in memory beside their keys
NO_PICTURE = InputError("it is no picture, so it has no feature map, and patches score the items of this task.")
NOT_FINITE = "the embedding holds a value that is not finite (NaN or infinite)"

Given = Path | NDArray[Any]
Read = Callable[[Sequence[Ref]], Iterator[Any]]


@dataclass
class Part:
    """The items of one file or folder, in its order. `array` (n, d) holds ready embeddings, else `read` gives data."""

    name: str
    modality: Modality
    count: int
    refs: Sequence[Ref] = ()
    keys: Sequence[str] | None = None  # None: the row numbers
    digests: Sequence[str] = ()  # of the contents; empty for rows of an array
    array: Any = None
    read: Read | None = None
    source: Source | None = None  # kept open: working copies go with it


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
                yield from _things(part, np.array([row])) if part.modality == "image" else (NO_PICTURE,)

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

        embed_pending(engine, Store(), at, lambda ids: _things(part, ids), aside)
        if not kept:
            return at[:0], np.empty((0, engine.dim), np.float32)
        return np.concatenate([ids for ids, _ in kept]), np.concatenate([x for _, x in kept])


def _things(part: Part, at: Ids) -> Iterator[Any]:
    """The data of some items in order, an InputError in the place of what cannot be read."""
    read = part.read or iter
    refs = [part.refs[i] for i in at.tolist()]
    try:
        yield from list(read(refs))
    except InputError:
        for ref in refs:
            try:
                yield next(iter(read([ref])))
            except InputError as error:
                yield error


def incoming_items(context: Context, new: Sequence[Given], dim: int) -> Incoming:
    """Everything in `new`: folders, files, or arrays (n, dim). Errors name what is wrong with which of them.

    Cost: one scan of each, to know what is there; ready embeddings are not read yet.
    """
    out = Incoming([])
    for given in new:
        part = _rows_given(given) if isinstance(given, np.ndarray) else _opened(context, given, out.bad)
        _require_kind(context, part)
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


def _rows_given(x: NDArray[Any]) -> Part:
    if x.ndim != 2:
        raise ShapeError(f"the new rows have the shape {x.shape}; expected (items, columns).")
    if x.dtype.kind not in "fiub":
        raise InputError(f"the new rows have the type {x.dtype}; expected numbers.", "x.astype('float32'), say.")
    return Part("array", "embedding", len(x), array=x)


def _opened(context: Context, path: Path, bad: list[tuple[str, str]]) -> Part:
    if path.is_file() and is_image_name(path.name):
        return image_part(path.parent, [path.name], bad)
    source = open_as_the_pool(context, path)
    if is_range(source):
        array = source.array()  # type: ignore[attr-defined]
        return Part(path.name, "embedding", len(array), array=array, source=source)
    refs: list[Ref] = []
    keys: list[str] = []
    digests: list[str] = []
    for found in source.scan():
        refs += found.refs
        keys += [key or str(ref) for key, ref in zip(found.keys or [None] * len(found), found.refs, strict=True)]
        digests += found.digests
    bad += [(str(ref), why) for ref, why in source.bad]
    return Part(path.name, source.modality, len(refs), refs, keys, digests, read=source.read, source=source)


def image_part(folder: Path, refs: Sequence[str], bad: list[tuple[str, str]]) -> Part:
    """Image files below a folder; those that are none go to `bad`."""
    good: list[str] = []
    marks: list[str] = []
    for ref in refs:
        try:
            marks.append(hash_image(folder / ref))
            good.append(ref)
        except InputError as error:
            bad.append((ref, error.fact))
        except OSError as error:
            bad.append((ref, f"the file cannot be read: {error.strerror}"))
    return Part(folder.name, "image", len(good), good, good, marks, read=lambda some: (folder / str(r) for r in some))


def open_as_the_pool(context: Context, path: Path) -> Source:
    """The source at `path`, read as the first source of the project of its sort is: the same columns mean the same.

    Its column of labels is not looked at. InputError names the columns that it lacks.
    """
    if not path.exists():
        raise InputError(f"{path} is not there.", "check the path; it is relative to the folder you are in.")
    like = next((row for row in context.rows.values() if _sort(Path(row.name)) == _sort(path)), None)
    if like is None:
        return open_source(path, SourceOptions())
    spec = next((spec for spec in context.settings.sources if spec.path == like.name), None)
    known = spec.options if spec else SourceOptions()
    options = replace(known, labels=None, group=None, time=None, root=None)
    if like.modality == "embedding":  # nobody looks at them here
        options = replace(options, text=None, image=None)
        if options.array_file() is not None:  # it holds the pool's rows, none of these
            options = replace(options, embeddings=None)
    if path.suffix.lower() == ".npy":
        options = replace(options, embeddings=None, key=None)
    columns: tuple[str, ...] = ()
    if like.modality == "row":
        columns = tuple(context.source(like.id).engine_columns())
        options = replace(options, columns=columns)
    try:
        return open_source(path, options)
    except UnknownName as error:
        there = open_source(path, SourceOptions()).names()
        wanted = [*columns, *replace(options, columns=None).named().values()]
        lacks = ", ".join(repr(name) for name in dict.fromkeys(wanted) if name not in there)
        raise InputError(
            f"{path.name} lacks the columns {lacks}; it has {', '.join(there) or 'none'}.",
            f"give it the columns of {config.resolve(like.name, context.root).name}, under the same names.",
        ) from error


def _sort(path: Path) -> str:
    endings = (name for name, known in BUILT_IN.items() if path.name.lower().endswith(known))
    return next(endings, "folder")


def _require_kind(context: Context, part: Part) -> None:
    has = sorted({row.modality for row in context.rows.values()})
    if part.modality not in has:
        raise InputError(
            f"{part.name} holds items of kind {part.modality}; this project holds {', '.join(has)}.",
            "screen what the project was made of; of a table, the columns have to be the same.",
        )


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
