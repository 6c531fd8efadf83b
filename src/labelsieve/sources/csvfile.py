"""CSV and TSV, read as text: any encoding, any separator, quotes and line breaks inside fields."""

import codecs
import csv
import sys
from collections.abc import Iterable, Iterator
from io import TextIOWrapper
from itertools import chain
from pathlib import Path

import pyarrow as pa

from labelsieve.core.errors import InputError
from labelsieve.sources.base import CHUNK, Ref, stat_of
from labelsieve.sources.encoding import Decoder, text_column

CHUNK_CHARS = 32_000_000  # long texts make short chunks
END = "\ud800"  # no file gives this: a cell that ends so began with a quote which never closed


class CsvFile:
    """Every column is text as it was written; an empty field is null. Rows of another width are set aside."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bad: list[tuple[Ref, str]] = []
        self.notes: list[str] = []
        self._header_notes: list[str] = []
        self._encoding = _encoding(path)
        self._delimiter = "\t"
        with self._open() as file:
            line = file.readline()
            if not line.strip("\ufeff\r\n\t ;,"):
                raise InputError(
                    f"{path.name} is empty; expected a line with the names of its columns.", "write a header line."
                )
            if path.suffix.lower() != ".tsv":
                self._delimiter = _delimiter(line)
            file.seek(0)
            names = next(self._reader(file))
        self.schema = pa.schema([(name, pa.large_string()) for name in self._unique(names)])

    def _open(self) -> TextIOWrapper:
        """Bytes that are not UTF-8 come as lone surrogates, so that `Decoder` can mend cell by cell."""
        errors = "surrogateescape" if self._encoding == "utf-8-sig" else "replace"
        return self.path.open(newline="", encoding=self._encoding, errors=errors)

    def _reader(self, file: Iterable[str]) -> "Iterator[list[str]]":
        csv.field_size_limit(sys.maxsize)
        return csv.reader(file, delimiter=self._delimiter)

    def _unique(self, header: list[str]) -> list[str]:
        """Names of columns: an empty one is called by its place, a repeated one gets #2, #3 ..."""
        decoder, out, seen = Decoder(), [], dict[str, int]()
        for place, raw in enumerate(header, 1):
            name = decoder.text(raw).strip() or f"column {place}"
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                self._header_notes.append(f"the header has {name!r} again: that column is called {name}#{seen[name]}")
                name = f"{name}#{seen[name]}"
            out.append(name)
        return out

    def chunks(self) -> Iterator[pa.RecordBatch]:
        """The rows in order, at most 65,536 at once. Fills `bad` and `notes`."""
        self.bad = []
        decoder, width = Decoder(), len(self.schema.names)
        kept, size, row = list[list[str]](), 0, 0
        with self._open() as file:
            reader = self._reader(chain(file, [END]))
            next(reader, None)
            ended = getattr(reader, "line_num", 0)
            try:
                for cells in reader:
                    began, ended = ended + 1, getattr(reader, "line_num", 0)
                    if not cells or cells == [END]:
                        continue  # a blank line, or the end of the file
                    if cells[-1].endswith(END):
                        self.bad.append((f"line {began}", "a quote opens in this row and never closes"))
                        continue
                    if len(cells) != width:
                        self.bad.append((f"line {ended}", f"{len(cells)} fields; the header has {width}"))
                        continue
                    kept.append(cells)
                    size += sum(map(len, cells))
                    if len(kept) == CHUNK or size > CHUNK_CHARS:
                        yield self._batch(kept, decoder, row)
                        row, kept, size = row + len(kept), [], 0
            except csv.Error as error:
                raise InputError(
                    f"{self.path.name} cannot be read as CSV: {error}.", "save it again as CSV."
                ) from error
        if kept:
            yield self._batch(kept, decoder, row)
        self.notes = self._header_notes + decoder.notes()

    def _batch(self, rows: list[list[str]], decoder: Decoder, first: int) -> pa.RecordBatch:
        columns = zip(*rows, strict=True)
        arrays = [
            text_column([cell or None for cell in column], decoder, name, first)
            for name, column in zip(self.schema.names, columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _encoding(path: Path) -> str:
    if stat_of(path)[0] == 0:
        raise InputError(f"{path.name} is empty (0 bytes); expected a header line.", "write it again.")
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


def _delimiter(header: str) -> str:
    """Comma, or what stands in the header where there is no comma: semicolon or tab."""
    if "," in header:
        return ","
    return max(";\t", key=header.count) if any(mark in header for mark in ";\t") else ","
