"""Data sets of Hugging Face `datasets`, read without it: Parquet files, or what `save_to_disk` wrote.

Names of classes come from the features (in the schema, or dataset_info.json). The column `answers` of our own exports
holds everything; else the label column does. An item is found by `key`, or by the content of its picture or text.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.core.types import Tag, Value
from labelsieve.project.formats.foreign import Foreign, Said, Thing, said
from labelsieve.project.formats.hubtypes import class_names, is_answers
from labelsieve.project.formats.matching import file_name
from labelsieve.sources.base import class_text, digest

ROWS = 1_000
TAGS = get_args(Tag)
WANTED = ("key", "image", "text", "answers")  # beside the label; a column that is not read costs nothing


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of a data set: Parquet or a stream of Arrow."""

    path: Path
    features: Mapping[str, Any]  # of the folder; those of the file itself go first
    parquet: bool


class HubFolder:
    """The answers of a data set. `field` names the column of labels where there are several."""

    def __init__(self, path: Path, field: str | None = None) -> None:
        self._path, self._field = path, field
        self._parts = list(_parts(path))
        if not self._parts:
            raise InputError(f"{path} holds no data set: no .parquet file and no state.json.", "name its folder.")

    def answers(self) -> Iterator[Foreign]:
        """Answers in the order of the files."""
        row = thing = 0
        for part in self._parts:
            try:
                with _opened(part) as (schema, chunks):
                    features = {**part.features, **_features(schema.metadata or {})}
                    label = self._label(schema, features)
                    classes = class_names(features.get(label))
                    wanted = [name for name in {*WANTED, label} if name in schema.names]
                    if "answers" in wanted and not is_answers(schema.field("answers").type):
                        wanted.remove("answers")
                    for chunk in chunks(wanted):
                        for cells in chunk.to_pylist():
                            names, content, called = _item(cells)
                            for answer in _of_row(cells, label, classes):
                                row += 1
                                yield Foreign(row, thing, names, content, called, *answer)
                            thing += 1
            except (pa.ArrowException, OSError) as error:
                raise InputError(f"{part.path.name} is damaged: {error}.", "copy or download it again.") from error

    def _label(self, schema: pa.Schema, features: Mapping[str, Any]) -> str:
        """The column of labels: the one named, `label` or `labels`, or the only one that has class names."""
        if self._field is not None:
            if self._field not in schema.names:
                raise UnknownName(
                    f"column of {self._path.name}", self._field, schema.names, "correct the column of labels (--field)."
                )
            return self._field
        named = [name for name in ("label", "labels") if name in schema.names]
        found = named or [name for name in schema.names if class_names(features.get(name)) is not None]
        if len(found) != 1:
            raise InputError(
                f"{self._path.name} has {len(found)} columns of labels among {', '.join(schema.names)}; expected 1.",
                "name the column of labels (--field).",
            )
        return found[0]


def _of_row(cells: Mapping[str, Any], label: str, names: list[str] | None) -> list[Said]:
    """The answers of one row: all of them where it is ours, else its label."""
    if isinstance(answers := cells.get("answers"), list):
        return [_ours(one) for one in answers if one is not None]
    value, why = _label_value(cells.get(label), names)
    return [(value, None, None, None, None, None, why)]


def _ours(one: Mapping[str, Any]) -> Said:
    tag, value, why = one.get("answer"), None, ""
    if tag in TAGS:
        value = said(tag, _whole(one.get("names")), _whole(one.get("weights")))
    else:
        why = f"answer {str(tag)[:40]!r} is none"
    return value, one.get("annotator"), one.get("at"), one.get("seconds"), one.get("source"), one.get("purpose"), why


def _whole(cells: list[Any] | None) -> tuple[Any, ...]:
    return tuple(cell for cell in cells if cell is not None) if cells else ()


