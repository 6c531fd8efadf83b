"""Coresets: a few rows that stand for all, to train on instead of everything."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ShapeError, UnknownName
from labelsieve.core.randomness import as_rng
from labelsieve.core.types import Ids, Matrix, Vector
from labelsieve.selection.coverage import checked_rows, rows_left
from labelsieve.selection.keeping import METHODS, Known

LARGE = 0.2  # share kept from which doubt pays


def coreset(x: Matrix, n: int, y: NDArray[Any] | None = None, method: str = "auto", rng: int | Generator = 0) -> Ids:
    """Positions (n,) of the rows of x (m, d) to keep, most wanted first; with classes y (m,) each has its share.

    Methods: facility_location, herding, kmeans, kcenter, moderate, random; with y also stratified, el2n, forgetting,
    ccs, craig, facility_location_unsure. `auto` is facility location, weighed by doubt where more is kept and y is
    given. A class keeps its share of n, at least one row where n allows it. Methods that compare rows with
    rows do so in random blocks of at most 4,096 rows of a class: bounded memory, and never m x m.

    Source: see `labelsieve.selection.keeping`. Cost: O(m 2048 d) for `auto`.

    >>> coreset(np.array([[0.0], [0.1], [5.0], [5.2], [5.1]]), 2, method="herding").shape
    (2,)
    """
    x = checked_rows(x)
    rng = as_rng(rng)
    rows_left(len(x), n, None)
    method = method_for(method, n / max(len(x), 1), y is not None)
    codes = np.zeros(len(x), np.int64) if y is None else class_codes(y, len(x))
    known: Known = np.empty((len(x), 0))
    learn = METHODS[method].learn
    if learn is not None and len(x):
        known = learn(x, codes, rng)
    blocks = list(_blocks(codes if METHODS[method].by_class else codes * 0, METHODS[method].rows, rng))
    sizes = shares(np.array([len(rows) for rows in blocks], np.int64), n)
    picked, place = [np.empty(0, np.int64)], [np.empty(0)]
    for rows, size in zip(blocks, sizes.tolist(), strict=True):
        if size:
            picked.append(rows[METHODS[method].keep(x[rows], known[rows], size, rng)])
            place.append((np.arange(size) + 0.5) / size)
    return np.concatenate(picked)[np.argsort(np.concatenate(place), kind="stable")]


def method_for(method: str, share: float, with_classes: bool) -> str:
    """The method that is used: what `auto` stands for at this share; errors for a name that cannot be."""
    if method == "auto":
        return "facility_location_unsure" if with_classes and share >= LARGE else "facility_location"
    if method not in METHODS:
        raise UnknownName("coreset method", method, [*METHODS, "auto"])
    if not with_classes and (METHODS[method].learn or method == "stratified"):
        usable = [name for name, how in METHODS.items() if not how.learn and name != "stratified"]
        raise InputError(
            f"the method {method!r} needs the classes of the rows, and y is not given.",
            f"give y, or use one of {', '.join(usable)}.",
        )
    return method


def class_codes(y: NDArray[Any], m: int) -> Ids:
    """Codes 0 .. c - 1 (m,) of classes y (m,), which may be numbers or names."""
    y = np.asarray(y)
    if y.shape != (m,):
        raise ShapeError(f"y has shape {y.shape}; ({m},) was expected: one class a row of x.")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise InputError("y has NaN or infinity; one class a row was expected.", "leave out rows without a class.")
    return np.unique(y, return_inverse=True)[1].astype(np.int64)


def shares(sizes: Ids, n: int) -> Ids:
    """How many of n (k,) each of some groups keeps: in proportion to its size, one at least where n allows it.

    >>> shares(np.array([90, 9, 1]), 10).tolist()
    [8, 1, 1]
    """
    least = np.minimum(sizes, 1 if n >= np.count_nonzero(sizes) else 0)
    ideal: Vector = n * sizes / max(int(sizes.sum()), 1)
    given = np.maximum(np.floor(ideal).astype(np.int64), least)
    while (over := int(given.sum()) - n) != 0:
        spare = given > least if over > 0 else given < sizes
        gap = np.where(spare, (given - ideal) * np.sign(over), -np.inf)
        most = np.argsort(-gap, kind="stable")[: min(abs(over), np.count_nonzero(spare))]
        given[most] -= np.sign(over)
    return given


def _blocks(codes: Ids, limit: int, rng: Generator) -> Iterator[Ids]:
    """Positions of the rows of one class, in random parts of about equal size, none above `limit` (0: whole)."""
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        parts = -(-len(rows) // limit) if limit else 1
        yield from np.array_split(rng.permutation(rows) if parts > 1 else rows, max(parts, 1))
