"""Arrow columns as what the rest of the product reads: texts, digests of rows, embeddings."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelsieve.core.types import Matrix
from labelsieve.sources.base import class_text, digest

INTEGRAL = r"^([+-]?\d+)\.0+$"  # as in base.class_text


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds text as it was written."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_nested(kind: pa.DataType) -> bool:
    """Whether a cell is more than one value: a list, a struct or bytes."""
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    return bool(pa.types.is_nested(kind) or binary)


def class_texts(column: pa.Array, separator: str) -> list[str | None]:
    """`class_text` of every cell. Cost: O(n), vectorised for text and whole numbers."""
    if is_text(column.type):
        trimmed = pc.utf8_trim_whitespace(column.cast(pa.large_string()))
        plain = pc.replace_substring_regex(trimmed, INTEGRAL, r"\1")
        texts: list[str | None] = plain.to_pylist()
        return [text or None for text in texts]
    return [class_text(value, separator) for value in column.to_pylist()]


def key_texts(column: pa.Array) -> list[str | None]:
    """Keys as text: text as it was written, numbers as in `class_text`; None where a cell is empty."""
    if is_text(column.type):
        return [text or None for text in column.to_pylist()]
    return [class_text(value) for value in column.to_pylist()]


def texts(column: pa.Array) -> list[str | None]:
    """Texts for an engine; None where there is nothing but white space."""
    values = column.to_pylist()
    if not is_text(column.type):
        values = [class_text(value) for value in values]
    return [value if value and not value.isspace() else None for value in values]


def row_digests(columns: Sequence[pa.Array]) -> list[str]:
    """One digest a row over several columns, the same however the rows are cut into chunks. Cost: O(n columns)."""
    cells = [_marked(column) for column in columns]
    joined = pc.binary_join_element_wise(*cells, pa.scalar("\x1f", pa.large_string()))
    return [digest(row.encode()) for row in joined.to_pylist()]


def _marked(column: pa.Array) -> pa.Array:
    """Each cell as `length:text`, so that no two rows read the same; an absent cell is `-`."""
    try:
        text = column.cast(pa.large_string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # lists, bytes, durations
        values = (None if v is None else json.dumps(v, default=str, sort_keys=True) for v in column.to_pylist())
        text = pa.array(list(values), pa.large_string())
    length = pc.binary_length(text).cast(pa.large_string())
    marked = pc.binary_join_element_wise(length, text, pa.scalar(":", pa.large_string()))
    return pc.fill_null(marked, "-")


def embedding_rows(column: pa.Array) -> Iterator[Matrix | str]:
    """Each cell as (d,) float32, or the reason why it is no embedding."""
    kind = column.type
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _listed(column)
        return
    for value in column.to_pylist():
        yield parse_embedding(value)


def _listed(column: pa.Array) -> Iterator[Matrix | str]:
    holes = np.asarray(column.is_null())
    widths = np.asarray(pc.fill_null(pc.list_value_length(column), 0)).astype(np.int64)
    flat = pc.list_flatten(column)  # null lists take no room here
    try:
        missing = np.asarray(flat.is_null()) if flat.null_count else None
        numbers = np.asarray(pc.fill_null(flat, 0) if flat.null_count else flat)
        with np.errstate(over="ignore"):
            values = numbers.astype(np.float32)
    except (ValueError, TypeError, pa.ArrowException):
        values, missing = None, None
    if values is not None and missing is not None:
        values[missing] = np.nan
    end = 0
    for hole, width in zip(holes.tolist(), np.where(holes, 0, widths).tolist(), strict=True):
        end += width
        if hole:
            yield "the embedding is missing"
        else:
            yield "the embedding is no list of numbers" if values is None else values[end - width : end]


def parse_embedding(value: Any) -> Matrix | str:
    """A cell of text such as "[0.1, 0.2]" or "0.1 0.2" as (d,) float32, or the reason why it is none."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return "the embedding is missing"
    try:
        if isinstance(value, str):
            plain = value.strip().strip("[]()")
            value = plain.replace(",", " ").replace(";", " ").split()
        with np.errstate(over="ignore"):
            row = np.array(value, dtype=np.float64).astype(np.float32)
    except (ValueError, TypeError):
        return "the embedding is no list of numbers"
    return row if row.ndim == 1 else "the embedding is no list of numbers"
