"""The map of a project: computed by a job, kept below cache/projection/ENGINE, mapped by whoever draws it.

project_pool(context, tell) -> dict        computes and keeps it; nothing is done where it is kept already
map_of(context) -> Projection | None       ids and points (N, 2) as they are kept
state_of(context) -> dict                  whether there is one, and whether it is of the pool as it is now
"""

import hashlib
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.randomness import stream
from labelsieve.core.rounds import Pool
from labelsieve.core.types import Ids
from labelsieve.project import arrayparts, manifest
from labelsieve.project.context import Context
from labelsieve.project.pooling import default_engine, raw_pool
from labelsieve.project.projection.layout import Axes, Points, laid_out, principal
from labelsieve.project.projection.spreading import CELLS_FROM, Landmarks, landmarks_of
from labelsieve.project.standing import meaning_of
from labelsieve.project.training import fit_view, view_way
from labelsieve.store.pools import ViewedPool

Tell = Callable[[int, int, str], None]
BLOCK = 16_384  # rows that are read at once
LEAST = 4  # items
_ARRAYS = ("ids", "points")


@dataclass(frozen=True, slots=True)
class Projection:
    """Ids (N,) ascending and their points (N, 2) within -1 .. 1; `mark` changes with either."""

    ids: Ids
    points: Points
    mark: str
    landmarks: int
    seconds: float


def _folder(context: Context) -> Path:
    return context.cache / "projection" / (context.settings.embeddings or "given")


def project_pool(context: Context, tell: Tell) -> dict[str, Any]:
    """Lays the pool out and keeps the points; what came of it, as plain data. InputError under 4 items.

    Cost: O(landmarks^2 d) once, one pass over the pool.
    """
    began = time.perf_counter()
    tell(0, 0, "reading the pool")
    now = _now(context)
    known = arrayparts.opened(_folder(context), _ARRAYS)
    if known is not None and known.facts["now"] == now:
        return {"items": known.facts["items"], "known": True}
    raw = raw_pool(context)
    pool = ViewedPool(raw, fit_view(raw, view_way("classes", meaning_of(context, raw)), context.settings.seed))
    if len(pool.ids) < LEAST:
        raise InputError(f"the pool has {len(pool.ids)} items; a map needs {LEAST}.", "add items, then sync.")
    points, landmarks = projected(pool, now[0], tell)
    digest = hashlib.blake2b(points.tobytes(), digest_size=12)
    digest.update(np.ascontiguousarray(pool.ids, np.int64).tobytes())
    facts = {"mark": digest.hexdigest(), "now": now, "items": len(pool.ids), "landmarks": landmarks}
    facts["seconds"] = round(time.perf_counter() - began, 1)
    arrayparts.put(_folder(context), {"ids": pool.ids, "points": points}, facts)
    return {name: facts[name] for name in ("items", "landmarks", "seconds")}


def _now(context: Context) -> list[int]:
    """What a map depends on beside the engine: the seed, the last item and the last change. Two index look-ups."""
    seed = int(stream(context.settings.seed, "projection").integers(2**31))
    change = context.conn.execute("SELECT COALESCE(MAX(seq), 0) FROM changes").fetchone()[0]
    gone = context.conn.execute("SELECT MAX(synced) FROM sources").fetchone()[0]
    return [seed, manifest.last_id(context.conn), int(change), zlib.crc32(str(gone).encode())]


def projected(pool: Pool, seed: int, tell: Tell, most: int | None = None) -> tuple[Points, int]:
    """Points (N, 2) of the pool within -1 .. 1, and how many of them were landmarks."""
    chosen = landmarks_of(len(pool.ids), seed, *([most] if most else []))
    x = pool.take(pool.ids[chosen])
    axes = principal(x)
    rows = axes(x)
    places = laid_out(rows, seed, lambda done, total: tell(done, total, "laying out landmarks"))
    if len(chosen) == len(pool.ids):
        return _framed(places), len(chosen)
    points = _spread(pool, axes, Landmarks(rows, places, len(pool.ids) > CELLS_FROM), seed, tell)
    points[chosen] = places
    return _framed(points), len(chosen)


def _spread(pool: Pool, axes: Axes, landmarks: Landmarks, seed: int, tell: Tell) -> Points:
    points = np.empty((len(pool.ids), 2), np.float32)
    for first in range(0, len(points), BLOCK):
        tell(first, len(points), "placing items")
        points[first : first + BLOCK] = landmarks.place(axes(pool.take(pool.ids[first : first + BLOCK])), seed + first)
    return points


def _framed(points: Points) -> Points:
    """The points moved and scaled into -1 .. 1, the aspect kept; a few far ones are set on the edge."""
    low, high = np.quantile(points, [0.0005, 0.9995], axis=0)
    middle, half = (low + high) / 2, max(float((high - low).max()) / 2, 1e-12)
    framed: Points = np.clip((points - middle) / (1.05 * half), -1, 1).astype(np.float32)
    return framed


def map_of(context: Context) -> Projection | None:
    """The map of the active engine, mapped from disk; None where there is none."""
    found = arrayparts.opened(_folder(context), _ARRAYS)
    if found is None:
        return None
    ids, points = found.arrays
    return Projection(ids, points, found.facts["mark"], found.facts["landmarks"], found.facts["seconds"])


def state_of(context: Context) -> dict[str, Any]:
    """Whether there is a map, of how many items, by which engine, and whether the pool has changed since."""
    found = arrayparts.opened(_folder(context), _ARRAYS)
    engine = context.settings.engine or ("given" if default_engine(context) == "given" else "")
    if found is None:
        return {"state": "none", "n": 0, "mark": "", "engine": engine, "stale": False}
    return {
        "state": "ready",
        "n": len(found.arrays[0]),
        "mark": found.facts["mark"],
        "engine": engine,
        "stale": found.facts["now"] != _now(context),
        "landmarks": found.facts["landmarks"],
        "seconds": found.facts["seconds"],
    }
