"""The named query strategies: plain functions of a round."""

import numpy as np
from numpy.random import Generator

from labelsieve.core.rounds import Round
from labelsieve.core.types import Query
from labelsieve.selection import acquisition, clusters, coverage
from labelsieve.selection.candidates import thin
from labelsieve.selection.composing import at_random, chosen, compose


def random(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) in which every item that may be asked is as likely as any other."""
    return at_random(state, n, rng)


by_margin = compose(acquisition.from_proba(acquisition.margin), name="margin")
by_entropy = compose(acquisition.from_proba(acquisition.entropy), name="entropy")
by_least_confident = compose(acquisition.from_proba(acquisition.least_confident), name="least_confident")


def by_facility_location(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of the items that cover the pool best, given what is labelled. Needs no head.

    Cost: as `labelsieve.facility_location`: a random part of a large pool is chosen from, and a part is covered.
    """
    free = state.require(n)
    rows, points = thin(free, max(coverage.FACILITIES, n), rng), thin(free, coverage.POINTS, rng)
    given = coverage.Covering(state.take(points), state.take(state.labels.ids))
    order, gain = given.greedy(state.take(rows), n)
    return chosen(rows[order], gain, "facility_location", "near to many items, and far from all that is labelled")


def by_typiclust(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of typical items of clusters that have no label yet. Needs no head."""
    free = thin(state.require(n), max(clusters.ROWS, n), rng)
    ids = np.concatenate([state.labels.ids, free])
    picked = clusters.typiclust(state.take(ids), n, np.arange(len(state.labels)), rng)
    return chosen(ids[picked], np.arange(n, 0, -1) / max(n, 1), "typiclust", "typical of a cluster without labels")
