"""`query`: one query over plain arrays, without a project."""

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
from labelsieve.selection.acquisition import least_confident, over_classes
from labelsieve.selection.composing import chosen
from labelsieve.selection.given import named_classes, row_numbers, wanted_number
from labelsieve.selection.naming import strategy_called
from labelsieve.selection.neighbours import exact_neighbours

FIRST = 8  # rows by which a head is tried


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
    n, rows, rng = wanted_number(n), row_numbers(labelled, len(pool.ids)), as_rng(rng)
    labels = _labels(rows, y, 0 if head is None else _width(head, pool))
    asks = strategy_called(strategy) if isinstance(strategy, str) else strategy
    if not callable(asks):
        raise InputError(f"strategy is {strategy!r}; a name was expected.", "labelsieve strategies lists them.")
    state = Round(pool, labels, head, np.unique(rows), number=-(-len(rows) // max(n, 1)))
    state.check(n)
    if n == 0:
        return chosen(rows[:0], np.empty(0), strategy if isinstance(strategy, str) else "", "nothing was asked for")
    if head is None and y is not None and len(labels):
        state.head = _fitted(pool, labels)
    state.neighbours = exact_neighbours(pool)
    return asks(state, n, rng)


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
        with np.errstate(over="ignore"):  # what single precision does not hold is named below
            rows = super().take(ids)
        norm = norms_of(rows)
        if np.all(norm == 1.0):
            return rows
        if not np.isfinite(norm).all():
            raise InputError(f"row {ids[~np.isfinite(norm)][0]} of x is not finite.", "leave such rows out.")
        return np.asarray(rows / np.where(norm > 0, norm, 1.0).astype(np.float32)[:, None])


def _width(head: Any, pool: ArrayPool) -> int:
    """How many classes a head tells apart; InputError for one that does not give probabilities."""
    if not callable(getattr(head, "predict_proba", None)):
        raise InputError(f"head is {head!r:.80}, which has no predict_proba.", "pass a fitted head, or leave it out.")
    rows = pool.take(pool.ids[:FIRST])
    if not len(rows):
        return 0
    proba = head.predict_proba(rows)
    over_classes(least_confident, proba)  # errors for what is no probability
    if not isinstance(proba, np.ndarray) or len(proba) != len(rows):
        raise ShapeError(
            f"the head gave {np.shape(proba)} for {len(rows)} rows; an array (rows, classes) was expected."
        )
    return int(proba.shape[1])


def _labels(rows: Ids, y: NDArray[Any] | None, width: int) -> Labels:
    """The answers y of `rows`, by id; a head that tells `width` classes apart (0: no head) fixes their codes."""
    ids, first, at = np.unique(rows, return_index=True, return_inverse=True)
    if y is None:
        return Labels(ids, np.zeros(len(ids), np.int64), ("?",))
    y = np.asarray(y)
    if not y.ndim or len(y) != len(rows):
        raise InputError(
            f"y has {y.size if y.ndim < 2 else len(y)} rows, labelled has {len(rows)}.",
            "give one answer for each labelled row.",
        )
    several = y.ndim == 2
    codes, names = _of_several(y, width) if several else _of_one(y, width)
    same = np.isclose(codes, codes[first][at], equal_nan=True).all(axis=(1,) if several else ())
    if not same.all():
        raise InputError(f"row {rows[~same][0]} is labelled twice, and the answers differ.", "leave one of them.")
    return Labels(ids, codes[first], names, "multilabel" if several else "classes")


def _of_several(y: NDArray[Any], width: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    if y.dtype.kind not in "fiub" or not y.shape[1] or (width and y.shape[1] != width):
        wanted = f"(rows, {width or 'classes'})"
        raise ShapeError(f"y holds {y.dtype} of shape {y.shape}; numbers from 0 to 1 of shape {wanted} were expected.")
    return y.astype(np.float32), tuple(map(str, range(y.shape[1])))


def _of_one(y: NDArray[Any], width: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    names, codes = named_classes(y, len(y))
    if not width or len(names) in (0, width):
        return codes, tuple(map(str, names))
    if names.dtype.kind not in "iu" or names[0] < 0 or names[-1] >= width:
        raise InputError(f"y has {len(names)} classes, the head {width}.", f"give y as codes 0 to {width - 1}.")
    return y.astype(np.int64), tuple(map(str, range(width)))


def _fitted(pool: ArrayPool, labels: Labels) -> Head:
    counts = np.bincount(labels.y) if labels.kind == "classes" else np.array([2])
    name = "means" if counts.min() < 2 else "linear"
    head: Head = plugins.load("heads", name)(n_classes=len(labels.classes))
    return head.fit(pool.take(labels.ids), labels.y)
