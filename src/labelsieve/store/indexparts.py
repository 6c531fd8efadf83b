"""Parts of an index: some rows, or their codes, in one faiss file beside their ids. A part never changes."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Ids, Matrix
from labelsieve.store.indexfiles import PartFiles, kept
from labelsieve.store.inverted import KeptLists, Lists, Spill, coded, library, write_lists

SLACK = 8  # rows that are fetched beyond k, so that rounding cannot cut one off
GRAPH = 64  # least width of the search for lists
ROWS = 16_384

Coarse = tuple[Ids, Matrix]  # lists (q, visits) of each query, and how far their centroids are
Mask = NDArray[np.uint8]  # one bit a position


class Part:
    """An open part: faiss numbers its rows by position, `ids` names them, `gone` are positions that were removed."""

    def __init__(self, folder: Path, files: PartFiles, gone: Ids, listed: bool) -> None:
        faiss = library()
        self.files, self.gone, self.listed = files, np.unique(gone), listed
        self.ids: Ids = np.load(folder / files.ids, mmap_mode="r", allow_pickle=False)
        flags = faiss.IO_FLAG_MMAP if listed else getattr(faiss, "IO_FLAG_MMAP_IFC", 0)
        self.index: Any = faiss.read_index(str(folder / files.rows), flags)
        if not (self.index.ntotal == len(self.ids) == files.n):
            raise ValueError(f"{self.index.ntotal} rows, {len(self.ids)} ids; expected {files.n}")

    @property
    def left(self) -> int:
        return self.files.n - len(self.gone)

    def alive(self) -> Ids:
        """Ids (m,), ascending, of what is not gone."""
        return self.ids if not len(self.gone) else np.delete(self.ids, self.gone)

    def positions(self, ids: Ids) -> Ids:
        """Positions (m,), ascending, of those of `ids` (ascending) that are here and not gone."""
        at = np.minimum(np.searchsorted(self.ids, ids), max(len(self.ids) - 1, 0))
        at = at[self.ids[at] == ids] if len(self.ids) else at[:0]
        return np.setdiff1d(at, self.gone, assume_unique=True).astype(np.int64)

    def mask(self, only: Ids | None) -> Mask | None:
        """One bit a position that may be found; None where all may."""
        if only is None and not len(self.gone):
            return None
        may = np.ones(self.files.n, bool) if only is None else np.zeros(self.files.n, bool)
        if only is None:
            may[self.gone] = False
        else:
            may[self.positions(only)] = True
        return np.packbits(may, bitorder="little")

    def coarse(self, queries: Matrix, visits: int) -> Coarse:
        """The `visits` lists (q, visits) whose centroids are nearest to each query, and their squared distances."""
        faiss, cells = library(), self.index.nlist
        if 2 * visits > cells:  # all of them: nothing to search for
            return np.tile(np.arange(cells), (len(queries), 1)), np.zeros((len(queries), cells), np.float32)
        width = faiss.SearchParametersHNSW()
        width.efSearch = max(GRAPH, 2 * visits)
        far, cell = self.index.quantizer.search(queries, visits, params=width)
        return cell, far

    def near(self, queries: Matrix, k: int, coarse: Coarse | None, mask: Mask | None) -> tuple[Ids, Matrix]:
        """Ids (q, <= k) and squared distances, in no settled order among equals; -1 and inf where there are fewer."""
        faiss = library()
        chosen = None if mask is None else faiss.IDSelectorBitmap(mask)
        if coarse is not None:
            k = min(k, self.files.n)
            far, at = self._listed(queries, k, coarse, chosen)
        else:
            k = min(k + SLACK, self.files.n)
            far, at = self.index.search(queries, k, params=faiss.SearchParameters(sel=chosen) if chosen else None)
            far = self._exact(queries, at)
        here = at >= 0
        ids = np.where(here, self.ids[np.maximum(at, 0)], -1)
        return ids, np.where(here, far, np.inf).astype(np.float32)

    def _listed(self, queries: Matrix, k: int, coarse: Coarse, chosen: Any) -> tuple[Matrix, Ids]:
        faiss, (cell, apart) = library(), coarse
        how = faiss.SearchParametersIVF(nprobe=cell.shape[1], **({"sel": chosen} if chosen else {}))
        far, at = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        given = [np.ascontiguousarray(array) for array in (queries, cell, apart)]
        pointers = [faiss.swig_ptr(array) for array in (*given, far, at)]
        self.index.search_preassigned_c(len(queries), pointers[0], k, *pointers[1:], False, how)
        return far, at

    def _exact(self, queries: Matrix, at: Ids) -> Matrix:
        """Squared distances (q, k), summed row by row: the same however many queries are searched together."""
        out = np.empty(at.shape, np.float32)
        for i in range(len(queries)):
            apart = self.index.reconstruct_batch(np.maximum(at[i], 0)) - queries[i]
            out[i] = np.einsum("ij,ij->i", apart, apart)
        return out


def flat_part(folder: Path, ids: Ids, blocks: Iterable[Matrix]) -> PartFiles:
    """A part that keeps the rows (b, d) of all blocks, those of ascending `ids`, as they are."""
    faiss, index = library(), None
    for x in blocks:
        index = faiss.IndexFlatL2(x.shape[1]) if index is None else index
        index.add(np.ascontiguousarray(x))
    return _written(folder, ids, lambda path: faiss.write_index(index, str(path)))


def listed_part(folder: Path, trained: Any, ids: Ids, blocks: Iterable[Matrix]) -> PartFiles:
    """A part that keeps codes of the rows (b, d) of all blocks, those of ascending `ids`, in the lists of `trained`."""
    spills: list[Spill] = []
    first = 0
    try:
        for x in blocks:
            cell, codes = coded(trained, x)
            spills.append(Spill(folder, trained.nlist, (cell, codes, np.arange(first, first + len(x)))))
            first += len(x)
        return spilled_part(folder, trained, ids, spills)
    finally:
        for spill in spills:
            spill.close()


def spilled_part(folder: Path, trained: Any, ids: Ids, spills: Sequence[Spill]) -> PartFiles:
    """A part of coded rows that wait in temporary files, which are removed."""
    try:
        return _written(folder, ids, lambda path: write_lists(path, trained, spills))
    finally:
        for spill in spills:
            spill.close()


def merged_part(folder: Path, parts: Sequence[Part], trained: Any | None, ids: Ids) -> PartFiles:
    """One part of what is left of several: `ids` are all that is left, ascending."""
    moved = []
    for part in parts:
        to = np.searchsorted(ids, part.ids)
        to[part.gone] = -1
        moved.append(to.astype(np.int64))
    if trained is not None:
        lists: list[Lists] = [KeptLists(part.index, to) for part, to in zip(parts, moved, strict=True)]
        return _written(folder, ids, lambda path: write_lists(path, trained, lists))
    x = np.empty((len(ids), parts[0].index.d), np.float32)
    for part, to in zip(parts, moved, strict=True):
        for i in range(0, len(to), ROWS):
            here = np.flatnonzero(to[i : i + ROWS] >= 0)
            x[to[i + here]] = part.index.reconstruct_n(i, len(to[i : i + ROWS]))[here]
    return flat_part(folder, ids, [x])


def pool_digest(ids: Ids) -> str:
    """32 hex digits that stand for which ids there are. Cost: one read of them."""
    mark = hashlib.blake2b(digest_size=16)
    for i in range(0, len(ids), 1 << 20):
        mark.update(np.ascontiguousarray(ids[i : i + (1 << 20)], "<i8").data)
    return mark.hexdigest()


def _written(folder: Path, ids: Ids, write: Any) -> PartFiles:
    def write_ids(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, np.ascontiguousarray(ids, np.int64), allow_pickle=False)

    named = kept(folder, "ids", ".npy", write_ids)
    return PartFiles(kept(folder, "rows", ".faiss", write), named, len(ids))
