"""`patches`: embeddings of images from a dictionary of small patches, learnt on the pool itself. No download."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from labelsieve.core.errors import InputError
from labelsieve.core.types import Matrix, Modality, State
from labelsieve.engines._dictionary import Dictionary, learn_dictionary
from labelsieve.engines._learning import (
    axes_worth,
    digest,
    nothing_to_learn,
    principal_axes,
    reservoir,
    take_state,
    unfitted,
)
from labelsieve.engines.images import LOADING, load_image

SMALL, LARGE = 16, 32  # pixels a side that images are squeezed to
IMAGES = 1000  # at most this many images are learnt from
PROBED = 100  # images that decide on size and colour
CENTROIDS = 400
DIM = 384  # at most
NAMES = ("shape", "patch_mean", "patch_axes", "centroids", "mean", "scale", "axes")


class Patches:
    """Images -> (b, dim) float32; dim is set by `fit` (at most 384). `prepare` takes a path, bytes or a PIL image.

    Each image is squeezed to a square of a size that fits the pool (16 or 32 pixels: more did worse); in a pool
    without colour one channel is used. What is learnt: the dictionary, then the mean, scale and
    principal axes of its activations.
    Source: Coates & Ng 2011, "Learning feature representations with k-means".
    Cost: about 4 ms an image and core at 32 pixels, beside decoding.
    """

    name = "patches"
    preprocess = f"patches-1-{LOADING}"
    space = "patches"
    accepts: frozenset[Modality] = frozenset({"image"})

    def __init__(self) -> None:
        self.revision = ""
        self.dim = 0
        self._state: State = {}

    def fit(self, things: Iterable[Any], rng: Generator) -> Self:
        """Learn from at most 1,000 of the things; what cannot be read is passed over. EngineError if nothing can."""
        with threadpool_limits(1):  # the same sums in the same order, whatever the machine
            drawn = reservoir(things, IMAGES, rng)
            size, colour = _shape_of([drawn[i] for i in rng.permutation(len(drawn))])
            squares = [_square(image, size, colour) for image in _readable(drawn)]
            width, cells = (8, 3) if size == LARGE else (6, 2)
            learnt = learn_dictionary(squares, width, cells, CENTROIDS, rng)
            active = np.concatenate([learnt.encode(square[None]) for square in squares])
            mean, scale = active.mean(axis=0), active.std(axis=0)
            scale[scale < 1e-6] = 1.0
            axes, _ = principal_axes((active - mean) / scale, axes_worth(len(active), DIM))
        return self.restore(
            {
                "shape": np.array([size, 3 if colour else 1, width, cells], dtype=np.int64),
                "patch_mean": learnt.mean,
                "patch_axes": learnt.axes,
                "centroids": learnt.centroids,
                "mean": mean,
                "scale": scale,
                "axes": axes if axes.size else np.zeros((len(mean), 1), np.float32),
            }
        )

    def state(self) -> State:
        """What was learnt, as plain arrays (about 6 MB)."""
        if not self._state:
            raise unfitted(self.name)
        return dict(self._state)

    def restore(self, state: State) -> Self:
        """Take back what `state` gave: the embeddings are the same to the bit."""
        shape, patch_mean, patch_axes, centroids, mean, scale, axes = take_state(state, self.name, NAMES)
        self._size, channels, width, cells = (int(value) for value in shape)
        self._colour = channels == 3
        self._dictionary = Dictionary(width, cells, patch_mean, patch_axes, centroids)
        self._mean, self._scale, self._axes = mean, scale, axes
        self._state = {name: np.asarray(state[name]) for name in NAMES}
        self.dim = int(axes.shape[1])
        self.revision = digest(self._state)
        return self

    def prepare(self, thing: Any) -> NDArray[np.uint8]:
        """(size, size, channels) pixels. InputError for what is no image."""
        if not self._state:
            raise unfitted(self.name)
        return _square(load_image(thing), self._size, self._colour)

    def compute(self, prepared: Sequence[NDArray[np.uint8]]) -> Matrix:
        """(b, dim) rows, one an image: a row does not depend on its neighbours."""
        if not self._state:
            raise unfitted(self.name)
        rows = [self._dictionary.encode(pixels[None]) for pixels in prepared]
        active = np.concatenate(rows) if rows else np.empty((0, len(self._mean)), np.float32)
        return np.asarray(((active - self._mean) / self._scale) @ self._axes, dtype=np.float32)


def _readable(things: Iterable[Any]) -> Iterator[Any]:
    """PIL images, one at a time: 1,000 photographs do not fit into memory, 1,000 small squares do."""
    for thing in things:
        try:
            yield load_image(thing)
        except InputError:
            continue


def _shape_of(things: Iterable[Any]) -> tuple[int, bool]:
    """(working size, whether there is colour), from the first hundred that can be read. EngineError if none can."""
    sides, colours = [], []
    for image in islice(_readable(things), PROBED):
        sides.append(min(image.size))
        colours.append(_has_colour(image))
    if not sides:
        raise nothing_to_learn("patches", "image")
    side = float(np.median(sides))
    return (SMALL if side <= SMALL else LARGE), any(colours)


def _has_colour(image: Any) -> bool:
    low, mid, high = (np.asarray(channel, dtype=np.int16) for channel in image.resize((16, 16)).split())
    return bool(max(np.abs(low - mid).max(), np.abs(mid - high).max()) > 8)


def _square(image: Any, size: int, colour: bool) -> NDArray[np.uint8]:
    small = (image if colour else image.convert("L")).resize((size, size), resample=2)  # 2: bilinear, anti-aliased
    return np.asarray(small, dtype=np.uint8).reshape(size, size, 3 if colour else 1)
