"""Text whose encoding nobody wrote down: UTF-8 where it is valid, else Windows-1252, told apart cell by cell."""

import codecs
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from labelsieve.core.errors import InputError

_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def require_single_bytes(path: Path) -> None:
    """InputError for JSON in UTF-16, with its mark or without: of its first two bytes one is 0 then."""
    with path.open("rb") as file:
        head = file.read(2)
    if head in _MARKS or (head.count(0) == 1 and len(head) == 2):
        raise InputError(f"{path.name} is text in UTF-16; expected UTF-8.", "save it as UTF-8.")


class Decoder:
    """Mends text that was read with errors="surrogateescape", and counts what it mended."""

    def __init__(self) -> None:
        self.mended = 0
        self.first = ""

    def text(self, raw: str, where: str = "") -> str:
        """`raw`, with bytes that were not UTF-8 read as Windows-1252 (Latin-1 where that has no letter)."""
        try:
            raw.encode("utf-8")
        except UnicodeEncodeError:
            self.mended += 1
            self.first = self.first or where
            return _mend(raw)
        return raw

    def notes(self) -> list[str]:
        if not self.mended:
            return []
        cells = "cell is" if self.mended == 1 else "cells are"
        return [f"{self.mended} {cells} not UTF-8 and read as Windows-1252, first {self.first}"]


def _mend(raw: str) -> str:
    try:
        data = raw.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte
        return raw.encode("utf-8", "replace").decode("utf-8")
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def text_column(cells: Sequence[str | None], decoder: Decoder, name: str, first: int) -> pa.Array:
    """An Arrow column of texts, mended where that is needed."""
    try:
        return pa.array(cells, pa.large_string())
    except UnicodeEncodeError:
        where = f"in row {{}}, column {name}"
        mended = [None if c is None else decoder.text(c, where.format(first + i)) for i, c in enumerate(cells)]
        return pa.array(mended, pa.large_string())
