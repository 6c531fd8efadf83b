"""Filters and orders over what is known of every item: arrays (N,) in, ids out.

chosen(glance, tree, within) -> Ids         ids (m,), ascending, of the items that a filter lets through
in_order(glance, ids, sort) -> Ids          the same ids in an order
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from labelsieve.core.idsets import positions
from labelsieve.core.randomness import hash_uniform
from labelsieve.core.types import Ids, Vector
from labelsieve.project.views import filtering as kinds
from labelsieve.project.views.filtering import Filter, Sort
from labelsieve.project.views.glances import NONE, SKIP, UNSURE, Glance, Mask
from labelsieve.project.views.ranking import number_in, rank_of


def chosen(glance: Glance, tree: Filter, within: Ids | None = None) -> Ids:
    """Ids (m,), ascending, that meet the filter; `within` some items alone. Cost: O(N) for each condition."""
    mask = _mask(glance, tree)
    if within is not None:
        mask = mask & glance.among(within)
    found: Ids = glance.ids if mask.all() else glance.ids[mask]
    return found


def _mask(glance: Glance, tree: Filter) -> Mask:
    if isinstance(tree, kinds.All):
        return _joined(glance, tree.of, True)
    if isinstance(tree, kinds.Either):
        return ~_joined(glance, tuple(kinds.Other("not", one) for one in tree.of), True)
    if isinstance(tree, kinds.Other):
        return ~_mask(glance, tree.of)
    mask: Mask = _LEAVES[type(tree)](glance, tree)
    return mask


def _joined(glance: Glance, parts: tuple[Filter, ...], start: bool) -> Mask:
    mask = np.full(len(glance.ids), start)
    for part in parts:
        mask &= _mask(glance, part)
    return mask


def _answered(glance: Glance, leaf: kinds.Answered) -> Mask:
    code = glance.code
    mask = np.zeros(len(code), bool)
    for state in leaf.states:
        mask |= {"none": code == NONE, "any": code != NONE, "skip": code == SKIP, "unsure": code == UNSURE}[state]
    wanted = [at for at, name in enumerate(glance.task.classes) if name in leaf.classes]
    if glance.task.kind == "multilabel":
        return mask | glance.several[:, wanted].any(axis=1) if wanted else mask
    return mask | np.isin(code, wanted)


def _guessed(glance: Glance, leaf: kinds.Guessed) -> Mask:
    with np.errstate(invalid="ignore"):
        mask = (glance.p >= np.float32(leaf.low)) & (glance.p <= np.float32(leaf.high))
    if leaf.classes:
        wanted = [at for at, name in enumerate(glance.guessed) if name in leaf.classes]
        mask = mask & np.isin(glance.guess, wanted)
    return np.asarray(mask)


def _doubted(glance: Glance, leaf: kinds.Doubted) -> Mask:
    return glance.gainsaid if leaf.between == "head" else glance.differ


def _from_source(glance: Glance, leaf: kinds.FromSource) -> Mask:
    mask = np.zeros(len(glance.ids), bool)
    for name in leaf.names:
        mask |= glance.among(glance.named(name))
    return mask


def _in_column(glance: Glance, leaf: kinds.InColumn) -> Mask:
    return glance.with_text(leaf.name, _fits(leaf))


def _fits(leaf: kinds.InColumn) -> Callable[[str | None], bool]:
    if leaf.relation == "range":
        low = -math.inf if leaf.low is None else leaf.low
        high = math.inf if leaf.high is None else leaf.high
        return lambda text: low <= number_in(text) <= high
    if leaf.relation == "is":
        wanted = frozenset(leaf.texts)
        return lambda text: (text or "") in wanted
    parts = [part.casefold() for part in leaf.texts]
    return lambda text: any(part in (text or "").casefold() for part in parts)


def _answered_by(glance: Glance, leaf: kinds.AnsweredBy) -> Mask:
    mask = np.zeros(len(glance.ids), bool)
    for name in leaf.names:
        mask |= glance.answered_by(name)
    return mask


def _flagged(glance: Glance, leaf: kinds.Flagged) -> Mask:
    from labelsieve.project.desk.flags import flagged

    mask = glance.among(flagged(glance.context.conn, glance.task))
    return mask if leaf.on else ~mask


def _asked_for(glance: Glance, leaf: kinds.AskedFor) -> Mask:
    before = glance.asked(tuple(one for one in leaf.purposes if one not in ("certify", "repeat")))
    if glance.by is not None:  # hidden items of an audit were asked for before, the others of it were not
        before = before & ~glance.audited
    return before | glance.audited if "certify" in leaf.purposes else before


_LEAVES: dict[type, Callable[[Glance, Any], Mask]] = {
    kinds.Answered: _answered,
    kinds.Guessed: _guessed,
    kinds.Doubted: _doubted,
    kinds.FromSource: _from_source,
    kinds.InColumn: _in_column,
    kinds.AnsweredBy: _answered_by,
    kinds.Flagged: _flagged,
    kinds.AskedFor: _asked_for,
    kinds.Keyed: lambda glance, leaf: glance.keyed(leaf.text),
}


def in_order(glance: Glance, ids: Ids, sort: Sort) -> Ids:
    """Ids (m,), given ascending, in an order: what has no value last, ties by id. Cost: O(m log m)."""
    if sort.by == "id":
        return ids[::-1] if sort.descending else ids
    if sort.by in ("key", "time"):
        return _by_text(glance, ids, sort)
    score = _score(glance, sort)[positions(glance.ids, ids)] if sort.by != "random" else hash_uniform(sort.seed, ids)
    order = np.argsort(-score if sort.descending else score, kind="stable")  # NaN comes last in both
    return ids[order]


def _score(glance: Glance, sort: Sort) -> Vector:
    if sort.by == "probability":
        return np.asarray(glance.p, np.float64)
    if sort.by == "margin":
        return np.asarray(glance.p - glance.second, np.float64)
    if sort.by == "oddness":
        at = glance.guessed.index("odd") if "odd" in glance.guessed else -2
        return np.where(glance.guess == at, glance.p, 1.0 - glance.p)
    if sort.by == "disagreement":
        return np.where(glance.gainsaid, glance.p, np.nan)
    return glance.labelled if sort.by == "labelled" else rank_of(glance, sort)


def _by_text(glance: Glance, ids: Ids, sort: Sort) -> Ids:
    """SQLite sorts what has a row of its own; items of a range come after those, as their rows lie."""
    order = glance.by_key() if sort.by == "key" else glance.by_time(sort.descending)
    wanted = np.zeros(int(max(ids.max(initial=0), order.max(initial=0))) + 1, bool)
    wanted[ids] = True
    known = order[wanted[order]]
    wanted[known] = False
    ordered = np.concatenate([known, ids[wanted[ids]]])
    return ordered[::-1] if sort.by == "key" and sort.descending else ordered
