"""Where each item stands by something that is no number of its own: its class, its source, a column, who answered.

rank_of(glance, sort) -> Vector       (N,), NaN for what has none: it comes last
number_in(text)                       the number that a text is, else NaN
"""

import math

import numpy as np

from labelsieve.core.idsets import positions
from labelsieve.core.types import Vector
from labelsieve.project.current import Which, current_rows, last_of_each
from labelsieve.project.views.filtering import Sort
from labelsieve.project.views.glances import NONE, SKIP, UNSURE, Glance


def rank_of(glance: Glance, sort: Sort) -> Vector:
    """Rank (N,) of each item by its label, guess, source, annotator or column. Cost: O(N), and an order of what is told
    apart.
    """
    if sort.by == "label":
        return _by_label(glance)
    if sort.by == "guess":
        return np.where(glance.guess >= 0, glance.guess, np.nan)
    if sort.by == "source":
        return _by_source(glance)
    return _by_annotator(glance) if sort.by == "annotator" else _by_column(glance, sort.name)


def number_in(text: str | None) -> float:
    """The number that a text is; NaN, which lies in no range, where it is none."""
    try:
        return float(text or "")
    except ValueError:
        return math.nan


def _by_label(glance: Glance) -> Vector:
    """Classes in the order of the task, the first of several; then unsure, then skipped."""
    code, classes = glance.code, len(glance.task.classes)
    rank = code.astype(np.float64)
    if glance.task.kind == "multilabel":
        rank = np.where(glance.several.any(axis=1), glance.several.argmax(axis=1), classes) if classes else rank
    rank = np.where(code == UNSURE, classes + 1, np.where(code == SKIP, classes + 2, rank))
    return np.where(code == NONE, np.nan, rank)


def _by_source(glance: Glance) -> Vector:
    names = sorted({row.name for row in glance.context.rows.values()})
    rank = np.full(len(glance.ids), np.nan)
    for at, name in enumerate(names):
        rank[glance.among(glance.named(name))] = at
    return rank


def _by_annotator(glance: Glance) -> Vector:
    """By the name of who gave the last answer that stands."""
    rows = current_rows(glance.context.conn, glance.task, Which(glance.by, hidden=glance.by is not None))
    last = rows.kept(last_of_each(rows.item) & np.isin(rows.item, glance.ids))
    place = {name: at for at, name in enumerate(sorted(rows.people))}
    places = np.array([place[name] for name in rows.people], np.float64)
    rank = np.full(len(glance.ids), np.nan)
    rank[positions(glance.ids, last.item)] = places[last.by]
    return rank


def _by_column(glance: Glance, column: str) -> Vector:
    """Numbers by their value, then texts by theirs; nothing where it is empty."""
    texts: set[str | None] = set()

    def noted(text: str | None) -> float:
        texts.add(text)
        return 0.0

    for _ in glance.measured(column, noted):
        pass
    places = {text: _place(text) for text in texts if text}
    order = {place: at for at, place in enumerate(sorted(set(places.values())))}
    ranks = {text: float(order[place]) for text, place in places.items()}
    rank = np.full(len(glance.ids), np.nan)
    for ids, found in glance.measured(column, lambda text: ranks.get(text or "", math.nan)):
        rank[positions(glance.ids, ids)] = found
    return rank


def _place(text: str) -> tuple[bool, float, str, str]:
    number = number_in(text)
    return (True, 0.0, text.casefold(), text) if math.isnan(number) else (False, number, "", "")
