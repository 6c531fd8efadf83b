"""What `export` and `report` write: the project's data into the formats of exports.py, modelcard.py and report/."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from labelsieve import __version__
from labelsieve.core.errors import NotEnoughLabels
from labelsieve.core.types import Label
from labelsieve.project import deciding, exports, fitting, folding, headfiles, manifest, queries
from labelsieve.project.context import Context
from labelsieve.project.fitting import Fitted
from labelsieve.project.people.settled import CONSENSUS_COLUMNS, consensus_rows
from labelsieve.project.pooling import NotEmbedded

if TYPE_CHECKING:
    from labelsieve.project.modelcard import HeadFacts

StrPath = str | os.PathLike[str]
BLOCK = 50_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where to write what; None leaves it out."""

    labels: Path | None = None
    predictions: Path | None = None
    head: Path | None = None
    card: Path | None = None
    consensus: Path | None = None


def export(context: Context, **paths: StrPath | None) -> list[Path]:
    """Writes what is named; everything that there is into exports/ when nothing is. Returns the paths."""
    wanted = Wanted(**{name: Path(path) for name, path in paths.items() if path is not None})
    return _write(context, wanted) if wanted != Wanted() else _everything(context)


def _everything(context: Context) -> list[Path]:
    home, name = context.root / "exports", context.task_name
    home.mkdir(exist_ok=True)
    written = _write(context, Wanted(labels=home / f"{name}-labels.csv"))
    try:
        rest = Wanted(
            predictions=home / f"{name}-predictions.csv", head=home / f"{name}-head", card=home / f"{name}-card.md"
        )
        return written + _write(context, rest)
    except (NotEnoughLabels, NotEmbedded):  # there is no head yet: the labels alone are what there is
        return written


def _write(context: Context, wanted: Wanted) -> list[Path]:
    written: list[Path] = []
    if wanted.labels is not None:
        written.append(exports.write_labels(wanted.labels, label_rows(context)))
    if wanted.consensus is not None:
        written.append(write_consensus(context, wanted.consensus)[0])
    if wanted.predictions is not None:
        written.append(exports.write_predictions(wanted.predictions, prediction_table(context)))
    if wanted.head is not None or wanted.card is not None:
        from labelsieve.project.modelcard import model_card
        from labelsieve.project.report.collect import gathered

        fitted = fitting.fit_task(context)
        final = fitting.final_head(fitted)
        facts = head_facts(context, fitted, final)
        card = model_card(gathered(context), facts)
        if wanted.head is not None:
            written += exports.write_head(wanted.head, head_export(fitted, final, facts, card))
        if wanted.card is not None:
            written.append(exports.write_text(wanted.card, card))
    return written


def write_consensus(context: Context, path: Path) -> tuple[Path, int]:
    """Writes the consensus, one row an item (see people/settled.py); (the path, how many items)."""
    items = 0

    def counted() -> Iterator[tuple[Any, ...]]:
        nonlocal items
        for row in consensus_rows(context):
            items += 1
            yield row

    return exports.write_table(path, CONSENSUS_COLUMNS, counted()), items


def label_rows(context: Context) -> Iterator[tuple[Any, ...]]:
    """One row a current answer, in the columns of exports.LABEL_COLUMNS."""
    purposes = {
        (stored.id, int(id_)): purpose
        for stored in queries.history(context.conn, context.task_name)
        for id_, purpose in zip(stored.query.ids.tolist(), stored.query.purpose, strict=True)
    }
    block: list[Label] = []
    for label in folding.answers(context.conn, context.task_name):
        block.append(label)
        if len(block) == BLOCK:
            yield from _rows(context, block, purposes)
            block = []
    yield from _rows(context, block, purposes)


def decision_queries(context: Context) -> frozenset[int]:
    """The queries of the task whose answers are decisions: exports say so, since a decision outweighs other answers."""
    return deciding.decision_queries(context.conn, context.task)


def _rows(context: Context, labels: list[Label], purposes: dict[tuple[int, int], Any]) -> Iterator[tuple[Any, ...]]:
    keys = manifest.keys(context.conn, np.array([label.item for label in labels], np.int64))
    decide = decision_queries(context)
    for label, key in zip(labels, keys, strict=True):
        purpose = purposes.get((label.query, label.item)) if label.query is not None else None
        yield exports.label_row(label, key, deciding.STRATEGY if label.query in decide else purpose)


def prediction_table(context: Context) -> exports.PredictionTable:
    """What the head says of every pool item."""
    fitted = fitting.fit_task(context)
    ids = fitted.stand.pool.ids
    found = fitting.predictions(fitted, context.task, ids, tuple(manifest.keys(context.conn, ids)))
    return exports.PredictionTable(found.keys, found.names, found.classes, found.proba, context.task.kind)


def head_facts(context: Context, fitted: Fitted, final: Any) -> "HeadFacts":
    """What a reader of the exported head has to know."""
    from labelsieve.project.modelcard import HeadFacts

    name, _, rest = context.settings.embeddings.partition("@")
    revision, _, preprocess = rest.partition("+")
    return HeadFacts(
        head=type(final).__name__,
        engine=name or "given",
        revision=revision,
        preprocess=preprocess,
        view=fitted.stand.view.how,
        dim=fitted.stand.pool.dim,
        classes=fitted.stand.train.classes,
        temperature=fitted.temperature.t,
        trained_on=len(fitted.stand.both),
        taught=len(fitted.labels) - len(fitted.stand.train),
        foreign=headfiles.name_of(final) is None,
        version=__version__,
    )


def head_export(fitted: Fitted, final: Any, facts: "HeadFacts", card: str) -> exports.HeadExport:
    """The files of the head: arrays and ONNX; the card alone for a foreign one, which is refitted from the labels."""
    known = {name: getattr(facts, name) for name in facts.__dataclass_fields__}
    if facts.foreign:
        return exports.HeadExport(known, {}, card)
    from labelsieve.heads.onnx_export import to_onnx

    plugin = {"name": headfiles.name_of(final), "config": final.config()}
    arrays = {"head": final.state(), "view": fitted.stand.view.state()}
    data = to_onnx(fitted.stand.view, final, fitted.temperature, facts.classes)
    return exports.HeadExport({**known, "plugin": plugin}, arrays, card, data)


def write_report(context: Context, path: StrPath | None) -> Path:
    """Writes the report; one HTML file that opens from disk."""
    from labelsieve.project.report.collect import gathered
    from labelsieve.project.report.rendering import render

    where = Path(path) if path is not None else context.root / "reports" / f"{context.task_name}.html"
    where.parent.mkdir(parents=True, exist_ok=True)
    return exports.write_text(where, render(gathered(context)), force=path is None)
