"""Points in two dimensions that keep who is near whom: arrays in, arrays out.

principal(rows, ids) -> Axes                        what PCA keeps, from a part of the pool
laid_out(x, seed) -> (n, 2)                         landmarks, by attraction of neighbours and repulsion of the rest
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Points = NDArray[np.float32]
Pairs = NDArray[np.int64]
Said = Callable[[int, int], None]

AXES = 50  # of the pool that are looked at
NEAR, MIDDLE, FAR = 10, 5, 20  # pairs a point
STEPS = 450
RATE = 1.0  # of Adam
WIDE = 4096  # columns from which on a random projection comes before PCA


@dataclass(frozen=True, slots=True)
class Axes:
    """The mean (d,) and the first principal axes (k, d) of rows; call it on rows (m, d) for (m, k)."""

    mean: Points
    axes: Points

    def __call__(self, x: Points) -> Points:
        out: Points = ((x - self.mean) @ self.axes.T).astype(np.float32)
        return out


def principal(x: Points, most: int = AXES) -> Axes:
    """The first `most` principal axes of rows (m, d), each with its largest entry positive: no sign is left to luck.

    Cost: O(m d^2 + d^3); above WIDE columns a random part of the axes of d is looked at.
    """
    mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = (x - mean).astype(np.float32)
    basis = None
    if centred.shape[1] > WIDE:
        basis = np.random.default_rng(0).standard_normal((WIDE // 8, centred.shape[1])).astype(np.float32)
        basis = np.linalg.qr(basis.T)[0].T.astype(np.float32)
        centred = centred @ basis.T
    spread = (centred.T @ centred).astype(np.float64)
    _, found = np.linalg.eigh(spread)
    axes = found[:, ::-1].T[: min(most, len(found))]
    axes = axes if basis is None else axes @ basis
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return Axes(mean, (axes * np.where(signs == 0, 1, signs)[:, None]).astype(np.float32))


def nearest(x: Points, to: Points, k: int) -> tuple[Pairs, Points]:
    """The rows of `to` (m, d) nearest to each of x (n, d), as (n, k), and their squared distances, nearest first."""
    import faiss

    index = faiss.IndexFlatL2(to.shape[1])
    index.add(np.ascontiguousarray(to, np.float32))
    distance, found = index.search(np.ascontiguousarray(x, np.float32), min(k, len(to)))
    return found.astype(np.int64), distance.astype(np.float32)


def laid_out(x: Points, seed: int = 0, said: Said | None = None) -> Points:
    """Points (n, 2) of rows (n, d): the first two principal axes, then moved by three kinds of pairs.

    Near ones attract, a few of middle distance hold the whole together at first, and random ones push apart.
    Source: Wang et al. 2021 (PaCMAP), its losses and phases; Adam over all pairs at once, so that a seed repeats it.
    Cost: O(steps n (near + middle + far)) after O(n^2 d) for the neighbours.
    """
    n = len(x)
    first = principal(x, 2)(x)
    if first.shape[1] < 2 or n < 4:
        return np.pad(first, ((0, 0), (0, 2 - first.shape[1]))).astype(np.float32)
    rng = np.random.default_rng(seed)
    kinds = (_near(x, min(NEAR, n - 1)), _middle(x, min(MIDDLE, n - 1), rng), _random(n, min(FAR, n - 1), rng))
    y = (first / max(float(first.std()), 1e-12) * 1e-2).astype(np.float32)
    y += (1e-6 * rng.standard_normal(y.shape)).astype(np.float32)  # equal rows may part
    return _moved(y, kinds, said)


def _near(x: Points, k: int) -> Pairs:
    """Pairs (n k, 2): those nearest by distances that are scaled by how dense it is around both points."""
    found, squared = nearest(x, x, min(k + 40, len(x)))
    scale = np.sqrt(np.maximum(squared[:, 3 : 7 if squared.shape[1] > 6 else None].mean(axis=1), 1e-12))
    scaled = squared / scale[:, None] / scale[found]
    scaled[found == np.arange(len(x))[:, None]] = np.inf  # itself
    order = np.argsort(scaled, axis=1, kind="stable")[:, :k]
    return _pairs(np.take_along_axis(found, order, axis=1))


def _middle(x: Points, k: int, rng: Generator) -> Pairs:
    """Pairs (n k, 2): of six random points each time the second nearest."""
    n = len(x)
    columns = []
    for _ in range(k):
        drawn = rng.integers(0, n, (n, 6))
        distance = np.stack([np.square(x - x[drawn[:, j]]).sum(axis=1) for j in range(6)], axis=1)
        second = np.argsort(distance, axis=1, kind="stable")[:, 1]
        columns.append(drawn[np.arange(n), second])
    return _pairs(np.stack(columns, axis=1))


def _random(n: int, k: int, rng: Generator) -> Pairs:
    return _pairs(rng.integers(0, n, (n, k)))


def _pairs(others: NDArray[np.int64]) -> Pairs:
    n, k = others.shape
    pairs = np.stack([np.repeat(np.arange(n), k), others.ravel()], axis=1)
    out: Pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return out


def _moved(y: Points, kinds: tuple[Pairs, Pairs, Pairs], said: Said | None) -> Points:
    """The points after STEPS steps of Adam."""
    ends = [(np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])) for pairs in kinds]
    mean, square = np.zeros(y.shape), np.zeros(y.shape)
    for step in range(STEPS):
        slope = np.zeros(y.shape)
        for (a, b), strength, scale in zip(ends, _strengths(step), _SCALES, strict=True):
            if strength:
                slope += strength * _slope(y, a, b, scale)
        mean = 0.9 * mean + 0.1 * slope
        square = 0.999 * square + 0.001 * slope**2
        rate = RATE * np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
        y = (y - rate * mean / (np.sqrt(square) + 1e-7)).astype(np.float32)
        if said is not None and step % 5 == 0:
            said(step, STEPS)
    return y


_SCALES = (10.0, 10_000.0, 0.0)  # of the loss of near, middle and far pairs; 0: it pushes


def _strengths(step: int) -> tuple[float, float, float]:
    """How much near, middle and far pairs weigh: the whole first, then neighbours."""
    if step < 100:
        share = step / 100
        return 2.0, (1 - share) * 1000.0 + share * 3.0, 1.0
    return (3.0, 3.0, 1.0) if step < 200 else (1.0, 0.0, 1.0)


def _slope(y: Points, a: NDArray[np.int64], b: NDArray[np.int64], scale: float) -> NDArray[np.float64]:
    """The gradient (n, 2) of d / (scale + d) summed over pairs, or of 1 / (1 + d), where d is 1 + squared distance."""
    apart = y[a] - y[b]
    d = 1 + np.einsum("ij,ij->i", apart, apart)
    pull = 2 * scale / (scale + d) ** 2 if scale else -2 / (1 + d) ** 2
    force = apart * pull[:, None]
    columns = [np.bincount(a, force[:, j], len(y)) - np.bincount(b, force[:, j], len(y)) for j in range(2)]
    return np.stack(columns, axis=1)
