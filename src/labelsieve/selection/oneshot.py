"""`query`: one query over plain arrays, without a project."""

from operator import index
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core import plugins
from labelsieve.core.errors import InputError, ShapeError
from labelsieve.core.norms import norms_of
from labelsieve.core.randomness import as_rng
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.sockets import Head, Strategy
from labelsieve.core.types import Ids, Labels, Matrix, Query
from labelsieve.selection.composing import chosen
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

    x may be memory-mapped: it is read a block at a time, and never copied. A row that holds NaN or infinity is named
    when it is read. Cost: that of the strategy; by a linear head one scan, O(m d c), in the memory of one block and of
    three numbers a row.

    >>> len(query(np.eye(6), 2))
    2
    """
    pool = _Units(x)
    n, rows = _wanted(n), _row_numbers(labelled, len(pool.ids))
    labels = _labels(rows, y)
    asks = strategy_called(strategy) if isinstance(strategy, str) else strategy
    state = Round(pool, labels, head, np.unique(rows), number=-(-len(rows) // max(n, 1)))
    state.check(n)
    if n == 0:
        return chosen(rows[:0], np.empty(0), strategy if isinstance(strategy, str) else "", "nothing was asked for")
    if head is None and y is not None and len(labels):
        state.head = _fitted(pool, labels)
    state.neighbours = exact_neighbours(pool)
    return asks(state, n, as_rng(rng))


class _Units(ArrayPool):
    """Rows of an array at unit norm, brought there when they are read; a row of zeros stays as it is."""

    def __init__(self, x: Any) -> None:
        x = x if isinstance(x, np.ndarray) else np.asarray(x)
        if x.dtype.kind not in "fiub":
            raise InputError(f"x holds {x.dtype}; real numbers were expected.", "pass embeddings (rows, columns).")
        if x.ndim != 2 or not x.shape[1]:
            raise ShapeError(f"x has shape {x.shape}; (rows, columns) was expected.", "reshape it to two dimensions.")
        super().__init__(x)

    def take(self, ids: Ids) -> Matrix:
        rows = super().take(ids)
        norm = norms_of(rows)
        if np.all(norm == 1.0):
            return rows
        if not np.isfinite(norm).all():
            raise InputError(f"row {ids[~np.isfinite(norm)][0]} of x is not finite.", "leave such rows out.")
        return np.asarray(rows / np.where(norm > 0, norm, 1.0).astype(np.float32)[:, None])


def _wanted(n: Any) -> int:
    try:
        n = index(n)
    except TypeError:
        raise InputError(f"{n!r} items were asked for; a whole number was expected.") from None
    if n < 0:
        raise InputError(f"{n} items were asked for; 0 or more was expected.")
    return int(n)


def _row_numbers(labelled: Any, m: int) -> Ids:
    given = np.zeros(0, np.int64) if labelled is None else np.asarray(labelled)
    if given.ndim != 1 or (len(given) and given.dtype.kind not in "iu"):
        raise InputError(f"labelled holds {given.dtype} of shape {given.shape}; row numbers (k,) were expected.")
    rows: Ids = given.astype(np.int64)
    outside = rows[(rows < 0) | (rows >= m)]
    if len(outside):
        raise InputError(f"row {outside[0]} is labelled, and x has the rows 0 to {m - 1}.")
    return rows


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
