"""Pictures as a browser takes them: the file itself where it can, else a PNG; small ones from a cache.

picture(context, item, window) -> Media        the whole picture; `window` maps 16-bit grey to 8 bits
thumbnail(context, item, side) -> Media        at most `side` pixels, kept below cache/thumbs
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from labelsieve.core.errors import InputError, LabelsieveError, NotThere
from labelsieve.engines.images import MAX_PIXELS, load_image
from labelsieve.project import manifest
from labelsieve.project.context import Context
from labelsieve.project.seeing import picture_tag, sights
from labelsieve.project.wholefiles import whole

SIDES = (64, 160, 320)  # pixels of thumbnails; others get the next larger one
QUALITY = 82
_SHOWN = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


@dataclass(frozen=True, slots=True)
class Media:
    """Bytes or a file, its media type, and a tag that changes with the picture."""

    content: bytes | Path
    kind: str
    tag: str


def picture(context: Context, item: int, window: tuple[float, float] | None = None) -> Media:
    """The whole picture of an item. InputError where it cannot be decoded, NotThere where the item is no picture.

    With a `window` (low, high) in the picture's own grey values, what lies below is black and above white.
    """
    entry, thing = _image(context, item)
    head = _head(thing)
    if window is None:
        for magic, kind in _SHOWN.items():
            if head.startswith(magic) and not _wide(thing):
                return Media(thing, kind, entry)
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return Media(thing, "image/webp", entry)
        return Media(_png(load_image(thing)), "image/png", entry)
    low, high = window
    if not low < high:
        raise InputError(f"the window goes from {low:g} to {high:g}; expected low < high.", "?low=0&high=65535, say.")
    return Media(_png(Image.fromarray(_windowed(thing, low, high))), "image/png", f"{entry}-{low:g}-{high:g}")


def thumbnail(context: Context, item: int, side: int = 160) -> Media:
    """A small upright JPEG of an item, from the cache where it has been made before."""
    side = next((size for size in SIDES if size >= side), SIDES[-1])
    entry, thing = _image(context, item)
    path = context.cache / "thumbs" / entry[:2] / f"{entry}-{side}.jpg"
    if not path.exists():
        small = load_image(thing)
        small.thumbnail((side, side), Image.Resampling.BOX if max(small.size) > 4 * side else Image.Resampling.BICUBIC)
        out = io.BytesIO()
        small.save(out, "JPEG", quality=QUALITY)
        with whole(path) as temporary:
            temporary.write_bytes(out.getvalue())
        return Media(out.getvalue(), "image/jpeg", f"{entry}-{side}")
    return Media(path, "image/jpeg", f"{entry}-{side}")


def grey_range(context: Context, item: int) -> tuple[float, float] | None:
    """(low, high) of the grey values of a picture with more than 8 bits, of those that are numbers; None for others."""
    _, thing = _image(context, item)
    if not _wide(thing):
        return None
    values = _grey(thing)
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def _image(context: Context, item: int) -> tuple[str, Any]:
    """(digest or what stands for it, path or bytes) of an item."""
    ids = np.array([item], np.int64)
    manifest.require(context.conn, ids)
    entry = manifest.entries(context.conn, ids)[0]
    seen = sights(context, ids)[0]
    if isinstance(seen, LabelsieveError):
        raise seen
    if context.modality(entry.source) != "image" and not isinstance(seen, Path):
        raise NotThere(f"item {entry.key!r} is no picture.", "its card holds what there is to show.")
    if entry.gone is not None:
        raise NotThere(f"{entry.key!r} has gone from its source.", "put it back, then labelsieve sync.")
    if isinstance(seen, Path):
        return picture_tag(seen), seen
    thing = next(iter(context.things(ids)))
    if isinstance(thing, LabelsieveError):
        raise thing
    return entry.digest, thing


def _head(thing: Any) -> bytes:
    if isinstance(thing, bytes):
        return thing[:16]
    try:
        with Path(thing).open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise InputError(f"{Path(thing).name} cannot be read: {error.strerror}.", "labelsieve sync") from error


def _opened(thing: Any) -> Image.Image:
    return Image.open(io.BytesIO(thing) if isinstance(thing, bytes) else thing)


def _wide(thing: Any) -> bool:
    """Whether grey values have more than 8 bits."""
    try:
        with _opened(thing) as image:
            return image.mode.startswith("I") or image.mode == "F"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def _grey(thing: Any) -> np.ndarray[Any, Any]:
    try:
        with _opened(thing) as image:
            if image.size[0] * image.size[1] > MAX_PIXELS:
                raise InputError(f"the picture has {image.size[0]} x {image.size[1]} pixels.", "make it smaller.")
            grey = image if image.mode.startswith("I") or image.mode == "F" else image.convert("L")
            return np.asarray(grey).astype(np.float64)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"the picture cannot be decoded: {error}.", "replace the file.") from error


def _windowed(thing: Any, low: float, high: float) -> np.ndarray[Any, Any]:
    inside = np.clip(np.nan_to_num(_grey(thing)), low, high)
    with np.errstate(all="ignore"):  # halves cannot overflow; a window narrower than numbers can tell is black
        scaled = (inside / 2 - low / 2) / np.float64(high / 2 - low / 2) * 255
    small: np.ndarray[Any, Any] = np.clip(np.nan_to_num(scaled), 0, 255).astype(np.uint8)
    return small


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
