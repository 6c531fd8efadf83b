"""Items that are not of the pool: read from files as a source is, and embedded by the engine of the project."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError, ProjectError
from labelsieve.core.rounds import Pool
from labelsieve.core.sockets import Engine
from labelsieve.core.types import Ids, Matrix, Modality
from labelsieve.engines.given import Given
from labelsieve.project.context import Context
from labelsieve.project.embedding import EmbedProgress, embed_pending
from labelsieve.project.pooling import ready_engine
from labelsieve.sources import SourceOptions, open_source
from labelsieve.sources.base import Source, digest
from labelsieve.sources.imagefiles import hash_image, is_image_name, looks_like_image

BLOCK = 65_536  # rows of a pool compared at once
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True, slots=True)
class Outside:
    """One such item: `digest` is that of the same content in a pool, `path` the file that it is read from."""

    key: str
    digest: str
    path: Path
    modality: Modality
    thing: Any


def outside_items(context: Context, paths: Sequence[Path], options: SourceOptions) -> list[Outside]:
    """All items of some files (m,), each content once. InputError for a file with none, or with one that is none.

    An image, a text file (a text a line), a table, an array, or a folder of images. Without options a table is read
    as the first table of the project is.
    """
    found: dict[str, Outside] = {}
    for path in paths:
        with TemporaryDirectory(prefix="labelsieve-") as copies:
            items = list(_items_of(context, path, options, Path(copies)))
        if not items:
            raise InputError(f"{path.name} holds no item.", "give a file with at least one.")
        found |= {item.digest: item for item in items if item.digest not in found}
    return list(found.values())


def _items_of(context: Context, path: Path, options: SourceOptions, copies: Path) -> Iterator[Outside]:
    if not path.exists():
        raise InputError(f"{path} is not there.", "check the path; it is relative to the folder you are in.")
    if path.is_file() and (is_image_name(path.name) or looks_like_image(path)):
        yield Outside(path.name, _hashed(path), path, "image", path)
    elif path.suffix.lower() == ".txt":
        yield from _lines(path)
    else:
        yield from _rows(path, open_source(path, _as_the_pool(context, path, options), copies))


def _hashed(path: Path) -> str:
    try:
        return hash_image(path)
    except InputError as error:
        raise InputError(f"{path.name}: {error.fact}.", "give a whole image.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", "check its permissions.") from error


def _lines(path: Path) -> Iterator[Outside]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} cannot be read as text: {error}.", "save it as UTF-8.") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield Outside(f"{path.name}:{number}", digest(line.encode()), path, "text", line)


def _rows(path: Path, opened: Source) -> Iterator[Outside]:
    chunks = list(opened.scan())  # before anything is read: a scan writes the copy that reading goes by
    if opened.bad:
        ref, why = opened.bad[0]
        more = f", and {len(opened.bad) - 1} more" if len(opened.bad) > 1 else ""
        raise InputError(f"{path.name}, {_said(ref)}: {why}{more}.", "mend the file, or leave that out.")
    for found in chunks:
        things = opened.read(found.refs)
        keys = found.keys or [None] * len(found)
        for key, ref, mark, thing in zip(keys, found.refs, found.digests, things, strict=True):
            if opened.modality == "embedding":
                thing = np.ascontiguousarray(thing, np.float32)
                mark = digest(thing.tobytes())
            yield Outside(key or f"{path.name}:{ref}", mark, path, opened.modality, thing)


def _said(ref: int | str) -> str:
    return f"row {ref}" if isinstance(ref, int) else ref


def _as_the_pool(context: Context, path: Path, given: SourceOptions) -> SourceOptions:
    """How to read a file: as told, else as the first source of the project of the same sort of file is read."""
    if given.data() or given.columns or path.is_dir():
        return given
    table = path.suffix.lower() in TABLES
    for row, spec in zip(context.rows.values(), context.settings.sources, strict=False):
        if table != (Path(spec.path).suffix.lower() in TABLES):
            continue
        same = spec.options
        if not table:
            return replace(given, embeddings=same.embeddings if path.suffix.lower() == ".npz" else None)
        if same.data():
            if same.array_file() is not None:  # it holds the pool's rows, none of these
                return given
            if same.embeddings is not None:
                return replace(given, embeddings=same.embeddings)
            return replace(given, text=same.text, image=same.image)
        return replace(given, columns=tuple(context.source(row.id).engine_columns()))
    return given


@dataclass
class _Gathered:
    """A store that keeps rows in memory."""

    rows: dict[int, Matrix] = field(default_factory=dict)

    def append(self, ids: Ids, x: Matrix) -> None:
        self.rows.update(zip(ids.tolist(), x, strict=True))


@dataclass(frozen=True, slots=True)
class Embedded:
    """Rows (k, d) of the items at positions `at` (k,); `bad` says of the other positions why they have none."""

    at: Ids
    rows: Matrix
    bad: dict[int, str]


def engine_for(context: Context, modalities: Iterable[Modality], pool: Pool) -> Engine:
    """The engine of the pool, for items of these kinds. InputError where it does not take them."""
    wanted = set(modalities)
    has = {context.modality(id_) for id_ in context.rows}
    if wanted <= {"embedding"} and "embedding" in has:
        return Given(pool.dim)
    if has == {"embedding"}:
        kinds = ", ".join(sorted(wanted))
        fact = f"this project holds ready embeddings, and no engine; these items are of the kind {kinds}."
        raise InputError(fact, f"give their embeddings, {pool.dim} columns by the engine that made these, as .npy.")
    if not context.settings.embeddings:
        raise ProjectError("this project has no embeddings yet.", f"labelsieve embed {context.root}")
    engine = ready_engine(context)
    if not wanted <= engine.accepts:
        takes = ", ".join(sorted(engine.accepts))
        raise InputError(
            f"{engine.name} takes {takes}; this is {', '.join(sorted(wanted - engine.accepts))}.",
            "give items of the kind that the project has; of a table, say which column: --text, --image.",
        )
    return engine


def embedded(
    engine: Engine, things: Sequence[Any], progress: Callable[[EmbedProgress], None] | None = None
) -> Embedded:
    """What the engine makes of some things (m,). Cost: that of the engine; all rows in memory."""
    kept, bad = _Gathered(), dict[int, str]()

    def read(ids: Ids) -> Iterator[Any]:
        yield from (things[i] for i in ids.tolist())

    embed_pending(engine, kept, np.arange(len(things)), read, lambda wrong: bad.update(wrong), progress)
    at = np.array(sorted(kept.rows), np.int64)
    rows = np.stack([kept.rows[i] for i in at.tolist()]) if len(at) else np.empty((0, engine.dim), np.float32)
    return Embedded(at, rows, bad)


def rows_in_pool(raw: Pool, rows: Matrix) -> dict[int, list[int]]:
    """Ids of the items of a pool whose embedding is one of `rows` (m, d), number by number, by position in `rows`.

    Cost: one pass over the pool.
    """
    out: dict[int, list[int]] = {}
    if not len(rows):
        return out
    at = {row.tobytes(): number for number, row in enumerate(np.ascontiguousarray(rows, np.float32))}
    for first in range(0, len(raw.ids), BLOCK):
        ids = raw.ids[first : first + BLOCK]
        x = raw.take(ids)
        likely = np.flatnonzero(np.isin(x[:, 0], rows[:, 0]) & np.isin(x[:, -1], rows[:, -1]))
        for position in likely.tolist():
            number = at.get(np.ascontiguousarray(x[position], np.float32).tobytes())
            if number is not None:
                out.setdefault(number, []).append(int(ids[position]))
    return out
