"""Active search: find as many items of one class as a budget allows, rather than learn about all classes."""

import numpy as np
from numpy.random import Generator

from labelsieve.core.randomness import hash_uniform
from labelsieve.core.rounds import Round
from labelsieve.core.sockets import Strategy
from labelsieve.core.types import Ids, Query
from labelsieve.selection.candidates import drawn, thin
from labelsieve.selection.composing import at_random, best, chosen
from labelsieve.selection.lookahead import Neighbourhoods, most_finds
from labelsieve.selection.neighbours import graph, nearest
from labelsieve.selection.wanting import has_class, known_of, wanted_class

NEIGHBOURS = 50
PRIOR = 0.1  # chance of an item before anything is learnt
BUDGET = 100  # labels after this query, where nobody says how many are left (costs["budget"], this query included)
COMPARED = 4_000  # candidates at most, which are compared with one another
FINDS = 200  # neighbours of each wanted item that are candidates of a larger pool
RANKED = "; the head of a screen gives ranks, which are taken for chances here"
SEEN = 256  # wanted items from which distance is measured where there is no index


def by_greedy_search(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of the items most likely to be of the wanted class, by the head.

    Wanted is the round's class; odd in a screen; else the rarest class that has a label.
    Source: Garnett et al. 2012, section 3 (one step ahead).
    Cost: one scan of the pool by the head.
    """
    free, before = state.require(n), state.scored
    code, said = wanted_class(state)
    if state.head is None or code is None:
        why = said if code is None else "nothing is learnt yet"
        return at_random(state, n, rng, "greedy_search", f"{why}: drawn at random")
    wanted = code
    score = state.score(free, lambda proba: proba[:, wanted].astype(np.float64))
    at = best(free, score, n, rng)
    why = f"likely to be of the wanted class: {said}"
    return chosen(free[at], score[at], "greedy_search", why, state.scored - before)


def searched_ahead(name: str, ahead: int | None, prune: bool = True, about: str = "") -> Strategy:
    """A strategy that asks for what leads to the most wanted items with `ahead` labels after it; None: the budget.

    Chances are the head's, moved by labelled neighbours. A query of n is found one item after another, each as if
    those before it had turned out not to be wanted: so it spreads.
    """

    def strategy(state: Round, n: int, rng: Generator) -> Query:
        state.check(n)
        code, said = wanted_class(state)
        if code is None:
            return at_random(state, n, rng, name, f"{said}: drawn at random")
        before, ids = state.scored, _candidates(state, n, rng)
        model = _model(state, ids, code)
        after = max(int(state.costs.get("budget", BUDGET + n)) - n, 0) if ahead is None else ahead
        rank = hash_uniform(int(rng.integers(2**31)), ids)
        open_, picked, score = np.ones(len(ids), bool), np.empty(n, np.int64), np.empty(n)
        for i in range(n):
            picked[i], score[i] = most_finds(model, open_, after, rank, prune)
            open_[picked[i]] = False
            if after > 0:
                model.learn(int(picked[i]), 0)
        why = f"expected to lead to most wanted items: {said}{RANKED if _by_rank(state) else ''}"
        return chosen(ids[picked], score, name, why, max(state.scored - before, len(ids)))

    strategy.__doc__ = about
    return strategy


by_two_step_search = searched_ahead(
    "two_step_search",
    1,
    about="""A query (n,) of the items that, with the best next one after their answer, are expected to yield most.

    Chances, candidates and the wanted class as in `ens`.
    Source: Garnett et al. 2012, section 3; n > 1: Jiang et al. 2018, sequential simulation.
    Cost: as `ens`.
    """,
)

by_ens = searched_ahead(
    "ens",
    None,
    about="""A query (n,) of the items that lead to the most wanted ones, if the rest of the budget followed at once.

    The rest is costs["budget"] less this query, else 100 labels; without a rest the likeliest are asked. Chances are
    the head's (.1 without one), which counts as one neighbour, moved by the labelled ones of the 50 mutual nearest
    neighbours. At most 4,000 candidates: near to what is wanted, and random ones. Wanted as in `greedy_search`, which
    found more where both were measured (benchmarks/results/active_search.json): trust this one only where the wanted
    items come in clusters and chances far from what is known are right. The head of a screen gives ranks with .5 at the
    edge of what is usual; they are taken for chances, too high ones, and the reason of each item says so.
    Source: Jiang et al. 2017 (ENS), with upper bounds; n > 1: Jiang et al. 2018, all answers no.
    Cost: O(m^2 d) for m candidates, then about O(50 m) for each pick.
    """,
)


def _by_rank(state: Round) -> bool:
    """Whether the prior of chances is the rank that the head of a screen gives."""
    return state.labels.kind == "screen" and state.head is not None


def _candidates(state: Round, n: int, rng: Generator) -> Ids:
    """Ids, ascending, at most so many: all that are free, else those near to what is wanted and random ones."""
    limit = max(COMPARED, n)
    if state.left() <= limit:
        return state.free()
    known = known_of(state, "wanted")
    near: Ids = known[:0]
    if len(known) and state.neighbours is not None:
        found = np.unique(state.neighbours(known, FINDS))
        near = np.setdiff1d(found[found >= 0], state.blocked())
        near = near if state.allowed is None else np.intersect1d(near, state.allowed)
        near = thin(near.astype(np.int64), limit // 2, rng)
    elif len(known):
        free, x = state.free(), state.take(thin(known, SEEN, rng))
        gap = np.concatenate([_gap(state, free[i : i + 8192], x) for i in range(0, len(free), 8192)])
        near = np.sort(free[best(free, -gap, limit // 2, rng)])
    return np.union1d(near, drawn(state, limit - len(near), rng, near))


def _gap(state: Round, ids: Ids, x: np.ndarray) -> np.ndarray:
    return np.asarray(nearest(state.take(ids), x, 1)[1][:, 0], np.float64)


def _model(state: Round, ids: Ids, code: int) -> Neighbourhoods:
    labels = state.labels
    x = state.take(np.concatenate([labels.ids, ids]))  # labelled first: among equally near ones, they count
    prior = np.full(len(ids), PRIOR)
    if state.head is not None and len(np.unique(has_class(labels, code))) == 2:
        prior = np.clip(state.score(ids, lambda proba: proba[:, code].astype(np.float64)), 0.0, 1.0)
    return Neighbourhoods.of(graph(x, NEIGHBOURS)[0], has_class(labels, code), prior)
