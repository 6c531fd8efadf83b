"""What a caller of the pure functions gives: how many, which rows are labelled, which classes they have."""

from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ShapeError
from labelsieve.core.types import Ids


def wanted_number(n: Any) -> int:
    """How many items are asked for: a whole number of 0 or more, else InputError."""
    try:
        number = -1 if isinstance(n, bool | np.bool_) else index(n)
    except TypeError:
        number = -1
    if number < 0:
        raise InputError(f"{n!r} items were asked for; a whole number of 0 or more was expected.")
    return number


def row_numbers(labelled: Any, m: int) -> Ids:
    """Row numbers (k,) below m, in the order given; InputError for a mask, for fractions, and for rows there are not.

    >>> row_numbers([4, 0], 5).tolist()
    [4, 0]
    """
    given = np.zeros(0, np.int64) if labelled is None else np.asarray(labelled)
    if given.ndim != 1 or (len(given) and given.dtype.kind not in "iu"):
        raise InputError(
            f"labelled holds {given.dtype} of shape {given.shape}; row numbers (k,) were expected.",
            "np.flatnonzero makes row numbers of a mask.",
        )
    rows: Ids = given.astype(np.int64)
    outside = rows[(rows < 0) | (rows >= m)]
    if len(outside):
        raise InputError(f"row {outside[0]} is labelled, and x has the rows 0 to {m - 1}.")
    return rows


def named_classes(y: Any, m: int) -> tuple[NDArray[Any], Ids]:
    """The distinct classes (c,), ascending, and the code (m,) of each of y (m,), which may be numbers or names.

    ShapeError for another shape, InputError where a class is missing.

    >>> named_classes(["b", "a", "b"], 3)[1].tolist()
    [1, 0, 1]
    """
    y = np.asarray(y)
    if y.shape != (m,):
        raise ShapeError(f"y has shape {y.shape}; ({m},) was expected: one class a row.")
    names = y.dtype.kind == "O"
    if (names and any(one is None or one != one for one in y)) or (y.dtype.kind == "f" and not np.isfinite(y).all()):
        raise InputError(
            "y has NaN, infinity or None; one class a row was expected.", "leave out rows without a class."
        )
    classes, codes = np.unique(y.astype(str) if names else y, return_inverse=True)
    return classes, codes.astype(np.int64)
