"""Controls for `auto`, and the strategies that it was compared with and that were not taken."""

import numpy as np
from numpy.random import Generator

from labelsieve.core.rounds import Round
from labelsieve.core.sockets import Strategy
from labelsieve.core.types import Query
from labelsieve.selection.acquisition import from_proba, margin
from labelsieve.selection.automatic import auto
from labelsieve.selection.clusters import kmeans
from labelsieve.selection.compose import best, chosen
from labelsieve.selection.coverage import Covering
from labelsieve.selection.strategies import by_facility_location, by_margin, by_typiclust, random


def first(start: Strategy, rounds: int, then: Strategy) -> Strategy:
    """`start` for so many queries, `then` from there on."""

    def strategy(state: Round, n: int, rng: Generator) -> Query:
        return (start if state.number < rounds else then)(state, n, rng)

    return strategy


def unsure_covered(state: Round, n: int, rng: Generator) -> Query:
    """Facility location on plain cosine, every point weighted by its margin score, every item can be chosen."""
    ids = state.require(n)
    x, score = state.take(ids), from_proba(margin)(state, ids)
    order, gain = Covering(x, state.take(state.labels.ids)).greedy(x, n, score + 1e-3)
    return chosen(ids[order], gain, "unsure covered", "")


def unsure_clustered(state: Round, n: int, rng: Generator) -> Query:
    """The items nearest to the centres of margin-weighted k-means over the 10 n of highest margin score."""
    ids = state.require(n)
    score = from_proba(margin)(state, ids)
    rows = np.sort(best(ids, score, min(10 * n, len(ids)), rng))
    x, weight = state.take(ids[rows]), score[rows] + 1e-3
    centres, _ = kmeans(x, n, rng, weight)
    far = np.einsum("ij,ij->i", centres, centres) - 2 * (x @ centres.T)
    picked: list[int] = []
    for column in far.T:
        column[picked] = np.inf
        picked.append(int(column.argmin()))
    return chosen(ids[rows[picked]], score[rows[picked]], "unsure clustered", "")


CONTROLS: dict[str, Strategy] = {
    "random": random,
    "margin": by_margin,
    "facility_location": by_facility_location,
    "auto": auto,
    "auto_start_then_random": first(auto, 1, random),
}
VARIANTS: dict[str, Strategy] = {
    "typiclust": by_typiclust,
    "facility_location_then_unsure_covered": first(by_facility_location, 1, unsure_covered),
    "typiclust_twice_then_unsure_clustered": first(by_typiclust, 2, unsure_clustered),
    "typiclust_then_auto": first(by_typiclust, 1, auto),
}
