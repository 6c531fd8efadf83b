"""A dictionary of image patches: contrast normalisation, whitening, k centroids, triangle activation, pooling.

Source: Coates & Ng 2011, "Learning feature representations with k-means"; Coates, Lee & Ng 2011, section 3.
Whitening is by principal axes instead of ZCA: the two differ by a rotation, which k-means does not see,
and axes that carry next to nothing can be left out, which makes the scan two to three times cheaper.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.types import Ids, Matrix
from labelsieve.engines._learning import principal_axes

Pixels: TypeAlias = NDArray[np.uint8]  # (size, size, channels), or (b, size, size, channels)

CONTRAST = 10.0  # added to a patch's variance (pixels 0..255): flat patches stay flat
WHITEN = 0.1  # added to the variance of an axis
KEPT = 0.99  # share of the variance that the axes keep
ROUNDS = 12  # of k-means: more did not change accuracy
DRAWN = 100  # patches a centroid
BLOCK = 8192  # patches assigned at once


@dataclass(frozen=True, slots=True)
class Dictionary:
    """`width` in pixels; pooled over `cells` x `cells` parts. mean (p,), axes (p, a), centroids (k, a),
    with p = width * width * channels.
    """

    width: int
    cells: int
    mean: Matrix
    axes: Matrix
    centroids: Matrix

    def encode(self, images: Pixels) -> Matrix:
        """(b, cells^2 k) mean activation in each part of the images (b, size, size, channels), 0..255.

        Cost: O(positions * a * (p + k)) an image.
        """
        flat, grid = windows(images, self.width)
        z = np.asarray((normalise(flat) - self.mean) @ self.axes, dtype=np.float32)
        pooled = [_pooled(_triangle(part, self.centroids), grid, self.cells) for part in np.split(z, len(images))]
        return np.concatenate(pooled)


def learn_dictionary(images: Sequence[Pixels], width: int, cells: int, k: int, rng: Generator) -> Dictionary:
    """A dictionary of k centroids (fewer if there are fewer patches) from images (size, size, channels) of one shape.

    Cost: O(ROUNDS * patches * a * k), with patches = DRAWN k.
    """
    flat = normalise(_draw(images, width, DRAWN * k, rng))
    mean = flat.mean(axis=0)
    axes, variances = principal_axes(flat - mean, flat.shape[1])
    total = float(variances.sum())
    n_axes = int(np.searchsorted(np.cumsum(variances) / total, KEPT)) + 1 if total else 1
    if not total:  # every image is of one colour: nothing to tell apart
        axes, variances = np.eye(flat.shape[1], 1, dtype=np.float32), np.ones(1, np.float32)
    axes = axes[:, :n_axes] / np.sqrt(variances[:n_axes] + WHITEN)
    return Dictionary(width, cells, mean, axes, k_means((flat - mean) @ axes, k, rng))


def windows(images: Pixels, width: int) -> tuple[Matrix, int]:
    """All patches as (b * grid * grid, width * width * channels) float32, and the grid's side."""
    seen = sliding_window_view(images, (width, width), axis=(1, 2))
    b, grid, _, channels = seen.shape[:4]
    rows = seen.transpose(0, 1, 2, 4, 5, 3).reshape(b * grid * grid, width * width * channels)
    return np.asarray(rows, dtype=np.float32), grid


def normalise(patches: Matrix) -> Matrix:
    """Patches (m, p) less their mean brightness, over their contrast."""
    centred = patches - patches.mean(axis=1, keepdims=True)
    centred /= np.sqrt(np.einsum("ij,ij->i", centred, centred)[:, None] / centred.shape[1] + CONTRAST)
    return np.asarray(centred, dtype=np.float32)


def k_means(x: Matrix, k: int, rng: Generator) -> Matrix:
    """Centroids (min(k, m), a) of x (m, a) by Lloyd's rounds; an empty one starts again at a random row."""
    k = min(k, len(x))
    centroids = x[rng.choice(len(x), k, replace=False)]
    for _ in range(ROUNDS):
        nearest = _nearest(x, centroids)
        order = np.argsort(nearest, kind="stable")
        count = np.bincount(nearest, minlength=k)
        filled = np.flatnonzero(count)
        starts = np.cumsum(count)[filled] - count[filled]
        centroids = x[rng.choice(len(x), k)]
        centroids[filled] = np.add.reduceat(x[order], starts, axis=0) / count[filled, None]
    return np.asarray(centroids, dtype=np.float32)


def _nearest(x: Matrix, centroids: Matrix) -> Ids:
    half = 0.5 * np.einsum("ij,ij->i", centroids, centroids)
    blocks = [(x[i : i + BLOCK] @ centroids.T - half).argmax(axis=1) for i in range(0, len(x), BLOCK)]
    return np.concatenate(blocks)


def _draw(images: Sequence[Pixels], width: int, n: int, rng: Generator) -> Matrix:
    """n patches (n, p) at random places of random images."""
    room = images[0].shape[0] - width + 1
    places = zip(rng.integers(len(images), size=n), rng.integers(room, size=n), rng.integers(room, size=n), strict=True)
    rows = [images[i][top : top + width, left : left + width].reshape(-1) for i, top, left in places]
    return np.asarray(rows, dtype=np.float32)


def _triangle(z: Matrix, centroids: Matrix) -> Matrix:
    """max(0, mean distance - distance) to each centroid: (m, k). In place, since this is most of the memory."""
    distance: Matrix = z @ centroids.T
    distance *= -2.0
    distance += np.einsum("ij,ij->i", centroids, centroids)
    distance += np.einsum("ij,ij->i", z, z)[:, None]
    np.sqrt(np.maximum(distance, 0.0, out=distance), out=distance)
    np.subtract(distance.mean(axis=1, keepdims=True), distance, out=distance)
    return np.maximum(distance, 0.0, out=distance)


def _pooled(active: Matrix, grid: int, cells: int) -> Matrix:
    """(1, cells^2 k) means over cells x cells parts of a grid (grid * grid, k); parts share a row where it must be."""
    field = active.reshape(grid, grid, -1)
    spans = [slice(grid * i // cells, -(-grid * (i + 1) // cells)) for i in range(cells)]
    return np.concatenate([field[rows, columns].mean(axis=(0, 1)) for rows in spans for columns in spans])[None]
