"""`auto`: typical items first, then what the head is unsure of, spread out."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from labelsieve.core.rounds import Round
from labelsieve.core.types import Query
from labelsieve.selection.acquisition import from_proba, margin
from labelsieve.selection.clusters import weighted_kmeans_pick
from labelsieve.selection.compose import best, chosen
from labelsieve.selection.strategies import by_typiclust

START = 2  # queries before the head is asked
UNSURE = 10  # the most uncertain items that are looked at, in queries


def auto(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,): two of typical items, from then on the centres of clusters among the items of highest margin score.

    Source: Hacohen et al. 2022; Zhdanov 2019. Cost: one scan by the head, then O(10 n^2 d).
    """
    if state.head is None or state.number < START or n < 1:
        return replace(by_typiclust(state, n, rng), strategy="auto")
    ids, before = state.require(n), state.scored
    score = from_proba(margin)(state, ids)
    rows = np.sort(best(ids, score, min(len(ids), UNSURE * n), rng))
    picked = rows[weighted_kmeans_pick(state.take(ids[rows]), n, score[rows] + 1e-6, rng)]
    return chosen(ids[picked], score[picked], "auto", "the head is unsure here", state.scored - before)
