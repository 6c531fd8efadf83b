"""`given`: embeddings that a source already has. Nothing is computed; widths and numbers are checked."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.norms import MOST, small_enough
from labelsieve.core.types import Matrix, Modality


class Given:
    """An engine that hands on ready embeddings (d,), all of one width: that of the first one it meets."""

    name = "given"
    revision = "1"
    preprocess = "none"
    space = "given"
    accepts: frozenset[Modality] = frozenset({"embedding"})

    def __init__(self, dim: int = 0) -> None:
        self.dim = dim

    def prepare(self, thing: Any) -> Matrix:
        """(d,) float32. InputError for another shape or width, or a number that is not finite."""
        row = np.asarray(thing, dtype=np.float32)
        if row.ndim != 1 or not len(row):
            raise InputError(f"an embedding has the shape {row.shape}; expected (d,).")
        if not np.isfinite(row).all():
            raise InputError("the embedding holds NaN or infinity.")
        if not small_enough(row[None])[0]:
            raise InputError(f"the embedding holds a value beyond {MOST:g}; expected smaller numbers.")
        self.dim = self.dim or len(row)
        if len(row) != self.dim:
            raise InputError(f"the embedding has {len(row)} columns; the others have {self.dim}.")
        return row

    def compute(self, prepared: Sequence[Any]) -> Matrix:
        """(b, d) float32."""
        return np.stack(prepared) if len(prepared) else np.empty((0, self.dim), np.float32)
