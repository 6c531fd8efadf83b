"""Facility location in two more forms: over nearest neighbours only, and weighted by what the head is unsure of."""

from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np
from numpy.random import Generator

from labelsieve.core.randomness import as_rng, hash_uniform
from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Matrix, Query, Vector
from labelsieve.selection.acquisition import from_proba, margin
from labelsieve.selection.candidates import thin
from labelsieve.selection.composing import at_random, chosen
from labelsieve.selection.coverage import FACILITIES, POINTS, Covering, checked_weight, reader, rows_left, similarity
from labelsieve.selection.neighbours import graph

PART = 8192  # at most so many rows are chosen from and covered
NEIGHBOURS = 64  # a row can be covered by itself and so many nearest others
SURE = 1e-3  # weight of an item that the head is sure of, where an unsure one weighs about 1


def sparse_facility_location(
    x: Any, n: int, weight: Vector | None = None, labelled: Ids | None = None, rng: int | Generator = 0
) -> Ids:
    """Positions (n,) of the rows of x (m, d) that cover their 64 nearest neighbours best, most useful first.

    As `labelsieve.facility_location`, but a row is covered by itself, its neighbours or a `labelled` row alone: what
    is far does not count at all. Beyond 8,192 rows a random part is chosen from and covered.

    Source: Lindgren, Wu and Dimakis 2016 (facility location over nearest neighbours); lazy greedy by Minoux 1978.
    Cost: O(min(m, 8192)^2 d) in blocks, 64 numbers a row are kept.
    """
    take = reader(x)
    rng = as_rng(rng)
    taken, free = rows_left(len(x), n, labelled)
    part = thin(free, max(PART, n), rng)
    w = None if weight is None else checked_weight(weight, len(x))[part]
    return part[nearby(take(part), take(taken), n, w, rng)[0]]


def by_sparse_facility_location(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of items that stand for many of their nearest neighbours, labels counted. Needs no head.

    Source: Lindgren, Wu and Dimakis 2016, section 3: facility location over nearest neighbours.
    Cost: O(min(m, 8192)^2 d): a random part of a large pool is seen.
    """
    part = thin(state.require(n), max(PART, n), rng)
    order, gain = nearby(state.take(part), state.take(state.labels.ids), n, None, rng)
    why = "near to many of its nearest items, which no label is near to"
    return chosen(part[order], gain, "facility_location_sparse", why)


def by_unsure_facility_location(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of items that cover best what the head is unsure of, labels counted.

    Source: Wei, Iyer and Bilmes 2015 (submodular cover of what is uncertain), here as weights.
    Cost: one scan of at most 4,096 items by the head, then O(min(m, 8192) min(m, 4096) d).
    """
    free = state.require(n)
    if state.head is None:
        return at_random(state, n, rng, "facility_location_unsure", "nothing is learnt yet: drawn at random")
    before = state.scored
    rows, points = thin(free, max(FACILITIES, n), rng), thin(free, POINTS, rng)
    weight = from_proba(margin)(state, points) + SURE
    order, gain = Covering(state.take(points), state.take(state.labels.ids)).greedy(state.take(rows), n, weight)
    why = "near to many items that the model is unsure of, and far from all that is labelled"
    return chosen(rows[order], gain, "facility_location_unsure", why, state.scored - before)


def nearby(x: Matrix, given: Matrix, n: int, weight: Vector | None, rng: Generator) -> tuple[Ids, Vector]:
    """Order (n,) of rows of x (m, d) and the gain (n,) of each in the weighted mean similarity to nearest neighbours.

    Gains only shrink, so old ones are upper bounds and few are computed again. Rows that add nothing come in the order
    of a hash.
    """
    if n == 0:
        return np.zeros(0, np.int64), np.zeros(0)
    half = float(np.mean(np.einsum("ij,ij->i", x, x), dtype=np.float64)) or 1.0
    best = np.zeros(len(x))
    for i in range(0, len(given), 512):
        np.maximum(best, similarity(given[i : i + 512], x, half).max(axis=0), out=best)
    w = np.ones(len(x)) if weight is None else np.asarray(weight, np.float64)
    w = w / max(float(w.sum()), 1e-12)
    points, near, start = _covers(x, half)
    gain = np.add.reduceat(np.maximum(near - best[points], 0.0) * w[points], start[:-1])
    tie = hash_uniform(int(rng.integers(2**31)), np.arange(len(x)))
    heap = [(-float(g), float(t), j, 0) for j, (g, t) in enumerate(zip(gain, tie, strict=True))]
    heapify(heap)
    order, gains = np.empty(n, np.int64), np.empty(n)
    step = 0
    while step < n:
        bound, t, j, seen = heappop(heap)
        mine = slice(start[j], start[j + 1])
        if seen < step and bound < 0:
            now = float(np.maximum(near[mine] - best[points[mine]], 0.0) @ w[points[mine]])
            heappush(heap, (-now, t, j, step))
            continue
        order[step], gains[step] = j, -bound
        best[points[mine]] = np.maximum(best[points[mine]], near[mine])
        step += 1
    return order, gains


def _covers(x: Matrix, half: float) -> tuple[Ids, Vector, Ids]:
    """Row by row what it covers: points, similarities, and where (m + 1,) the part of each row starts."""
    others, square = graph(x, NEIGHBOURS)
    own = np.arange(len(x))
    points = np.concatenate([own, np.repeat(own, others.shape[1])])
    by = np.concatenate([own, others.ravel()])  # a point is covered by itself and by its neighbours
    near = np.concatenate([np.ones(len(x)), np.maximum(1.0 - square.ravel() / (2.0 * half), 0.0)])
    order = np.argsort(by, kind="stable")
    return points[order], near[order].astype(np.float64), np.searchsorted(by[order], np.arange(len(x) + 1))
