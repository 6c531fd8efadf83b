"""From labels to a head: which head, on which view, how it is measured. Plain data in, plain data out.

A head is never precious: it is kept under cache/heads and fitted again whenever the labels have changed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from labelsieve.core import plugins
from labelsieve.core.errors import NotEnoughLabels
from labelsieve.core.idsets import without
from labelsieve.core.randomness import stream
from labelsieve.core.rounds import Pool
from labelsieve.core.sockets import Head
from labelsieve.core.types import Ids, Kind, Labels, Matrix
from labelsieve.heads.choose import choose_head
from labelsieve.heads.fused import Fused
from labelsieve.heads.mixup import with_mixtures
from labelsieve.heads.view import LEARNT, View, Way
from labelsieve.selection.stopping import kappa, mean_doubt

POOL_ROWS = 1_000  # that the head of a screen is placed among,
LEAST_ROWS = 50  # and how few of them may be left when the labelled ones are taken out
VIEW_ROWS = 20_000  # pool rows that a view is fitted on
WATCHED = 5_000  # pool items on which successive heads are compared
MIXUP = "mixup"  # the recipe's choice, with mixtures as extra rows where it is linear
TABULAR_DIM = 64  # ready embeddings with fewer columns than this are taken for table rows


# What rows of a pool are. `table` gives "scaled" columns, `words` principal "axes" in their order. So does `patches`,
# but seen as axes its heat maps miss what is odd (docs/known-limits.md).
Meaning = Literal["directions", "axes", "columns", "scaled"]
GIVES: dict[str, Meaning] = {"table": "scaled", "words": "axes"}


def view_way(kind: Kind, meaning: Meaning) -> Way:
    """Which view a task's heads and strategies see: unit norm for directions; screens need z-scores, and so do
    columns of a table, but not those that the engine `table` has scaled (measured: docs, built-in engines). Principal
    axes keep their proportions in a screen: of less than all of them much would be noise (`benchmarks/axes.py`)."""
    if kind == "screen" and meaning == "axes":
        return "isotropic"
    if kind == "screen" or meaning == "columns":
        return "z"
    return "raw" if meaning == "scaled" else "unit"


def is_tabular(meaning: Meaning) -> bool:
    """Whether rows are columns of a table, whose directions say little."""
    return meaning in ("columns", "scaled")


def fit_view(pool: Pool, way: Way, seed: int) -> View:
    """The view, fitted on at most 20,000 pool rows that the seed draws; on one where nothing is learnt from rows."""
    rows = VIEW_ROWS if way in LEARNT else 1
    return View.fit(pool.take(drawn(pool.ids, rows, seed, "view")), way)


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
        if self.name in ("auto", MIXUP):
            head = choose_head(labels, tabular=self.tabular, previous=previous)
            return with_mixtures(head) if self.name == MIXUP else head
        if ":" in self.name:
            from labelsieve.heads.foreign import foreign_head

            return foreign_head(self.name, n_classes=len(labels.classes))
        named: Head = plugins.load("heads", self.name)(n_classes=len(labels.classes))
        return named


def fit(
    chooser: Callable[[Labels, Head | None], Head],
    pool: Pool,
    labels: Labels,
    previous: Head | None = None,
    aside: Ids | None = None,
) -> Head:
    """A head fitted on these labels, among rows of the pool where it wants them. NotEnoughLabels where there are none.

    `aside` are ids whose rows it may not even see unlabelled: those that measure it.
    Cost: that of the head, and for a screen the reading of 1,000 rows.
    """
    head = among_pool(chooser(labels, previous), pool, labels.ids, aside)
    return head.fit(pool.take(labels.ids), labels.y, labels.weight)


def among_pool(head: Head, pool: Pool, labelled: Ids, aside: Ids | None = None) -> Head:
    """The head of a screen with rows of the pool beside it, not labelled ones where there are enough; others as is.

    None of them is of `aside`: a dull item among those would look more usual than one that is still to come.
    """
    if not isinstance(head, Fused):
        return head
    ids = drawn(pool.ids if aside is None else without(pool.ids, aside), POOL_ROWS, 0, "among")
    free = ids[~np.isin(ids, labelled)]
    return head.among(pool.take(free if len(free) >= LEAST_ROWS else ids))


@dataclass(frozen=True, slots=True)
class Watch:
    """A head beside the one before on the same pool items: kappa, share of items with another class, mean doubt.

    NaN where there is no head before, and all of them where the head knows fewer than two classes.
    """

    kappa: float = float("nan")
    changed: float = float("nan")
    doubt: float = float("nan")


def watched(pool: Pool, before: Head | None, after: Callable[[Ids], Matrix], kind: Kind, seed: int) -> Watch:
    """What changed from one head to the next, on pool items that the seed draws; `after` gives probabilities."""
    ids = drawn(pool.ids, WATCHED, seed, "watched")
    proba = after(ids)
    doubt = mean_doubt(proba, kind == "multilabel")
    if before is None or np.isnan(doubt):
        return Watch(doubt=doubt)
    earlier = before.predict_proba(pool.take(ids))
    was, now = _said(earlier), _said(proba)
    other = was != now if kind != "multilabel" else ((earlier > 0.5) != (proba > 0.5)).any(axis=1)
    return Watch(kappa(was, now), float(np.mean(other)), doubt)


def right(labels: Labels, proba: NDArray[Any]) -> NDArray[np.float64]:
    """How right probabilities (a, c) are about each labelled item (a,): 1 or 0; multilabel the share of its classes."""
    if labels.kind == "multilabel":
        hit = np.where(np.isnan(labels.y), np.nan, (proba > 0.5) == (labels.y > 0.5))
        asked = np.maximum((~np.isnan(labels.y)).sum(axis=1), 1)
        return np.asarray(np.nansum(hit, axis=1) / asked)
    return np.asarray(proba.argmax(axis=1) == labels.y, np.float64)


def _said(proba: NDArray[Any]) -> Ids:
    return np.asarray(proba.argmax(axis=1), dtype=np.int64)
