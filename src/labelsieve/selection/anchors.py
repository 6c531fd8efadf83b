"""AnchorAL: a small, class-balanced set of candidates, around a few labelled items of each class."""

import numpy as np
from numpy.random import Generator

from labelsieve.core.errors import InputError
from labelsieve.core.rounds import Round
from labelsieve.core.sockets import Candidates
from labelsieve.core.types import Ids, Matrix, Vector
from labelsieve.selection.candidates import Narrowing, drawn
from labelsieve.selection.wanting import has_class

DEEPER = 4  # times k neighbours are looked at, since the nearest may all be labelled
BLIND = 10_000


def near_anchors(anchors: int = 10, k: int = 50, limit: int = 1000, explore: float = 0.0) -> Candidates:
    """At most `limit` items: the k nearest unlabelled ones of at most `anchors` labelled items of each class.

    Anchors of a class are spread over it (k-means++ draws) and drawn anew for each query; among what they find, the
    most similar to the anchors that found them stay. `explore` adds that share of random items. With nothing
    labelled, 10,000 random items are the candidates.
    Source: Lesci and Vlachos 2024 (AnchorAL), section 3.
    Cost: O(labels anchors d) for the draws, then one index search an anchor.
    InputError where the round has no neighbours.
    """
    for name, value in (("anchors", anchors), ("k", k), ("limit", limit)):
        if not (type(value) is int and value >= 1):
            raise InputError(f"{name} is {value}; a whole number, 1 or more, was expected.")
    if not 0 <= explore <= 1:
        raise InputError(f"explore is {explore}; a share of the candidates, 0 to 1, was expected.")

    def candidates(state: Round, rng: Generator) -> Ids:
        if not len(state.labels):
            return drawn(state, BLIND, rng)
        around = anchors_of(state, anchors, rng)
        ids = _found(state, around, k, limit)
        return np.union1d(ids, drawn(state, int(np.ceil(explore * len(ids))), rng, ids)) if explore else ids

    def why(state: Round) -> str:
        if not len(state.labels):
            return f"among {BLIND:,} items at random: nothing is labelled to look around"
        return f"among at most {limit:,} items near to {anchors} labelled items of each class"

    return Narrowing(candidates, why)


def anchors_of(state: Round, anchors: int, rng: Generator) -> Ids:
    """Labelled ids, ascending and distinct, at most `anchors` of each class, spread over it. Cost: O(m anchors d)."""
    labels = state.labels
    drawn_ = []
    for code in range(len(labels.classes)):
        ids = labels.ids[has_class(labels, code)]
        if len(ids) > anchors:
            ids = ids[spread(state.take(ids), anchors, rng)]
        drawn_.append(ids)
    if labels.kind == "multilabel" and not any(map(len, drawn_)):
        return labels.ids[:anchors]
    return np.unique(np.concatenate(drawn_)).astype(np.int64)


def spread(x: Matrix, n: int, rng: Generator) -> Ids:
    """Positions (n,) of rows of x (m, d), m >= n, each drawn by its squared distance to those drawn before.

    Source: Arthur and Vassilvitskii 2007 (k-means++ seeding). Cost: O(m n d).
    """
    picked = np.empty(n, np.int64)
    far: Vector = np.ones(len(x))
    for i in range(n):
        free = np.ones(len(x), bool)
        free[picked[:i]] = False
        chance = np.where(free, far, 0.0)
        if chance.sum() <= 0:  # repeats of what is drawn: any will do
            chance = free.astype(np.float64)
        at = int(rng.choice(len(x), p=chance / chance.sum()))
        distance = np.square(x - x[at], dtype=np.float64).sum(axis=1)
        picked[i], far = at, distance if i == 0 else np.minimum(far, distance)
    return picked


def _found(state: Round, around: Ids, k: int, limit: int) -> Ids:
    """Ids, ascending: the k nearest of each anchor that may be asked, cut to the `limit` most similar."""
    if state.neighbours is None:
        raise InputError(
            "these candidates are neighbours of labelled items, and this pool has no index to find them.",
            "labelsieve index PROJECT, or choose among everything.",
        )
    near = state.neighbours(around, min(DEEPER * k, len(state.pool.ids)))
    open_ = (near >= 0) & ~np.isin(near, state.blocked())
    if state.allowed is not None:
        open_ &= np.isin(near, state.allowed)
    open_ &= np.cumsum(open_, axis=1) <= k
    row, column = np.nonzero(open_)
    ids, at = np.unique(near[row, column], return_inverse=True)
    if len(ids) <= limit:
        return ids.astype(np.int64)
    x, centres = state.take(ids), state.take(around)
    gap = np.concatenate(
        [np.square(x[at[i : i + 4096]] - centres[row[i : i + 4096]]).sum(axis=1) for i in range(0, len(at), 4096)]
    )
    mean = np.bincount(at, weights=gap) / np.bincount(at)
    return np.sort(ids[np.lexsort((ids, mean))[:limit]]).astype(np.int64)
