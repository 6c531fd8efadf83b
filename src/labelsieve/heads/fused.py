"""The head of screen tasks: what is unlike the dull items, beside what tells odd from dull."""

import numpy as np

from labelsieve.core.types import Matrix


def directions_of(x: Matrix, tabular: bool) -> Matrix:
    """Rows (n, d) as heads of a screen want them: embeddings scaled row by row to norm sqrt(d); table rows unchanged.

    A row of zeros stays zero.
    Source: measured, see docs/decisions/0008-the-screen-head.md. Cost: O(n d).
    """
    if tabular:
        return x
    norm = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))
    size = np.sqrt(x.shape[1]) / np.where(norm > 0, norm, 1.0)
    return np.asarray(x * size.astype(np.float32)[:, None], dtype=np.float32)
