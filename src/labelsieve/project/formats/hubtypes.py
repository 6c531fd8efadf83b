"""The types of Hugging Face `datasets`: what a column is called there, and how answers stand in the column `answers`.

Source: `datasets.Features.to_dict`, versions 2 to 5 (a list is written as a JSON list, which all of them read).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from labelsieve.core.types import Label, Value

ANSWER = {
    "answer": pa.string(),
    "names": pa.list_(pa.string()),
    "weights": pa.list_(pa.float64()),
    "annotator": pa.string(),
    "at": pa.string(),
    "seconds": pa.float64(),
    "source": pa.string(),
    "purpose": pa.string(),
}


def feature_of(name: str, kind: pa.DataType, classes: Sequence[str]) -> Any:
    """What `datasets` calls a column of ours."""
    if name in ("label", "labels"):
        feature = {"names": list(classes), "_type": "ClassLabel"}
        return feature if name == "label" else [feature]
    return {"_type": "Image"} if name == "image" else _plain(kind)


def _plain(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [_plain(kind.value_type)]
    if pa.types.is_struct(kind):
        return {field.name: _plain(field.type) for field in kind}
    return {"dtype": _dtype(kind), "_type": "Value"}


def _dtype(kind: pa.DataType) -> str:
    named = {pa.float64(): "float64", pa.float32(): "float32", pa.float16(): "float16"}
    return {**named, pa.date32(): "date32", pa.date64(): "date64"}.get(kind, str(kind))


def answer_row(label: Label, purpose: str | None) -> dict[str, Any]:
    """An answer as an entry of the column `answers`."""
    value = label.value or Value("skip")
    return {
        "answer": value.tag,
        "names": list(value.names),
        "weights": list(value.weights),
        "annotator": label.by,
        "at": label.at,
        "seconds": label.seconds,
        "source": label.source,
        "purpose": purpose,
    }


def is_answers(kind: pa.DataType) -> bool:
    """Whether a column has the type of our `answers`; lists and texts may be large ones."""
    if not _is_list(kind) or not pa.types.is_struct(kind.value_type):
        return False
    there = {field.name: field.type for field in kind.value_type}
    return all(_alike(there[name], wanted) for name, wanted in ANSWER.items() if name in there) and "answer" in there


def _alike(kind: pa.DataType, wanted: pa.DataType) -> bool:
    if _is_list(wanted):
        return _is_list(kind) and _alike(kind.value_type, wanted.value_type)
    return kind == wanted or (wanted == pa.string() and kind in (pa.large_string(), pa.null())) or kind == pa.null()


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def class_names(feature: Any) -> list[str] | None:
    """The names of a ClassLabel, or of a list of them; None for any other feature."""
    if isinstance(feature, Sequence) and not isinstance(feature, str):
        return class_names(feature[0]) if len(feature) == 1 else None
    if not isinstance(feature, Mapping):
        return None
    if feature.get("_type") == "ClassLabel":
        names = feature.get("names")
        return [str(name) for name in names] if isinstance(names, list) else None
    return class_names(feature.get("feature")) if "feature" in feature else None
