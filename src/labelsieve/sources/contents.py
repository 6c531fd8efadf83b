"""What the items of a table file are made of, chunk by chunk: their digests, and which rows cannot be items."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelsieve.core.errors import InputError
from labelsieve.core.norms import small_enough
from labelsieve.core.types import Matrix
from labelsieve.sources import cells
from labelsieve.sources.arrays import why_unusable
from labelsieve.sources.base import Known, Ref, digest
from labelsieve.sources.imagefiles import hash_image
from labelsieve.sources.options import SourceOptions
from labelsieve.sources.paths import LEAVES, RowPaths
from labelsieve.sources.visible import root_of


@dataclass(frozen=True, slots=True)
class Contents:
    """One chunk. `bad` maps positions to reasons; the lists are parallel to the rows, bad ones included."""

    digests: Sequence[str]
    bad: dict[int, str] = field(default_factory=dict)
    refs: Sequence[Ref | None] | None = None  # None where row numbers are
    sizes: Sequence[int] | None = None
    mtimes: Sequence[int] | None = None
    embeddings: list[Matrix | None] | None = None


class Taker(Protocol):
    """Chunks in their order -> contents."""

    def take(self, chunk: pa.RecordBatch) -> Contents: ...


def contents_of(options: SourceOptions, columns: Sequence[str], path: Path, known: Known | None) -> Taker:
    """The taker for what the options say that an item is."""
    if options.embeddings is not None:
        return Embedded(options.embeddings)
    if options.text is not None:
        return Texts(options.text)
    if options.image is not None:
        return Images(options.image, root_of(options, path), known or {}, options.root)
    return Rows(columns)


class Texts:
    """Texts; a cell with nothing but white space is no item."""

    def __init__(self, name: str) -> None:
        self._name = name

    def take(self, chunk: pa.RecordBatch) -> Contents:
        texts = cells.texts(chunk.column(self._name))
        bad = {at: "the text is empty" for at, text in enumerate(texts) if text is None}
        return Contents([digest(text.encode()) if text else "" for text in texts], bad)


class Rows:
    """Rows of a table: what counts is the columns that an engine sees."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def take(self, chunk: pa.RecordBatch) -> Contents:
        return Contents(cells.row_digests([chunk.column(name) for name in self._names]))


class Images:
    """Files that a column names. A file that is as it was at the last scan is not read again."""

    def __init__(self, name: str, folder: Path, known: Known, root: str | None = None) -> None:
        self._name, self._known = name, known
        self._paths = RowPaths(folder)
        self._start = "the folder of the table" if root is None else root

    def take(self, chunk: pa.RecordBatch) -> Contents:
        texts = cells.texts(chunk.column(self._name))
        rows: list[tuple[str, int, int]] = []
        bad: dict[int, str] = {}
        refs = self._paths.add(texts)
        for at, (text, ref) in enumerate(zip(texts, refs, strict=True)):
            try:
                rows.append(self._file(text, ref))
            except InputError as error:
                bad[at] = error.fact
                rows.append(("", 0, 0))
        marks, sizes, mtimes = (list(column) for column in zip(*rows, strict=True))
        return Contents(marks, bad, refs, sizes, mtimes)

    def _file(self, text: str | None, ref: str | None) -> tuple[str, int, int]:
        """(digest, size, mtime in ns); InputError says why a row is no item."""
        if text is None:
            raise InputError("the path is empty")
        if ref is None:
            raise InputError(f"{text}: {LEAVES}")
        path = self._paths.path(ref)
        try:
            stat = path.stat()
            before = self._known.get(ref)
            if before is not None and tuple(before[:2]) == (stat.st_size, stat.st_mtime_ns):
                return before[2], stat.st_size, stat.st_mtime_ns
            return hash_image(path), stat.st_size, stat.st_mtime_ns
        except (OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise InputError(f"{text}: {error.fact}") from error
            if isinstance(error, FileNotFoundError):
                raise InputError(f"{text}: no such file; paths start at {self._start}") from error
            raise InputError(f"{text}: {getattr(error, 'strerror', None) or error}") from error


class Embedded:
    """Embeddings in a column. The first chunk's commonest width counts; other widths are set aside."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._dim = 0

    def take(self, chunk: pa.RecordBatch) -> Contents:
        rows = list(cells.embedding_rows(chunk.column(self._name)))
        widths = Counter(len(row) for row in rows if isinstance(row, np.ndarray) and len(row))
        if not self._dim and widths:
            self._dim = widths.most_common(1)[0][0]
        bad = {at: why for at, row in enumerate(rows) if (why := self._fault(row))}
        kept = [None if at in bad else row for at, row in enumerate(rows)]
        good = [row if isinstance(row, np.ndarray) else None for row in kept]
        return Contents(["" if r is None else digest(r.tobytes()) for r in good], bad, embeddings=good)

    def _fault(self, row: Matrix | str) -> str | None:
        if isinstance(row, str):
            return row
        if len(row) != self._dim or not len(row):
            return f"the embedding has {len(row)} numbers; the others have {self._dim}"
        return why_unusable(row) or None


class Beside:
    """Embeddings in an array beside the table: row i of it belongs to row i of the table."""

    def __init__(self, array: NDArray[Any], names: tuple[str, str]) -> None:
        self._array, self._names, self._at = array, names, 0

    def take(self, chunk: pa.RecordBatch) -> Contents:
        block = self._array[self._at : self._at + chunk.num_rows]
        self._at += chunk.num_rows
        if len(block) < chunk.num_rows:
            raise self._unequal(f"more than {len(self._array):,}")
        with np.errstate(over="ignore"):
            rows = np.ascontiguousarray(block, dtype=np.float32)
        bad = {int(at): why_unusable(rows[at]) for at in np.flatnonzero(~small_enough(rows))}
        good = [None if at in bad else row for at, row in enumerate(rows)]
        return Contents(["" if r is None else digest(r.tobytes()) for r in good], bad, embeddings=good)

    def require_all(self, bad: Sequence[tuple[Ref, str]]) -> None:
        """InputError where rows of the two cannot be told to belong together. `bad`: rows that could not be read."""
        if bad:
            raise InputError(
                f"{self._names[0]}, {bad[0][0]}: {bad[0][1]}; no row can be left out beside {self._names[1]}.",
                "mend that row.",
            )
        if self._at != len(self._array):
            raise self._unequal(f"{self._at:,}")

    def _unequal(self, rows: str) -> InputError:
        table, array = self._names
        fact = f"{table} has {rows} rows and {array} has {len(self._array):,}"
        return InputError(f"{fact}; row i of the one belongs to row i of the other.", "make both from the same items.")
