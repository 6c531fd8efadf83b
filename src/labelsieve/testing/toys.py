"""Pools made from a seed, with the truth beside them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.randomness import stream
from labelsieve.core.types import DULL, ODD, Ids, Kind, Labels, Matrix


@dataclass(frozen=True, slots=True)
class Toy:
    """x (n, d) float32, y (n,) codes or (n, c) of 0 and 1, and the names of the classes."""

    x: Matrix
    y: NDArray[np.int64]
    classes: tuple[str, ...]
    kind: Kind = "classes"

    def __len__(self) -> int:
        return len(self.x)

    def labels(self, ids: Ids) -> Labels:
        """The truth about some rows, as a strategy or a head sees it (ids ascending)."""
        ids = np.sort(np.asarray(ids, dtype=np.int64))
        y = self.y[ids].astype(np.float32) if self.kind == "multilabel" else self.y[ids]
        return Labels(ids, y, self.classes, self.kind)


def toy_classes(n: int = 400, dim: int = 16, classes: int = 4, spread: float = 0.6, seed: int = 0) -> Toy:
    """n rows round one centre a class; the larger `spread` is, the more they overlap.

    >>> toy = toy_classes(10, classes=2)
    >>> toy.x.shape, toy.classes, sorted(set(toy.y.tolist()))
    ((10, 16), ('a', 'b'), [0, 1])
    """
    rng = stream(seed, "toy classes")
    centres = rng.normal(size=(classes, dim))
    y = rng.permutation(np.arange(n) % classes)
    x = centres[y] + spread * rng.normal(size=(n, dim))
    return Toy(x.astype(np.float32), y, _names(classes))


def toy_multilabel(n: int = 400, dim: int = 16, classes: int = 4, seed: int = 0) -> Toy:
    """n rows, each the sum of the directions of the classes that it carries (none, one or several)."""
    rng = stream(seed, "toy multilabel")
    y = (rng.random((n, classes)) < 0.3).astype(np.int64)
    x = y @ (2 * rng.normal(size=(classes, dim))) + rng.normal(size=(n, dim))
    return Toy(x.astype(np.float32), y, _names(classes), "multilabel")


def toy_odd(n: int = 1000, odd: int = 20, dim: int = 8, distance: float = 5.0, seed: int = 0) -> Toy:
    """n rows of which `odd` are planted at about `distance` standard deviations, on two sides of the dull ones."""
    rng = stream(seed, "toy odd")
    x = rng.normal(size=(n, dim))
    y = np.full(n, DULL, dtype=np.int64)
    planted = rng.choice(n, odd, replace=False)
    sides = rng.normal(size=(2, dim))
    sides *= distance / np.linalg.norm(sides, axis=1, keepdims=True)
    y[planted] = ODD
    x[planted] = 0.5 * x[planted] + sides[np.arange(odd) % 2]
    return Toy(x.astype(np.float32), y, ("dull", "odd"), "screen")


def _names(count: int) -> tuple[str, ...]:
    return tuple(chr(ord("a") + i) if count <= 26 else f"class {i}" for i in range(count))
