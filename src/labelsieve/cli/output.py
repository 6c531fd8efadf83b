"""What a verb prints: results to stdout, everything else to stderr."""

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import typer

WIDE = 200  # columns, where stdout is no terminal


def printable(text: object, lines: bool = False) -> str:
    """Text without control characters: what stands in a file can neither move the cursor nor change the title.

    >>> printable("a\\x1b[31mb\\nc"), printable("a\\nb", lines=True)
    ('a\ufffd[31mb c', 'a\\nb')
    """
    keep = {"\n": "\n" if lines else " ", "\t": " ", "\r": ""}
    return "".join(keep.get(c, c if c.isprintable() or c in "\u200d\ufe0f\xa0" else "\ufffd") for c in str(text))


def plain(value: Any) -> Any:
    """The same as JSON can hold it: numbers of numpy as numbers, paths as text, what is not a number as null."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(entry) for entry in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return value.as_posix()
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)


def as_json(value: Any) -> str:
    """JSON text, readable, in the letters of the data."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def say(text: str = "") -> None:
    """One line of a result to stdout."""
    typer.echo(printable(text, lines=True))


def hint(text: str) -> None:
    """What to do next, to stderr: a script that reads stdout never sees it."""
    typer.echo(printable(text), err=True)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout: numbers stand right, the last column may wrap, no cell is markup; a pipe gets whole lines."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = [list(row) for row in rows]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    for i, name in enumerate(columns):
        number = bool(rows) and all(isinstance(row[i], (int, float)) or row[i] is None for row in rows)
        table.add_column(Text(name), justify="right" if number else "left", no_wrap=i < len(columns) - 1)
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    console.print(table)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else printable(value)


def count(n: int, what: str) -> str:
    """A number with its noun.

    >>> count(1, "item"), count(1200, "item"), count(2, "query")
    ('1 item', '1,200 items', '2 queries')
    """
    many = f"{what[:-1]}ies" if what.endswith("y") else f"{what}es" if what.endswith(("s", "x")) else f"{what}s"
    return f"{n:,} {what if n == 1 else many}"
