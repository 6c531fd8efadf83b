"""Decision trees as plain arrays, so that they are saved without pickle and run anywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Matrix, State

CELLS = 4_000_000  # rows x trees walked at once


@dataclass(frozen=True, slots=True)
class Trees:
    """Many trees in one numbering of nodes. A row goes left where x[feature] <= threshold; a leaf leads to itself.

    `value` (nodes, k) is added to the columns from `column` of its tree on: k is all columns for a forest, 1 for
    boosting.
    """

    feature: NDArray[np.int32]  # (nodes,)
    threshold: NDArray[np.float32]  # (nodes,)
    left: NDArray[np.int32]  # (nodes,)
    right: NDArray[np.int32]  # (nodes,)
    value: NDArray[np.float32]  # (nodes, k)
    root: NDArray[np.int32]  # (trees,)
    column: NDArray[np.int32]  # (trees,)
    depth: int

    @property
    def leaf(self) -> NDArray[np.bool_]:
        """Which nodes are leaves (nodes,)."""
        return np.asarray(self.left == np.arange(len(self.left)))

    def total(self, x: Matrix, columns: int) -> NDArray[np.float64]:
        """Summed values (n, columns) of the leaves that rows x (n, d) end in. Cost: O(n trees depth)."""
        out = np.zeros((len(x), columns))
        rows = max(CELLS // max(len(self.root), 1), 1)
        for first in range(0, len(x), rows):
            out[first : first + rows] = self._block(x[first : first + rows], columns)
        return out

    def ends(self, x: Matrix) -> NDArray[np.int32]:
        """The leaves (trees, n) that rows x (n, d) end in. Cost: O(n trees depth), memory O(n trees)."""
        flat, n, d = np.ascontiguousarray(x).ravel(), len(x), x.shape[1]
        at = np.arange(n, dtype=np.int64) * d
        node = np.repeat(self.root[:, None], n, axis=1)
        for _ in range(self.depth):
            goes_left = flat.take(at + self.feature.take(node)) <= self.threshold.take(node)
            node = np.where(goes_left, self.left.take(node), self.right.take(node))
        return node

    def _block(self, x: Matrix, columns: int) -> NDArray[np.float64]:
        out = np.zeros((len(x), columns))
        for tree, leaves in enumerate(self.ends(x)):
            column = int(self.column[tree])
            out[:, column : column + self.value.shape[1]] += self.value[leaves]
        return out

    def state(self) -> State:
        """What `restore` needs, as plain arrays."""
        names = ("feature", "threshold", "left", "right", "value", "root", "column")
        return {**{name: getattr(self, name) for name in names}, "depth": np.array(self.depth)}

    @classmethod
    def restore(cls, state: State) -> "Trees":
        names = ("feature", "threshold", "left", "right", "value", "root", "column")
        return cls(**{name: state[name] for name in names}, depth=int(state["depth"]))


@dataclass(frozen=True, slots=True)
class Grown:
    """One tree as it was grown; `left` is -1 at a leaf. Node 0 is the root, children come after their parent."""

    feature: NDArray[Any]
    threshold: NDArray[Any]
    left: NDArray[Any]
    right: NDArray[Any]
    value: NDArray[Any]  # (nodes, k)
    column: int = 0


def joined(grown: Sequence[Grown]) -> Trees:
    """All trees in one numbering. A threshold becomes the largest float32 below it: no float32 row changes sides."""
    sizes = np.array([len(tree.left) for tree in grown])
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    left, right, feature = [], [], []
    for tree, start in zip(grown, first, strict=True):
        own = np.arange(len(tree.left))
        leaf = tree.left < 0
        left.append(np.where(leaf, own, tree.left) + start)
        right.append(np.where(leaf, own, tree.right) + start)
        feature.append(np.where(leaf, 0, tree.feature))
    return Trees(
        np.concatenate(feature).astype(np.int32),
        _floor32(np.concatenate([tree.threshold for tree in grown])),
        np.concatenate(left).astype(np.int32),
        np.concatenate(right).astype(np.int32),
        np.concatenate([tree.value for tree in grown]).astype(np.float32),
        first.astype(np.int32),
        np.array([tree.column for tree in grown], dtype=np.int32),
        max(_depth(tree) for tree in grown),
    )


def _floor32(threshold: NDArray[Any]) -> NDArray[np.float32]:
    near = np.asarray(threshold, dtype=np.float64).astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


def _depth(tree: Grown) -> int:
    level = np.zeros(len(tree.left), dtype=np.int64)
    for node in np.flatnonzero(tree.left >= 0):
        level[tree.left[node]] = level[tree.right[node]] = level[node] + 1
    return int(level.max())
