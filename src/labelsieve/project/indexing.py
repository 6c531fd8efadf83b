"""The index of a project: kept below cache/index, opened when a strategy asks for neighbours, brought up to date then.

It serves every task: rows stand in the view of a task with classes, which is fixed when the index is built.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import LabelsieveError
from labelsieve.core.rounds import Pool
from labelsieve.core.sockets import Neighbours
from labelsieve.core.types import Ids
from labelsieve.heads.view import View
from labelsieve.project import manifest
from labelsieve.project.context import Context
from labelsieve.project.indexfacts import folder_of
from labelsieve.project.pooling import raw_pool
from labelsieve.project.standing import meaning_of
from labelsieve.project.training import fit_view, view_way
from labelsieve.selection.neighbours import ItemNeighbours, exact_neighbours
from labelsieve.store.index import FaissIndex, open_index
from labelsieve.store.indexbuild import IndexSettings, build_index
from labelsieve.store.indexfiles import MANIFEST, About, Facts, read_facts
from labelsieve.store.indexparts import pool_digest
from labelsieve.store.nearfiles import KeptNeighbours
from labelsieve.store.pools import ViewedPool

EXACT = IndexSettings().flat_rows  # without an index, a pool of at most so many items is searched row by row
WORN = 0.5  # share of rows that changed since it was built, from which on it is built anew

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What was done. `recall` is the share of the true `recall_k` nearest found, on `held_out` items at build time."""

    built: bool
    added: int
    removed: int
    why: str  # it was built anew
    items: int = 0
    cells: int = 0  # lists; 0 where every row is compared
    visits: int = 0  # lists read for one search
    recall: float = 0.0
    recall_k: int = 0
    held_out: int = 0
    size: int = 0  # bytes on disk
    seconds: float = 0.0  # of the last build


def update_index(context: Context, rebuild: bool = False, progress: Progress | None = None) -> IndexReport:
    """The index, built where there is none (or it is damaged, or of another engine), else brought up to date."""
    raw = raw_pool(context)
    _, report = _ready(context, raw, "asked for" if rebuild else "", progress)
    return report


def lazy_neighbours(context: Context, raw: Pool, tell: Callable[[str], None] | None = None) -> Neighbours | None:
    """Neighbours of items; the index is opened when they are first asked for. None: a large pool without an index."""
    indexed = (folder_of(context) / MANIFEST).exists()
    if not indexed and len(raw.ids) > EXACT:
        return None
    found: list[Neighbours] = []

    def neighbours(ids: Ids, k: int) -> Ids:
        if not found:
            found.append(_indexed(context, raw, tell) if indexed else row_by_row(context, raw))
        return _within(found[0], ids, k)

    return neighbours


def row_by_row(context: Context, raw: Pool) -> Neighbours:
    """Neighbours of items without an index. Cost: one pass over the pool for each search."""
    return exact_neighbours(ViewedPool(raw, _fresh_view(context, raw)))


def _within(search: Neighbours, ids: Ids, k: int) -> Ids:
    """Neighbours (m, k) of items of the pool; none (-1) of taught ones, whose ids are below 0: no index holds them."""
    own = ids >= 0
    if own.all():
        return search(ids, k)
    out = np.full((len(ids), k), -1, np.int64)
    if own.any():
        out[own] = search(ids[own], k)
    return out


def _indexed(context: Context, raw: Pool, tell: Callable[[str], None] | None) -> Neighbours:
    index, report = _ready(context, raw, "")
    if report.built and tell:
        tell(f"The index was built again, in {report.seconds:,.1f} s: {report.why.rstrip('.')}.")
    home = context.cache / "neighbours" / folder_of(context).name
    return KeptNeighbours(home, index.facts.mark, ItemNeighbours(index.pool or raw, index))


def _ready(context: Context, raw: Pool, why: str, progress: Progress | None = None) -> tuple[FaissIndex, IndexReport]:
    """The index as the pool is now. `why` says that it has to be built anew, whatever is there."""
    folder, about = folder_of(context), _about(context, raw)
    added = removed = 0
    if not why and not (folder / MANIFEST).exists():
        why = "there was none"
    if not why:
        try:
            facts = read_facts(folder)
            facts.require(about)
            index = open_index(folder, about, ViewedPool(raw, _kept_view(facts)), older=True)
            added, removed, why = _up_to_date(context, raw, index)
        except LabelsieveError as error:
            why = error.fact
    built = bool(why)
    if built:
        index = _built(context, raw, about, progress)
    return index, _report(folder, index.facts, IndexReport(built=built, added=added, removed=removed, why=why))


def _built(context: Context, raw: Pool, about: About, progress: Progress | None) -> FaissIndex:
    view = _fresh_view(context, raw)
    _, step = manifest.changed(context.conn)
    about = replace(about, notes={"step": step, **_plain(view)})
    return build_index(folder_of(context), ViewedPool(raw, view), about, context.settings.seed, progress=progress)


def _up_to_date(context: Context, raw: Pool, index: FaissIndex) -> tuple[int, int, str]:
    """(added, removed, why it has to be built anew instead): what changed since the index was last used."""
    changed, step = manifest.changed(context.conn, int(index.facts.notes.get("step", 0)))
    if not len(changed) and index.facts.pool == pool_digest(raw.ids):
        return 0, 0, ""
    have, now = np.asarray(index.ids), raw.ids
    gone = np.union1d(np.setdiff1d(have, now, assume_unique=True), np.intersect1d(changed, have))
    new = np.union1d(np.setdiff1d(now, have, assume_unique=True), np.intersect1d(changed, now))
    moved = index.facts.items - index.facts.built + len(gone) + len(new)
    if moved > WORN * index.facts.built:
        return 0, 0, f"{moved:,} rows have changed since it was built of {index.facts.built:,}"
    index.remove(gone)
    index.grow(new)
    index.note(step=step)
    return len(new), len(gone), ""


def _report(folder: Path, facts: Facts, done: IndexReport) -> IndexReport:
    return replace(
        done,
        items=facts.items,
        cells=facts.cells,
        visits=facts.visits,
        recall=facts.recall,
        recall_k=facts.recall_k,
        held_out=facts.held_out,
        size=sum((folder / name).stat().st_size for name in facts.files),
        seconds=facts.seconds,
    )


def _about(context: Context, raw: Pool) -> About:
    way = view_way("classes", meaning_of(context, raw))
    return About(context.settings.embeddings or "given", way, "cosine" if way == "unit" else "l2")


def _fresh_view(context: Context, raw: Pool) -> View:
    return fit_view(raw, view_way("classes", meaning_of(context, raw)), context.settings.seed)


def _plain(view: View) -> dict[str, Any]:
    """A view as JSON can hold it; the numbers of a view that neither centres nor scales are left out."""
    fixed = view.how in ("unit", "raw")
    return {
        "how": view.how,
        "dim": view.dim,
        "mean": [] if fixed else view.mean.tolist(),
        "scale": [] if fixed else view.scale.tolist(),
    }


def _kept_view(facts: Facts) -> View:
    """The view that the rows of an index are in: it does not move when the pool grows."""
    notes = facts.notes
    dim = int(notes["dim"])
    return View(
        notes["how"],
        np.array(notes["mean"] or [0.0] * dim, np.float64),
        np.array(notes["scale"] or [1.0] * dim, np.float64),
    )
