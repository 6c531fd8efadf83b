"""Feature maps: what an image model sees at each place, for defects that are too small for one row an image."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from labelsieve.core.errors import EngineError
from labelsieve.core.sockets import Engine
from labelsieve.core.types import Matrix, Modality
from labelsieve.engines.images import load_image
from labelsieve.engines.inner import Inner, inner_map
from labelsieve.engines.onnx_image import OnnxImage, check_picture
from labelsieve.engines.preprocess import pixels
from labelsieve.engines.sessions import dtype_of

SIZE = 448  # pixels a side that pictures are squeezed to
PAD = 32  # pixels that are mirrored on every side, so that the edge of a picture is no defect
COLUMNS = 64  # of a patch, after a random projection
SEED = 2022
SHARD = 1 << 24  # numbers a shard
CODE = "maps-1"  # part of the preprocess id: change it when the same file would give other maps


class FeatureMaps:
    """An engine of maps: path, bytes or Pillow image -> (h * w * c,) float32, patch by patch; `grid` is (h, w, c).

    Pictures are squeezed to a square, mirrored at their edges, and read at the last layer of the model that has one
    patch for 8 x 8 pixels (else 16, 14, 32, 4); more than 64 columns are projected at random, with a fixed seed.
    Source: Roth et al. 2022 (PatchCore) take such layers; Johnson and Lindenstrauss 1984 for the projection.
    Cost: about .1 s a picture and core at 448 pixels for a ResNet-50, and 800 kB of float32.
    """

    accepts: frozenset[Modality] = frozenset({"image"})
    chunk = 2

    def __init__(self, engine: OnnxImage, size: int = 0) -> None:
        self.name, self.revision, self.space = f"maps-{engine.name}", engine.revision, f"maps-{engine.space}"
        inner = inner_map(engine.file, engine.input, size or SIZE, PAD, engine.fixed[1])
        self._inner, self._session, self._input = inner, inner.session, engine.input
        self._dtype, self._count = dtype_of(inner.session.inputs[engine.input]), engine.fixed[0]
        self._recipe = replace(engine.recipe, fit="exact", size=(inner.size, inner.size), crop=None, pad=None)
        self._projection = _projection(inner.depth)
        height, width = inner.cells
        self.grid = (height, width, self._projection.shape[1] if self._projection is not None else inner.depth)
        self.dim = height * width * self.grid[2]
        self.shard = max(1, SHARD // self.dim)
        self.preprocess = _digest(self._recipe.id, inner, self.grid)

    def prepare(self, thing: Any) -> Matrix:
        """Pixels (3, s, s). InputError for what is no image."""
        check_picture(thing)
        return self._padded(load_image(thing))

    def compute(self, prepared: Sequence[Matrix]) -> Matrix:
        """(b, h * w * c) float32, in order. A row depends on its own picture alone."""
        return np.stack([self._map(image) for image in prepared]) if prepared else np.empty((0, self.dim), np.float32)

    def _padded(self, image: Image.Image) -> Matrix:
        found, pad = pixels(image, self._recipe), self._inner.pad
        return np.pad(found, ((0, 0), (pad, pad), (pad, pad)), mode="reflect") if pad else found

    def _map(self, image: Matrix) -> Matrix:
        images = np.repeat(image[None], max(1, self._count), axis=0)
        feed = {self._input: images.astype(self._dtype, copy=False)}
        found = self._inner.inside(self._session.run(self._inner.name, feed)[:1])
        patches = found if self._projection is None else found @ self._projection
        length = np.sqrt(np.square(patches).sum(axis=1, keepdims=True))
        return np.asarray(patches / np.sqrt(np.maximum(length, 1e-12)), np.float32).ravel()


def maps_engine(engine: Engine, size: int = 0) -> FeatureMaps:
    """The engine of feature maps inside an image engine; `size` 0 is 448 pixels, or what the model takes.

    EngineError for an engine that is no ONNX image model, or has no layer of patches.
    """
    if not isinstance(engine, OnnxImage):
        raise EngineError(
            f"{engine.name} gives no feature maps; expected an image model in ONNX.",
            "name a folder with model.onnx and preprocessor_config.json, or a hub id of one.",
        )
    return FeatureMaps(engine, size)


def _projection(depth: int) -> Matrix | None:
    """(depth, 64), the same for ever; None where there is nothing to save."""
    if depth <= COLUMNS:
        return None
    drawn = np.random.Generator(np.random.PCG64(SEED)).standard_normal((depth, COLUMNS))
    return np.asarray(drawn / np.sqrt(COLUMNS), np.float32)


def _digest(recipe: str, inner: Inner, grid: tuple[int, int, int]) -> str:
    text = json.dumps([CODE, recipe, inner.name, inner.pad, grid, SEED])
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
