"""CSV that a spreadsheet may open: no cell of ours is ever a formula."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from labelsieve.project.wholefiles import whole

FORMULA = ("=", "+", "-", "@", "\t", "\r")
NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")  # "-1" is a class name in many files, and runs nothing


def safe_cell(value: Any) -> Any:
    """The value as a CSV cell: None is empty, text that a spreadsheet would run gets a leading apostrophe.

    Source: OWASP, CSV injection. Numbers stay numbers, also negative ones and those written as text.

    >>> safe_cell("=1+1"), safe_cell(-1.5), safe_cell("-1"), safe_cell("tea"), safe_cell(None)
    ("'=1+1", -1.5, '-1', 'tea', '')
    """
    if value is None:
        return ""
    runs = isinstance(value, str) and value.lstrip("'").startswith(FORMULA) and not NUMBER.fullmatch(value)
    return f"'{value}" if runs else value


def plain_cell(text: str) -> str:
    """The text that `safe_cell` wrote down: what we export can be imported again.

    >>> plain_cell(safe_cell("=1+1")), plain_cell(safe_cell("'=1+1")), plain_cell("'tis")
    ('=1+1', "'=1+1", "'tis")
    """
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA) else text


def write_csv(target: Path | str | TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """How many rows were written to a path (whole or not at all) or an open text file, below a header line."""
    if isinstance(target, (str, Path)):
        with whole(Path(target)) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            return write_csv(file, columns, rows)
    writer = csv.writer(_Lines(target), lineterminator="\r\n")
    writer.writerow([safe_cell(column) for column in columns])
    count = 0
    for row in rows:
        writer.writerow([safe_cell(cell) for cell in row])
        count += 1
    return count


class _Lines:
    """Ends each line of a csv.writer by a line feed alone. The writer quotes the characters of its own line end: with
    a carriage return among them no cell can end a row, and begin another with a formula."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: str) -> None:
        self._file.write(f"{line[:-2]}\n")


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """The same as text."""
    file = io.StringIO()
    write_csv(file, columns, rows)
    return file.getvalue()
