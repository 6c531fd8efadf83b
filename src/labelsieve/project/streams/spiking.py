"""Known odd items put in beside what is screened: how many of them the threshold catches, and what that assumes."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.types import Guarantee
from labelsieve.project.context import Context
from labelsieve.project.streams.incoming import Given, incoming_items
from labelsieve.project.streams.judging import arrive, known_of
from labelsieve.project.streams.scoring import Scorer
from labelsieve.project.streams.wanting import Wanted
from labelsieve.screening.conformal import AlarmRate
from labelsieve.screening.thresholds import spiked_bound


@dataclass(frozen=True, slots=True)
class Spiked:
    """What `items` put in showed. `known` more were left out: they are of the pool, were taught, or repeat another."""

    guarantee: Guarantee
    items: int
    caught: int
    missed: tuple[str, ...]  # keys
    known: int
    set_aside: tuple[tuple[str, str], ...]


def spiked_at(context: Context, scorer: Scorer, rate: AlarmRate | None, wanted: Wanted) -> Spiked:
    """How many of the odd items `wanted.spiked` score above the threshold of `rate`, each counted once.

    What the head may have learnt from is left out: nothing is shown by what is known. InputError where nothing else is
    given. Cost: that of the engine.
    """
    given: list[Given] = [Path(one) for one in wanted.spiked]
    incoming = incoming_items(context, given, scorer.standing.raw.dim)
    arrived = arrive(context, scorer, incoming)
    digests = [incoming.digests()[at] for at in arrived.at.tolist()]
    sql = "SELECT digest FROM taught WHERE digest IN (SELECT value FROM json_each(?)) AND digest != ''"
    taught = {mark for (mark,) in context.conn.execute(sql, (json.dumps(digests),))}
    out = known_of(context, scorer, incoming, arrived).there | np.array([mark in taught for mark in digests], bool)
    first = np.zeros(len(out), bool)
    first[np.unique(arrived.marks, return_index=True)[1]] = True  # equal ones are no further evidence
    kept = np.flatnonzero(~out & first)
    if not len(kept):
        fact = f"all {len(out):,} items put in are of the pool, or were taught; expected odd items that nothing knows."
        raise InputError(fact, "give items that were found by chance or came back as complaints.")
    caught = arrived.score[kept] > (rate.threshold if rate is not None else float("inf"))
    return Spiked(
        guarantee=spiked_bound(len(kept), int(caught.sum()), wanted.confidence),
        items=len(kept),
        caught=int(caught.sum()),
        missed=tuple(incoming.key(int(at)) for at in arrived.at[kept[~caught]]),
        known=len(out) - len(kept),
        set_aside=tuple(incoming.bad),
    )
