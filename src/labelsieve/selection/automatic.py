"""`auto`: cover the pool first; then cover what the head is unsure of."""

import numpy as np
from numpy.random import Generator

from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Query, Vector
from labelsieve.selection.acquisition import from_proba, margin
from labelsieve.selection.candidates import thin
from labelsieve.selection.composing import best, chosen
from labelsieve.selection.coverage import FACILITIES, POINTS, Covering, directions

UNSURE, SHARE, FEWEST = 20, 0.02, 200  # choose among 20 n items, or 2 % of a larger pool, never fewer than 200
SURE = 1e-3  # weight of an item that the head is sure of, where an unsure one weighs about 1
WIDTH = 0.3  # of the similarity: .2 to .6 and plain cosine are ties


def auto(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of items that stand for many others, which the head is unsure of and nothing labelled is near to.

    Greedy facility location on directions from the mean of the pool, points weighted by their margin score, chosen
    among the items of highest margin score. Without a head all items weigh the same and all can be
    chosen. At most 4,096 random points are covered and 8,192 items can be chosen.

    Source: facility location weighted by margin; measured in benchmarks/results/label_efficiency.json.
    Cost: one scan of the pool by the head, then O(min(20 n, 8192) min(m, 4096) d).
    """
    free, before = state.require(n), state.scored
    score = None if state.head is None else from_proba(margin)(state, free)
    rows, points = _choosable(free, score, n, rng), thin(free, POINTS, rng)
    x = state.take(points)
    centre = x.mean(axis=0)
    covering = Covering(directions(x, centre), directions(state.take(state.labels.ids), centre), WIDTH)
    weight = None if score is None else score[np.searchsorted(free, points)] + SURE
    order, gain = covering.greedy(directions(state.take(rows), centre), n, weight)
    why = "near to many items" if score is None else "near to many items that the head is unsure of"
    return chosen(rows[order], gain, "auto", why + ", and far from all that is labelled", state.scored - before)


def _choosable(free: Ids, score: Vector | None, n: int, rng: Generator) -> Ids:
    """The ids, ascending, among which a query of n is chosen."""
    limit = max(FACILITIES, n)
    if score is None:
        return thin(free, limit, rng)
    wanted = min(max(UNSURE * n, int(SHARE * len(free)), FEWEST), limit, len(free))
    return np.sort(free[best(free, score, wanted, rng)])
