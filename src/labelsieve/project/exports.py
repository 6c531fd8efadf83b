"""What leaves a project as files: labels and predictions as tables, a head as a folder, text as it is.

    write_labels(path, rows, force=False)                 one row a current answer
    write_predictions(path, predictions, force=False)     one row an item
    write_head(folder, export, force=False)               head.npz, head.json, view.npz, head.onnx, README.md
    write_text(path, text, force=False)                   a model card
    label_row(label, key, purpose, separator)             a row of the first

The ending says the format: .csv, .jsonl or .parquet. A file appears whole or not at all, and replaces only an
earlier export of the same kind: anything else that stands there is an error, unless `force`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError
from labelsieve.core.types import Kind, Label, Value
from labelsieve.project.safecsv import write_csv
from labelsieve.project.wholefiles import whole, whole_folder, write_whole
from labelsieve.sources.classcells import joined_names

LABEL_COLUMNS = ("key", "label", "annotator", "at", "source", "seconds", "query", "purpose", "answer", "weights")
PREDICTION_COLUMNS = ("key", "label", "probability")
NUMBERS = ("seconds", "probability", "difficulty", "score", "odd_similarity", "dull_similarity")
COUNTS = ("id", "answers", "query", "group", "items", "step", "rank")
TYPES = dict.fromkeys(NUMBERS, float) | dict.fromkeys(COUNTS, int)
FORMATS = (".csv", ".jsonl", ".parquet")
ROWS = 50_000  # in memory at once
MARK = b"labelsieve"


@dataclass(frozen=True, slots=True)
class PredictionTable:
    """Predictions to be written: `names` (m,) the classes of an item, `proba` (m, c). `per_class` adds c columns."""

    keys: Sequence[str]
    names: Sequence[Sequence[str]]
    classes: Sequence[str]
    proba: NDArray[Any]
    kind: Kind = "classes"
    separator: str = ";"
    per_class: bool = True


def label_row(label: Label, key: str, purpose: str | None = None, separator: str = ";") -> tuple[Any, ...]:
    """One row of LABEL_COLUMNS. Skip and unsure have no label: the column `answer` names them. `weights` of a soft
    answer is JSON."""
    value = label.value or Value("skip")
    soft = dict(zip(value.names, value.weights, strict=True)) if value.tag == "soft" else None
    weights = None if soft is None else json.dumps(soft, ensure_ascii=False)
    text = joined_names(label_names(value), separator, several=value.tag == "classes")
    return (key, text, label.by, label.at, label.source, label.seconds, label.query, purpose, value.tag, weights)


def label_names(value: Value) -> tuple[str, ...]:
    """The classes that an answer names; of a soft one the heaviest."""
    if value.tag == "soft":
        return (max(zip(value.weights, value.names, strict=True), key=lambda pair: pair[0])[1],) if value.names else ()
    return value.names


def write_labels(path: Path, rows: Iterable[Sequence[Any]], force: bool = False) -> Path:
    """Writes rows of LABEL_COLUMNS (see `label_row`) and returns the path."""
    return write_table(path, LABEL_COLUMNS, rows, force)


def write_predictions(path: Path, predictions: PredictionTable, force: bool = False) -> Path:
    """Writes key, label, probability and, per class, `p_CLASS`. Returns the path.

    In a multilabel task the probability is that of the answer's least certain class.
    """
    classes = [f"p_{name}" for name in predictions.classes] if predictions.per_class else []
    return write_table(path, (*PREDICTION_COLUMNS, *classes), _prediction_rows(predictions), force)


def _prediction_rows(given: PredictionTable) -> Iterator[tuple[Any, ...]]:
    proba = np.asarray(given.proba, np.float64)
    sure = np.maximum(proba, 1 - proba).min(axis=1) if given.kind == "multilabel" else proba.max(axis=1, initial=0.0)
    for at, (key, names) in enumerate(zip(given.keys, given.names, strict=True)):
        each = np.round(proba[at], 6).tolist() if given.per_class else []
        yield (key, joined_names(names, given.separator, given.kind == "multilabel"), round(float(sure[at]), 6), *each)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]], force: bool = False) -> Path:
    """Writes rows in the format of the ending. InputError for another ending, or where it would replace a stranger."""
    path = Path(path)
    check_out(path, columns, force)
    ending = path.suffix.lower()
    with whole(path) as temporary:
        if ending == ".parquet":
            _write_parquet(temporary, columns, rows)
        else:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                _write_lines(file, columns, rows) if ending == ".jsonl" else write_csv(file, columns, rows)
    return path


def check_out(path: Path, columns: Sequence[str], force: bool = False) -> None:
    """InputError where `write_table` could not write: another ending, or a stranger in that place."""
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise InputError(f"{path.name} has the ending {ending or 'of no format'!r}; expected {', '.join(FORMATS)}.",
                         f"write {path.stem or 'out'}.csv")  # fmt: skip
    check_place(path, _first_columns(path) == tuple(columns[:3]), force)


def _write_lines(file: TextIO, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    for row in rows:
        file.write(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n")


def _write_parquet(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {float: pa.float64(), int: pa.int64(), str: pa.string()}
    types = [TYPES.get(name, float if name.startswith("p_") else str) for name in columns]
    fields = [pa.field(f"{i}", kinds[type_]) for i, type_ in enumerate(types)]
    marks = {MARK: json.dumps(list(columns)).encode()}
    schema = pa.schema([field.with_name(name) for field, name in zip(fields, columns, strict=True)], marks)
    stream = iter(rows)
    with pq.ParquetWriter(path, schema) as writer:
        while True:
            block = list(islice(stream, ROWS))
            arrays = [pa.array([row[i] for row in block], field.type) for i, field in enumerate(fields)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            if len(block) < ROWS:
                return


def _first_columns(path: Path) -> tuple[str, ...]:
    """The first three columns of an export that stands there; empty for what cannot be one."""
    try:
        if not path.is_file():
            return ()
        if path.suffix.lower() == ".parquet":
            import pyarrow.parquet as pq

            marks = pq.read_schema(path).metadata or {}
            return tuple(json.loads(marks.get(MARK, b"[]"))[:3])
        with path.open(encoding="utf-8") as file:
            line = file.readline(100_000).strip()
        return tuple(list(json.loads(line))[:3]) if path.suffix.lower() == ".jsonl" else tuple(line.split(",")[:3])
    except (OSError, ValueError):  # pyarrow's errors and bad JSON or UTF-8 are ValueErrors
        return ()


def write_text(path: Path, text: str, force: bool = False) -> Path:
    """Writes a text of ours, such as a model card, and returns the path."""
    path = Path(path)
    ours = path.is_file() and "labelsieve" in path.read_text(encoding="utf-8", errors="replace")[:2000]
    check_place(path, ours, force)
    return write_whole(path, text)


def check_place(path: Path, ours: bool, force: bool) -> None:
    """InputError where something stands that is not `ours`; an empty file may be filled."""
    try:
        if force or ours or not path.exists() or (path.is_file() and path.stat().st_size == 0):
            return
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.", "choose another name.") from error
    what = "a folder" if path.is_dir() else "a file that is no export of this kind"
    raise InputError(f"{path} exists: {what}. It is not overwritten.", "choose another name, or move it away.")


@dataclass(frozen=True, slots=True)
class HeadExport:
    """A head on its way out. `arrays` are its state by file ("head", "view"); none for a foreign head, which is
    refitted from the labels and never saved. `facts` go into head.json, `card` into README.md."""

    facts: Mapping[str, Any]
    arrays: Mapping[str, Mapping[str, NDArray[Any]]]
    card: str
    onnx: bytes | None = None


def write_head(folder: Path, export: HeadExport, force: bool = False) -> list[Path]:
    """The files of an exported head, all of them new. A folder is replaced as a whole, and only one of ours."""
    folder = Path(folder)
    check_place(folder, folder.is_dir() and (not any(folder.iterdir()) or _is_head(folder)), force)
    with whole_folder(folder) as temporary:
        for name, arrays in export.arrays.items():
            with (temporary / f"{name}.npz").open("wb") as file:
                np.savez(file, **{key: np.asarray(value) for key, value in arrays.items()})  # type: ignore[arg-type]
        if export.onnx is not None:
            (temporary / "head.onnx").write_bytes(export.onnx)
        (temporary / "README.md").write_text(export.card, encoding="utf-8", newline="\n")
        facts = json.dumps({"made_by": "labelsieve", **export.facts}, indent=2, ensure_ascii=False)
        (temporary / "head.json").write_text(facts + "\n", encoding="utf-8", newline="\n")
    return sorted(folder.iterdir())


def _is_head(folder: Path) -> bool:
    try:
        facts = json.loads((folder / "head.json").read_text(encoding="utf-8"))
        return bool(facts["made_by"] == "labelsieve")
    except (OSError, ValueError, KeyError, TypeError):
        return False
