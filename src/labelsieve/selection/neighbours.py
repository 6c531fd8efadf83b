"""Exact nearest neighbours of rows, in blocks: never an n x n matrix. And neighbours of items, by any index."""

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.rounds import BLOCK as ROWS
from labelsieve.core.rounds import Pool
from labelsieve.core.types import Ids, Matrix

BLOCK = 1024
QUERIES = 512  # items that are searched at once


class Searchable(Protocol):
    """What of an index a search needs."""

    def search(self, queries: Matrix, k: int) -> tuple[Ids, Matrix]: ...


def nearest(queries: Matrix, x: Matrix, k: int, skip: Ids | None = None) -> tuple[Ids, Matrix]:
    """Positions (q, k) in x (m, d) of the nearest rows to each query row, and squared distances (q, k), nearest first.

    `skip` (q,) is a position that is not its own neighbour (-1: none). k is at most the rows that remain. Equal
    distances fall in the order of x. Cost: O(q m d), memory for 1,024 x m numbers.
    """
    k = min(k, len(x) - (skip is not None))
    ids, far = np.empty((len(queries), max(k, 0)), np.int64), np.empty((len(queries), max(k, 0)), np.float32)
    square = np.einsum("ij,ij->i", x, x)
    for i in range(0, len(queries) if k > 0 else 0, BLOCK):
        part = queries[i : i + BLOCK]
        distance = square[None, :] - 2.0 * (part @ x.T) + np.einsum("ij,ij->i", part, part)[:, None]
        np.maximum(distance, 0.0, out=distance)
        if skip is not None:
            own = np.flatnonzero(skip[i : i + BLOCK] >= 0)
            distance[own, skip[i : i + BLOCK][own]] = np.inf
        ids[i : i + BLOCK], far[i : i + BLOCK] = _smallest(distance, k)
    return ids, far


def graph(x: Matrix, k: int) -> tuple[Ids, Matrix]:
    """The k nearest other rows of every row of x (m, d): positions (m, k) and squared distances. Cost: O(m^2 d)."""
    return nearest(x, x, k, np.arange(len(x)))


def _smallest(distance: Matrix, k: int) -> tuple[Ids, Matrix]:
    if k < distance.shape[1]:
        reach = np.partition(distance, k - 1, axis=1)[:, k - 1 : k]
        # what lies nearer than the k-th comes first, ties at the k-th in the order of x
        rank = np.where(distance < reach, 0, np.where(distance == reach, 1, 2)).astype(np.int8)
        at = np.argsort(rank, axis=1, kind="stable")[:, :k]
        at.sort(axis=1)
    else:
        at = np.tile(np.arange(distance.shape[1]), (len(distance), 1))
    near = np.take_along_axis(distance, at, axis=1)
    order = np.argsort(near, axis=1, kind="stable")
    return np.take_along_axis(at, order, axis=1), np.take_along_axis(near, order, axis=1)


