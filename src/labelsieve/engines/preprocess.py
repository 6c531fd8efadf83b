"""preprocessor_config.json -> pixels, by Pillow and numpy, as the models' own processors make them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from labelsieve.core.errors import EngineError, InputError
from labelsieve.core.types import Matrix
from labelsieve.engines.folders import IMAGE_CONFIG
from labelsieve.engines.images import LOADING, MAX_PIXELS

CODE = "pixels-1"  # part of every preprocess id: change it when the same config would give other pixels

_HALF = (0.5, 0.5, 0.5)
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
_AGAIN = "fetch the file again."
_OTHER = "choose another engine."
_KNOWN_STEPS = {"do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb", "do_pad"}

Fit = Literal["none", "exact", "shortest", "longest", "convnext"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is done to a picture, in this order: resize, crop, rescale, normalise, pad. Sizes are (height, width)."""

    fit: Fit = "none"
    size: tuple[int, int] = (0, 0)  # "shortest": (edge, longest allowed or 0); "longest": (edge, 0)
    resample: int = 2
    crop: tuple[int, int] | None = None
    crop_pct: float = 0.875
    factor: float = 1.0
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    pad: tuple[int, int] | None = None
    rescale_first: bool = False  # DINOv3 resizes numbers, not bytes: nothing is rounded in between

    @property
    def id(self) -> str:
        """A digest of all that decides the pixels; it stands in the key of the cache."""
        text = json.dumps([CODE, LOADING, asdict(self)], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


# What a processor does where its config is silent. Source: the classes' own defaults in transformers.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "ViT": {"size": 224, "resample": 2},
    "Bit": {"size": {"shortest_edge": 224}, "resample": 3, "do_center_crop": True, "crop_size": 224, "square": False},
    "DeiT": {"size": 256, "resample": 3, "do_center_crop": True, "crop_size": 224},
    "Siglip": {"size": 224, "resample": 3},
    "ConvNext": {"size": {"shortest_edge": 384}, "resample": 3, "square": False},
    "DINOv3ViT": {"size": 224, "resample": 2},
}
_DEFAULTS["CLIP"] = _DEFAULTS["Bit"]
_STATISTICS = {"Bit": _CLIP, "CLIP": _CLIP, "DINOv3ViT": _IMAGENET}


def read_recipe(folder: Path) -> Recipe:
    """The recipe of a model folder. EngineError where the file is absent, damaged or asks for an unknown step."""
    file = folder / IMAGE_CONFIG
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EngineError(f"{folder.name} has no {IMAGE_CONFIG}.", "put the model's own beside model.onnx.") from error
    except (OSError, ValueError) as error:
        raise EngineError(f"{file.name} of {folder.name} cannot be read: {error}.", _AGAIN) from error
    if not isinstance(config, Mapping):
        raise EngineError(f"{file.name} of {folder.name} is no JSON object.", _AGAIN)
    try:
        return recipe_of(config)
    except (TypeError, ValueError, KeyError) as error:
        raise EngineError(f"{file.name} of {folder.name} makes no sense: {error!r}.", _AGAIN) from error


def recipe_of(config: Mapping[str, Any]) -> Recipe:
    """The recipe of a config, as Hugging Face writes it. EngineError names a step that is not known here."""
    kind = _kind(config)
    strange = sorted(k for k, v in config.items() if k.startswith("do_") and v and k not in _KNOWN_STEPS)
    if strange:
        raise EngineError(f"the preprocessing asks for {', '.join(strange)}; that is not done here.", _OTHER)
    given = _filled(config, kind)
    fit, size = _fit(given, kind)
    rescale, normalise = given.get("do_rescale", True), given.get("do_normalize", "image_mean" in given)
    mean, std = (_triple(given["image_mean"]), _triple(given["image_std"])) if normalise else ((0.0,) * 3, (1.0,) * 3)
    return Recipe(
        fit=fit,
        size=size,
        resample=int(given.get("resample", 2)),
        crop=_pair(given["crop_size"]) if given.get("do_center_crop") else None,
        crop_pct=float(given.get("crop_pct") or 0.875),
        factor=float(given.get("rescale_factor", 1 / 255)) if rescale else 1.0,
        mean=mean,
        std=std,
        pad=_pair(given.get("pad_size") or size) if given.get("do_pad") else None,
        rescale_first=kind == "DINOv3ViT",
    )


def _kind(config: Mapping[str, Any]) -> str:
    name = str(config.get("image_processor_type") or config.get("feature_extractor_type") or "")
    for end in ("Fast", "Pil", "ImageProcessor", "FeatureExtractor"):
        name = name.removesuffix(end)
    return name


def _filled(config: Mapping[str, Any], kind: str) -> dict[str, Any]:
    usual = dict(_DEFAULTS.get(kind, {}))
    if usual:
        mean, std = _STATISTICS.get(kind, (_HALF, _HALF))
        usual = {"do_resize": True, "do_normalize": True, "image_mean": mean, "image_std": std} | usual
    return usual | {k: v for k, v in config.items() if v is not None}


