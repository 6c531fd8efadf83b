"""What the head says of every item of the pool, kept on disk for whoever only looks: queue, grid, map.

write(context, fitted)               arrays over the pool, written whole below cache/predictions/TASK
read(context) -> Foreseen | None     mapped; None before the first head
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.rounds import BLOCK
from labelsieve.core.types import Ids
from labelsieve.project import arrayparts
from labelsieve.project.context import Context
from labelsieve.project.fitting import Fitted

_ARRAYS = ("ids", "code", "p", "second")


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Arrays (N,) over the pool, ids ascending: code of the likeliest class, its probability, the second largest.

    For several classes an item: the class nearest to a change of mind has its place in `second`. Codes are positions
    in `classes`.
    """

    ids: Ids
    code: NDArray[np.int16]
    p: NDArray[np.float32]
    second: NDArray[np.float32]
    classes: tuple[str, ...]
    mark: str

    def of(self, ids: Ids) -> list[tuple[str, float] | None]:
        """(class, probability) of each id (m,); None for what the head has not seen."""
        ids = np.asarray(ids, np.int64)
        if not len(self.ids):
            return [None] * len(ids)
        at = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return [
            (self.classes[int(self.code[k])], round(float(self.p[k]), 4)) if self.ids[k] == id_ else None
            for k, id_ in zip(at.tolist(), ids.tolist(), strict=True)
        ]


def _folder(context: Context) -> Path:
    return context.cache / "predictions" / context.task_name


def write(context: Context, fitted: Fitted) -> None:
    """Predicts the pool in blocks and puts the arrays in place at once; old ones are removed. Cost: O(N d c)."""
    ids, folder = fitted.stand.pool.ids, _folder(context)
    known = arrayparts.opened(folder, _ARRAYS)
    if known is not None and known.facts["mark"] == fitted.mark and known.facts["items"] == len(ids):
        return
    code, p, second = np.empty(len(ids), np.int16), np.empty(len(ids), np.float32), np.empty(len(ids), np.float32)
    for first in range(0, len(ids), BLOCK):
        proba = fitted.proba(ids[first : first + BLOCK])
        rows = slice(first, first + len(proba))
        code[rows] = proba.argmax(axis=1)
        top = np.partition(proba, -2, axis=1)[:, -2:] if proba.shape[1] > 1 else np.pad(proba, ((0, 0), (1, 0)))
        p[rows], second[rows] = top[:, 1], top[:, 0]
    facts = {"classes": list(fitted.stand.train.classes), "mark": fitted.mark, "items": len(ids)}
    arrayparts.put(folder, dict(zip(_ARRAYS, (ids, code, p, second), strict=True)), facts)


def read(context: Context) -> Foreseen | None:
    """The newest predictions, mapped from disk; None where there are none that are whole."""
    found = arrayparts.opened(_folder(context), _ARRAYS)
    if found is None:
        return None
    ids, code, p, second = found.arrays
    return Foreseen(ids, code, p, second, _named(context, found.facts["classes"]), found.facts["mark"])


def _named(context: Context, classes: list[str]) -> tuple[str, ...]:
    """The classes by the names that people see: a screen's dull class may have one of its own."""
    task = context.task
    own = task.dull if task.kind == "screen" and task.dull not in classes else "dull"
    return tuple(own if name == "dull" else name for name in classes)
