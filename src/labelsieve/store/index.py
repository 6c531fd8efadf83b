"""A nearest-neighbour index on disk, opened memory-mapped: every row compared below 200k rows, inverted lists above.

It is made of parts that never change: `add` writes a new part, `remove` a list of what is gone, and both are merged
when there are many. Rows come in the view that the index was made for; distances are Euclidean there.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ShapeError, UnknownName
from labelsieve.core.rounds import Pool
from labelsieve.core.types import Ids, Matrix
from labelsieve.selection.neighbours import closest
from labelsieve.store.indexfiles import About, DamagedIndex, Facts, check_files, commit, kept, read_facts
from labelsieve.store.indexparts import Part, flat_part, listed_part, merged_part, pool_digest
from labelsieve.store.inverted import faiss_threads, library

MOST_PARTS, MOST_GONE = 8, 0.25  # then parts are merged
EXACT = 20_000  # a subset of at most so many rows is compared row by row
WIDEST = 65_536  # rows that are fetched for one query to settle ties by id
QUERIES = 64  # queries that are searched at once
ROWS = 16_384
UNIT = 0.02  # how far a squared norm may be from 1: rows that were stored in eight bits are that near


class FaissIndex:
    """An open index. `open_index` opens one, `build_index` makes one; `pool` serves exact search within a subset."""

    def __init__(self, folder: Path, facts: Facts, pool: Pool | None = None, threads: int = 0) -> None:
        self.folder, self.facts, self.pool, self.threads = folder, facts, pool, threads
        self._open()

    def _open(self) -> None:
        try:
            gone = np.load(self.folder / self.facts.gone) if self.facts.gone else np.empty((0, 2), np.int64)
            parts = [
                Part(self.folder, files, gone[gone[:, 0] == number, 1], listed=bool(self.facts.cells))
                for number, files in enumerate(self.facts.parts)
            ]
        except (OSError, ValueError, RuntimeError) as error:
            raise DamagedIndex(self.folder, f"it cannot be opened ({str(error).splitlines()[-1]})") from error
        self._parts = parts
        self._alive: Ids | None = None

    @property
    def ids(self) -> Ids:
        """Ids (N,) of all rows that can be found, ascending."""
        if self._alive is None:
            alive = [part.alive() for part in self._parts]
            self._alive = alive[0] if len(alive) == 1 else np.sort(np.concatenate([np.empty(0, np.int64), *alive]))
        return self._alive

    def __len__(self) -> int:
        return sum(part.left for part in self._parts)

    def search(self, queries: Matrix, k: int, only: Ids | None = None) -> tuple[Ids, Matrix]:
        """Ids (q, k) of the nearest rows and their similarity (q, k), best first, ties by id; -1 and -inf where fewer.

        `only` are the ids that may be found; where they are few and a pool was given, they are compared row by row.
        Similarity is 1 - d^2 / 2 for directions (the cosine, of rows of unit norm), else -d^2; above 200k rows
        the rows found are compared by codes of eight bits a number, so it is good to about two decimals.
        ShapeError, InputError for rows that do not fit. Cost: O(q (sqrt(N) + N visits / cells) d).
        """
        queries = self.fitting(queries, "queries")
        if k < 1:
            raise InputError(f"{k} neighbours were asked for; expected at least 1.", "ask for one or more.")
        if only is not None:
            only = np.intersect1d(np.asarray(only, np.int64), self.ids)
            if len(only) <= EXACT and self.pool is not None:
                blocks = ((only[i : i + ROWS], self.pool.take(only[i : i + ROWS])) for i in range(0, len(only), ROWS))
                return self._similar(*closest(queries, blocks, k))
        return self._similar(*self.near(queries, k, self.facts.visits, only))

    def near(self, queries: Matrix, k: int, visits: int, only: Ids | None = None) -> tuple[Ids, Matrix]:
        """Ids (q, k) and squared distances (q, k) by reading `visits` lists, more of them where they hold too few."""
        masks = [part.mask(only) for part in self._parts]
        total = len(self) if only is None else len(only)
        ids, far = np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), np.inf, np.float32)
        with faiss_threads(self.threads):
            for i in range(0, len(queries) if total else 0, QUERIES):
                at = slice(i, i + QUERIES)
                ids[at], far[at] = self._settled(queries[at], min(k, total), k, visits, masks)
        return ids, far

    def _settled(
        self, queries: Matrix, wanted: int, k: int, visits: int, masks: list[NDArray[np.uint8] | None]
    ) -> tuple[Ids, Matrix]:
        """The nearest (q, k), of which `wanted` exist: with more lists, or more rows, where that could change them."""
        ids, far = self._once(queries, k + 1, visits, masks)
        cells = self.facts.cells
        short = (ids >= 0).sum(axis=1) < wanted
        while short.any() and visits < cells:
            visits = min(visits * 4, cells)
            ids[short], far[short] = self._once(queries[short], k + 1, visits, masks)
            short = (ids >= 0).sum(axis=1) < wanted
        out, distance = ids[:, :k].copy(), far[:, :k].copy()
        tied = (far[:, k - 1] == far[:, k]) & np.isfinite(far[:, k])
        width = k + 1
        while tied.any() and width < min(WIDEST, len(self)):
            width = min(4 * width, WIDEST)
            wide_ids, wide_far = self._once(queries[tied], width, visits, masks)
            out[tied], distance[tied] = wide_ids[:, :k], wide_far[:, :k]
            still = (wide_far[:, k - 1] == wide_far[:, -1]) & np.isfinite(wide_far[:, -1])
            tied[np.flatnonzero(tied)] = still
        return out, distance

    def _once(self, queries: Matrix, k: int, visits: int, masks: list[NDArray[np.uint8] | None]) -> tuple[Ids, Matrix]:
        """The k nearest (q, k) of all parts: nearest first, ties by id."""
        coarse = self._parts[0].coarse(queries, visits) if self.facts.cells else None
        both = zip(self._parts, masks, strict=True)
        found = [part.near(queries, k, coarse, mask) for part, mask in both if part.left]
        ids = np.concatenate([part[0] for part in found], axis=1)
        far = np.concatenate([part[1] for part in found], axis=1)
        if ids.shape[1] < k:
            room = ((0, 0), (0, k - ids.shape[1]))
            ids, far = np.pad(ids, room, constant_values=-1), np.pad(far, room, constant_values=np.inf)
        order = np.lexsort((ids, far), axis=1)[:, :k]
        return np.take_along_axis(ids, order, axis=1), np.take_along_axis(far, order, axis=1)

    def _similar(self, ids: Ids, far: Matrix) -> tuple[Ids, Matrix]:
        return ids, np.asarray(1.0 - far / 2.0 if self.facts.metric == "cosine" else -far, np.float32)

    def fitting(self, x: Any, what: str = "rows") -> Matrix:
        """x as (m, d) float32. ShapeError for another width, InputError for a row that is not finite or not unit."""
        return fitting_rows(x, self.facts.dim, self.facts.metric, what)

    def add(self, ids: Ids, x: Matrix) -> None:
        """Adds rows (m, d) under new ids. InputError for an id that is there: remove it first. Cost: as building."""
        ids, x = np.asarray(ids, np.int64), self.fitting(x)
        if ids.shape != (len(x),):
            raise ShapeError(f"{len(ids)} ids were given for {len(x)} rows.", "give one row an id.")
        order = np.argsort(ids, kind="stable")
        ids = ids[order]
        twice = np.concatenate([ids[:-1][np.diff(ids) == 0], np.intersect1d(ids, self.ids)])
        if len(twice):
            raise InputError(f"id {twice[0]} is in the index already, or is given twice.", "remove it first.")
        x = x[order]
        self._added(ids, (x[i : i + ROWS] for i in range(0, len(x), ROWS)))

    def grow(self, ids: Ids) -> None:
        """Adds rows of the pool, block by block. InputError for an id that is there. Cost: as building."""
        if self.pool is None:
            raise InputError("this index was opened without its pool.", "give the pool to open_index.")
        ids, pool = np.unique(np.asarray(ids, np.int64)), self.pool
        twice = np.intersect1d(ids, self.ids)
        if len(twice):
            raise InputError(f"id {twice[0]} is in the index already.", "remove it first.")
        self._added(ids, (self.fitting(pool.take(ids[i : i + ROWS])) for i in range(0, len(ids), ROWS)))

    def _added(self, ids: Ids, blocks: Iterator[Matrix]) -> None:
        if not len(ids):
            return
        with faiss_threads(self.threads):
            if self.facts.cells:
                trained = library().read_index(str(self.folder / self.facts.trained))
                files = listed_part(self.folder, trained, ids, blocks)
            else:
                files = flat_part(self.folder, ids, blocks)
        self._change(parts=(*self.facts.parts, files))

    def note(self, **notes: Any) -> None:
        """Keeps plain data of the caller beside the facts."""
        self.facts = commit(self.folder, replace(self.facts, notes={**self.facts.notes, **notes}), self.facts)

    def remove(self, ids: Ids) -> None:
        """From now on these are not found. UnknownName for an id that is not there. Cost: O(m log N)."""
        ids = np.unique(np.asarray(ids, np.int64))
        absent = np.setdiff1d(ids, self.ids)
        if len(absent):
            raise UnknownName("item of this index", str(absent[0]), None)
        if not len(ids):
            return
        gone = [np.stack([np.full(part.gone.shape, i), part.gone], 1) for i, part in enumerate(self._parts)]
        for i, part in enumerate(self._parts):
            at = part.positions(ids)
            gone.append(np.stack([np.full(at.shape, i), at], axis=1))
        self._change(gone=kept_array(self.folder, "gone", np.concatenate(gone).astype(np.int64)))

    def _change(self, **values: Any) -> None:
        before = self.facts
        self.facts = between = replace(before, **values)
        self._open()
        rows = sum(part.files.n for part in self._parts)
        if len(self._parts) > MOST_PARTS or rows - len(self) > MOST_GONE * rows:
            self._merge()
        self.facts = commit(self.folder, replace(self.facts, pool=pool_digest(self.ids)), before, between)

    def _merge(self) -> None:
        """One part of all that is left. Cost: one read and one write of the index."""
        trained = library().read_index(str(self.folder / self.facts.trained)) if self.facts.cells else None
        files = merged_part(self.folder, self._parts, trained, self.ids)
        self.facts = replace(self.facts, parts=(files,), gone="")
        self._open()


def open_index(
    folder: Path, about: About, pool: Pool | None = None, threads: int = 0, older: bool = False
) -> FaissIndex:
    """The index of that folder, memory-mapped. ProjectError where there is none, DamagedIndex where bytes have changed,
    InputError where it was made of other rows, or of other items than the pool has now, unless it may be `older`.

    Cost: a read of the ids, and of the files that changed since they were last hashed.
    """
    facts = read_facts(folder)
    facts.require(about)
    if pool is not None and len(pool.ids) and pool.dim != facts.dim:
        raise ShapeError(f"the pool has {pool.dim} columns; the index was made of {facts.dim}.", "build it again.")
    check_files(folder, facts)
    index = FaissIndex(folder, facts, pool, threads)
    if pool is not None and not older and facts.pool != pool_digest(pool.ids):
        raise InputError(
            f"the index holds {len(index)} items, the pool {len(pool.ids)}, and they are not the same items.",
            "grow and remove bring it up to date, as labelsieve index PROJECT does; or build it again.",
        )
    return index


def fitting_rows(x: Any, dim: int, metric: str, what: str) -> Matrix:
    """x as (m, dim) float32, contiguous, or an error that names the first row that does not fit."""
    rows: Matrix = np.ascontiguousarray(x, np.float32)
    if rows.ndim != 2 or rows.shape[1] != dim:
        raise ShapeError(f"the {what} have the shape {rows.shape}; the index has {dim} columns.", "use its view.")
    square = np.einsum("ij,ij->i", rows, rows)
    bad = np.flatnonzero(~np.isfinite(square))
    if len(bad):
        raise InputError(f"row {bad[0]} of the {what} is not finite.", "set such rows aside.")
    if metric == "cosine":
        bad = np.flatnonzero((np.abs(square - 1.0) > UNIT) & (square > 0))
        if len(bad):
            norm = float(square[bad[0]]) ** 0.5
            raise InputError(f"row {bad[0]} of the {what} has norm {norm:.4g}; expected 1.", "divide it by its norm.")
    return rows


def kept_array(folder: Path, stem: str, array: NDArray[Any]) -> str:
    """The name of a new .npy file of the index that holds the array."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, array, allow_pickle=False)

    return kept(folder, stem, ".npy", write)
