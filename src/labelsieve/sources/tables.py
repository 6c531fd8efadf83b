"""A table file: CSV, TSV, JSON lines or Parquet, whose rows are texts, images, table rows or embeddings."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.core.types import Modality
from labelsieve.sources import cells
from labelsieve.sources.arrays import ArrayFile
from labelsieve.sources.base import FOLDER, Found, Known, Ref, first_folder, require_names, require_one_kind, stat_of
from labelsieve.sources.caching import working_folder
from labelsieve.sources.contents import Beside, Contents, Taker, contents_of
from labelsieve.sources.options import SourceOptions
from labelsieve.sources.paths import RowPaths
from labelsieve.sources.snapshots import Copy, Snapshots
from labelsieve.sources.visible import require_root, root_of, seen_pictures, seen_texts, shown_kind

_PANDAS_INDEX = re.compile(r"__index_level_\d+__")


class Reader(Protocol):
    """One file format: the columns, and the rows in chunks. Rows that cannot be read go to `bad`."""

    schema: pa.Schema
    bad: list[tuple[Ref, str]]
    notes: list[str]

    def chunks(self) -> Iterator[pa.RecordBatch]: ...


class TableFile:
    """Rows are items; their ref is the row number, or for images the path below the folder of the table.

    A scan streams the file and keeps a working copy of its columns in `cache`, mapped for random access.
    """

    def __init__(self, path: Path, options: SourceOptions | None = None, cache: Path | None = None) -> None:
        self.path = path
        self.options = options or SourceOptions()
        require_one_kind(self.options)
        require_root(self.options, path)
        self.modality: Modality = _modality(self.options)
        self.shows: Modality | None = shown_kind(self.options) if self.modality == "embedding" else None
        self.root = root_of(self.options, path)
        self.bad: list[tuple[Ref, str]] = []
        self.notes: list[str] = []
        self._cache = cache
        beside = self.options.array_file()
        self._beside = None if beside is None else path.parent / beside
        copied = self.options.embeddings if self._beside is None else self._beside.name
        self._snapshots = Snapshots(working_folder(cache, self), path, copied)
        self._mapped: tuple[str, Copy] | None = None
        self._row_paths: RowPaths | None = None
        self._open()

    def _open(self) -> None:
        """Reads the names of columns; what options say must fit them."""
        self._opened = self.fingerprint()
        self._reader = _reader(self.path, self.options)
        require_names(self.options, self.names(), self.path, folders=self.modality == "image")
        self._require_unseen()
        if not self.engine_columns() and self._beside is None:
            raise InputError(
                f"{self.path.name} has no column that the engine for rows can read; it has {', '.join(self.names())}.",
                "say what an item is: --text, --image, --embeddings or --columns.",
            )

    def _require_unseen(self) -> None:
        """What names, groups, orders or answers an item is no input of an engine. A path is not seen by it."""
        seen = [] if self.modality == "image" else self.engine_columns()
        for option in ("key", "group", "time", "labels"):
            name = getattr(self.options, option)
            if name in seen:
                raise InputError(
                    f"column {name!r} of {self.path.name} is --{option}, so no engine may see it.",
                    "leave it out of what describes an item, for example by --columns.",
                )

    def names(self) -> list[str]:
        names: list[str] = self._reader.schema.names
        return list(names)

    def engine_columns(self) -> list[str]:
        """The columns that an engine sees: never key, group, time and labels, unless named as the data."""
        if self.modality == "embedding":
            return [] if self._beside is not None else [str(self.options.embeddings)]
        given = [*self.options.data().values()]
        if given or self.options.columns:
            return given or list(self.options.columns or ())
        hidden = {self.options.key, self.options.group, self.options.time, self.options.labels}
        fields = [field for field in self._reader.schema if field.name not in hidden]
        return [f.name for f in fields if not cells.is_nested(f.type) and not _PANDAS_INDEX.fullmatch(f.name)]

    def fingerprint(self) -> str:
        """Size and time of change of the file, and of the array beside it."""
        marks = ["{}-{}".format(*stat_of(path)) for path in (self.path, self._beside) if path is not None]
        return "+".join(marks)

    def holds(self, fingerprint: str) -> bool:
        """Whether rows can be read as they were when the file had this fingerprint."""
        return self._snapshots.has(fingerprint) or self.fingerprint() == fingerprint

    def scan(self, known: Known | None = None) -> Iterator[Found]:
        """Chunks of rows that can be items; the others go to `bad`. Cost: one pass, one chunk in memory."""
        self.bad, self.notes = [], []
        if self.fingerprint() != self._opened:
            self._open()
        yield from self._pass(known)
        self.bad = self._reader.bad + self.bad
        self.notes = self._reader.notes + self.notes

    def _pass(self, known: Known | None) -> Iterator[Found]:
        """One pass over the file, which leaves a fresh working copy."""
        mark, first = self.fingerprint(), 0
        contents = self._contents(known)
        with self._snapshots.writing(mark, self._reader.schema) as write:
            for chunk in self._reader.chunks():
                content = contents.take(chunk)
                write(chunk, content.embeddings)
                found = self._found(chunk, first, content)
                if len(found):
                    yield found
                first += chunk.num_rows
            self._require_still(mark)
            if isinstance(contents, Beside):
                contents.require_all(self._reader.bad)

    def _contents(self, known: Known | None = None) -> Taker:
        if self._beside is None:
            return contents_of(self.options, self.engine_columns(), self.path, known)
        self._rows_beside = ArrayFile(self._beside, None, self._cache)  # kept: an unpacked copy goes with it
        return Beside(self._rows_beside.array(), (self.path.name, self._beside.name))

    def _rebuild(self, mark: str) -> None:
        """A fresh working copy alone: nothing is hashed."""
        if mark != self._opened:
            self._open()
        embedded = self._contents() if self.modality == "embedding" else None
        with self._snapshots.writing(mark, self._reader.schema) as write:
            for chunk in self._reader.chunks():
                write(chunk, None if embedded is None else embedded.take(chunk).embeddings)
            self._require_still(mark)

    def _require_still(self, mark: str) -> None:
        if self.fingerprint() != mark:
            raise InputError(f"{self.path.name} changed while it was read.", "sync again when nobody writes to it.")

    def _found(self, chunk: pa.RecordBatch, first: int, content: Contents) -> Found:
        options = self.options
        refs: Sequence[Ref] = range(first, first + chunk.num_rows)
        if content.refs is not None:
            refs = [number if ref is None else ref for number, ref in zip(refs, content.refs, strict=True)]
        keys = None if options.key is None else cells.key_texts(chunk.column(options.key))
        groups, times = (self._texts(chunk, name, refs) for name in (options.group, options.time))
        found = Found(refs, content.digests, keys, groups, times, content.sizes, content.mtimes)
        if not content.bad:
            return found
        for at, why in sorted(content.bad.items()):
            self.bad.append(((keys[at] if keys else None) or refs[at], why))
        return found.only([at for at in range(chunk.num_rows) if at not in content.bad])

    def _texts(self, chunk: pa.RecordBatch, name: str | None, refs: Sequence[Ref]) -> list[str | None] | None:
        if name is None:
            return None
        if name == FOLDER:
            return [first_folder(str(ref)) for ref in refs]
        return cells.class_texts(chunk.column(name), self.options.separator)

    # Random access, over the working copy that the last scan left.

    def _copy(self) -> Copy:
        mark = self.fingerprint()
        name = self._snapshots.latest(mark)
        if self._mapped is None or name != self._mapped[0]:
            try:
                copy = self._snapshots.read(name)
            except (OSError, ValueError, pa.ArrowException) as error:  # none, or damaged: it comes back
                if name and not self._snapshots.has(mark):  # of a file that is not there any more
                    raise InputError(
                        f"{self.path.name} has changed since the last sync, and the working copy of it is damaged.",
                        "labelsieve sync PROJECT: no label is lost or moved by that.",
                    ) from error
                self._rebuild(mark)
                name = self._snapshots.latest(mark)
                copy = self._snapshots.read(name)
            self._mapped, self._row_paths = (name, copy), None
        return self._mapped[1]

    def __len__(self) -> int:
        return len(self._copy()[0])

    def array(self) -> NDArray[Any]:
        """The embeddings (rows of the file, d) float32, mapped; NaN in rows that are set aside."""
        rows = self._copy()[1]
        if rows is None:
            raise InputError(f"{self.path.name} holds no embeddings.", "name their column: --embeddings COLUMN.")
        return rows

    def _paths(self) -> RowPaths:
        columns = self._copy()[0]
        if self._row_paths is None:
            self._row_paths = RowPaths(self.root)
            for chunk in columns.all(str(self.options.image)):
                self._row_paths.add(cells.texts(chunk))
        return self._row_paths

    def _rows(self, refs: Sequence[Ref] | None) -> NDArray[np.int64]:
        columns = self._copy()[0]
        if refs is None:
            return np.arange(len(columns))
        if self.modality == "image":
            paths = self._paths()
            refs = [paths.row(str(ref)) for ref in refs]
        return np.asarray(refs, dtype=np.int64)

    def _gather(self, name: str, rows: NDArray[np.int64], convert: Callable[[pa.Array], list[Any]]) -> list[Any]:
        columns = self._copy()[0]
        if name not in columns.names:
            raise InputError(
                f"column {name!r} of {self.path.name} is new since the last sync.", "labelsieve sync PROJECT"
            )
        out: list[Any] = [None] * len(rows)
        for positions, chunk in columns.take(name, rows):
            for at, value in zip(positions.tolist(), convert(chunk), strict=True):
                out[at] = value
        return out

    def read(self, refs: Sequence[Ref]) -> Iterator[Any]:
        """The data of each ref, in order: text, path, mapping of columns, or (d,) float32."""
        if self.modality == "image":
            paths = self._paths()
            yield from (paths.path(str(ref)) for ref in refs)
            return
        rows = self._rows(refs)
        if self.modality == "embedding":
            yield from np.asarray(self.array()[rows], dtype=np.float32)
        elif self.modality == "text":
            yield from (text or "" for text in self._gather(str(self.options.text), rows, cells.texts))
        else:
            names = self.engine_columns()
            columns = [self._gather(name, rows, lambda chunk: chunk.to_pylist()) for name in names]
            yield from (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))

    def seen(self, refs: Sequence[Ref]) -> Iterator[Any]:
        """What people see of each ref: its text or the path of its picture; an InputError where that is missing."""
        if self.shows is None:
            yield from self.read(refs)
            return
        texts = self._gather(self.options.data()[self.shows], self._rows(refs), cells.texts)
        yield from seen_texts(texts) if self.shows == "text" else seen_pictures(texts, self.root)

    def metas(self, refs: Sequence[Ref]) -> list[dict[str, Any]]:
        """The other columns of each ref, but for the truth."""
        hidden = {*self.engine_columns(), self.options.labels, *self.options.data().values()}
        names = [name for name in self.names() if name not in hidden]
        if not names:
            return [{} for _ in refs]
        rows = self._rows(refs)
        columns = [self._gather(name, rows, lambda chunk: chunk.to_pylist()) for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def column(self, name: str, refs: Sequence[Ref] | None = None) -> list[str | None]:
        """A column as class text, of all rows by default. "@folder" works where items are images."""
        if name == FOLDER and self.modality == "image":
            chosen = self._paths().refs if refs is None else [str(ref) for ref in refs]
            return [None if ref is None else first_folder(ref) for ref in chosen]
        if name not in self.names() or name == self.options.embeddings:
            raise UnknownName(f"column of {self.path.name}", name, self.names())
        return self._gather(name, self._rows(refs), lambda chunk: cells.class_texts(chunk, self.options.separator))

    def coded(self, name: str) -> Iterator[tuple[NDArray[np.int64], list[str | None]]]:
        """A column chunk by chunk, in the order of rows: codes (k,) into the distinct class texts of the chunk.

        Cost: one pass over the column, an object a distinct text of one chunk.
        """
        if name not in self.names() or name == self.options.embeddings:
            raise UnknownName(f"column of {self.path.name}", name, self.names())
        for chunk in self._copy()[0].all(name):
            if cells.is_nested(chunk.type):
                distinct, at = chunk, np.arange(len(chunk))
            else:
                encoded = chunk.dictionary_encode(null_encoding="encode")
                distinct, at = encoded.dictionary, encoded.indices.to_numpy()
            yield at.astype(np.int64), cells.class_texts(distinct, self.options.separator)


def _modality(options: SourceOptions) -> Modality:
    if options.embeddings is not None:
        return "embedding"
    if options.text is not None:
        return "text"
    return "row" if options.image is None else "image"


def _reader(path: Path, options: SourceOptions) -> Reader:
    ending = path.suffix.lower()
    if ending in (".jsonl", ".ndjson"):
        from labelsieve.sources.jsonl import JsonLines

        return JsonLines(path, None if options.array_file() else options.embeddings)
    if ending == ".parquet":
        from labelsieve.sources.parquet import ParquetFile

        return ParquetFile(path)
    from labelsieve.sources.csvfile import CsvFile

    return CsvFile(path)
