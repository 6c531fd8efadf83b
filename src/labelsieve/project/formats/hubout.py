"""A folder that Hugging Face `datasets` loads: Parquet with its features, so that the names of classes survive.

    write(folder, gathered) -> notes     data/train-*.parquet, data/undecided-*.parquet, dataset_info.json, README.md

`train` holds the items with an agreed class, `undecided` those that were only skipped or unsure. The column `answers`
holds every annotator's answer, so that nothing is lost. Source: the features of `datasets`, as it writes them itself.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labelsieve.core.errors import InputError
from labelsieve.project.formats.gathering import Answered, Gathered
from labelsieve.project.formats.hubtypes import ANSWER, answer_row, feature_of
from labelsieve.project.formats.matching import file_name

GROUP_BYTES = 64 << 20  # of pictures in one row group
RESERVED = ("key", "label", "labels", "answers", "image", "text", "embedding")


def write(folder: Path, given: Gathered) -> list[str]:
    """Fills an empty folder."""
    columns = _columns(given)
    (folder / "data").mkdir()
    writers: dict[str, _Split] = {}
    for rows in _rows(given, columns):
        for split, row in rows:
            if split not in writers:
                place = folder / "data" / f"{split}-00000-of-00001.parquet"
                writers[split] = _Split(place, columns, given.task.classes)
            writers[split].add(row)
    for writer in writers.values():
        writer.close()
    info = {"features": _features(columns, given.task.classes), "description": f"Labels of the task {given.task.name}."}
    (folder / "dataset_info.json").write_text(json.dumps(info, indent=2, ensure_ascii=False), encoding="utf-8")
    (folder / "README.md").write_text(_card(given, {name: one.count for name, one in writers.items()}), "utf-8")
    return ['datasets.load_dataset("FOLDER") reads it; the column answers holds what every annotator said.']


def _columns(given: Gathered) -> dict[str, pa.DataType]:
    """The columns by name: the key, the data, the label, all answers."""
    kinds = given.modalities()
    columns: dict[str, pa.DataType] = {"key": pa.string()}
    if "image" in kinds:
        columns["image"] = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    if "text" in kinds:
        columns["text"] = pa.string()
    if "row" in kinds:
        columns |= _row_columns(given)
    if "embedding" in kinds:
        columns["embedding"] = pa.list_(pa.float32())
    several = given.task.kind == "multilabel"
    columns["labels" if several else "label"] = pa.list_(pa.int64()) if several else pa.int64()
    return columns | {"answers": pa.list_(pa.struct(list(ANSWER.items())))}


def _row_columns(given: Gathered) -> dict[str, pa.DataType]:
    """The columns of the rows, of types that hold every value in them."""
    schema = pa.schema([])
    look = Gathered(given.context, given.task)
    for block in look.blocks():
        rows = [_cells(item.data) for item in block if isinstance(item.data, Mapping)]
        found = pa.Table.from_pylist(rows).schema if rows else pa.schema([])
        schema = pa.unify_schemas([schema, found], promote_options="permissive")
    return {field.name: pa.string() if pa.types.is_null(field.type) else field.type for field in schema}


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row under names that leave room for ours: `label` is `label_`, or with more of them where that is taken."""
    return {_free_name(str(name), row): value for name, value in row.items()}


def _free_name(name: str, taken: Mapping[str, Any]) -> str:
    free = name
    while free in RESERVED or (free != name and free in taken):
        free += "_"
    return free


def _rows(given: Gathered, columns: Mapping[str, Any]) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """(split, row) of every item, a block at a time."""
    codes = {name: code for code, name in enumerate(given.task.classes)}
    label = "labels" if "labels" in columns else "label"
    for block in given.blocks():
        rows = []
        for item in block:
            row: dict[str, Any] = {"key": item.key, label: _label(item, codes, label == "labels")}
            row["answers"] = [answer_row(one, given.purpose(one)) for one in item.answers]
            rows.append(("undecided" if item.agreed is None else "train", row | _data(item, given)))
        yield rows


def _label(item: Answered, codes: Mapping[str, int], several: bool) -> Any:
    if item.agreed is None:
        return None
    return [codes[name] for name in item.agreed] if several else codes[item.agreed[0]]


def _data(item: Answered, given: Gathered) -> dict[str, Any]:
    if item.data is None or isinstance(item.data, InputError):
        given.losses.add("its item has gone or cannot be read", item.key)
        return {}
    if item.modality == "image":
        return {"image": _picture(item, given)}
    if item.modality == "row":
        return _cells(item.data)
    return {"text": str(item.data)} if item.modality == "text" else {"embedding": item.data}


def _picture(item: Answered, given: Gathered) -> dict[str, Any] | None:
    try:
        data = item.data if isinstance(item.data, bytes) else Path(item.data).read_bytes()
    except OSError:
        given.losses.add("its picture cannot be read", item.key)
        return None
    return {"bytes": data, "path": file_name(item.key)}


def _features(columns: Mapping[str, pa.DataType], classes: Sequence[str]) -> dict[str, Any]:
    return {name: feature_of(name, kind, classes) for name, kind in columns.items()}


class _Split:
    """One Parquet file, written in groups of a bounded size."""

    def __init__(self, path: Path, columns: Mapping[str, pa.DataType], classes: Sequence[str]) -> None:
        info = {"info": {"features": _features(columns, classes)}}
        self._schema = pa.schema(list(columns.items()), {b"huggingface": json.dumps(info).encode()})
        self._writer = pq.ParquetWriter(path, self._schema)
        self._rows: list[dict[str, Any]] = []
        self._bytes, self.count = 0, 0

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        self.count += 1
        self._bytes += len((row.get("image") or {}).get("bytes") or b"")
        if self._bytes > GROUP_BYTES or len(self._rows) >= 10_000:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows, self._bytes = [], 0

    def close(self) -> None:
        """Writes what is left."""
        self._flush()
        self._writer.close()


def _card(given: Gathered, counts: Mapping[str, int]) -> str:
    """The page of the data set; its head tells `datasets` which file is which split."""
    files = [f"  - split: {name}\n    path: data/{name}-*" for name in counts]
    head = ["---", "configs:", "- config_name: default", "  data_files:", *files, "---"] if files else []
    said = [f"- {name}: {count:,} items" for name, count in counts.items()] or ["- no items"]
    title = "# Labels, exported by labelsieve"
    return "\n".join([*head, "", title, "", f"Task `{given.task.name}` ({given.task.kind}).", "", *said, ""])
