"""A picture with what counts painted over it: the stronger the colour, the more the score loses without that cell."""

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError

COLOUR = (213, 62, 30)
STRONGEST = 0.75  # how much of the picture the colour covers at most
SIDE = 1024  # pixels of the longer side, at most
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


def save_overlay(thing: Any, heat: NDArray[np.float64], folder: Path, key: str) -> Path:
    """Path of the PNG written: the picture of an item with its heat (rows, columns) over it. Cells that speak for dull
    stay as they are. InputError where the folder cannot be written."""
    from PIL import Image

    from labelsieve.engines.images import load_image

    image = load_image(thing)
    image.thumbnail((SIDE, SIDE))
    strong = np.clip(heat, 0, None)
    strong = strong / (strong.max() or 1.0)
    mask = Image.fromarray((255 * STRONGEST * strong).astype(np.uint8)).resize(image.size, Image.Resampling.BICUBIC)
    image.paste(Image.new("RGB", image.size, COLOUR), (0, 0), mask)
    path = folder / name_of(key)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        image.save(path, "PNG")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.", "name another folder: --out DIR.") from error
    return path


def name_of(key: str) -> str:
    """A file name for a key, which may hold anything; two keys never share one.

    >>> name_of('good/a b.png')[:13], name_of('..')[:2], name_of('7')
    ('good-a-b.png-', 'x-', '7.png')
    """
    plain = _PLAIN.sub("-", key).strip("-.")[-80:] or "x"
    if plain == key:
        return f"{plain}.png"
    return f"{plain}-{hashlib.blake2b(key.encode(errors='surrogatepass'), digest_size=4).hexdigest()}.png"
