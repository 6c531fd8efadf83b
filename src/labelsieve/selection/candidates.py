"""Candidates: which of the items that may be asked are scored at all. Ids ascend."""

import numpy as np
from numpy.random import Generator

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

    def candidates(state: Round, rng: Generator) -> Ids:
        return thin(state.free(), limit, rng)

    return candidates


def thin(ids: Ids, limit: int, rng: Generator) -> Ids:
    """A random part (at most limit,) of ids, in their order; all of them, with no number drawn, where they fit."""
    if len(ids) <= limit:
        return ids
    return ids[np.sort(rng.choice(len(ids), size=limit, replace=False))]
