"""Parquet, streamed row group by row group."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from labelsieve.core.errors import InputError
from labelsieve.sources.base import CHUNK, Ref, stat_of

CHUNK_BYTES = 32_000_000


class ParquetFile:
    """Columns keep their types; dictionary columns become the values that they stand for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bad: list[tuple[Ref, str]] = []
        self.notes: list[str] = []
        if stat_of(path)[0] == 0:
            raise InputError(f"{path.name} is empty (0 bytes); expected a Parquet file.", "write it again.")
        with self._open() as file:
            self.schema = pa.schema([pa.field(f.name, _plain(f.type)) for f in file.schema_arrow])
            size = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
            self._rows = max(256, min(CHUNK, CHUNK_BYTES * file.metadata.num_rows // max(size, 1)))
        names = self.schema.names
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise InputError(f"{path.name} has two columns named {twice[0]!r}.", "rename one of them.")

    def _open(self) -> pq.ParquetFile:
        try:
            # Without these two, whole row groups (or the whole file) are held in memory.
            return pq.ParquetFile(self.path, pre_buffer=False, buffer_size=1 << 20)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{self.path.name} is no Parquet file: {error}.", "write it again.") from error

    def chunks(self) -> Iterator[pa.RecordBatch]:
        """The rows in order, at most 65,536 at once."""
        with self._open() as file:
            try:
                for chunk in file.iter_batches(batch_size=self._rows, use_threads=False):
                    yield pa.RecordBatch.from_arrays(
                        [column.cast(kind) for column, kind in zip(chunk.columns, self.schema.types, strict=True)],
                        schema=self.schema,
                    )
            except (pa.ArrowException, OSError) as error:
                raise InputError(f"{self.path.name} is damaged: {error}.", "copy or write it again.") from error


def _plain(kind: pa.DataType) -> pa.DataType:
    return _plain(kind.value_type) if pa.types.is_dictionary(kind) else kind
