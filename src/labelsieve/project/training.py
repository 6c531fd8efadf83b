"""From labels to a head: which head, on which view, how it is measured. Plain data in, plain data out.

A head is never precious: it is kept under cache/heads and fitted again whenever the labels have changed.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from labelsieve.core import plugins
from labelsieve.core.errors import NotEnoughLabels
from labelsieve.core.randomness import stream
from labelsieve.core.rounds import Pool
from labelsieve.core.sockets import Head
from labelsieve.core.types import Ids, Kind, Labels
from labelsieve.heads.choose import choose_head
from labelsieve.heads.view import View, Way
from labelsieve.selection.stopping import kappa

VIEW_ROWS = 20_000  # pool rows that a view is fitted on
WATCHED = 5_000  # pool items on which successive heads are compared
TABULAR_DIM = 64  # ready embeddings with fewer columns than this are taken for table rows


Meaning = Literal["directions", "columns", "scaled"]  # what rows of a pool are: "scaled" is what `table` gives


def view_way(kind: Kind, meaning: Meaning) -> Way:
    """Which view a task's heads and strategies see: unit norm for directions; screens need z-scores, and so do
    columns of a table, but not those that the engine `table` has scaled (measured: docs, built-in engines)."""
    if kind == "screen" or meaning == "columns":
        return "z"
    return "raw" if meaning == "scaled" else "unit"


def fit_view(pool: Pool, way: Way, seed: int) -> View:
    """The view, fitted on at most 20,000 pool rows that the seed draws."""
    return View.fit(pool.take(drawn(pool.ids, VIEW_ROWS, seed, "view")), way)


def drawn(ids: Ids, n: int, seed: int, name: str) -> Ids:
    """At most n of the ids, drawn by the seed, ascending."""
    if len(ids) <= n:
        return ids
    return np.sort(stream(seed, name).choice(ids, n, replace=False))


def restricted(labels: Labels, ids: Ids, inside: bool = True) -> Labels:
    """The labels whose item is (or is not) among `ids`."""
    keep = np.isin(labels.ids, ids) == inside
    weight = labels.weight[keep] if labels.weight is not None else None
    return Labels(labels.ids[keep], labels.y[keep], labels.classes, labels.kind, weight)


@dataclass(frozen=True, slots=True)
class Chooser:
    """Which head to fit: the recipe's choice, or one the user named (a plug-in or "module:Class" of scikit-learn)."""

    name: str = "auto"
    tabular: bool = False

    def __call__(self, labels: Labels, previous: Head | None) -> Head:
        if len(labels) == 0:
            raise NotEnoughLabels("no item that may train has a label.", "labelsieve next asks for some.")
        if self.name == "auto":
            return choose_head(labels, tabular=self.tabular, previous=previous)
        if ":" in self.name:
            from labelsieve.heads.foreign import foreign_head

            return foreign_head(self.name, n_classes=len(labels.classes))
        head: Head = plugins.load("heads", self.name)(n_classes=len(labels.classes))
        return head


def fit(chooser: Chooser, pool: Pool, labels: Labels, previous: Head | None = None) -> Head:
    """A head fitted on these labels. NotEnoughLabels where there are none."""
    return chooser(labels, previous).fit(pool.take(labels.ids), labels.y, labels.weight)


def agreement(pool: Pool, before: Head | None, after: Head, seed: int) -> float:
    """Kappa of two heads on pool items that the seed draws; NaN where there is no earlier head of as many classes."""
    if before is None:
        return float("nan")
    x = pool.take(drawn(pool.ids, WATCHED, seed, "watched"))
    return kappa(_said(before.predict_proba(x)), _said(after.predict_proba(x)))


def _said(proba: NDArray[Any]) -> Ids:
    return np.asarray(proba.argmax(axis=1), dtype=np.int64)
