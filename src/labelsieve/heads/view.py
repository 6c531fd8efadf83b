"""Views: how embeddings are scaled before a head or a strategy sees them. Fitted once on pool rows."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ShapeError, UnknownName
from labelsieve.core.norms import norms_of
from labelsieve.core.types import Matrix, State

Way = Literal["unit", "z", "zunit", "isotropic", "raw"]
WAYS: tuple[Way, ...] = get_args(Way)
LEARNT: tuple[Way, ...] = ("z", "zunit", "isotropic")  # from pool rows: these centre and scale


@dataclass(frozen=True, slots=True)
class View:
    """A fitted view; call it on (m, d) rows to get (m, d) float32.

    unit: row / norm (classes and multilabel on embeddings). z: z-score (tables, anomaly scores).
    zunit: z-score, then norm sqrt(d) (screening on embeddings). isotropic: centred, one scale for all columns: for
    principal axes, of which the last would be as loud as the first if each had its own. raw: as it is.
    Constant columns get scale 1, rows of norm 0 stay 0.
    """

    how: Way
    mean: NDArray[np.float64]  # (d,); 0 where the view does not centre
    scale: NDArray[np.float64]  # (d,); 1 where the view does not scale

    @classmethod
    def fit(cls, x: Any, how: Way = "unit") -> "View":
        """A view learnt from pool rows (n, d). InputError for no rows or a number that is not finite. Cost: O(n d)."""
        if how not in WAYS:
            raise UnknownName("view", how, WAYS)
        x = np.asarray(x)
        if x.ndim != 2 or not len(x):
            raise ShapeError(f"the shape of the pool rows is {x.shape}; expected (n, d) with n of at least 1.")
        mean, scale = np.zeros(x.shape[1]), np.ones(x.shape[1])
        if how in LEARNT:
            with np.errstate(invalid="ignore", over="ignore"):  # told below
                mean, scale = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
            if not np.isfinite(scale).all():
                bad = int(np.flatnonzero(~np.isfinite(scale))[0])
                raise InputError(f"column {bad} of the embeddings holds NaN or infinity.", "set those rows aside.")
            constant = scale <= 1e-7 * np.maximum(np.abs(mean), 1e-30)  # but for rounding
            if how == "isotropic":
                scale[:] = np.sqrt(np.mean(np.where(constant, 0.0, scale) ** 2)) if not constant.all() else 1.0
            else:
                scale[constant] = 1.0
        return cls(how, mean, scale)

    @property
    def dim(self) -> int:
        return len(self.mean)

    def __call__(self, x: Any) -> Matrix:
        """Rows (m, d) float32 in this view. ShapeError for another width. Cost: O(m d)."""
        out: Matrix = np.asarray(x, dtype=np.float32)
        if out.ndim != 2 or out.shape[1] != self.dim:
            raise ShapeError(f"the rows have the shape {out.shape}; this view was fitted on {self.dim} columns.")
        if self.how in LEARNT:
            out = out - self.mean.astype(np.float32)
            out /= self.scale.astype(np.float32)
        if self.how in ("unit", "zunit"):
            norm = norms_of(out)
            norm[norm == 0] = 1.0
            size = np.sqrt(self.dim) if self.how == "zunit" else 1.0
            if size != 1.0 or np.any(norm != 1.0):
                out = out * (size / norm).astype(np.float32)[:, None]
        return out

    def state(self) -> State:
        """What `restore` needs, as plain arrays."""
        return {"how": np.array(self.how), "mean": self.mean, "scale": self.scale}

    @classmethod
    def restore(cls, state: State) -> "View":
        """The view that `state()` came from."""
        return cls(str(state["how"]), state["mean"], state["scale"])  # type: ignore[arg-type]
