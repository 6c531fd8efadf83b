"""Ways to search for odd items that `screen` is compared with: each of its arms alone, and what others would do.

Each is a strategy (state, n, rng) -> Query. Where nothing odd is known yet, all but
`random`, `isolation`, `apart` and `patches` ask for what is most unusual, so that what is compared is what they do with
the answers.
"""

from collections.abc import Callable

import numpy as np

from labelsieve.core import plugins
from labelsieve.core.rounds import Round
from labelsieve.core.sockets import Strategy
from labelsieve.core.types import DULL, ODD, Ids, Query, Vector
from labelsieve.heads.forest import Forest
from labelsieve.heads.fused import directions_of
from labelsieve.heads.linear import Linear
from labelsieve.screening.anomaly import mahalanobis, rank
from labelsieve.screening.apart import apart_ranks
from labelsieve.screening.isolation import Isolation
from labelsieve.screening.patches import PatchBank
from labelsieve.selection.naming import strategy_called

Score = Callable[[Round, Ids, np.random.Generator], Vector]
HEADED = ("screen", "uncertainty", "ens", "greedy_search")  # they ask the head of the product


def unusual(state: Round, ids: Ids, rng: np.random.Generator) -> Vector:
    """Mahalanobis distances (m,) from the pool, which are computed once."""
    return state.kept("benchmark.unusual", lambda: mahalanobis(state.take(state.pool.ids)))[ids]


def linear(state: Round, ids: Ids, rng: np.random.Generator) -> Vector:
    """What a linear head says (m,): balanced, C = 1, on directions for embeddings."""
    known = directions_of(state.take(state.labels.ids), state.tabular)
    head = Linear(2, c=1.0, balanced=True).fit(known, state.labels.y)
    return head.decision(directions_of(state.take(ids), state.tabular))[:, 0].astype(np.float64)


def forest(state: Round, ids: Ids, rng: np.random.Generator) -> Vector:
    """What a hundred extremely randomised trees say (m,), balanced."""
    head = Forest(2, balanced=True).fit(state.take(state.labels.ids), state.labels.y)
    return head.predict_proba(state.take(ids))[:, ODD].astype(np.float64)


def fuse(state: Round, ids: Ids, rng: np.random.Generator) -> Vector:
    """rank(linear) + rank(distance) / (1 + odd found) (m,)."""
    odd = int((state.labels.y == ODD).sum())
    return rank(linear(state, ids, rng)) + rank(unusual(state, ids, rng)) / (1 + odd)


def isolation(state: Round, ids: Ids, rng: np.random.Generator) -> Vector:
    """The isolation forest that learns from answers, odd or dull (m,)."""
    return Isolation.of(state).scores(state, ids).astype(np.float64)  # these pools have the ids 0 .. n - 1


def apart(state: Round, ids: Ids, rng: np.random.Generator) -> Vector:
    """How far the nearest items are (m,), as a rank: by direction, in tables by length."""
    return apart_ranks(state)[ids].astype(np.float64)  # as above


def patches(state: Round, ids: Ids, rng: np.random.Generator) -> Vector:
    """The oddest patch (m,) beside those of the dull images; distance from the pool where there are no maps."""
    dull = state.labels.ids[state.labels.y == DULL]
    if state.maps is None or not len(dull):
        return unusual(state, ids, rng)
    bank = PatchBank(1024).fit(state.maps.take(dull), state.maps.grid, rng)
    return np.concatenate([bank.score(state.maps.take(ids[i : i + 32])) for i in range(0, len(ids), 32)])


def greedy(score: Score, from_nothing: bool = False) -> Strategy:
    """The n items with the highest score; unless `from_nothing`, the most unusual while one side has no label."""

    def ask(state: Round, n: int, rng: np.random.Generator) -> Query:
        free = state.require(n)
        found = (score if from_nothing or both_known(state) else unusual)(state, free, rng)
        at = np.lexsort((free, -found))[:n]
        return Query(free[at], found[at], np.full(n, np.nan), "")

    return ask


def after_the_first(name: str) -> Strategy:
    """A strategy of the product from the first odd item on; the most unusual before."""
    strategy = strategy_called(name)

    def ask(state: Round, n: int, rng: np.random.Generator) -> Query:
        return strategy(state, n, rng) if both_known(state) else greedy(unusual)(state, n, rng)

    return ask


def both_known(state: Round) -> bool:
    return len(np.unique(state.labels.y)) == 2


def policies() -> dict[str, Strategy]:
    """Every way that this package can play; the product's own comes first."""
    return {
        "screen": plugins.load("strategies", "screen"),
        "fuse": greedy(fuse),
        "anomaly": greedy(unusual),
        "linear": greedy(linear),
        "forest": greedy(forest),
        "isolation": greedy(isolation, from_nothing=True),
        "apart": greedy(apart, from_nothing=True),
        "patches": greedy(patches, from_nothing=True),
        "uncertainty": after_the_first("margin"),
        "greedy_search": after_the_first("greedy_search"),
        "ens": after_the_first("ens"),
        "random": strategy_called("random"),
    }
