"""Building an index from any pool, block by block: never more in memory than one part, whatever the pool."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError, ProjectError
from labelsieve.core.randomness import hash_uniform
from labelsieve.core.rounds import Pool
from labelsieve.core.types import Ids, Matrix
from labelsieve.selection.neighbours import closest
from labelsieve.store.index import FaissIndex, fitting_rows
from labelsieve.store.indexfiles import About, DamagedIndex, Facts, PartFiles, commit, kept, read_facts
from labelsieve.store.indexparts import flat_part, pool_digest, spilled_part
from labelsieve.store.inverted import Spill, coded, faiss_threads, library, trained_lists

BLOCK = 16_384

Progress = Callable[[int, int], None]  # (rows read, rows to read)


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """How an index is built. The defaults hold 20M rows of 256 numbers in less than 2 GB."""

    flat_rows: int = 200_000  # up to here every row is compared
    flat_bytes: int = 1 << 29
    recall: float = 0.95  # wanted share of the true nearest
    recall_k: int = 100
    held_out: int = 200  # rows that recall is measured on: none of them trains the lists
    train_rows: int = 64  # a list
    train_bytes: int = 1 << 29
    part_bytes: int = 400 << 20  # of codes in memory at once
    threads: int = 0  # at most; 0 = all


def build_index(
    folder: Path,
    pool: Pool,
    about: About,
    seed: int = 0,
    settings: IndexSettings | None = None,
    progress: Progress | None = None,
) -> FaissIndex:
    """A new index of all rows of the pool, in place of what was in the folder once it is whole.

    Recall is measured on held-out rows, and as many lists are visited from then on as it takes. InputError for rows
    that do not fit, ProjectError for a disk that does not take it.
    Cost: three reads of a part of the pool and one of all of it; O(N log(cells) d); twice its size on disk.
    """
    settings, began, ids = settings or IndexSettings(), time.perf_counter(), pool.ids
    if not len(ids):
        raise InputError("the pool has no items; expected at least one.", "sync a source first.")
    flat = len(ids) <= settings.flat_rows and len(ids) * pool.dim * 4 <= settings.flat_bytes
    _require_space(folder, len(ids) * (pool.dim * 4 + 8 if flat else 2 * pool.dim + 32))
    before = _before(folder)
    held = _drawn(ids, settings.held_out, seed, last=True)
    rows = fitting_rows(pool.take(held), pool.dim, about.metric, "pool")
    work = _Work(folder, pool, about, settings, _Meter(len(ids), progress))
    with faiss_threads(settings.threads):
        part, trained, cells, truth = _flat(work, rows) if flat else _listed(work, rows, seed)
        facts = Facts(
            about.engine, about.view, about.metric, pool.dim,
            cells=cells, visits=min(1, cells), pool=pool_digest(ids), built=len(ids), trained=trained, parts=(part,),
            notes=dict(about.notes),
        )  # fmt: skip
        index = FaissIndex(folder, facts, pool, settings.threads)
        facts = _measured(index, (held, rows), truth, settings)
    facts = replace(facts, seconds=round(time.perf_counter() - began, 3))
    index.facts = commit(folder, facts, *before)
    return index


class _Meter:
    """Counts rows and tells."""

    def __init__(self, total: int, tell: Progress | None) -> None:
        self.done, self.total, self.tell = 0, total, tell

    def add(self, n: int) -> None:
        self.done += n
        if self.tell is not None:
            self.tell(self.done, self.total)


@dataclass(frozen=True, slots=True)
class _Work:
    folder: Path
    pool: Pool
    about: About
    settings: IndexSettings
    meter: _Meter

    def blocks(self) -> Iterator[tuple[Ids, Matrix]]:
        """All rows (ids, x), ids ascending. InputError names a row that does not fit."""
        ids = self.pool.ids
        for i in range(0, len(ids), BLOCK):
            part = ids[i : i + BLOCK]
            yield part, fitting_rows(self.pool.take(part), self.pool.dim, self.about.metric, f"items from {part[0]} on")
            self.meter.add(len(part))


Truth = tuple[Ids, Matrix]
Built = tuple[
    PartFiles, str, int, Truth
]  # the part, the file of the trained lists, how many there are, what is nearest


def _flat(work: _Work, queries: Matrix) -> Built:
    x = np.empty((len(work.pool.ids), work.pool.dim), np.float32)

    def kept_blocks() -> Iterator[tuple[Ids, Matrix]]:
        at = 0
        for ids, rows in work.blocks():
            x[at : at + len(ids)] = rows
            at += len(ids)
            yield ids, rows

    truth = closest(queries, kept_blocks(), _depth(work))
    return flat_part(work.folder, work.pool.ids, [x]), "", 0, truth


def _listed(work: _Work, queries: Matrix, seed: int) -> Built:
    settings, pool, ids = work.settings, work.pool, work.pool.ids
    cells = max(1, round(4 * len(ids) ** 0.5))
    train = min(settings.train_rows * cells, settings.train_bytes // (4 * pool.dim), len(ids))
    x = fitting_rows(pool.take(_drawn(ids, train, seed)), pool.dim, work.about.metric, "pool")
    trained = trained_lists(x, max(1, min(cells, train // 8)), seed)
    del x
    whole = library().serialize_index(trained).tobytes()
    named = kept(work.folder, "trained", ".faiss", lambda path: _write(path, whole))
    spills: list[Spill] = []
    try:
        truth = closest(queries, _spilled(work, trained, spills), _depth(work))
        return spilled_part(work.folder, trained, ids, spills), named, int(trained.nlist), truth
    finally:
        for spill in spills:
            spill.close()


def _spilled(work: _Work, trained: Any, spills: list[Spill]) -> Iterator[tuple[Ids, Matrix]]:
    """Hands on all blocks, whose codes it keeps: in memory until they are many, then sorted in a file."""
    total, size = len(work.pool.ids), trained.code_size
    room = min(max(work.settings.part_bytes // size, 1), total)
    cell, codes = np.empty(room, np.int64), np.empty((room, size), np.uint8)
    first = filled = 0
    for ids, x in work.blocks():
        start = 0
        while start < len(ids):
            n = min(len(ids) - start, room - filled)
            cell[filled : filled + n], codes[filled : filled + n] = coded(trained, x[start : start + n])
            filled, start = filled + n, start + n
            if filled == room or first + filled == total:
                rows = cell[:filled], codes[:filled], np.arange(first, first + filled)
                try:
                    spills.append(Spill(work.folder, trained.nlist, rows))
                except OSError as error:
                    raise _full(work.folder, error.strerror or str(error)) from error
                first, filled = first + filled, 0
        yield ids, x


def _depth(work: _Work) -> int:
    """How many true nearest rows are kept: the row itself is one of them."""
    return min(work.settings.recall_k, max(len(work.pool.ids) - 1, 1)) + 1


def _measured(index: FaissIndex, held: tuple[Ids, Matrix], truth: Truth, settings: IndexSettings) -> Facts:
    """The facts, with the fewest visits that reach the recall that is wanted, and that recall."""
    facts, visits, few = index.facts, index.facts.visits, 0
    recall = _recall(index, held, truth, visits)
    while recall < settings.recall and visits < facts.cells:
        few, visits = visits, min(visits * 2, facts.cells)
        recall = _recall(index, held, truth, visits)
    while visits - few > max(1, visits // 8) and recall >= settings.recall:  # few are too few
        middle = (few + visits) // 2
        found = _recall(index, held, truth, middle)
        if found >= settings.recall:
            visits, recall = middle, found
        else:
            few = middle
    depth = truth[0].shape[1] - 1
    index.facts = replace(facts, visits=visits, recall=round(recall, 4), recall_k=depth, held_out=len(held[0]))
    return index.facts


def _recall(index: FaissIndex, held: tuple[Ids, Matrix], truth: Truth, visits: int) -> float:
    """The share of what was found that is among the true nearest, or just as near: equal rows stand for one another."""
    ids, rows = held
    depth = truth[0].shape[1] - 1
    found, _ = index.near(rows, depth + 1, visits)
    shares = []
    for own, row, near, true, far in zip(ids, rows, found, *truth, strict=True):
        true, far = true[true != own][:depth], far[true != own][:depth]
        near = near[(near != own) & (near >= 0)][:depth]
        right = np.isin(near, true)
        if not right.all() and index.pool is not None:
            apart = index.pool.take(near[~right]) - row
            right[~right] = np.einsum("ij,ij->i", apart, apart) <= far[-1] + 1e-6
        shares.append(right.sum() / len(true) if len(true) else 1.0)
    return float(np.mean(shares))


def _drawn(ids: Ids, n: int, seed: int, last: bool = False) -> Ids:
    """About n of the ids, ascending, by a hash of each: those of lowest hash, or of highest (`last`)."""
    if n >= len(ids):
        return ids
    share = 1.2 * n / len(ids) if n > 1000 else min(1.0, (2 * n + 50) / len(ids))
    kept_ids, marks = [], []
    for i in range(0, len(ids), 1 << 20):
        part = np.asarray(ids[i : i + (1 << 20)])
        mark = hash_uniform(seed, part)
        mark = 1.0 - mark if last else mark
        kept_ids.append(part[mark < share])
        marks.append(mark[mark < share])
    found = np.concatenate(kept_ids)
    order = np.argsort(np.concatenate(marks), kind="stable")[:n]
    return np.sort(found[order])


def _before(folder: Path) -> tuple[Facts, ...]:
    try:
        return (read_facts(folder),)
    except (DamagedIndex, ProjectError):
        return ()


def _require_space(folder: Path, wanted: int) -> None:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < wanted:
        raise _full(folder, f"it takes about {wanted >> 20:,} MiB, and {free >> 20:,} MiB are free")


def _full(folder: Path, why: str) -> ProjectError:
    return ProjectError(
        f"the index cannot be written to {folder}: {why}.", "check free space and permissions; then once more."
    )


def _write(path: Path, whole: bytes) -> None:
    path.write_bytes(whole)
