"""`auto`: cover the pool first; then cover what the head is unsure of."""

import numpy as np
from numpy.random import Generator

from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Query, Vector
from labelsieve.selection.acquisition import from_proba, margin
from labelsieve.selection.candidates import thin
from labelsieve.selection.composing import best, chosen
from labelsieve.selection.coverage import FACILITIES, POINTS, Covering, directions

CHOOSABLE = 4096  # items to choose among once there is a head: half of them the most unsure, half random
SURE = 1e-3  # weight of an item that the head is sure of, where an unsure one weighs about 1
WIDTH = 0.45  # of the similarity: .3 to 1 are near ties


def auto(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of items that stand for many others, which the head is unsure of and nothing labelled is near to.

    Greedy facility location on directions from the mean of the pool, points weighted by their margin score. Without
    a head all items weigh the same. At most 4,096 random points are covered. Up to 4,096 items can be chosen (8,192
    without a head); of a larger pool the 2,048 of highest margin score and as many at random.

    Source: facility location weighted by margin; measured in benchmarks/results/label_efficiency.json.
    Cost: one scan of the pool by the head, then O(min(m, 4096)^2 d).
    """
    free, before = state.require(n), state.scored
    score = None if state.head is None else from_proba(margin)(state, free)
    rows, points = _choosable(free, score, n, rng), thin(free, POINTS, rng)
    x = state.take(points)
    centre = x.mean(axis=0)
    covering = Covering(directions(x, centre), directions(state.take(state.labels.ids), centre), WIDTH)
    weight = None if score is None else score[np.searchsorted(free, points)] + SURE
    order, gain = covering.greedy(directions(state.take(rows), centre), n, weight)
    why = "near to many items" if score is None else "near to many items that the model is unsure of"
    return chosen(rows[order], gain, "auto", why + ", and far from all that is labelled", state.scored - before)


def _choosable(free: Ids, score: Vector | None, n: int, rng: Generator) -> Ids:
    """The ids, ascending, among which a query of n is chosen."""
    if score is None:
        return thin(free, max(FACILITIES, n), rng)
    limit = max(CHOOSABLE, 2 * n)
    if len(free) <= limit:
        return free
    rest = np.ones(len(free), bool)
    rest[best(free, score, limit // 2, rng)] = False
    rest[rng.choice(np.flatnonzero(rest), limit - limit // 2, replace=False)] = False
    return free[~rest]
