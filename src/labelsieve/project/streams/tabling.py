"""The rows of the table that a screening writes, one an item that is kept."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from labelsieve.core.types import Ids, Vector
from labelsieve.project.streams.incoming import Incoming
from labelsieve.project.streams.judging import Judged
from labelsieve.project.streams.reasons import Nearest, reasons_of
from labelsieve.project.streams.scoring import Scorer
from labelsieve.screening.conformal import p_values

COLUMNS = (
    *("rank", "key", "score", "p_value", "escalate", "known", "label"),
    *("nearest_odd", "odd_similarity", "nearest_dull", "dull_similarity", "why"),
)


def rows_of(scorer: Scorer, given: Incoming, found: Judged, kept: Ids) -> list[tuple[Any, ...]]:
    """One row of COLUMNS for each place in `kept`, in that order; ranks are those among all items."""
    rank = np.empty(len(found.order), np.int64)
    rank[found.order] = np.arange(1, len(found.order) + 1)
    far = p_values(found.arrived.distance, scorer.usual)
    return [_row(scorer, given, found, i, (int(rank[i]), float(far[i]))) for i in kept.tolist()]


def _row(scorer: Scorer, given: Incoming, found: Judged, i: int, place: tuple[int, float]) -> tuple[Any, ...]:
    arrived, known, (rank, far) = found.arrived, found.known, place
    p = None if found.p is None else round(float(found.p[i]), 6)
    escalate = ("yes" if found.flagged[i] else "no") if found.decides else ""
    odd = _near(scorer.odd_near.keys, arrived.odd, i)
    dull = _near(scorer.dull_near.keys, arrived.dull, i)
    score = round(float(arrived.score[i]), 6)
    why = "; ".join(reasons_of(scorer, known, i, p, far, (odd, dull)))
    return (
        *(rank, given.key(int(arrived.at[i])), score, p, escalate, known.keys[i], known.labels[i]),
        *(*odd, *dull, why),
    )


def _near(keys: Sequence[str], found: tuple[Ids, Vector], i: int) -> Nearest:
    return (keys[found[0][i]], round(float(found[1][i]), 4)) if keys else ("", None)
