"""Which class a search is for, and which labelled items have it."""

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.rounds import Round
from labelsieve.core.types import ODD, Ids, Labels


def wanted_class(state: Round) -> tuple[int | None, str]:
    """The code of the class that is searched for, and how it was settled.

    The round's own; else odd, in a screen; else the rarest class that has a label; None where nothing is labelled.
    """
    if state.wanted is not None:
        return state.wanted, f"class {_name(state.labels, state.wanted)!r} is wanted"
    if state.labels.kind == "screen":
        return ODD, "odd items are wanted"
    count = np.array([has_class(state.labels, code).sum() for code in range(len(state.labels.classes))], np.int64)
    if not count.any():
        return None, "no class is wanted, and none has a label"
    rarest = int(np.argmin(np.where(count > 0, count, count.max() + 1)))
    return rarest, f"no class was named; {_name(state.labels, rarest)!r} is the rarest labelled"


def has_class(labels: Labels, code: int) -> NDArray[np.bool_]:
    """Whether each labelled item (m,) has the class. In a multilabel task an item not asked about it has it not."""
    if labels.kind == "multilabel":
        return np.asarray(np.nan_to_num(labels.y[:, code]) > 0.5)
    return np.asarray(labels.y == code)


def known_of(state: Round, around: str) -> Ids:
    """The labelled ids (m,) to look around: "all" of them, or those of the "wanted" class (see `wanted_class`)."""
    if around == "all":
        return state.labels.ids
    code, _ = wanted_class(state)
    return state.labels.ids[:0] if code is None else state.labels.ids[has_class(state.labels, code)]


def _name(labels: Labels, code: int) -> str:
    return labels.classes[code] if code < len(labels.classes) else str(code)
