"""Where the points of a large pool go, once landmarks are laid out: between the landmarks that are nearest to them.

landmarks_of(n, seed) -> rows of the landmarks
placed(x, at, y, seed) -> (m, 2)
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.project.projection.layout import Points, nearest

LANDMARKS = 20_000  # pools up to this size are laid out as a whole
AROUND = 4  # landmarks that say where a point goes
CELLS_FROM = 100_000  # points from which on landmarks are searched by cells


class Landmarks:
    """Landmarks with their rows (l, k) and places (l, 2); `place` says where other rows (m, k) go."""

    def __init__(self, rows: Points, places: Points, cells: bool) -> None:
        import faiss

        self._places = places
        _, squared = nearest(places, places, 3)
        self._room = np.sqrt(np.maximum(squared[:, 1:].mean(axis=1), 0.0)).astype(np.float32)  # around each landmark
        rows = np.ascontiguousarray(rows, np.float32)
        flat: Any = faiss.IndexFlatL2(rows.shape[1])
        self._index = flat
        if cells and len(rows) >= 4096:
            self._index = faiss.IndexIVFFlat(flat, rows.shape[1], 256)
            self._index.cp.seed = 1
            self._index.train(rows)
            self._index.nprobe = 16
        self._index.add(rows)

    def place(self, x: Points, seed: int) -> Points:
        """(m, 2): the mean of the nearest landmarks' places, near ones counting more, and a little beside it.

        A landmark's own row lands on its place. What lies between clusters goes to the nearer one, not between them:
        landmarks far from the nearest one's place do not count.
        """
        squared, found = self._index.search(np.ascontiguousarray(x, np.float32), min(AROUND, len(self._places)))
        found = np.where(found < 0, found[:, :1], found)
        there = self._places[found]  # (m, k, 2)
        apart = np.square(there - there[:, :1]).sum(axis=2)
        near = apart <= np.square(8 * self._room[found[:, :1]])
        weight = near / (squared + 1e-3 * squared[:, -1:] + 1e-12)
        weight /= weight.sum(axis=1, keepdims=True)
        beside = np.random.default_rng(seed).standard_normal((len(x), 2)).astype(np.float32)
        loose = np.sqrt(np.minimum(squared[:, :1] / np.maximum(squared[:, -1:], 1e-12), 1.0))  # 0 on a landmark
        beside *= 0.35 * self._room[found[:, 0]][:, None] * loose
        out: Points = (np.einsum("mk,mkc->mc", weight, there) + beside).astype(np.float32)
        return out


def landmarks_of(n: int, seed: int, most: int = LANDMARKS) -> NDArray[np.int64]:
    """Rows of the landmarks, ascending: all of a small pool, a random part of a large one."""
    if n <= most:
        return np.arange(n)
    rows = np.random.default_rng(seed).choice(n, most, replace=False)
    return np.sort(rows).astype(np.int64)
