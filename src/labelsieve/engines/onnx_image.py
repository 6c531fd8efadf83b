"""Frozen image networks in onnxruntime: model.onnx + preprocessor_config.json."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from labelsieve.core.errors import EngineError, InputError
from labelsieve.core.types import Matrix, Modality
from labelsieve.engines.identity import Identity
from labelsieve.engines.images import load_image
from labelsieve.engines.preprocess import Recipe, pixels, read_recipe
from labelsieve.engines.sessions import Session, dtype_of, width_of
from labelsieve.engines.tokenizing import read_json

# Best first: one row an image, in the space that the model was trained for.
WANTED = ("features", "image_embeds", "image_features", "embeddings", "embedding", "pooler_output")

# Their pooler was not trained with the rest: the first token is the embedding.
UNTRAINED_POOLER = ("vit", "deit", "beit", "data2vec-vision")


class OnnxImage:
    """An image engine: path, bytes or Pillow image -> (dim,) float32.

    The output is the one named in `WANTED`; else the first token of last_hidden_state, the mean of a
    feature map, or whatever row an image the model gives.
    """

    accepts: frozenset[Modality] = frozenset({"image"})
    chunk = 8  # what a worker takes at once: few, so that no worker is left with much at the end

    def __init__(self, folder: Path, model: Path, identity: Identity) -> None:
        self.name, self.revision, self.space = identity.name, identity.revision, identity.space
        self._recipe = read_recipe(folder)
        self.preprocess = self._recipe.id
        self._session = Session(model)
        self._input = _image_input(self._session)
        self._output = _image_output(self._session, str(read_json(folder / "config.json").get("model_type", "")))
        self._dtype = dtype_of(self._session.inputs[self._input])
        first, _, *sides = (side if isinstance(side, int) else None for side in self._session.inputs[self._input].shape)
        self._fixed = first or 0  # some models were exported for one size of chunk
        self._sides = (sides[0], sides[1])  # (height, width), None where any will do
        self.dim = self._probe()

    @property
    def file(self) -> Path:
        """The model itself."""
        return self._session.file

    @property
    def recipe(self) -> Recipe:
        """What is done to a picture before the model sees it."""
        return self._recipe

    @property
    def input(self) -> str:
        """The name of the model's input."""
        return self._input

    @property
    def fixed(self) -> tuple[int, int]:
        """(pictures at once, pixels a side) that the model was exported for; 0 where any will do."""
        return self._fixed, self._sides[0] or self._sides[1] or 0

    def prepare(self, thing: Any) -> Matrix:
        """Pixels (3, h, w). InputError for what is no image, or does not have the one size that the model takes."""
        check_picture(thing)
        found = pixels(load_image(thing), self._recipe)
        wrong = [side for side, want in zip(found.shape[1:], self._sides, strict=True) if want not in (side, None)]
        if wrong:
            fact = f"the image has {found.shape[2]} x {found.shape[1]} pixels; the model takes"
            raise InputError(f"{fact} {self._sides[1]} x {self._sides[0]}.", "resize it, or let do_resize be true.")
        return found

    def compute(self, prepared: Sequence[Matrix]) -> Matrix:
        """(b, dim) float32, in order. A row depends on its own picture alone."""
        out = np.empty((len(prepared), self.dim), dtype=np.float32)
        for rows in by_size(prepared):
            step = self._fixed or 1  # on one thread a chunk is no faster than its pictures one by one
            for first in range(0, len(rows), step):
                part = rows[first : first + step]
                out[part] = self._run(np.stack([prepared[i] for i in part]))
        return out

    def _run(self, images: Matrix) -> Matrix:
        count = len(images)
        if self._fixed > count:
            images = np.concatenate([images, np.repeat(images[-1:], self._fixed - count, axis=0)])
        feed = {self._input: images.astype(self._dtype, copy=False)}
        return to_rows(self._session.run(self._output, feed))[:count]

    def _probe(self) -> int:
        """The width of a row, by running one grey picture: a broken model is found here, not after an hour."""
        height, width = (side or 224 for side in self._sides)
        grey = pixels(Image.new("RGB", (width, height), "grey"), self._recipe)
        rows = self._run(grey[None])
        return width_of(rows, f"{self._session.file}, for a grey picture,")


def check_picture(thing: Any) -> None:
    """InputError for what cannot be a picture: a text in the place of a path is one, a number is not."""
    if not isinstance(thing, str | bytes | Path | Image.Image):
        raise InputError(f"an image was expected, not {type(thing).__name__}.", "name its column with --image.")


def by_size(prepared: Sequence[Matrix]) -> list[list[int]]:
    """Positions of pictures of one size each: only those can run together."""
    sizes: dict[tuple[int, ...], list[int]] = {}
    for i, image in enumerate(prepared):
        sizes.setdefault(image.shape, []).append(i)
    return list(sizes.values())


def to_rows(values: Matrix) -> Matrix:
    """(b, d) of (b, d), of tokens (b, t, d): the first, or of a feature map (b, d, h, w): its mean."""
    if values.ndim == 3:
        return np.ascontiguousarray(values[:, 0])
    if values.ndim == 4:
        return np.ascontiguousarray(values.mean(axis=(2, 3), dtype=np.float32))
    return values


def _image_input(session: Session) -> str:
    names = [name for name, tensor in session.inputs.items() if len(tensor.shape or ()) == 4]
    if len(session.inputs) != 1 or not names:
        raise EngineError(
            f"{session.file} takes {', '.join(session.inputs)}; expected one input of images (n, 3, h, w).",
            "choose the model of the image tower alone (vision_model.onnx).",
        )
    return names[0]


def _image_output(session: Session, model_type: str) -> str:
    for name in WANTED:
        if name in session.outputs and not (name == "pooler_output" and model_type in UNTRAINED_POOLER):
            return name
    for rank in (3, 2, 4):  # a transformer's tokens, then a row an image, then a feature map
        for name in session.outputs:
            if session.rank(name) == rank:
                return name
    return next(iter(session.outputs))
