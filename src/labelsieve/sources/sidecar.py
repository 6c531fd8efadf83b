"""The two files of a working copy: columns in an Arrow file, embeddings in an .npy."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelsieve.core.types import Matrix

MARK_BYTES = 16  # of the digest at the end of a file of columns


class _Marked:
    """A file that is only appended to; `seal` puts the digest of all of it at the end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._mark, self.closed = file, hashlib.blake2b(digest_size=MARK_BYTES), False

    def write(self, data: Any) -> int:
        self._mark.update(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self.closed = True  # whoever opened the file closes it

    def seal(self) -> None:
        self._file.write(self._mark.digest())


class ColumnsWriter:
    """Appends chunks of rows to an Arrow IPC file, which ends with the digest of what is before."""

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        self._file = _Marked(file)
        self._writer = pa.ipc.new_file(pa.PythonFile(self._file, "w"), schema)
        self._schema = schema

    def append(self, chunk: pa.RecordBatch) -> None:
        self._writer.write_batch(chunk.select(self._schema.names))

    def close(self) -> None:
        self._writer.close()
        self._file.seal()


class Columns:
    """A mapped Arrow IPC file; rows are read where they lie. ValueError where a byte of it is not as it was written:
    Arrow would follow a damaged offset out of the file. Cost: one read of the file, about 1 s a gigabyte."""

    def __init__(self, path: Path) -> None:
        with pa.memory_map(str(path)) as source:
            whole = source.read_buffer()
        inside, mark = whole.slice(0, max(whole.size - MARK_BYTES, 0)), whole.slice(max(whole.size - MARK_BYTES, 0))
        if hashlib.blake2b(inside, digest_size=MARK_BYTES).digest() != mark.to_pybytes():
            raise ValueError(f"{path.name} is damaged: its digest does not match.")
        reader = pa.ipc.open_file(pa.BufferReader(inside))
        self.names = frozenset(reader.schema.names)
        self._chunks = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        self._starts = np.cumsum([0, *(part.num_rows for part in self._chunks)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def all(self, name: str) -> list[pa.Array]:
        """A whole column, chunk by chunk."""
        return [part.column(name) for part in self._chunks]

    def take(self, name: str, rows: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], pa.Array]]:
        """Cells of `rows`, as (positions in `rows`, cells) chunk by chunk; each chunk is read once."""
        which = np.searchsorted(self._starts, rows, side="right") - 1
        out = []
        for chunk in np.unique(which).tolist():
            at = np.flatnonzero(which == chunk)
            inside = rows[at] - self._starts[chunk]
            out.append((at, self._chunks[chunk].column(name).take(pa.array(inside))))
        return out


class EmbeddingsWriter:
    """Appends rows to an .npy file whose length is known at the end only. The first row sets the width."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._dim = 0
        self._waiting = self._count = 0  # rows before the first that shows the width

    def append(self, rows: Sequence[Matrix | None]) -> None:
        """Rows (d,), all of one width; NaN takes the place of those that are None."""
        if not self._dim:
            self._dim = next((len(row) for row in rows if row is not None), 0)
            if not self._dim:
                self._waiting += len(rows)
                return
            self._header()
            self._file.write(np.full((self._waiting, self._dim), np.nan, np.float32).tobytes())
        block = np.full((len(rows), self._dim), np.nan, np.float32)
        for at, row in enumerate(rows):
            if row is not None:
                block[at] = row
        self._file.write(block.data)
        self._count += len(rows)

    def _header(self) -> None:
        """The header leaves room for the count to grow, so it can be written over."""
        shape = (self._count + self._waiting, self._dim)
        header: dict[str, Any] = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        self._file.flush()

    def close(self) -> None:
        if not self._dim:
            np.save(self._file, np.empty((self._waiting, 0), np.float32))
            return
        self._file.seek(0)
        self._header()
        self._file.seek(0, os.SEEK_END)
