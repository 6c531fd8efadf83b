"""Which columns of table rows tell most: those that tiles show first.

weigh(context, fitted)     the worker's part, after a round: kept below cache/
in_order(context)          every column, those that tell most first, and by what

Before there is a head the columns with most spread come first. Then it is what the head's answers depend on: how far
they move when a column is made what it usually is. That is looked at again only when twice as many labels have come,
so that tiles do not change under the eyes of whoever labels.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import LabelsieveError
from labelsieve.core.types import ODD, Matrix, Vector
from labelsieve.project.context import Context
from labelsieve.project.fitting import Fitted
from labelsieve.project.standing import Stand, stand
from labelsieve.project.training import drawn
from labelsieve.project.weighing import Judge
from labelsieve.project.wholefiles import write_whole
from labelsieve.screening.explain import as_number, usual_row

ROWS = 256  # rows whose spread is looked at
TRIED = 64  # columns that are hidden in turn, those with most spread
CELLS = 500_000  # cells of changed rows that are embedded, about
HIDDEN = (4, 128)  # rows in which columns are hidden: at least and at most
BINS = 16  # of the numbers of a column
SPLIT = 0.9  # share of different single words from which on a column names its rows, and tells nothing of them


@dataclass(frozen=True, slots=True)
class Order:
    """All columns of the rows of a pool. `by`: "head", fitted on `labels`; "spread"; "source", as they stand there."""

    columns: tuple[str, ...] = ()
    by: str = "source"
    labels: int = 0


def in_order(context: Context) -> Order:
    """The columns as they were last weighed, those that came since at the end. Cost: one small file."""
    there = _columns(context)
    kept = _kept(context)
    if kept is None or not there:
        return Order(tuple(there))
    known = [name for name in kept.columns if name in there]
    return Order((*known, *(name for name in there if name not in set(known))), kept.by, kept.labels)


def weigh(context: Context, fitted: Fitted | None) -> bool:
    """Weighs the columns by a head, or by their spread without one, where that is due; whether it did.

    Cost: some thousand embeddings of rows; nothing where it is not due.
    """
    names, kept = _columns(context), _kept(context)
    n = 0 if fitted is None else len(fitted.stand.train)
    same = kept is not None and set(kept.columns) == set(names)
    if not names or (kept is not None and same and (not n or n < 2 * kept.labels)):
        return False
    standing = stand(context) if fitted is None else fitted.stand
    rows = _some(context, standing)
    bits = {name: bits_told([row.get(name) for row in rows]) for name in names}
    found = Order(tuple(sorted(names, key=lambda name: -bits[name])), "spread", n)
    if fitted is not None and rows:
        with suppress(LabelsieveError):  # an engine that is not here now: the spread says it
            found = Order(_by_head(context, fitted, rows, found.columns), "head", n)
    data = {"columns": found.columns, "by": found.by, "labels": found.labels}
    write_whole(_file(context), json.dumps(data))
    return True


def bits_told(values: Sequence[Any]) -> float:
    """How many bits tell the values of a column apart, in the order of items; numbers in BINS parts.

    0 where they tell nothing: all are the same, each is a word of its own, or they count the rows.

    >>> bits_told(["a", "b", "a", "b"]), bits_told(["a"] * 4), bits_told([1, 2, 3, 4]), bits_told(["k1", "k2", "k3"])
    (1.0, 0.0, 0.0, 0.0)
    """
    numbers = [as_number(value) for value in values]
    if sum(number is not None for number in numbers) * 2 > len(values):
        x = np.array([np.nan if number is None else number for number in numbers], np.float64)
        steps = np.diff(x)
        if (steps > 0).all() or (steps < 0).all():
            return 0.0
        edges = np.unique(np.nanquantile(x, np.linspace(0, 1, BINS + 1)[1:-1]))
        told: list[Any] = np.where(np.isfinite(x), np.searchsorted(edges, x), -1).tolist()
    else:
        told = [str(value) for value in values]
        if len(set(told)) >= SPLIT * len(told) and not any(" " in text for text in told):
            return 0.0
    share = np.array(list(Counter(told).values())) / max(len(told), 1)
    return float(-(share * np.log2(share)).sum()) + 0.0


def _columns(context: Context) -> list[str]:
    """The columns that rows have, as their sources have them."""
    names: dict[str, None] = {}
    for id_, row in context.rows.items():
        if row.modality != "row":
            continue
        with suppress(LabelsieveError):  # a source that is not there now
            names |= dict.fromkeys(context.source(id_).engine_columns())
    return list(names)


def _some(context: Context, standing: Stand) -> list[Mapping[str, Any]]:
    """Rows of the pool: up to half of them labelled, of a screen those known to be odd where there are some."""
    labels, seed = standing.train, context.settings.seed
    known = labels.ids[labels.y == ODD] if labels.kind == "screen" and (labels.y == ODD).any() else labels.ids
    known = drawn(known[np.isin(known, standing.raw.ids)], ROWS // 2, seed, "known columns")
    ids = np.union1d(known, drawn(standing.raw.ids, ROWS - len(known), seed, "columns"))
    return [thing for thing in context.things(ids) if isinstance(thing, Mapping)]


def _by_head(
    context: Context, fitted: Fitted, rows: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> tuple[str, ...]:
    """Each column as it usually is, and each put alone into a usual row: the mean of both, since two columns that say
    the same hide each other's worth."""
    usual, tried = usual_row(rows), names[:TRIED]
    n = int(np.clip(CELLS // (2 * len(tried) * len(names)), *HIDDEN))
    rows = [{**usual, **row} for row in rows[:: -(-len(rows) // n)]]
    judge = Judge(context, fitted.stand, fitted)
    whole, plain = _answers(judge, rows), _answers(judge, [usual])
    worth = {}
    for name in tried:
        without = _answers(judge, [{**row, name: usual.get(name)} for row in rows])
        alone = _answers(judge, [{**usual, name: row.get(name)} for row in rows])
        worth[name] = float(np.abs(whole - without).mean() + np.abs(alone - plain).mean())
    return (*sorted(tried, key=lambda name: -worth[name]), *names[len(tried) :])


def _answers(judge: Judge, rows: Sequence[Any]) -> Matrix | Vector:
    """What the head says of changed rows: probabilities (m, c), or the scores (m, 1) of a screen."""
    fitted = judge.fitted
    embedded = judge.embedded(rows)
    if fitted is None or judge.standing.train.kind == "screen":
        return judge.score(embedded)[:, None]
    return np.asarray(fitted.head.predict_proba(judge.standing.view(embedded)), np.float64)


def _file(context: Context) -> Path:
    return context.cache / "columns" / f"{context.task.id}.json"


def _kept(context: Context) -> Order | None:
    try:
        found = json.loads(_file(context).read_text(encoding="utf-8"))
        return Order(tuple(map(str, found["columns"])), str(found["by"]), int(found["labels"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
