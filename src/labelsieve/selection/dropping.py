"""DropQuery: items on which the head changes its mind when it sees a part of the numbers only."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.rounds import BLOCK, Round
from labelsieve.core.types import Ids, Matrix, Query, Vector
from labelsieve.selection.candidates import thin
from labelsieve.selection.clusters import kmeans
from labelsieve.selection.composing import at_random, best, chosen

LIMIT = 100_000  # items that are looked at
ROWS = 10_000  # items that are clustered
PASSES = 3
KEPT = 64  # of 256: a quarter of the numbers of an item is kept, three quarters are dropped


def by_dropquery(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of items in different places, whose class changes when three quarters of an embedding are dropped.

    Kept are items of which more than half of three dropouts give another class than the whole embedding; k-means makes
    n cells of them, and the item nearest to each centre is asked. Where they are fewer than n, those that change least
    often fill up. At most 100,000 random items are looked at and 10,000 clustered.

    Source: Gupte, Aklilu, Nirschl and Yeung-Levy 2024, section 4 (dropout .75, 3 passes).
    Cost: 4 scans by the head, then k-means: O(min(m, 10000) n d) a step.
    """
    free, before = state.require(n), state.scored
    if state.head is None:
        return at_random(state, n, rng, "dropquery", "nothing is learnt yet: drawn at random")
    ids = thin(free, max(LIMIT, n), rng)
    share = changed(state, ids, rng)
    kept = np.flatnonzero(share > 0.5)
    why = "the model changes its mind when a part of the embedding is dropped"
    if len(kept) <= n:  # all that change their class, and then those that do so least rarely
        rows = best(ids, share, n, rng)
    else:
        kept = thin(kept, max(ROWS, n), rng)
        x = state.take(ids[kept])
        centres, _ = kmeans(x, n, rng)
        rows = kept[nearest_rows(centres, x)]
    return chosen(ids[rows], share[rows], "dropquery", why, state.scored - before)


def changed(state: Round, ids: Ids, rng: Generator) -> Vector:
    """Share (m,) of dropouts after which the head says another class of ids than before.

    What is kept is scaled up, so that its expectation stays. Multilabel: another set of classes.
    Cost: 4 scans by the head.
    """
    share = np.empty(len(ids))
    head = state.head
    if head is None:
        return np.zeros(len(ids))
    many = state.labels.kind == "multilabel"
    for i in range(0, len(ids), BLOCK):
        x = state.take(ids[i : i + BLOCK])
        whole = _said(head.predict_proba(x), many)
        other = np.zeros(len(x))
        for _ in range(PASSES):
            keep = rng.integers(0, 256, size=x.shape, dtype=np.uint8) < KEPT
            dropped = _said(head.predict_proba(x * keep * np.float32(256 / KEPT)), many)
            other += (dropped != whole).any(axis=1)
        share[i : i + BLOCK] = other / PASSES
    state.scored += len(ids)
    return share


def nearest_rows(centres: Matrix, x: Matrix) -> Ids:
    """Positions (k,) in x (m, d) of a row near to each centre (k, d): the nearest that no centre before it took.

    The centre with most rows comes first. Cost: O(k m d).
    """
    distance = np.einsum("ij,ij->i", x, x)[None, :] - 2.0 * (centres @ x.T)
    distance += np.einsum("ij,ij->i", centres, centres)[:, None]
    size = np.bincount(distance.argmin(axis=0), minlength=len(centres))
    picked = []
    for c in np.argsort(-size, kind="stable"):
        row = int(distance[c].argmin())
        picked.append(row)
        distance[:, row] = np.inf
    return np.array(picked, np.int64)


def _said(proba: Matrix, many: bool) -> NDArray[np.int64]:
    """(m, 1) the likeliest class, or (m, c) which classes are there."""
    return (proba > 0.5).astype(np.int64) if many else proba.argmax(axis=1)[:, None].astype(np.int64)
