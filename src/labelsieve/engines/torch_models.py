"""transformers models from a folder, for what has no ONNX file. Needs the extra `torch`; never torchvision.

Pixels and tokens are made by the same code as for ONNX engines; only the network runs in torch.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelsieve.core.errors import EngineError, InputError, MissingExtra
from labelsieve.core.types import Matrix, Modality
from labelsieve.engines.identity import Identity
from labelsieve.engines.images import load_image
from labelsieve.engines.onnx_image import UNTRAINED_POOLER, by_size, check_picture, to_rows
from labelsieve.engines.onnx_text import TOWERS
from labelsieve.engines.pooling import read_pooling
from labelsieve.engines.preprocess import pixels, read_recipe
from labelsieve.engines.sessions import width_of
from labelsieve.engines.tokenizing import read_tokens

# The towers of two-tower models, with the projection into their common space.
_TOWERS: dict[str, dict[str, str]] = {
    "image": {"clip": "CLIPVisionModelWithProjection", "siglip": "SiglipVisionModel"},
    "text": {"clip": "CLIPTextModelWithProjection", "siglip": "SiglipTextModel"},
}
_BROKEN = (OSError, ValueError, RuntimeError, KeyError, ImportError, AttributeError, TypeError)


class TorchImage:
    """An image engine: DINOv2, DINOv3, ViT, CLIP, SigLIP, ConvNeXt and the like -> (dim,) float32."""

    accepts: frozenset[Modality] = frozenset({"image"})
    chunk = 8

    def __init__(self, folder: Path, identity: Identity) -> None:
        self.name, self.revision, self.space = identity.name, identity.revision, identity.space
        self._recipe = read_recipe(folder)
        self.preprocess = self._recipe.id
        self._torch, self._model = _load(folder, "image")
        side = getattr(self._model.config, "image_size", None)
        self.dim = width_of(self._compute(self.prepare(_grey(side))[None]), f"{folder.name}, for a grey picture,")

    def prepare(self, thing: Any) -> Matrix:
        """Pixels (3, h, w). InputError for what is no image."""
        check_picture(thing)
        return pixels(load_image(thing), self._recipe)

    def compute(self, prepared: Sequence[Matrix]) -> Matrix:
        """(b, dim) float32, in order."""
        out = np.empty((len(prepared), self.dim), dtype=np.float32)
        for rows in by_size(prepared):
            out[rows] = self._compute(np.stack([prepared[i] for i in rows]))
        return out

    def _compute(self, images: Matrix) -> Matrix:
        with _quietly(self._torch):
            found = self._run(images)
            kind = str(getattr(self._model.config, "model_type", ""))
            for name in ("image_embeds", "pooler_output"):
                values = getattr(found, name, None)
                if values is not None and not (name == "pooler_output" and kind in UNTRAINED_POOLER):
                    return np.ascontiguousarray(values.flatten(1).numpy())
            return to_rows(found.last_hidden_state.numpy())

    def _run(self, images: Matrix) -> Any:
        try:
            return self._model(pixel_values=self._torch.from_numpy(images))
        except (RuntimeError, ValueError) as error:
            shape = " x ".join(str(side) for side in images.shape[2:])
            fact = f"{self.name} does not take pictures of {shape} pixels: {str(error).splitlines()[0]}"
            raise InputError(fact, "is preprocessor_config.json the one of this model?") from error


class TorchText:
    """A text engine: BERT-like models with their 1_Pooling, text towers of CLIP and SigLIP -> (dim,) float32."""

    accepts: frozenset[Modality] = frozenset({"text"})
    chunk = 32

    def __init__(self, folder: Path, identity: Identity) -> None:
        self.name, self.revision, self.space = identity.name, identity.revision, identity.space
        self._tokens = read_tokens(folder)
        self._pooling = None if self._tokens.model_type.startswith(TOWERS) else read_pooling(folder)
        self.preprocess = self._tokens.digest(repr(self._pooling))
        self._torch, self._model = _load(folder, "text")
        size = int(getattr(self._model.config, "vocab_size", 0) or self._tokens.count)
        if self._tokens.count > size:
            raise EngineError(
                f"the tokenizer of {folder.name} knows {self._tokens.count:,} tokens, its model {size:,}.",
                "is tokenizer.json the one of this model?",
            )
        self.dim = width_of(self.compute([self.prepare("a")]), f"{folder.name}, for the text 'a',")

    def prepare(self, thing: Any) -> NDArray[np.int64]:
        """Token ids (s,). InputError for what is no text."""
        return self._tokens.ids(thing)

    def compute(self, prepared: Sequence[NDArray[np.int64]]) -> Matrix:
        """(b, dim) float32, in order."""
        if not prepared:
            return np.empty((0, self.dim), dtype=np.float32)
        ids, mask = self._tokens.padded(prepared)
        feed = {"input_ids": self._torch.from_numpy(ids)}
        if not self._tokens.fixed:
            feed["attention_mask"] = self._torch.from_numpy(mask)
        with _quietly(self._torch):
            found = self._model(**feed)
            if self._pooling is not None:
                return self._pooling(found.last_hidden_state.numpy(), mask)
            values = getattr(found, "text_embeds", None)
            return np.ascontiguousarray((found.pooler_output if values is None else values).numpy())


def _load(folder: Path, tower: Literal["image", "text"]) -> tuple[ModuleType, Any]:
    """torch, and the model in float32, frozen. MissingExtra, or EngineError where the folder holds no whole model."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("torch", "torch") from error
    try:
        import transformers
        from safetensors import SafetensorError
    except ImportError as error:
        raise MissingExtra("transformers", "torch") from error
    with _silent(transformers):
        try:
            maker, config = _maker(transformers, folder, tower)
            model, about = maker.from_pretrained(
                folder,
                config=config,
                local_files_only=True,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
        except (*_BROKEN, SafetensorError) as error:
            line = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
            raise EngineError(f"{folder.name} cannot be loaded by transformers: {line}", "fetch it again.") from error
    absent = sorted(key for key in about["missing_keys"] if not _is_spare(key, config))
    if absent:  # transformers would fill them with random numbers
        fact = f"the weights of {folder.name} lack {len(absent)} of the model's tensors, such as {absent[0]}."
        raise EngineError(fact, "is config.json the one of this model?")
    return torch, model.eval().requires_grad_(False)


def _maker(transformers: Any, folder: Path, tower: str) -> tuple[Any, Any]:
    """The class that makes the model, and its config: that of one tower where there are two."""
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    kind = config.model_type.split("_")[0]
    part = getattr(config, "vision_config" if tower == "image" else "text_config", None)
    if kind not in _TOWERS[tower]:
        return transformers.AutoModel, config
    if part is not None and hasattr(config, "projection_dim"):
        part.projection_dim = config.projection_dim  # the whole model's word counts
    return getattr(transformers, _TOWERS[tower][kind]), config if part is None else part


def _is_spare(key: str, config: Any) -> bool:
    """Whether an engine can do without a tensor: poolers that it does not ask, and the mask token of training."""
    asked = config.model_type not in (*UNTRAINED_POOLER, "bert", "roberta", "xlm-roberta", "mpnet", "distilbert")
    return key.endswith("mask_token") or (key.startswith("pooler.") and not asked)


@contextmanager
def _silent(transformers: Any) -> Iterator[None]:
    """No progress bars and no remarks on layers that an engine does not need."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def _quietly(torch: Any) -> Iterator[None]:
    """One thread a call, without gradients: whoever embeds calls from as many threads as there are cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)


def _grey(side: Any) -> Image.Image:
    size = int(side) if isinstance(side, int) else 224
    return Image.new("RGB", (size, size), "grey")
