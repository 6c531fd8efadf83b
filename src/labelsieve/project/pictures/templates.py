"""Templates: the defect-free picture that an image is held against, named by a column of its table."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.types import Ids, Matrix
from labelsieve.project import manifest
from labelsieve.project.context import Context
from labelsieve.project.embedding import embed_pending
from labelsieve.project.pictures.mapped import MapPool, map_engine
from labelsieve.sources.paths import RowPaths
from labelsieve.store.shards import Shards

FOLDER = "templates"  # below the folder of the maps: maps of pictures that are no items


@dataclass(frozen=True, slots=True)
class Templates:
    """The maps of templates. `ids` (m,) ascending are the items that have one; `rows` says which: an id of the pool,
    or, below 0, one of a picture that is no item."""

    ids: Ids
    rows: Ids
    pool: MapPool
    others: Shards

    @property
    def dim(self) -> int:
        return self.pool.dim

    def take(self, ids: Ids) -> Matrix:
        """The maps (m, h * w * c) of the templates of `ids`."""
        rows = self.rows[np.searchsorted(self.ids, ids)]
        out = np.empty((len(ids), self.pool.dim), np.float32)
        inside = rows >= 0
        if inside.any():
            out[inside] = self.pool.take(rows[inside])
        if not inside.all():
            out[~inside] = self.others.take(-rows[~inside])
        return out


def templates_of(context: Context, pool: MapPool) -> Templates | None:
    """The templates of the items of `pool`, by the column that `template` of the task names; None where it names none.

    A cell is the key of an item, or the path of a picture from where the paths of images start, or beside the table; an
    empty one means no template. Pictures that are no items are mapped when they are first seen. InputError for a cell
    that names nothing.
    """
    column = context.task_settings.template
    if not column:
        return None
    cells = _cells(context, column, pool.ids)
    keys = manifest.by_key(context.conn, {text for _, text, _ in cells})
    rows: dict[int, int] = {}
    files: dict[int, Path] = {}
    for item, text, folders in cells:
        if text in keys and keys[text] in pool.ids:
            if keys[text] != item:  # a template is no pair with itself
                rows[item] = keys[text]
            continue
        path = _file(context, item, text, folders)
        number = _number(path)
        files[number], rows[item] = path, -number
    others = _mapped(context, pool, files)
    bad = np.setdiff1d(np.array(sorted(files), np.int64), others.ids)
    if len(bad):
        raise InputError(
            f"the template {files[int(bad[0])].name} cannot be read as an image.",
            f"mend the file, or empty its cells in the column {column!r} and run labelsieve sync.",
        )
    ids = np.array(sorted(rows), np.int64)
    return Templates(ids, np.array([rows[item] for item in ids.tolist()], np.int64), pool, others)


def _cells(context: Context, column: str, ids: Ids) -> list[tuple[int, str, list[Path]]]:
    """(item, cell, folders that its path may start at) of items whose cell is not empty."""
    out: list[tuple[int, str, list[Path]]] = []
    for source_id, (positions, refs) in manifest.locate(context.conn, ids).items():
        source: Any = context.source(source_id)
        beside = source.path if source.path.is_dir() else source.path.parent
        folders = list(dict.fromkeys([Path(getattr(source, "root", beside)), beside]))
        for at, cell in zip(positions.tolist(), source.column(column, refs), strict=True):
            if cell is not None and cell.strip():
                out.append((int(ids[at]), cell.strip(), folders))
    return out


def _file(context: Context, item: int, text: str, folders: Sequence[Path]) -> Path:
    for folder in folders:
        inside = RowPaths(folder)
        plain = inside.relative(text)
        if plain is not None and (folder / plain).is_file():
            return inside.checked(plain)
    key = manifest.keys(context.conn, np.array([item], np.int64))[0]
    below = " or ".join(str(folder) for folder in folders)
    raise InputError(
        f"the template of {key!r} is {text!r}; expected the key of an image, or a picture below {below}.",
        "mend that cell and run labelsieve sync, or take `template` out of labelsieve.toml.",
    )


def _number(path: Path) -> int:
    """A number of a picture's bytes: another picture under the same name is mapped anew."""
    digest = hashlib.blake2b(path.read_bytes(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1 or 1


def _mapped(context: Context, pool: MapPool, files: dict[int, Path]) -> Shards:
    """The shards of templates that are no items; those without a map yet are mapped."""
    shards = Shards(context.cache / "embeddings" / context.settings.map_embeddings / FOLDER)
    pending = np.setdiff1d(np.array(sorted(files), np.int64), shards.ids)
    if len(pending):

        def things(ids: Ids) -> Iterator[Any]:
            return (files[number] for number in ids.tolist())

        embed_pending(map_engine(context), shards, pending, things, lambda bad: None)
    return shards
