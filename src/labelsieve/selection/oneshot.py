"""`query`: one query over plain arrays, without a project."""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core import plugins
from labelsieve.core.errors import InputError
from labelsieve.core.randomness import as_rng
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.sockets import Head, Strategy
from labelsieve.core.types import Ids, Labels, Matrix, Query
from labelsieve.selection.coverage import checked_rows, rows_left
from labelsieve.selection.naming import strategy_called
from labelsieve.selection.neighbours import exact_neighbours


def query(
    x: Any,
    n: int,
    head: Head | None = None,
    strategy: str | Strategy = "auto",
    labelled: Ids | None = None,
    y: NDArray[Any] | None = None,
    rng: int | Generator = 0,
) -> Query:
    """The next n rows of x (m, d) to label, most wanted first; `ids` of the answer are row numbers.

    `labelled` are row numbers that are labelled already and `y` their classes, or (k, c) in 0..1 for several classes
    a row. Rows are brought to unit norm, and `head` must have been fitted on such rows. Without a head, and with y, one
    is fitted here: nearest class mean until every class has 2 labels, then linear.

    >>> len(query(np.eye(6), 2))
    2
    """
    pool = ArrayPool(_unit(checked_rows(x)))
    rows_left(len(pool.ids), n, labelled)
    rows = np.zeros(0, np.int64) if labelled is None else np.asarray(labelled, np.int64)
    labels = _labels(rows, y)
    if head is None and y is not None and len(labels):
        head = _fitted(pool, labels)
    asks = strategy_called(strategy) if isinstance(strategy, str) else strategy
    state = Round(pool, labels, head, np.unique(rows), number=-(-len(rows) // max(n, 1)))
    state.neighbours = exact_neighbours(pool)
    return asks(state, n, as_rng(rng))


def _unit(x: Matrix) -> Matrix:
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.where(norm > 0, norm, 1.0), np.float32)


def _labels(rows: Ids, y: NDArray[Any] | None) -> Labels:
    if y is None:
        return Labels(np.unique(rows), np.zeros(len(np.unique(rows)), np.int64), ("?",))
    y = np.asarray(y)
    if len(y) != len(rows):
        raise InputError(f"y has {len(y)} rows, labelled has {len(rows)}.", "give one answer for each labelled row.")
    ids, first = np.unique(rows, return_index=True)
    if y.ndim == 2:
        return Labels(ids, y[first].astype(np.float32), tuple(map(str, range(y.shape[1]))), "multilabel")
    names, codes = np.unique(y, return_inverse=True)
    return Labels(ids, codes[first].astype(np.int64), tuple(map(str, names)))


def _fitted(pool: ArrayPool, labels: Labels) -> Head:
    counts = np.bincount(labels.y) if labels.kind == "classes" else np.array([2])
    name = "means" if counts.min() < 2 else "linear"
    head: Head = plugins.load("heads", name)(n_classes=len(labels.classes))
    return head.fit(pool.take(labels.ids), labels.y)
