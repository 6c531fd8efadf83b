"""Working copies of a table file for random access, as the file was at the last scan.

Row numbers are refs, and the manifest keeps them. A file that was edited since may have other rows in these
places, so reading goes on from the copy until the next scan; only when there is no copy, the file is read.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelsieve.core.types import Matrix
from labelsieve.sources.caching import copy_name, copy_stem, copying
from labelsieve.sources.sidecar import Columns, ColumnsWriter, EmbeddingsWriter

COLUMNS, EMBEDDINGS = ".arrow", ".npy"
Write: TypeAlias = Callable[[pa.RecordBatch, list[Matrix | None] | None], None]
Copy: TypeAlias = tuple[Columns, NDArray[Any] | None]


class Snapshots:
    """The copies of one source below `folder`: its columns, and its embeddings where a column holds them."""

    def __init__(self, folder: Path, path: Path, embeddings: str | None) -> None:
        self._folder, self._path, self._embeddings = folder, path, embeddings

    def _file(self, mark: str, ending: str) -> Path:
        return self._folder / (copy_name(self._path, self._folder, mark, self._embeddings or "") + ending)

    @contextmanager
    def writing(self, mark: str, schema: pa.Schema) -> Iterator[Write]:
        """A function that appends chunks. The copy is there when the block ends well, and replaces earlier ones."""
        kept = pa.schema([field for field in schema if field.name != self._embeddings])
        with ExitStack() as stack:
            columns = ColumnsWriter(stack.enter_context(copying(self._file(mark, COLUMNS))), kept)
            stack.callback(columns.close)
            rows = None
            if self._embeddings is not None:
                rows = EmbeddingsWriter(stack.enter_context(copying(self._file(mark, EMBEDDINGS))))
                stack.callback(rows.close)

            def write(chunk: pa.RecordBatch, embeddings: list[Matrix | None] | None) -> None:
                columns.append(chunk)
                if rows is not None and embeddings is not None:
                    rows.append(embeddings)

            yield write

    def latest(self, mark: str) -> str:
        """Which copy to read: that of `mark`, else the newest that is whole; empty where there is none."""
        exact = self._file(mark, COLUMNS).name.removesuffix(COLUMNS)
        stem = copy_stem(self._path, self._folder, self._embeddings or "")
        there = sorted(self._folder.glob(f"{stem}-*{COLUMNS}"), key=_age)
        names = [file.name.removesuffix(COLUMNS) for file in there]
        if self._embeddings is not None:
            names = [name for name in names if (self._folder / (name + EMBEDDINGS)).exists()]
        return exact if exact in names else names[-1] if names else ""

    def has(self, mark: str) -> bool:
        """Whether there is a copy of the file as it was at `mark`."""
        return bool(name := self.latest(mark)) and self._file(mark, COLUMNS).name == name + COLUMNS

    def read(self, name: str) -> Copy:
        """The mapped copy. OSError, ValueError or ArrowException where it is damaged or gone."""
        columns = Columns(self._folder / (name + COLUMNS))
        if self._embeddings is None:
            return columns, None
        return columns, np.load(self._folder / (name + EMBEDDINGS), mmap_mode="r")


def _age(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:  # another process has just replaced it
        return 0
