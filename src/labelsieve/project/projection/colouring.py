"""The colours of a map: one value an item, in the order of its points, and what the values mean.

colours(context, by, who) -> Colours
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import ProjectError
from labelsieve.core.types import Ids
from labelsieve.project.context import Context
from labelsieve.project.projection.projecting import Projection, map_of
from labelsieve.project.views.glances import NONE, SEVERAL, Glance

By: TypeAlias = Literal["label", "prediction", "uncertainty"]
NOTHING, OTHER = 0, 1  # of `kind`: no label or guess; skipped, unsure, or several classes


@dataclass(frozen=True, slots=True)
class Colours:
    """`kind` (N,) says which entry of `names` each point is; `value` (N,) is a number in 0 .. 1 instead.

    Entry 0 of `names` stands for nothing. `counts` are those of the entries.
    """

    kind: NDArray[np.uint16] | None = None
    value: NDArray[np.float32] | None = None
    names: tuple[str, ...] = ()
    counts: tuple[int, ...] = field(default=())


def colours(context: Context, by: By, who: str | None = None) -> Colours:
    """The colours of the map that is kept. `who` names the annotator whose labels alone count.

    ProjectError where there is no map. Cost: one fold, O(N) of array arithmetic; the head is not asked.
    """
    drawn = map_of(context)
    if drawn is None:
        raise ProjectError("there is no map of this pool yet.", "start the job: map.")
    glance = Glance(context, who)
    found: Colours = _WAYS[by](glance, drawn)
    return found


def _of_points(drawn: Projection, ids: Ids, values: NDArray[Any], nothing: float) -> NDArray[Any]:
    """Values of the pool's items in the order of the points; `nothing` for what has gone."""
    if np.array_equal(ids, drawn.ids):
        return values
    at = np.minimum(np.searchsorted(ids, drawn.ids), max(len(ids) - 1, 0))
    out = np.full(len(drawn.ids), nothing, values.dtype)
    if len(ids):
        there = ids[at] == drawn.ids
        out[there] = values[at[there]]
    return out


def _counted(kind: NDArray[np.int64], names: tuple[str, ...]) -> Colours:
    counts = np.bincount(kind, minlength=len(names))
    return Colours(kind.astype(np.uint16), None, names, tuple(counts.tolist()))


def _label(glance: Glance, drawn: Projection) -> Colours:
    code = np.asarray(_of_points(drawn, glance.ids, glance.code, NONE), np.int64)
    names = ("no label", "skipped, unsure, several", *glance.task.classes)
    kind = np.where(code >= 0, code + 2, np.where(code == NONE, NOTHING, OTHER))
    if np.any(code == SEVERAL):  # one colour an item: the first of its classes
        several = glance.several
        first = np.where(several.any(axis=1), several.argmax(axis=1) + 2, NOTHING)
        kind = np.where(code == SEVERAL, _of_points(drawn, glance.ids, first, NOTHING), kind)
    return _counted(np.asarray(kind, np.int64), names)


def _prediction(glance: Glance, drawn: Projection) -> Colours:
    guess = np.asarray(_of_points(drawn, glance.ids, glance.guess, -1), np.int64)
    return _counted(guess + 1, ("no guess yet", *glance.guessed))


def _uncertainty(glance: Glance, drawn: Projection) -> Colours:
    """1 less the margin between the two likeliest classes; for several classes an item, how near one is to a half."""
    p = np.asarray(_of_points(drawn, glance.ids, glance.p, np.nan), np.float32)
    second = np.asarray(_of_points(drawn, glance.ids, glance.second, np.nan), np.float32)
    doubt = 1 - 2 * np.abs(second - 0.5) if glance.task.kind == "multilabel" else 1 - (p - second)
    value = np.where(np.isfinite(p), np.clip(doubt, 0, 1), np.nan).astype(np.float32)
    return Colours(None, value, ("sure", "unsure"), (int(np.isfinite(p).sum()),))


_WAYS: dict[By, Callable[[Glance, Projection], Colours]] = {
    "label": _label,
    "prediction": _prediction,
    "uncertainty": _uncertainty,
}
