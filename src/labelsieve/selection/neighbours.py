"""Exact nearest neighbours of rows, in blocks: never an n x n matrix."""

import numpy as np

from labelsieve.core.types import Ids, Matrix

BLOCK = 1024


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
