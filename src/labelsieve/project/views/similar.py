"""Items that are like one item: through the index where there is one, else by one pass over the embeddings.

known_near(context, item) -> Ids | None      what was found before, or at once where the pool is small
find_near(context, item) -> Ids              the search itself; the worker does it for large pools
"""

import hashlib
from pathlib import Path

import numpy as np

from labelsieve.core.errors import ProjectError
from labelsieve.core.types import Ids
from labelsieve.project import manifest
from labelsieve.project.context import Context
from labelsieve.project.indexfacts import folder_of
from labelsieve.project.indexing import EXACT, lazy_neighbours, row_by_row
from labelsieve.project.pooling import raw_pool
from labelsieve.project.views.arrayfiles import kept, put
from labelsieve.store.indexfiles import MANIFEST
from labelsieve.store.shards import Shards

KIND = "similar"
MOST = 1_000  # items that are found, nearest first


def known_near(context: Context, item: int) -> Ids | None:
    """Ids (k,), the item first, then what is like it, nearest first. None where a worker has to look for them.

    ProjectError where the item has no embedding yet. Cost: nothing, or one pass over a pool of at most EXACT items.
    """
    manifest.require(context.conn, np.array([item], np.int64))
    found = kept(_path(context, item))
    if found is not None:
        return found
    large = (folder_of(context) / MANIFEST).exists() or len(manifest.ids(context.conn)) > EXACT
    return None if large or not _embedded(context, item) else find_near(context, item)


def find_near(context: Context, item: int) -> Ids:
    """The same, searched for and kept below cache/views. Missing embeddings are made first."""
    pool = raw_pool(context)
    if item not in pool.ids:
        raise ProjectError(f"item {item} has no embedding.", "labelsieve status says what was set aside, and why.")
    neighbours = lazy_neighbours(context, pool) or row_by_row(context, pool)
    near = neighbours(np.array([item], np.int64), min(MOST, len(pool.ids)) - 1)[0]
    return put(_path(context, item), np.concatenate([np.array([item], np.int64), near[near >= 0]]))


def _embedded(context: Context, item: int) -> bool:
    """Whether all is embedded, as far as that can be told without opening an engine."""
    if all(context.modality(row) == "embedding" for row in context.rows):
        return True
    folder = context.cache / "embeddings" / (context.settings.embeddings or "-")
    return folder.is_dir() and len(Shards(folder).ids) >= len(manifest.ids(context.conn, usable=True))


def _path(context: Context, item: int) -> Path:
    """The file of what is like an item, as long as neither engine nor pool change."""
    sql = "SELECT (SELECT MAX(seq) FROM changes), (SELECT MAX(synced) FROM sources)"
    state = (context.settings.embeddings, item, *context.conn.execute(sql).fetchone())
    mark = hashlib.blake2b(repr(state).encode(), digest_size=16).hexdigest()
    return context.cache / "views" / f"near-{mark}.npy"
