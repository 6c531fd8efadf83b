"""SEALS: score only what is near to something labelled. And `auto`: only where scoring everything would take long."""

from typing import Literal

import numpy as np
from numpy.random import Generator

from labelsieve.core.errors import InputError
from labelsieve.core.rounds import Round
from labelsieve.core.sockets import Candidates
from labelsieve.core.types import Ids
from labelsieve.selection.candidates import Narrowing, drawn, everything
from labelsieve.selection.wanting import known_of, wanted_class

BLIND = 10_000  # items drawn at random while there is nothing to look around
LEAST = 3_000  # explorers at least: few labels have few neighbours, and scoring so many takes milliseconds
Around = Literal["all", "wanted"]


def near_labelled(k: int = 100, around: Around = "all", explore: float = 0.1, least: int = LEAST) -> Candidates:
    """The k nearest neighbours of everything labelled, less what may not be asked; and random explorers.

    `around="wanted"` looks around the wanted (in a screen: odd) items only. Explorers are `explore` times as many as
    the neighbours, at least `least`; none where `explore` is 0. While nothing is labelled, or nothing of the wanted
    class, 10,000 random items are candidates too.
    Source: Coleman et al. 2022 (SEALS), algorithm 1; it searches around all labels.
    Cost: O(labels k), and one search of the index for each newly labelled item; the pool is not gone through.

    Query.scored counts what the head scored; what the index compared comes on top: O(N d) a search where it is exact.
    InputError where the round has no neighbours.
    """
    _check(k, around, explore, least)

    def candidates(state: Round, rng: Generator) -> Ids:
        known = known_of(state, around)
        near = _unasked(state, _neighbours(state, known, k)) if len(known) else known
        explorers = max(int(np.ceil(explore * len(near))), least) if explore else 0
        more = BLIND if _blind(state, around) else explorers
        return np.union1d(near, drawn(state, more, rng, near)) if more else near

    return Narrowing(candidates, lambda state: _told(state, k, around, explore, least))


def by_scan_cost(patience: float = 1.0, k: int = 100, around: Around = "all", explore: float = 0.1) -> Candidates:
    """Everything where the head scores it within `patience` seconds, else the neighbours of what is labelled.

    The seconds of an item are measured once by the project (`costs["scan"]`), so a seed reproduces the choice.
    Everything too where that is not measured, or no index is there; the reasons of the query say which.
    Source: measured, see benchmarks/results/seals.json.
    Cost: of a full scan, at most `patience`; else as `seals`.
    """
    if not patience >= 0:
        raise InputError(f"patience is {patience}; seconds, 0 or more, were expected.")
    near = near_labelled(k, around, explore)

    def candidates(state: Round, rng: Generator) -> Ids:
        return everything(state, rng) if _whole(state, patience)[0] else near(state, rng)

    def why(state: Round) -> str:
        whole, reason = _whole(state, patience)
        return reason if whole else f"{_told(state, k, around, explore, LEAST)}; {reason}"

    return Narrowing(candidates, why)


def _whole(state: Round, patience: float) -> tuple[bool, str]:
    """Whether everything is scored, and why."""
    scan, items = state.costs.get("scan"), len(state.pool.ids) if state.allowed is None else len(state.allowed)
    if scan is None:
        return True, "all items were seen: what a scan costs is not measured"
    if items * scan <= patience:
        return True, f"all items were seen: a scan takes {items * scan:.2g} s"
    if state.neighbours is None:
        return True, f"all items were seen, in {items * scan:.2g} s: there is no index"
    return False, f"a scan of all would take {items * scan:.2g} s"


def _neighbours(state: Round, known: Ids, k: int) -> Ids:
    if state.neighbours is None:
        raise InputError(
            "these candidates are neighbours of labelled items, and this pool has no index to find them.",
            "labelsieve index PROJECT, or choose among everything.",
        )
    return state.neighbours(known, min(k, len(state.pool.ids)))


def _unasked(state: Round, found: Ids) -> Ids:
    """The distinct ids, ascending, of those found that may still be asked. -1 stands for no neighbour."""
    ids = np.unique(found)
    ids = np.setdiff1d(ids[ids >= 0], state.blocked(), assume_unique=True)
    if state.allowed is not None:
        ids = np.intersect1d(ids, state.allowed, assume_unique=True)
    return ids.astype(np.int64)


def _blind(state: Round, around: Around) -> bool:
    """Whether nothing is known yet that is worth looking around."""
    searching = around == "wanted" or state.wanted is not None or state.labels.kind == "screen"
    return not len(known_of(state, "wanted" if searching else "all"))


def _told(state: Round, k: int, around: Around, explore: float, least: int) -> str:
    known = len(known_of(state, around))
    what = "labelled" if around == "all" else "wanted"
    named = state.wanted is not None or state.labels.kind == "screen"
    guess = f" ({wanted_class(state)[1]})" if what == "wanted" and not named else ""
    parts = [f"the {k} neighbours of each of {known} {what} items{guess}"] if known else []
    if _blind(state, around):
        parts.append(f"{BLIND:,} at random, since nothing {'wanted' if known else what} is known")
    elif explore:
        parts.append(f"{explore:.0%} more at random" + (f", at least {least:,}" if least else ""))
    return "among " + ", and ".join(parts)


def _check(k: int, around: str, explore: float, least: int) -> None:
    if not (type(k) is int and k >= 1):
        raise InputError(f"k is {k}; a whole number of neighbours, 1 or more, was expected.", "try k=100.")
    if not (type(least) is int and least >= 0):
        raise InputError(f"least is {least}; a whole number of items, 0 or more, was expected.")
    if around not in ("all", "wanted"):
        raise InputError(f"around is {around!r}; expected 'all' or 'wanted'.")
    if not 0 <= explore <= 1:
        raise InputError(f"explore is {explore}; a share of the candidates, 0 to 1, was expected.", "try explore=.1.")