class ExactRows:
    """Nearest rows of a pool by reading it once: no index, no file. Ids and similarity as an index gives them.

    Similarity is 1 - (squared distance) / 2: the cosine, for rows of unit norm.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def search(self, queries: Matrix, k: int, only: Ids | None = None) -> tuple[Ids, Matrix]:
        """Ids (q, k) of the nearest rows and their similarity (q, k), best first, ties by id; -1 and -inf where fewer.

        Cost: one scan of the pool (or of `only`), O(q N d); memory for q x 16,384 numbers.
        """
        ids = self._pool.ids if only is None else np.unique(only)
        found, far = closest(queries, ((part, self._pool.take(part)) for part in _parts(ids)), k)
        return found, (1.0 - far / 2.0).astype(np.float32)


class ItemNeighbours:
    """Neighbours of items, which remembers what it has searched: a later round searches the newly labelled only."""

    def __init__(self, pool: Pool, index: Searchable) -> None:
        self._pool, self._index = pool, index
        self._known: dict[int, Ids] = {}
        self._k = 0
        self.searched = 0  # items that were looked up in the index so far

    def __call__(self, ids: Ids, k: int) -> Ids:
        """Ids (m, k) of the nearest other items, best first; -1 where there are fewer. Cost: a search of the new ones.

        InputError for k below 1, UnknownName for an item that the pool does not hold.
        """
        if k < 1:
            raise InputError(f"{k} neighbours were asked for; expected at least 1.", "ask for one or more.")
        ids = np.asarray(ids, np.int64)
        if k > self._k:
            self._known, self._k = {}, k
        new = np.array([id_ for id_ in np.unique(ids).tolist() if id_ not in self._known], np.int64)
        for i in range(0, len(new), QUERIES):
            part = new[i : i + QUERIES]
            found, _ = self._index.search(self._pool.take(part), self._k + 1)
            self._known.update(zip(part.tolist(), _others(found, part), strict=True))
        self.searched += len(new)
        out = np.full((len(ids), k), -1, np.int64)
        for row, id_ in enumerate(ids.tolist()):
            out[row] = self._known[id_][:k]
        return out


def exact_neighbours(pool: Pool) -> ItemNeighbours:
    """Neighbours of items of a pool that has no index: each new item costs its share of one scan."""
    return ItemNeighbours(pool, ExactRows(pool))


def closest(queries: Matrix, blocks: Iterable[tuple[Ids, Matrix]], k: int) -> tuple[Ids, Matrix]:
    """Ids (q, k) of the nearest among all rows of `blocks`, and squared distances (q, k), nearest first, ties by id.

    A block is ids (b,) and their rows (b, d). Where there are fewer than k: -1 and inf. Neither the order of the rows
    nor their cut into blocks changes the answer: distances of what comes near are summed up again one by one.
    Cost: O(q N d), memory for q x b numbers.
    """
    queries = np.ascontiguousarray(queries, np.float32)
    ids, far = np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), np.inf, np.float32)
    own = np.einsum("ij,ij->i", queries, queries)
    for block, x in blocks:
        square = np.einsum("ij,ij->i", x, x)
        slack = 1e-5 * (own + (square.max() if len(square) else 0.0)) + 1e-12  # of rounding in the product
        rough = square[None, :] - 2.0 * (queries @ x.T) + own[:, None]
        for row in np.flatnonzero((rough <= (far[:, -1] + slack)[:, None]).any(axis=1)).tolist():
            at = np.flatnonzero(rough[row] <= far[row, -1] + slack[row])
            if len(at) > 4 * k:
                at = at[rough[row, at] <= np.partition(rough[row, at], k - 1)[k - 1] + 2 * slack[row]]
            apart = np.asarray(x[at] - queries[row], np.float32)
            exact = np.einsum("ij,ij->i", apart, apart)
            ids[row], far[row] = _merged((ids[row], far[row]), (block[at], exact), k)
    return ids, far


def _merged(one: tuple[Ids, Matrix], other: tuple[Ids, Matrix], k: int) -> tuple[Ids, Matrix]:
    there = one[0] >= 0
    ids, far = np.concatenate([one[0][there], other[0]]), np.concatenate([one[1][there], other[1]])
    order = np.lexsort((ids, far))[:k]
    out, distance = np.full(k, -1, np.int64), np.full(k, np.inf, np.float32)
    out[: len(order)], distance[: len(order)] = ids[order], far[order]
    return out, distance


def _others(found: Ids, own: Ids) -> Ids:
    """Each row of found (m, k + 1) without the item itself: (m, k)."""
    last = found.shape[1] - 1
    rank = np.where(found == own[:, None], 2, np.where(found < 0, 1, 0))
    out: Ids = np.take_along_axis(found, np.argsort(rank, axis=1, kind="stable"), axis=1)[:, :last]
    return out


def _parts(ids: Ids) -> Iterator[Ids]:
    return (ids[i : i + ROWS] for i in range(0, len(ids), ROWS))
