"""Inverted lists with eight bits a number: trained by two levels of k-means, written list by list in bounded memory.

Source: inverted files and scalar quantisation as in "Billion-scale similarity search with GPUs" (Johnson et al. 2017)
and the faiss library; the centroids are searched by a graph (HNSW, Malkov and Yashunin 2016).
"""

import os
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from labelsieve.core.errors import ProjectError
from labelsieve.core.types import Ids, Matrix
from labelsieve.store.placing import temporary

ROUNDS = 10  # of k-means
SCALED = 65_536  # rows that the eight bits are fitted on
LINKS, WIDTH = 32, 64  # of the graph of centroids

Codes = NDArray[np.uint8]


def library() -> Any:
    """faiss, loaded when it is first needed."""
    import faiss

    return faiss


@contextmanager
def faiss_threads(n: int) -> Iterator[None]:
    """Inside, faiss uses at most n threads; 0 leaves it as it is."""
    faiss = library()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(n or before)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def trained_lists(x: Matrix, cells: int, seed: int) -> Any:
    """An empty faiss index with about `cells` lists, fitted on rows x (m, d). The same rows and seed, the same lists.

    Cost: O(m sqrt(cells) d) for two levels of k-means, then a graph over the centroids.
    """
    faiss = library()
    centroids = _centroids(x, cells, seed)
    graph = faiss.IndexHNSWFlat(x.shape[1], LINKS)
    with faiss_threads(1):  # several threads would link in an order of their own
        graph.add(centroids)
    bits = faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexIVFScalarQuantizer(graph, x.shape[1], len(centroids), bits, faiss.METRIC_L2, True)
    index.quantizer_trains_alone = 2
    index.train(np.ascontiguousarray(x[:: max(1, len(x) // SCALED)]))
    return index


def _centroids(x: Matrix, cells: int, seed: int) -> Matrix:
    """About `cells` centroids (c, d): k-means, then k-means inside each, with as many as its share of the rows."""
    top = _kmeans(x, max(1, round(cells**0.5)), seed)
    home = _nearest_of(x, top)
    order = np.argsort(home, kind="stable")
    ends = np.cumsum(np.bincount(home, minlength=len(top)))

    def inner(number: int) -> Matrix:
        rows = x[order[(ends[number - 1] if number else 0) : ends[number]]]
        if not len(rows):
            return rows
        with faiss_threads(1):
            return _kmeans(rows, max(1, round(cells * len(rows) / len(x))), seed + number + 1)

    # many small ones: one thread each, or the threads would wait for one another
    with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as crew:
        return np.concatenate(list(crew.map(inner, range(len(top)))))


def _kmeans(x: Matrix, k: int, seed: int) -> Matrix:
    faiss = library()
    if k >= len(x):
        return np.unique(x, axis=0)
    kmeans = faiss.Kmeans(
        x.shape[1], k, niter=ROUNDS, seed=seed % 2**31, min_points_per_centroid=1, max_points_per_centroid=256
    )
    kmeans.train(x)
    centroids: Matrix = kmeans.centroids
    return centroids[np.isfinite(centroids).all(axis=1)]


def _nearest_of(x: Matrix, centroids: Matrix) -> Ids:
    faiss = library()
    flat = faiss.IndexFlatL2(x.shape[1])
    flat.add(centroids)
    at: Ids = flat.search(x, 1)[1][:, 0]
    return at


def coded(index: Any, x: Matrix) -> tuple[Ids, Codes]:
    """The list (m,) of each row of x (m, d), and its codes (m, bytes)."""
    faiss = library()
    x = np.ascontiguousarray(x, np.float32)
    cell = np.ascontiguousarray(index.quantizer.search(x, 1)[1][:, 0])
    codes = np.empty((len(x), index.code_size), np.uint8)
    index.encode_vectors(len(x), faiss.swig_ptr(x), faiss.swig_ptr(cell), faiss.swig_ptr(codes))
    return cell, codes


class Lists(Protocol):
    """Something that holds lists: how long each is, and its codes and positions."""

    sizes: Ids

    def read(self, cell: int) -> tuple[Codes, Ids]: ...


class Spill:
    """Coded rows, sorted by list, in two temporary files that are removed with `close`."""

    def __init__(self, folder: Path, cells: int, rows: tuple[Ids, Codes, Ids]) -> None:
        cell, codes, positions = rows
        order = np.argsort(cell, kind="stable")
        self.sizes: Ids = np.bincount(cell, minlength=cells).astype(np.int64)
        self._ends = np.cumsum(self.sizes)
        self._paths = temporary(folder, "codes"), temporary(folder, "positions")
        with self._paths[0].open("wb") as file:
            for i in range(0, len(order), SCALED):
                file.write(codes[order[i : i + SCALED]].data)
        with self._paths[1].open("wb") as file:
            file.write(positions[order].astype("<i8").data)
        self._codes = np.memmap(self._paths[0], np.uint8, "r", shape=codes.shape)
        self._positions = np.memmap(self._paths[1], "<i8", "r", shape=positions.shape)

    def read(self, cell: int) -> tuple[Codes, Ids]:
        end = int(self._ends[cell])
        start = end - int(self.sizes[cell])
        return self._codes[start:end], self._positions[start:end]

    def close(self) -> None:
        for path in self._paths:
            path.unlink(missing_ok=True)


class KeptLists:
    """The lists of an open index whose position p becomes moved[p], and is left out where that is -1."""

    def __init__(self, index: Any, moved: Ids) -> None:
        self._lists, self._moved = index.invlists, moved
        self._bytes = index.code_size
        self.sizes = np.array([(self._new(i) >= 0).sum() for i in range(index.nlist)], np.int64)

    def _new(self, cell: int) -> Ids:
        faiss = library()
        n = self._lists.list_size(cell)
        return self._moved[faiss.rev_swig_ptr(self._lists.get_ids(cell), n)] if n else np.empty(0, np.int64)

    def read(self, cell: int) -> tuple[Codes, Ids]:
        faiss = library()
        new = self._new(cell)
        if not len(new):
            return np.empty((0, self._bytes), np.uint8), new
        codes = faiss.rev_swig_ptr(self._lists.get_codes(cell), len(new) * self._bytes)
        return codes.reshape(len(new), self._bytes)[new >= 0], new[new >= 0]


def trained_bytes(index: Any, rows: int = 0) -> bytes:
    """The bytes of a trained index without any list, as faiss writes them."""
    faiss = library()
    before = index.ntotal
    index.replace_invlists(None, False)
    index.ntotal = rows
    out: bytes = faiss.serialize_index(index).tobytes()
    index.ntotal = before
    if out[-4:] != b"il00":
        raise ProjectError(
            f"faiss {faiss.__version__} writes an index in a way that is not known here.",
            "install the version of constraints.txt.",
        )
    return out


def write_lists(path: Path, trained: Any, sources: Sequence[Lists]) -> None:
    """One faiss file of the lists of all sources, in ordinary writes: a full disk is an error, never a crash.

    Cost: one read and one write of all codes; memory for one list.
    """
    cells, size = trained.nlist, trained.code_size
    sizes = np.sum([source.sizes for source in sources], axis=0).astype("<u8")
    head = trained_bytes(trained, int(sizes.sum()))[:-4]
    with path.open("wb", buffering=1 << 20) as file:
        file.write(head + b"ilar" + struct.pack("<QQ", cells, size) + b"full" + struct.pack("<Q", cells))
        file.write(sizes.tobytes())
        for cell in range(cells):
            parts = [source.read(cell) for source in sources if source.sizes[cell]]
            for codes, _ in parts:
                file.write(np.ascontiguousarray(codes).data)
            for _, positions in parts:
                file.write(np.ascontiguousarray(positions, "<i8").data)
