"""Items as a report shows them: small pictures inside the page, texts and rows cut to a size that can be read."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.types import Ids, Item
from labelsieve.engines.images import load_image
from labelsieve.project.context import Context
from labelsieve.project.report.data import Exhibit
from labelsieve.project.seeing import seen_items

SIDE = 176  # pixels of a thumbnail: twice the size it is shown at
TINY = 48  # pictures up to this size are shown pixel by pixel
TEXT, FIELDS, CELL = 320, 6, 80
NUMBERS = 5


def shown_items(context: Context, ids: Ids, notes: Sequence[str]) -> tuple[Exhibit, ...]:
    """The items of these ids, each with its note."""
    return tuple(exhibit_of(item, note) for item, note in zip(seen_items(context, ids), notes, strict=True))


def exhibit_of(item: Item, note: str = "") -> Exhibit:
    """What stands for the item in a report. What cannot be read is said to be so, and stops nothing."""
    data = item.data
    if isinstance(data, InputError):
        return Exhibit(item.key, note, text=f"(cannot be shown: {data.fact})")
    if item.modality == "image":
        return _picture(item.key, note, data)
    if isinstance(data, Mapping):
        cells = tuple((str(name), cut(str(value), CELL)) for name, value in list(data.items())[:FIELDS])
        return Exhibit(item.key, note, fields=cells)
    if isinstance(data, np.ndarray):
        return Exhibit(item.key, note, text=f"({item.lacks}) {_numbers(data)}" if item.lacks else _numbers(data))
    return Exhibit(item.key, note, text=cut(str(data), TEXT))


def cut(text: str, most: int) -> str:
    """The text, or its beginning and "..." where it is longer.

    >>> cut("a long story", 7)
    'a long …'
    """
    return text if len(text) <= most else f"{text[:most].rstrip()} …"


def _picture(key: str, note: str, data: str | Path | bytes) -> Exhibit:
    try:
        image = load_image(data)
    except InputError as error:
        return Exhibit(key, note, text=f"(cannot be shown: {error.fact})")
    tiny = max(image.size) <= TINY
    image.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    kind = "PNG" if tiny else "JPEG"
    image.save(file, kind, **({"optimize": True} if tiny else {"quality": 80}))
    text = base64.b64encode(file.getvalue()).decode()
    return Exhibit(key, note, picture=f"data:image/{kind.lower()};base64,{text}", tiny=tiny)


def _numbers(row: np.ndarray[Any, Any]) -> str:
    shown = ", ".join(f"{value:.3g}" for value in row[:NUMBERS].tolist())
    return f"{len(row)} numbers: {shown}{', …' if len(row) > NUMBERS else ''}"
