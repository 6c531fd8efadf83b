"""Known labels for `simulate`: from a column, a file of keys and labels, the first folder, or an array of an .npz."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, NotEnoughLabels
from labelsieve.core.types import DULL, ODD, Ids, Kind, Labels, Task
from labelsieve.engines.table import TableEngine
from labelsieve.project import manifest
from labelsieve.project.context import Context
from labelsieve.project.labelfiles import read_label_file
from labelsieve.project.pooling import learnt
from labelsieve.sources.classcells import split_names


def truth_of(context: Context, truth: str, ids: Ids) -> Labels:
    """The known labels of those pool items that have one, ids ascending; all classes of the truth, sorted."""
    known = _from_file(context, Path(truth), ids) if _is_file(truth) else _from_sources(context, truth, ids)
    has = np.array([bool(names) for names in known], dtype=bool)
    if not has.any():
        raise NotEnoughLabels(f"none of the {len(ids)} items has a label in {truth!r}.", "check the name and the keys.")
    return _coded(context.task, ids[has], [names for names in known if names])


def _is_file(truth: str) -> bool:
    return (
        truth != "@folder"
        and Path(truth).suffix.lower() in (".csv", ".tsv", ".jsonl", ".parquet")
        and Path(truth).is_file()
    )


def _from_file(context: Context, path: Path, ids: Ids) -> list[tuple[str, ...]]:
    kind = context.task.kind
    by_key = {row.key: _cell(row.label, kind, ";") for row in read_label_file(path)}
    return [by_key.get(key, ()) for key in manifest.keys(context.conn, ids)]


def _from_sources(context: Context, truth: str, ids: Ids) -> list[tuple[str, ...]]:
    out: list[tuple[str, ...]] = [()] * len(ids)
    for source_id, (positions, refs) in manifest.locate(context.conn, ids).items():
        source: Any = context.source(source_id)
        _refuse_seen(context, source, truth)
        separator = source.options.separator
        for at, cell in zip(positions.tolist(), source.column(truth, refs), strict=True):
            out[at] = _cell(cell, context.task.kind, separator)
    return out


def _cell(cell: str | None, kind: Kind, separator: str) -> tuple[str, ...]:
    if cell is None or not cell.strip():
        return ()
    if kind != "multilabel":
        return (cell.strip(),)
    return split_names(cell, separator)


def _refuse_seen(context: Context, source: Any, truth: str) -> None:
    """InputError where the engine has seen the truth: whatever it then measured would be a lie."""
    if source.modality == "row" and context.settings.engine == "table":
        state = learnt(context, "table")
        seen = TableEngine().restore(state).columns if state is not None else source.engine_columns()
        if truth in seen:
            others = ",".join(name for name in source.engine_columns() if name != truth)
            raise InputError(
                f"the engine has seen the truth column {truth!r}.",
                f"start again with: labelsieve init --columns {others}",
            )
    if source.modality == "text" and truth == source.options.text:
        raise InputError(f"the truth {truth!r} is the text column itself.", "name the column that holds the class.")


def _coded(task: Task, ids: Ids, known: list[tuple[str, ...]]) -> Labels:
    if task.kind == "screen":
        y = np.array([DULL if names[0] == task.dull else ODD for names in known], dtype=np.int64)
        if not (y == DULL).any():
            seen = sorted({names[0] for names in known})[:10]
            raise InputError(
                f"no item is dull: no label equals {task.dull!r}; there are {', '.join(seen)}.",
                "name the dull class: labelsieve init --dull NAME.",
            )
        return Labels(ids, y, ("dull", "odd"), "screen")
    classes = tuple(sorted({name for names in known for name in names}))
    code = {name: at for at, name in enumerate(classes)}
    if task.kind == "multilabel":
        table: NDArray[np.float32] = np.zeros((len(ids), len(classes)), np.float32)
        for row, names in enumerate(known):
            table[row, [code[name] for name in names]] = 1
        return Labels(ids, table, classes, "multilabel")
    return Labels(ids, np.array([code[names[0]] for names in known], dtype=np.int64), classes)
