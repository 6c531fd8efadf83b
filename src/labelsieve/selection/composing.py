"""Strategies as three pure functions: candidates -> scores -> pick."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from labelsieve.core.randomness import hash_uniform
from labelsieve.core.rounds import Round
from labelsieve.core.sockets import Acquisition, Candidates, Pick, Strategy
from labelsieve.core.types import Ids, Query, Vector
from labelsieve.selection.candidates import everything

NOTHING_LEARNT = "nothing is learnt yet: drawn at random"


def top(state: Round, ids: Ids, score: Vector, n: int, rng: Generator) -> Ids:
    """The n ids with the highest score. Ties fall by a hash of the id, so the order of storage never decides."""
    return ids[best(ids, score, n, rng)]


def best(ids: Ids, score: Vector, n: int, rng: Generator) -> Ids:
    """Positions (n,) of the highest scores, best first, ties by a hash of the id. Cost: O(m + n log n)."""
    seed = int(rng.integers(2**31))
    if n < len(ids) // 4:  # only those that reach the n-th score have to be sorted
        reach = np.partition(score, len(score) - n)[len(score) - n] if n else np.inf
        kept = np.flatnonzero(score >= reach)
    else:
        kept = np.arange(len(ids))
    order = np.lexsort((hash_uniform(seed, ids[kept]), -score[kept]))
    return kept[order[:n]].astype(np.int64)


def compose(
    acquisition: Acquisition, candidates: Candidates = everything, pick: Pick = top, name: str = "", about: str = ""
) -> Strategy:
    """A strategy that scores the candidates and picks among them; `about` becomes its docstring.

    Without a head there is nothing to score by: such a query is drawn at random.
    """

    def strategy(state: Round, n: int, rng: Generator) -> Query:
        state.check(n)
        if state.head is None:
            return at_random(state, n, rng, name, NOTHING_LEARNT)
        before = state.scored
        ids = candidates(state, rng)
        if len(ids) < n:  # too few candidates to fill a query
            ids = state.free()
        score = acquisition(state, ids)
        picked = pick(state, ids, score, n, rng)
        return chosen(picked, score[np.searchsorted(ids, picked)], name, f"high {name}", state.scored - before)

    strategy.__doc__ = about or f"A query (n,) by {name}."
    return strategy


def among(candidates: Candidates, strategy: Strategy) -> Strategy:
    """`strategy`, which sees the candidates and nothing else. Where they are too few for a query, it sees everything.

    Any strategy goes with any candidates: `among(seals(k=100), by_margin)`.
    """

    def narrowed(state: Round, n: int, rng: Generator) -> Query:
        state.check(n)
        before = state.scored
        ids = candidates(state, rng)
        within = state.within(ids)
        told = getattr(candidates, "why", None)
        found, why = len(ids), f" ({told(state)})" if told else ""
        if within.left() < n:
            within, why = state.within(state.free()), f" ({found} candidates are too few: all items were seen)"
        query = strategy(within, n, rng)
        scored = query.scored + state.scored - before
        return replace(query, scored=scored, why=tuple(text + why for text in query.why))

    narrowed.__doc__ = strategy.__doc__
    return narrowed


def chosen(ids: Ids, score: Vector, name: str, why: str, scored: int = 0) -> Query:
    """A query that was chosen, not drawn: its propensities are unknown (NaN)."""
    return Query(ids, np.asarray(score, np.float64), np.full(len(ids), np.nan), name, (why,), scored=scored)


def at_random(state: Round, n: int, rng: Generator, name: str = "random", why: str = "drawn at random") -> Query:
    """A query of n items, each as likely as any other."""
    ids = state.require(n)
    picked = ids[rng.choice(len(ids), size=n, replace=False)] if n else ids[:0]
    return Query(picked, np.zeros(n), np.full(n, n / max(len(ids), 1)), name, (why,))
