"""What every head checks before it fits or predicts, once for all of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, NotEnoughLabels, ShapeError
from labelsieve.core.types import Matrix, Vector


@dataclass(frozen=True, slots=True)
class Training:
    """Checked training data. Codes: y (m,) int64. Multilabel: y (m, c) float64 with NaN = not asked."""

    x: Matrix  # (m, d)
    y: NDArray[Any]
    weight: Vector  # (m,)
    n_classes: int

    @property
    def multilabel(self) -> bool:
        return self.y.ndim == 2

    @property
    def present(self) -> NDArray[np.int64]:
        """The codes (k,) that have a label, ascending."""
        return np.unique(self.y).astype(np.int64)


def labelled(x: Any, y: Any, weight: Any = None, n_classes: int | None = None) -> Training:
    """Checked training data; a missing `n_classes` is read from y. Cost: O(m d).

    ShapeError, InputError (not finite, codes out of range, weights below 0), NotEnoughLabels (no row).
    """
    x = rows(x)
    y = np.asarray(y)
    if y.ndim not in (1, 2) or len(y) != len(x):
        raise ShapeError(
            f"y has the shape {y.shape}; expected ({len(x)},) codes or ({len(x)}, c), one for each row of x."
        )
    if not x.shape[1]:
        raise ShapeError(f"x has the shape {x.shape}; expected at least one column.")
    if not len(x):
        raise NotEnoughLabels("there is no label to fit a head on.", "label some items first.")
    y, c = _codes(y, n_classes) if y.ndim == 1 else _matrix(y, n_classes)
    w = np.ones(len(x)) if weight is None else np.asarray(weight, dtype=np.float64)
    if w.shape != (len(x),) or not np.isfinite(w).all() or (w < 0).any():
        raise InputError(f"weight has the shape {w.shape}; expected ({len(x)},) finite numbers of at least 0.")
    if not (w > 0).any():
        raise NotEnoughLabels("all labels have the weight 0.", "give some of them a weight above 0.")
    keep = w > 0
    return Training(x, y, w, c) if keep.all() else Training(x[keep], y[keep], w[keep], c)


def rows(x: Any, dim: int | None = None) -> Matrix:
    """Rows (m, d) float32, finite. ShapeError for another width than `dim`; `dim` 0 is a head not yet fitted."""
    out = shaped(x, dim)
    if not np.isfinite(np.dot(out.ravel(), out.ravel())) and not np.isfinite(out).all():  # one pass where all is well
        bad = int(np.flatnonzero(~np.isfinite(out).all(axis=1))[0])
        raise InputError(f"row {bad} of x holds NaN or infinity.", "set that item aside.")
    return out


def shaped(x: Any, dim: int | None = None) -> Matrix:
    """`rows`, where whoever calls looks for NaN and infinity in what comes of them."""
    if dim == 0:
        raise NotEnoughLabels("this head has not been fitted.", "call fit first.")
    out: Matrix = np.asarray(x, dtype=np.float32)
    if out.ndim != 2:
        raise ShapeError(f"x has the shape {out.shape}; expected two axes, (m, d).")
    if dim is not None and out.shape[1] != dim:
        raise ShapeError(f"x has {out.shape[1]} columns; this head was fitted on {dim}.")
    return out


def _codes(y: NDArray[Any], n_classes: int | None) -> tuple[NDArray[Any], int]:
    codes = y.astype(np.int64)
    if not np.array_equal(codes, y):
        raise InputError(f"y holds {y[codes != y][0]}; expected whole class codes from 0.")
    c = int(codes.max()) + 1 if n_classes is None else n_classes
    if codes.min() < 0 or codes.max() >= c:
        raise InputError(f"y holds the codes {codes.min()} to {codes.max()}; expected 0 to {c - 1}.")
    return codes, c


def _matrix(y: NDArray[Any], n_classes: int | None) -> tuple[NDArray[Any], int]:
    y = y.astype(np.float64)
    c = y.shape[1] if n_classes is None else n_classes
    if y.shape[1] != c:
        raise ShapeError(f"y has {y.shape[1]} columns; expected {c}, one a class.")
    if np.isinf(y).any() or (y < 0).any() or (y > 1).any():
        raise InputError("y holds numbers outside of 0 to 1; expected those, or NaN where nobody was asked.")
    return y, c
