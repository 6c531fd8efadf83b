"""Where a head hesitates: the unlabelled items it is least sure of. Its own word, not a measurement."""

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Ids
from labelsieve.project.context import Context
from labelsieve.project.fitting import Fitted
from labelsieve.project.report.data import ConfusionShown
from labelsieve.project.report.exhibits import shown_items
from labelsieve.project.report.words import percent
from labelsieve.project.training import drawn

POOL = 20_000  # unlabelled items that are scored
SHARE, LEAST, MOST = 0.02, 12, 100  # of them that count as unsure
PAIRS, ITEMS = 6, 4  # shown


def doubts_of(context: Context, fitted: Fitted) -> tuple[tuple[ConfusionShown, ...], int]:
    """Pairs of classes with the unlabelled items of least margin between them, most items first; and how many
    items were looked at for it."""
    if context.task.kind != "classes" or len(fitted.stand.train.classes) < 2:
        return (), 0
    free = np.setdiff1d(fitted.stand.sides.search, fitted.stand.answered, assume_unique=True)
    free = drawn(free, POOL, context.settings.seed, "doubts")
    if not len(free):
        return (), 0
    proba = fitted.proba(free)
    found = sorted(close_pairs(proba), key=lambda pair: (-len(pair[1]), pair[0]))
    shown = tuple(_shown(context, fitted, free, (pair, rows, proba)) for pair, rows in found[:PAIRS])
    return shown, sum(len(rows) for _, rows in found)


def close_pairs(proba: NDArray[np.float32]) -> list[tuple[tuple[int, int], NDArray[np.int64]]]:
    """((a, b), rows) of the rows of (n, c) with the least margins, grouped by their two likeliest classes.

    Rows of a pair have ascending margins. Cost: O(n c log c).
    """
    two = np.argsort(-proba, axis=1, kind="stable")[:, :2]
    top = np.take_along_axis(proba, two, axis=1)
    n = int(np.clip(SHARE * len(proba), LEAST, MOST))
    least = np.argsort(top[:, 0] - top[:, 1], kind="stable")[:n]
    pairs: dict[tuple[int, int], list[int]] = {}
    for row in least.tolist():
        a, b = sorted(two[row].tolist())
        pairs.setdefault((a, b), []).append(row)
    return [(pair, np.array(rows, np.int64)) for pair, rows in pairs.items()]


Found = tuple[tuple[int, int], NDArray[np.int64], NDArray[np.float32]]


def _shown(context: Context, fitted: Fitted, free: Ids, found: Found) -> ConfusionShown:
    (a, b), rows, proba = found
    names, few = fitted.stand.train.classes, rows[:ITEMS]
    notes = [f"{percent(float(proba[row, a]))} · {percent(float(proba[row, b]))}" for row in few]
    return ConfusionShown(names[a], names[b], len(rows), shown_items(context, free[few], notes))
