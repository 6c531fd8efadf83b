"""Coresets: a few rows that stand for all, to train on instead of everything."""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.core.randomness import as_rng
from labelsieve.core.types import Ids, Matrix, Vector
from labelsieve.selection.coverage import checked_rows, rows_left
from labelsieve.selection.given import named_classes
from labelsieve.selection.keeping import METHODS, Known

LEAST = 64  # rows that a block keeps, so that blocks do not all keep the same
LARGE = 0.1  # share kept from which doubt pays (benchmarks/coresets.py)


def coreset(x: Matrix, n: int, y: NDArray[Any] | None = None, method: str = "auto", rng: int | Generator = 0) -> Ids:
    """Positions (n,) of the rows of x (m, d) to keep, most wanted first; with classes y (m,) each has its share.

    Methods: facility_location, herding, kmeans, kcenter, moderate, random; with y also stratified, herding_unsure,
    facility_location_unsure, craig, el2n, forgetting, ccs. `auto` is herding within each class, weighed by the doubt
    of a head from a tenth on; without y facility location. A class keeps its share of n, one row at least where n
    allows it. Methods that compare rows with rows do so in random blocks of at most 4,096 rows of a class, each of
    which keeps 64 rows or more (other rows of the class are not looked at then): bounded memory, never m x m.
    `random` and `ccs` choose over all classes at once.

    Source: see `labelsieve.selection.keeping`; blocks: Mirzasoleiman et al. 2013. Cost: O(m 2048 d) for facility
    location, at most O(4096 n d) for herding.

    >>> coreset(np.array([[0.0], [0.1], [5.0], [5.2], [5.1]]), 2, method="herding").shape
    (2,)
    """
    x = checked_rows(x)
    rng = as_rng(rng)
    rows_left(len(x), n, None)
    method = method_for(method, n / max(len(x), 1), y is not None)
    codes = np.zeros(len(x), np.int64) if y is None else class_codes(y, len(x))
    return kept(x, n, codes, learnt(x, codes, method, rng), method, rng)


def learnt(x: Matrix, codes: Ids, method: str, rng: Generator) -> Known:
    """What a method has to know of each row (m,) or (m, c); (m, 0) for one that only compares rows."""
    learn = METHODS[method].learn
    return np.empty((len(x), 0)) if learn is None or not len(x) else learn(x, codes, rng)


def kept(x: Matrix, n: int, codes: Ids, known: Known, method: str, rng: Generator) -> Ids:
    """Positions (n,) to keep, most wanted first, by a method that knows this of the rows: classes take turns."""
    how = METHODS[method]
    classes = list(_by_class(codes if how.by_class else codes * 0))
    sizes = shares(np.array([len(rows) for rows in classes], np.int64), n)
    picked, place = [np.empty(0, np.int64)], [np.empty(0)]
    for of_class, share in zip(classes, sizes.tolist(), strict=True):
        blocks = _blocks(of_class, share, how.rows, rng)
        for rows, size in zip(blocks, shares(np.array([len(rows) for rows in blocks]), share).tolist(), strict=True):
            if size:
                picked.append(rows[how.keep(x[rows], known[rows], size, rng)])
                place.append((np.arange(size) + 0.5) / size)
    return np.concatenate(picked)[np.argsort(np.concatenate(place), kind="stable")]


def method_for(method: str, share: float, with_classes: bool) -> str:
    """The method that is used: what `auto` stands for at this share; errors for a name that cannot be."""
    if method == "auto":
        unsure = "herding_unsure" if share >= LARGE else "herding"
        return unsure if with_classes else "facility_location"
    if method not in METHODS:
        raise UnknownName("coreset method", method, [*METHODS, "auto"])
    if not with_classes and (METHODS[method].learn or method == "stratified"):
        usable = [name for name, how in METHODS.items() if not how.learn and name != "stratified"]
        raise InputError(
            f"the method {method!r} needs the classes of the rows, and y is not given.",
            f"give y (in a project --labelled, or 5 labels of each class), or use one of {', '.join(usable)}.",
        )
    return method


def class_codes(y: NDArray[Any], m: int) -> Ids:
    """Codes 0 .. c - 1 (m,) of classes y (m,), which may be numbers or names."""
    return named_classes(y, m)[1]


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


def _by_class(codes: Ids) -> list[Ids]:
    """Positions of the rows of each class, ascending."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1) if len(codes) else []


def _blocks(rows: Ids, n: int, limit: int, rng: Generator) -> list[Ids]:
    """The rows in random blocks of at most `limit` (0: in one), as few that each keeps 64 or more of n."""
    if not limit or len(rows) <= limit:
        return [rows]
    parts = min(-(-len(rows) // limit), max(n // LEAST, 1))
    drawn = rng.permutation(rows)[: max(parts * limit, n)]  # n is no more than that unless all rows are kept
    return [np.sort(part) for part in np.array_split(drawn, parts)]