def _fit(given: Mapping[str, Any], kind: str) -> tuple[Fit, tuple[int, int]]:
    size = given.get("size")
    if not given.get("do_resize", size is not None) or size is None:
        return "none", (0, 0)
    if isinstance(size, int):
        size = {"height": size, "width": size} if given.get("square", True) else {"shortest_edge": size}
    if isinstance(size, list | tuple):
        size = {"height": size[0], "width": size[-1]}
    if kind == "ConvNext":
        edge = int(size.get("shortest_edge") or size["height"])
        return "convnext", (edge, edge)
    if "height" in size and "width" in size:
        return "exact", (int(size["height"]), int(size["width"]))
    if "shortest_edge" in size:
        return "shortest", (int(size["shortest_edge"]), int(size.get("longest_edge") or 0))
    if "longest_edge" in size:
        return "longest", (int(size["longest_edge"]), int(size["longest_edge"]))
    raise EngineError(
        f"the preprocessing has size {dict(size)}; expected height and width, shortest_edge or longest_edge.", _OTHER
    )


def _pair(size: Any) -> tuple[int, int]:
    if isinstance(size, Mapping):
        return int(size["height"]), int(size["width"])
    if isinstance(size, list | tuple):
        return int(size[0]), int(size[-1])
    return int(size), int(size)


def _triple(value: Any) -> tuple[float, ...]:
    return (float(value),) * 3 if isinstance(value, int | float) else tuple(float(v) for v in value)


def pixels(image: Image.Image, recipe: Recipe) -> Matrix:
    """Pixels (3, h, w) float32 of an upright RGB picture. Pillow resizes without the interpreter lock.

    Raises InputError for a picture so long and thin that resizing would make it enormous.
    """
    if recipe.rescale_first:
        return _normalised(_resized_numbers(image, recipe), recipe)
    bytes_ = np.asarray(_cropped(_resized(image, recipe), recipe))
    table = _table(recipe)
    planes = np.empty((3, *bytes_.shape[:2]), dtype=np.float32)
    for channel in range(3):
        np.take(table[channel], bytes_[..., channel], out=planes[channel], mode="clip")
    return _padded(planes, recipe)


@lru_cache(maxsize=64)
def _table(recipe: Recipe) -> Matrix:
    """(3, 256) float32: what becomes of each byte, rounded as the models' own processors round."""
    values = (np.arange(256, dtype=np.float64) * recipe.factor).astype(np.float32)
    mean, std = np.array(recipe.mean, np.float32), np.array(recipe.std, np.float32)
    return np.asarray((values[None, :] - mean[:, None]) / std[:, None])


def resized_size(width: int, height: int, recipe: Recipe) -> tuple[int, int]:
    """(width, height) after the resize and before the crop."""
    first, second = recipe.size
    if recipe.fit == "none":
        return width, height
    if recipe.fit == "exact":
        return second, first
    if recipe.fit == "longest":
        scale = first / max(width, height)
        return max(1, round(width * scale)), max(1, round(height * scale))
    if recipe.fit == "convnext" and first >= 384:
        return first, first
    edge = int(first / recipe.crop_pct) if recipe.fit == "convnext" else first
    short, long = min(width, height), max(width, height)
    if recipe.fit == "shortest" and second and long / short * edge > second:
        exact = second * short / long
        edge, far = round(exact), int(exact * long / short)
    else:
        far = int(edge * long / short)
    edge, far = max(1, edge), max(1, far)
    return (edge, far) if width <= height else (far, edge)


def _resized(image: Image.Image, recipe: Recipe) -> Image.Image:
    size = resized_size(*image.size, recipe)
    if size[0] * size[1] > MAX_PIXELS // 2:
        raise InputError(
            f"the image is {image.width} x {image.height} pixels; resized for this engine it would be "
            f"{size[0]} x {size[1]}.",
            "cut it into parts that are less long.",
        )
    return image if recipe.fit == "none" else image.resize(size, Image.Resampling(recipe.resample))


def _cropped(image: Image.Image, recipe: Recipe) -> Image.Image:
    crop = recipe.crop
    if recipe.fit == "convnext" and recipe.size[0] < 384:
        crop = recipe.size
    if crop is None:
        return image
    top, left = (image.height - crop[0]) // 2, (image.width - crop[1]) // 2
    return image.crop((left, top, left + crop[1], top + crop[0]))  # what lies outside is black


def _resized_numbers(image: Image.Image, recipe: Recipe) -> Matrix:
    size = resized_size(*image.size, recipe)
    planes = []
    for channel in image.split():
        values = Image.fromarray((np.asarray(channel, dtype=np.float64) * recipe.factor).astype(np.float32))
        planes.append(np.asarray(_cropped(_resized(values, recipe), recipe)))
    return np.stack(planes).reshape(3, *(recipe.crop or (size[1], size[0])))


def _normalised(planes: Matrix, recipe: Recipe) -> Matrix:
    mean, std = np.array(recipe.mean, np.float32), np.array(recipe.std, np.float32)
    return _padded((planes - mean[:, None, None]) / std[:, None, None], recipe)


def _padded(planes: Matrix, recipe: Recipe) -> Matrix:
    if recipe.pad is None:
        return planes
    below, right = recipe.pad[0] - planes.shape[1], recipe.pad[1] - planes.shape[2]
    return np.pad(planes, ((0, 0), (0, max(0, below)), (0, max(0, right))))
