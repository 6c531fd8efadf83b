"""Files of labels as rows of text: key, label, and what else our own exports and queries hold.

read_label_file(path, instead) -> Iterator[LabelRow]     CSV, TSV, JSONL or Parquet
key_column(path, instead) -> str                         the column that names the items
column_names(path) -> tuple[str, ...]                    those of the file; reading them is a pass over JSON lines
soft_value(text) -> Value | None                         the weights of a soft answer
"""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from labelsieve.core.errors import UnknownName
from labelsieve.core.types import Value
from labelsieve.project.safecsv import plain_cell
from labelsieve.sources import SourceOptions, open_source
from labelsieve.sources.base import stat_of

KEY = "key"  # the column that names the items in our own files
COLUMNS = ("label", "annotator", "seconds", "at", "source", "answer", "query", "stands_for", "weights", "purpose")


class LabelRow(NamedTuple):
    """One row of a label file, as text. `answer` is in our own exports: it tells skip and unsure apart.

    `query` is in what `next` writes: the query that the row answers; `stands_for` how many near-duplicates it answers;
    `weights` of a soft answer is JSON; the `purpose` adjudicate makes an answer a decision. Readers of other formats
    give the `value` itself, or `why` there is none, the id of the `item` where they know it, and a `mark` that is the
    same in every file that holds the answer.
    """

    row: int
    key: str
    label: str | None
    annotator: str | None = None
    seconds: str | None = None
    at: str | None = None
    source: str | None = None
    answer: str | None = None
    query: str | None = None
    stands_for: str | None = None
    weights: str | None = None
    purpose: str | None = None
    value: Value | None = None
    why: str = ""
    mark: str = ""
    item: int | None = None


def read_label_file(path: Path, instead: Sequence[str] = ()) -> Iterator[LabelRow]:
    """The rows of a label file, as text; for a line that cannot be read one without a label that says `why`.

    Where it has no column key, the first of the columns `instead` that it has names the items.
    InputError where the file cannot be read or a column is missing.
    """
    source: Any = open_source(path, _options(path, instead))
    return _rows(source, plain_cell if path.suffix.lower() in (".csv", ".tsv") else str)


def _rows(source: Any, plain: Callable[[str], str]) -> Iterator[LabelRow]:
    columns = [name if name in source.names() else None for name in COLUMNS]
    chunks = [(found.refs, found.keys) for found in source.scan() if len(found)]  # cells can be read after the scan
    for refs, keys in chunks:
        blank: list[str | None] = [None] * len(refs)
        cells = zip(*(blank if name is None else source.column(name, refs) for name in columns), strict=True)
        for ref, key, (label, *rest) in zip(refs, keys, cells, strict=True):
            yield _weighed(LabelRow(int(ref), plain(key or ""), label and plain(label), *rest))
    for ref, why in source.bad:  # known after the scan: no row is left out without a word
        yield LabelRow(0, str(ref), None, why=f"the line cannot be read: {why}")


def _weighed(row: LabelRow) -> LabelRow:
    """The same, with the weights of a soft answer of ours; without them its heaviest class stands."""
    if row.answer != "soft" or not row.weights:
        return row
    value = soft_value(row.weights)
    return row._replace(
        value=value,
        why="" if value else f"weights {row.weights[:80]!r} are not classes with numbers from 0 to 1, as JSON",
    )


def key_column(path: Path, instead: Sequence[str] = ()) -> str:
    """The column of a label file that names the items: key, else the first of `instead` that it has.

    InputError where it has none of them, or no column label.
    """
    names = column_names(path)
    key = next((name for name in (KEY, *instead) if name in names), KEY)
    for name in (key, "label"):
        if name not in names:
            keys = " or ".join(dict.fromkeys((KEY, *instead)))
            raise UnknownName(f"column of {path.name}", name, names, f"a label file has the columns {keys} and label.")
    return key


def column_names(path: Path) -> tuple[str, ...]:
    """The columns of a label file. Cost: a pass over a file of JSON lines, once for as long as it stays as it is."""
    return _names(path, *stat_of(path))


@lru_cache(8)
def _names(path: Path, size: int, mtime: int) -> tuple[str, ...]:
    return tuple(open_source(path).names())


def _options(path: Path, instead: Sequence[str]) -> SourceOptions:
    """How a label file is read, once it is seen to name items and labels."""
    return SourceOptions(columns=("label",), key=key_column(path, instead))


def soft_value(text: str) -> Value | None:
    """The soft answer in a cell like {"cat": 0.3, "dog": 0.7}; None for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not found or not all(map(_is_weight, found.values())):
        return None
    if not all(map(_is_name, found)):
        return None
    return Value("soft", tuple(found), tuple(map(float, found.values())))


def _is_name(text: str) -> bool:
    return bool(text.strip()) and text == text.encode("utf-8", "replace").decode()  # no half of a surrogate pair


def _is_weight(number: Any) -> bool:
    return isinstance(number, (int, float)) and not isinstance(number, bool) and 0 <= number <= 1
