"""Candidates: which of the items that may be asked are scored at all. Ids ascend."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from labelsieve.core.errors import InputError
from labelsieve.core.rounds import Round
from labelsieve.core.sockets import Candidates
from labelsieve.core.types import Ids


def everything(state: Round, rng: Generator) -> Ids:
    """All ids (m,) that may be asked. With a linear head a full scan of 1M x 384 takes well under a second."""
    return state.free()


def all_items() -> Candidates:
    """All items that may be asked: `everything`, by name."""
    return everything


def at_most(limit: int) -> Candidates:
    """A random part of at most `limit` ids: bounds the cost of a choice on a large pool."""
    if not (type(limit) is int and limit >= 1):
        raise InputError(f"limit is {limit}; a whole number of items, 1 or more, was expected.", "try limit=100000.")

    def candidates(state: Round, rng: Generator) -> Ids:
        return thin(state.free(), limit, rng)

    return candidates


def thin(ids: Ids, limit: int, rng: Generator) -> Ids:
    """A random part (at most limit,) of ids, in their order; all of them, with no number drawn, where they fit."""
    if len(ids) <= limit:
        return ids
    return ids[np.sort(rng.choice(len(ids), size=limit, replace=False))]


@dataclass(frozen=True)
class Narrowing:
    """Candidates that give a reason: `why(state)` is read by `among` and added to the reasons of the query."""

    choose: Candidates
    why: Callable[[Round], str]

    def __call__(self, state: Round, rng: Generator) -> Ids:
        return self.choose(state, rng)


def explored(candidates: Candidates, share: float = 0.1) -> Candidates:
    """`candidates`, and as many again times `share` drawn at random from the rest that may be asked."""

    def widened(state: Round, rng: Generator) -> Ids:
        ids = candidates(state, rng)
        return np.union1d(ids, drawn(state, int(np.ceil(share * len(ids))), rng, ids))

    return widened


def drawn(state: Round, count: int, rng: Generator, besides: Ids | None = None) -> Ids:
    """At most `count` ids, ascending, drawn at random from what may be asked and is not among `besides`.

    Cost: O(count + k) for k ids that cannot be drawn; the pool is not gone through.
    """
    pool = state.pool.ids if state.allowed is None else state.allowed
    barred = state.blocked() if besides is None else np.union1d(state.blocked(), besides)
    if not count:
        return pool[:0]
    # enough distinct places, in random order, that `count` remain whatever of them is barred
    at = rng.choice(len(pool), size=min(len(pool), count + len(barred)), replace=False)
    ids = pool[at]
    return np.sort(ids[~np.isin(ids, barred)][:count])