def _label_value(cell: Any, names: list[str] | None) -> tuple[Value | None, str]:
    """A cell as an answer, and why it is none. -1 is how `datasets` says that there is no label."""
    if isinstance(cell, list):
        found = [_label_value(one, names) for one in cell]
        why = next((why for _, why in found if why), "")
        return None if why else Value(
            "classes", tuple(name for value, _ in found if value for name in value.names)
        ), why
    if names is not None and isinstance(cell, int) and not isinstance(cell, bool):
        if cell == -1:
            return None, ""
        if not 0 <= cell < len(names):
            return None, f"class {cell} is not among the {len(names)} names of the data set"
        return Value("class", (names[cell],)), ""
    if isinstance(cell, dict) or (isinstance(cell, float) and not math.isfinite(cell)):
        return None, "" if isinstance(cell, float) else "its label is no class"
    text = class_text(cell)
    return (Value("class", (text,)) if text else None), ""


def _item(cells: Mapping[str, Any]) -> Thing:
    """What says which item a row is."""
    key, image, text = cells.get("key"), cells.get("image"), cells.get("text")
    names = (key,) if isinstance(key, str) and key else ()
    if isinstance(image, dict):
        data, path = image.get("bytes"), image.get("path")
        called = file_name(path) if isinstance(path, str) else ""
        if isinstance(data, bytes) and data:
            return names, digest(data), called
        return names or ((path,) if isinstance(path, str) else ()), "", called
    return names, text.encode() if isinstance(text, str) and text.strip() else "", ""


def _parts(path: Path, split: bool = False) -> Iterator[_Part]:
    """The files of a data set. Nothing outside its folder is read, whatever its JSON says."""
    if path.is_file():
        yield _Part(path, {}, True)
        return
    if not split and (path / "dataset_dict.json").is_file():
        for name in _listed(path / "dataset_dict.json", "splits"):
            yield from _parts(inside(path, name), split=True)
        return
    features = json_object(path / "dataset_info.json").get("features") if (path / "dataset_info.json").is_file() else {}
    features = features if isinstance(features, dict) else {}
    if (path / "state.json").is_file():
        for file in _listed(path / "state.json", "_data_files"):
            name = file.get("filename") if isinstance(file, dict) else None
            yield _Part(inside(path, name), features, False)
        return
    for file in sorted(path.rglob("*.parquet")):
        if not any(part.startswith(".") for part in file.relative_to(path).parts):
            yield _Part(inside(path, file.relative_to(path).as_posix()), features, True)


def inside(folder: Path, name: Any) -> Path:
    """A path below a folder. InputError where it leaves it, by dots or by a link."""
    path = folder / str(name)
    if not isinstance(name, str) or not name or not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{folder.name} names the file {str(name)[:80]!r}, which lies outside of it.", "do not trust it."
        )
    return path


def json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file, empty for any other JSON. InputError where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is no JSON that can be read: {error}.", "copy or download it again.") from error
    return found if isinstance(found, dict) else {}


def _listed(path: Path, name: str) -> list[Any]:
    found = json_object(path).get(name)
    return found if isinstance(found, list) else []


def _features(metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    try:
        found = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def _opened(part: _Part) -> Iterator[tuple[pa.Schema, Callable[[list[str]], Iterator[pa.RecordBatch]]]]:
    """The schema of a file, and a function that gives some of its columns in chunks."""
    if part.parquet:
        with pq.ParquetFile(part.path, pre_buffer=False, buffer_size=1 << 20) as file:
            yield file.schema_arrow, lambda names: file.iter_batches(ROWS, columns=names, use_threads=False)
        return
    with pa.memory_map(str(part.path)) as mapped, pa.ipc.open_stream(mapped) as stream:
        yield stream.schema, lambda names: _sliced(stream, names)


def _sliced(stream: Any, names: list[str]) -> Iterator[pa.RecordBatch]:
    for chunk in stream:
        chosen = chunk.select(names)
        for first in range(0, chosen.num_rows, ROWS):
            yield chosen.slice(first, ROWS)


def is_hub_file(path: Path) -> bool:
    """Whether a Parquet file was written by `datasets`."""
    try:
        return b"huggingface" in (pq.read_schema(path).metadata or {})
    except (OSError, pa.ArrowException):
        return False
