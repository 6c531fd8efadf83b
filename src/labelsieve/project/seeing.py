"""Items as people look at them: ready embeddings show the picture or the text that a column names.

seen_items(context, ids) -> list[Item]      as `Context.items`, with the modality and data of what is looked at
sights(context, ids) -> list                what is looked at where that is not the data; None elsewhere
kind_seen(context, source_id) -> Modality   what people look at of the items of a source
lacking(context, source_id) -> list[str]    how many of some items of a source lack it, in words
picture_tag(path) -> str                    changes with the file, which is not read
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.types import Ids, Item, Modality
from labelsieve.project import manifest
from labelsieve.project.context import Context
from labelsieve.sources import Showing, Source
from labelsieve.sources.base import digest

LOOKS = 1_000  # items of a source of which it is seen whether their picture is there


def sights(context: Context, ids: Ids) -> list[Any]:
    """A path or a text of each id (m,), in order; None where an item is looked at as it is read, or has gone.

    An InputError stands for what is missing. Cost: one look at each file, none is opened.
    """
    out: list[Any] = [None] * len(ids)
    for source_id, (positions, refs) in manifest.locate(context.conn, np.asarray(ids, np.int64), present=True).items():
        source = showing(context, source_id)
        if source is not None:
            for at, thing in zip(positions.tolist(), source.seen(refs), strict=True):
                out[at] = thing
    return out


def showing(context: Context, source_id: int) -> Showing | None:
    """The opened source, where its items show something else than what engines read."""
    if context.modality(source_id) != "embedding":
        return None
    source = context.source(source_id)
    return source if isinstance(source, Showing) and source.shows is not None else None


def kind_seen(context: Context, source_id: int) -> Modality:
    """What people look at of the items of a source."""
    source = showing(context, source_id)
    return (source.shows if source is not None else None) or context.modality(source_id)


def folder_of(source: Source) -> Path:
    """The folder that the pictures of a source lie in."""
    if isinstance(source, Showing):
        return source.root
    return source.path if source.path.is_dir() else source.path.parent


def seen_items(context: Context, ids: Ids) -> list[Item]:
    """The items of `ids`, in order. One whose picture or text is missing is its numbers, and `lacks` says why."""
    return [_seen(item, sight) for item, sight in zip(context.items(ids), sights(context, ids), strict=True)]


def _seen(item: Item, sight: Any) -> Item:
    if sight is None:
        return item
    if isinstance(sight, InputError):
        return replace(item, lacks=sight.fact)
    if isinstance(sight, Path):
        return replace(item, modality="image", data=sight, digest=picture_tag(sight))
    return replace(item, modality="text", data=sight)


def lacking(context: Context, source_id: int, looks: int = LOOKS) -> list[str]:
    """A sentence, where some of `looks` items of a source, evenly spread, lack what people should see of them."""
    source = showing(context, source_id)
    if source is None or not len(source):
        return []
    refs = np.unique(np.linspace(0, len(source) - 1, min(looks, len(source))).astype(np.int64)).tolist()
    faults = [thing.fact for thing in source.seen(refs) if isinstance(thing, InputError)]
    if not faults:
        return []
    kind = "picture" if source.shows == "image" else "text"
    said = f"{len(faults):,} of {len(refs):,} items that were looked at have no {kind}. The first: {faults[0]}"
    if kind == "picture" and len(faults) == len(refs):
        said += f" Paths start at {source.root}: where that is wrong, set root in labelsieve.toml, then sync."
    return [said]


def picture_tag(path: Path) -> str:
    """32 hex digits that change when the file does, by its size and time of change."""
    try:
        stat = path.stat()
    except OSError:  # it has just gone: whoever reads it says so
        return digest(str(path).encode())
    return digest(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}".encode())
