"""JSON lines: one object a line. Lines that are none are set aside, each with its number."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from labelsieve.core.errors import InputError
from labelsieve.sources.base import CHUNK, Ref, stat_of
from labelsieve.sources.cells import parse_embedding
from labelsieve.sources.encoding import Decoder, require_single_bytes, text_column

CHUNK_CHARS = 32_000_000


class JsonLines:
    """Every column is text; lists and objects are kept as JSON, but for the column of embeddings.

    Columns are those of all lines together, so opening reads the file once.
    """

    def __init__(self, path: Path, embeddings: str | None = None) -> None:
        self.path = path
        self.bad: list[tuple[Ref, str]] = []
        self.notes: list[str] = []
        self._embeddings = embeddings
        if stat_of(path)[0] == 0:
            raise InputError(f"{path.name} is empty (0 bytes); expected one JSON object a line.", "write it again.")
        require_single_bytes(path)
        names: dict[str, None] = {}
        for _, row in self._lines(Decoder()):
            if isinstance(row, dict):
                names.update(dict.fromkeys(row))
        if not names:
            raise InputError(f"{path.name} has no line that is a JSON object.", "write one JSON object a line.")
        plain = Decoder()
        self._keys = {plain.text(name): name for name in names}
        self.schema = pa.schema([(name, self._kind(name)) for name in self._keys])

    def _kind(self, name: str) -> pa.DataType:
        return pa.large_list(pa.float32()) if name == self._embeddings else pa.large_string()

    def _lines(self, decoder: Decoder) -> Iterator[tuple[int, Any]]:
        """(line number, object or the reason why there is none); blank lines are left out."""
        with self.path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
            for number, line in enumerate(file, 1):
                if line.isspace():
                    continue
                try:
                    row = json.loads(decoder.text(line, f"in line {number}"))
                except json.JSONDecodeError as error:
                    yield number, f"no JSON: {error.msg}"
                    continue
                except RecursionError:
                    yield number, "no JSON: nested too deeply"
                    continue
                except ValueError:  # Python reads no whole number beyond sys.get_int_max_str_digits()
                    yield number, "a number has too many digits"
                    continue
                yield number, row if isinstance(row, dict) else f"expected an object, found {type(row).__name__}"

    def chunks(self) -> Iterator[pa.RecordBatch]:
        """The rows in order, at most 65,536 at once. Fills `bad` and `notes`."""
        self.bad, decoder = [], Decoder()
        kept, size, first = list[dict[str, Any]](), 0, 0
        for number, row in self._lines(decoder):
            if isinstance(row, str):
                self.bad.append((f"line {number}", row))
                continue
            kept.append(row)
            size += sum(len(v) if isinstance(v, (str, list)) else 8 for v in row.values())
            if len(kept) == CHUNK or size > CHUNK_CHARS:
                yield self._batch(kept, decoder, first)
                first, kept, size = first + len(kept), [], 0
        if kept:
            yield self._batch(kept, decoder, first)
        self.notes = decoder.notes()

    def _batch(self, rows: list[dict[str, Any]], decoder: Decoder, first: int) -> pa.RecordBatch:
        arrays = []
        for name, key in self._keys.items():
            if name == self._embeddings:
                parsed = (parse_embedding(row.get(key)) for row in rows)
                lists = [row if isinstance(row, np.ndarray) else None for row in parsed]
                arrays.append(pa.array(lists, self._kind(name)))
            else:
                arrays.append(text_column([_cell(row.get(key)) for row in rows], decoder, name, first))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _cell(value: Any) -> str | None:
    if value is None or value == "" or value != value:  # NaN differs from itself
        return None
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
