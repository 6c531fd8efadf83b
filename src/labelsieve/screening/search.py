"""The `screen` strategy: find odd items, most likely first."""

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from labelsieve.core.errors import InputError
from labelsieve.core.rounds import BLOCK, Round
from labelsieve.core.types import DULL, ODD, Ids, Matrix, Query, Vector
from labelsieve.heads.linear import Linear
from labelsieve.screening.anomaly import pool_anomaly, rank

C = 1.0  # of the linear head; z-scored rows


PATIENCE = 30  # labels without anything odd, after which a share of each query is drawn at random
BLIND = 0.3  # that share: what is odd need not be far out


def screen(state: Round, n: int, rng: Generator) -> Query:
    """The n items (n,) most likely to be odd; scores in [0, 1].

    Nothing odd known: by Mahalanobis distance from the pool, and after 30 labels in vain three in ten at random.
    From the first odd item on: rank(linear) + rank(distance) / (1 + odd found), so that the head takes over.
    Give z-scored rows. PoolExhausted when fewer than n items are left.
    Source: measured, see benchmarks/results/screening.json. Cost: O(N d^2) a query.
    """
    free = state.require(n)
    if state.labels.kind == "classes" and len(state.labels.classes) > 2:
        raise InputError(
            f"the strategy 'screen' tells odd from dull, and this task has {len(state.labels.classes)} classes.",
            "make the task with --task screen; greedy_search looks for one class of many.",
        )
    odd = int((state.labels.y == ODD).sum())
    unusual = rank(pool_anomaly(state.pool, free, rng))
    if odd == 0:
        likely, score = None, unusual
    else:
        likely = rank(_like_the_odd(state, free))
        score = (likely + unusual / (1 + odd)) / (1 + 1 / (1 + odd))
    n_blind = round(BLIND * n) if odd == 0 and len(state.labels) >= PATIENCE else 0
    order = np.lexsort((free, -score))
    top, rest = order[: n - n_blind], order[n - n_blind :]
    why = [_why(float(unusual[i]), None if likely is None else float(likely[i]), odd) for i in top]
    chance = np.full(n, np.nan)
    if n_blind:
        top = np.concatenate([top, rng.choice(rest, n_blind, replace=False)])
        chance[-n_blind:] = n_blind / len(rest)
        why += [f"drawn at random: {len(state.labels)} labels, and nothing odd among the most unusual"] * n_blind
    return Query(free[top], score[top], chance, "screen", tuple(why), (), len(free))


def _like_the_odd(state: Round, ids: Ids) -> Vector:
    """How much each of `ids` is like the odd items and unlike the dull ones (m,)."""
    labels, head = state.labels, state.head
    if not (isinstance(head, Linear) and head.parts):
        known = state.take(labels.ids)
        if not (labels.y == DULL).any():  # nothing to tell them from: near to their mean, then
            middle = known.mean(axis=0)
            return np.concatenate([-((x - middle) ** 2).sum(axis=1, dtype=np.float64) for x in _blocks(state, ids)])
        head = Linear(2, c=C, balanced=True).fit(known, labels.y, labels.weight)
    return np.concatenate([head.decision(x)[:, 0] for x in _blocks(state, ids)]).astype(np.float64)


def _blocks(state: Round, ids: Ids) -> Iterator[Matrix]:
    return (state.take(ids[i : i + BLOCK]) for i in range(0, len(ids), BLOCK))


def _why(unusual: float, likely: float | None, odd: int) -> str:
    if likely is None:
        return f"nothing odd is known yet; this is more unusual than {_share(unusual)} of the items left"
    found = "the odd item found so far" if odd == 1 else f"the {odd} odd items found so far"
    if likely + 1e-9 < unusual / (1 + odd):
        return f"unlike {found}, but more unusual than {_share(unusual)} of the items left"
    text = f"more like {found} than {_share(likely)} of the items left"
    return f"{text}, and among the most unusual 5 %" if unusual >= 0.95 else text


def _share(rank_: float) -> str:
    """A rank in words: never "100 %" of the others."""
    return f"{np.floor(min(rank_, 0.999) * 1000) / 10:g} %"
