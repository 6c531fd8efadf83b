"""Feature maps of a project's images, kept beside the embeddings: which model makes them, and what is still missing.

They lie in shards below cache/embeddings like embeddings do, and come back as those do.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labelsieve.core import plugins
from labelsieve.core.errors import EngineError
from labelsieve.core.idsets import common, holds
from labelsieve.core.rounds import Pool
from labelsieve.core.types import Ids, Matrix
from labelsieve.engines.opening import open_engine
from labelsieve.project import manifest
from labelsieve.project.config import relative, resolve
from labelsieve.project.context import Context
from labelsieve.project.embedding import EmbedReport
from labelsieve.project.pooling import Tell, embed_by, fetching
from labelsieve.store.rowfiles import Stored, coded
from labelsieve.store.shards import Shards

if TYPE_CHECKING:
    from labelsieve.engines.maps import FeatureMaps

Grid = tuple[int, int, int]
SIDES = "grid.txt"  # beside the shards: so that a grid is known without opening the model


class MapPool:
    """Feature maps by id, as rows (m, h * w * c); `grid` is (h, w, c)."""

    def __init__(self, rows: Pool, ids: Ids, grid: Grid, stored: Stored = "float32") -> None:
        self._rows, self._ids, self._grid, self._stored = rows, ids, grid, stored

    @property
    def ids(self) -> Ids:
        return self._ids

    @property
    def grid(self) -> Grid:
        return self._grid

    @property
    def dim(self) -> int:
        return int(np.prod(self.grid))

    def take(self, ids: Ids) -> Matrix:
        """Maps (m, h * w * c) of `ids`, in that order."""
        return self._rows.take(ids)

    def as_kept(self, maps: Matrix) -> Matrix:
        """Maps of pictures that are not in the pool, rounded as its own are: else the two could not be compared."""
        if self._stored == "float32":
            return maps
        out = np.empty(maps.shape, np.float32)
        coded(maps, self._stored).read(slice(None), out)
        return out


def embed_maps(
    context: Context, spec: str | None = None, size: int = 0, download: bool = False, progress: Tell | None = None
) -> EmbedReport:
    """Makes the maps of all images that have none yet, by the image model `spec` (default: the one in labelsieve.toml).

    Damaged shards are made again. `size` is the pixels a side that pictures are squeezed to; 0 is 448.
    """
    spec = spec or context.settings.maps
    engine = map_engine(context, spec, size, download, progress)
    shards, report = embed_by(context, engine, progress)
    if shards.folder.is_dir():
        (shards.folder / SIDES).write_text(" ".join(map(str, engine.grid)))
    if spec not in plugins.names("engines") and Path(spec).is_dir():
        spec = relative(Path(spec), context.root)
    values = {"maps": spec, "map_size": size, "map_revision": engine.revision, "map_embeddings": shards.folder.name}
    if any(getattr(context.settings, name) != value for name, value in values.items()):
        context.change(**values)
    return report


def map_engine(
    context: Context, spec: str = "", size: int = 0, download: bool = False, progress: Tell | None = None
) -> "FeatureMaps":
    """The engine of the project's maps, of the revision that labelsieve.toml pins; or of another `spec` and `size`."""
    from labelsieve.engines.maps import maps_engine

    settings = context.settings
    if not spec:
        if not settings.maps:
            raise EngineError("this project has no feature maps.", f"labelsieve embed {context.root} --maps ENGINE")
        spec, size = settings.maps, settings.map_size
    folder = resolve(settings.maps, context.root) if settings.maps else None
    known = spec == settings.maps or (folder is not None and folder.is_dir() and Path(spec).resolve() == folder)
    if known and folder is not None and folder.is_dir():
        spec = str(folder)
    pinned = settings.map_revision if known and size == settings.map_size else ""
    opened = open_engine(
        spec,
        root=context.root,
        download=download,
        revision=pinned or None,
        progress=fetching(progress) if download else None,
    )
    return maps_engine(opened, size)


def map_pool(context: Context, progress: Tell | None = None) -> MapPool | None:
    """The maps of the project, ids ascending; None where labelsieve.toml names no model for them.

    What is missing is made first, where the project may be written to.
    """
    if not context.settings.maps:
        return None
    present = _images(context)
    shards = _shards(context)
    if shards is None or (context.conn.writable and not holds(shards.ids, manifest.usable_of(context.conn, present))):
        embed_maps(context, context.settings.maps, context.settings.map_size, progress=progress)
        shards = _shards(context)
    if shards is None:
        return None
    height, width, depth = (int(side) for side in (shards.folder / SIDES).read_text().split())
    return MapPool(shards, common(shards.ids, present), (height, width, depth), shards.stored)


def _shards(context: Context) -> Shards | None:
    folder = context.cache / "embeddings" / (context.settings.map_embeddings or "-")
    return Shards(folder) if (folder / SIDES).is_file() else None


def _images(context: Context) -> Ids:
    """Ids (m,) of present items that are images, ascending."""
    parts = [
        manifest.ids(context.conn, source=row.id)
        for row in context.rows.values()
        if context.modality(row.id) == "image"
    ]
    return np.sort(np.concatenate([np.empty(0, np.int64), *parts]))
