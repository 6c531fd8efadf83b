"""Rounds over a toy pool whose neighbours are found by comparing all rows with all."""

from dataclasses import replace

import numpy as np

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Ids
from labelsieve.heads.choose import choose_head
from labelsieve.selection.neighbours import graph
from labelsieve.testing.toys import Toy


class Exact:
    """All neighbours, found once."""

    def __init__(self, toy: Toy) -> None:
        self.near = graph(toy.x, len(toy) - 1)[0]

    def __call__(self, ids: Ids, k: int) -> Ids:
        return self.near[ids][:, :k]


def round_of(toy: Toy, known: list[int] | Ids, **more: object) -> Round:
    """A round in which `known` rows are labelled by the truth; it knows its neighbours unless told otherwise."""
    labels = toy.labels(np.asarray(known, np.int64))
    head = choose_head(labels).fit(toy.x[labels.ids], labels.y) if len(labels) else None
    more = more if "neighbours" in more else {**more, "neighbours": Exact(toy)}
    return replace(Round(ArrayPool(toy.x), labels, head), **more)
