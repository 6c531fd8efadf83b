"""Any image file -> upright 8-bit RGB, the same for every engine; what is no image is an InputError."""

import struct
import warnings
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image, UnidentifiedImageError

from labelsieve.core.errors import InputError

Picture: TypeAlias = str | Path | bytes | Image.Image

LOADING = "rgb-1"  # part of every preprocess id: change it when the same file would give other pixels
MAX_PIXELS = 100_000_000

# What Pillow's decoders raise on damaged files, beside OSError.
_BROKEN = (
    *(OSError, SyntaxError, ValueError, TypeError, EOFError),
    *(IndexError, KeyError, OverflowError, struct.error, zlib.error),
)
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Our own limit stands in the place of Pillow's warning, which would be printed once for a whole pool.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def load_image(thing: Picture, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """An upright RGB picture (width, height) of a path, the bytes of a file, or a Pillow image.

    EXIF rotation is applied, transparency lies on white, 16-bit grey is divided by 256, the first
    frame stands for all. Thread-safe; Pillow decodes without the interpreter lock.

    Raises InputError: no such file, empty, not an image, cut short, or more than `max_pixels`.
    """
    if isinstance(thing, Image.Image):
        return _upright_rgb(thing, "the image", max_pixels)
    name = "the image" if isinstance(thing, bytes) else Path(thing).name
    try:
        with Image.open(_opened(thing, name)) as image:
            return _upright_rgb(image, name, max_pixels)
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(name, "more pixels than Pillow opens", max_pixels) from error
    except UnidentifiedImageError as error:
        raise InputError(f"{name} is not an image; expected JPEG, PNG or the like.", _REMOVE) from error
    except _BROKEN as error:
        raise InputError(f"{name} cannot be decoded: {_reason(error)}.", _REMOVE) from error


_REMOVE = "replace the file, or leave it set aside."


def _opened(thing: str | Path | bytes, name: str) -> Path | BytesIO:
    if isinstance(thing, bytes):
        size = len(thing)
    else:
        try:
            size = Path(thing).stat().st_size
        except OSError as error:
            raise InputError(f"{name} cannot be read: {error.strerror}.", "run sync to see what has gone.") from error
    if size == 0:
        raise InputError(f"{name} is empty (0 bytes); expected an image.", _REMOVE)
    return BytesIO(thing) if isinstance(thing, bytes) else Path(thing)


def _upright_rgb(image: Image.Image, name: str, max_pixels: int) -> Image.Image:
    width, height = image.size
    if width * height > max_pixels:
        raise _too_large(name, f"{width} x {height} = {width * height / 1e6:.4g} megapixels", max_pixels)
    if width * height == 0:
        raise InputError(f"{name} is {width} x {height} pixels; expected at least one.", _REMOVE)
    image.load()
    turn = _UPRIGHT.get(_orientation(image))
    rgb = _as_rgb(image)
    if turn is not None:
        return rgb.transpose(turn)
    return rgb.copy() if rgb is image else rgb


def _orientation(image: Image.Image) -> Any:
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except _BROKEN:  # damaged metadata says nothing; the pixels are whole
        return 1


def _as_rgb(image: Image.Image) -> Image.Image:
    mode = image.mode
    if mode == "RGB" and "transparency" not in image.info:
        return image
    if mode.startswith("I") or mode == "F":
        return Image.fromarray(_to_bytes(np.asarray(image), sixteen=mode.startswith("I;16"))).convert("RGB")
    if mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        front = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", front.size, "white"), front).convert("RGB")
    return image.convert("RGB")


def _to_bytes(grey: np.ndarray[Any, Any], *, sixteen: bool) -> np.ndarray[Any, Any]:
    """(h, w) uint8 of wide grey values: 16 bits by their own range, wider ones and floats by what they hold."""
    values = np.nan_to_num(grey.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if sixteen or (low >= 0 and 255 < high <= 65535 and grey.dtype.kind in "iu"):
        values = values / 256
    elif grey.dtype.kind == "f" and low >= 0 and high <= 1:
        values = values * 255
    elif low < 0 or high > 255:
        values = (values - low) * (255 / max(high - low, 1e-12))
    small: np.ndarray[Any, Any] = np.clip(values, 0, 255).astype(np.uint8)
    return small


def _too_large(name: str, how: str, limit: int) -> InputError:
    fact = f"{name} is too large: {how}; at most {limit / 1e6:.6g} megapixels are read."
    return InputError(fact, "make it smaller, or cut it into parts.")


def _reason(error: BaseException) -> str:
    return (str(error).strip().rstrip(".") or type(error).__name__)[:200]
