"""What a person gets to label next, out of queries that were chosen before: nothing here scores the pool.

    hand_out(context, by, n, purpose) -> Handed      items, leased to the person; fewer where fewer are ready

Items of the newest query come first to those who ask first; nobody gets an item that somebody else has or has
answered, except for the share of the pool that is to be answered twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelsieve.core.types import Ids, Label, Purpose, Query
from labelsieve.project import manifest, queries
from labelsieve.project.claims.certifying import open_audit
from labelsieve.project.context import Context
from labelsieve.project.current import standing_answers
from labelsieve.project.database import transaction
from labelsieve.project.desk import leases
from labelsieve.project.people.twice import second_looks, twice_of
from labelsieve.project.views.veiling import audited

_SEARCH: Purpose = "search"
MOST = 500  # items that are handed out at once


@dataclass(frozen=True, slots=True)
class Handed:
    """Items (m,) with the query and the row of each in it. `left` are open beside these; `answers` stand already;
    the leases run `until`.

    Why a search asked for an item says how odd it looks: it is left out where an audit has drawn the item since.
    """

    ids: Ids
    query: list[int | None]
    purpose: list[Purpose]
    why: list[str]
    arms: list[str]
    left: int
    answers: dict[int, list[Label]]
    until: str


@dataclass(frozen=True, slots=True)
class _Open:
    """One item that could be handed out."""

    item: int
    query: int
    purpose: Purpose
    why: str
    arms: str


def hand_out(context: Context, by: str, n: int, purpose: Purpose | None = None) -> Handed:
    """Up to n items for this person, those they have already first. Cost: O(items of one query), no scan."""
    with transaction(context.conn):
        found, answers = _free(context, by, purpose, n)
        taken = found[: min(n, MOST)]
        until = leases.take(context.conn, context.task, by, [(one.item, one.query) for one in taken])
        drawn = set(audited(context.conn, context.task).tolist())
    return Handed(
        np.array([one.item for one in taken], np.int64),
        [one.query for one in taken],
        [one.purpose for one in taken],
        ["" if one.item in drawn else one.why for one in taken],
        ["" if one.item in drawn else one.arms for one in taken],
        len(found) - len(taken),
        answers,
        until,
    )


def held_for(context: Context, by: str) -> dict[int, Purpose]:
    """Item -> what it was asked for, of those that a person has on the desk."""
    held = leases.mine(context.conn, context.task, by)
    return {one.item: one.purpose for one in _asked_before(context, held, None)}


def _free(context: Context, by: str, purpose: Purpose | None, n: int) -> tuple[list[_Open], dict[int, list[Label]]]:
    """What this person may get, theirs first, then what waits for a second look (half of n at most), and the answers
    that stand for any of it."""
    conn, task = context.conn, context.task
    held = leases.mine(conn, task, by)
    again = second_looks(context, by, max(1, n // 2)) if purpose != "certify" else []
    rows = [*_asked_before(context, [*held, *again], purpose), *_newest(context, purpose)]
    rows = list({one.item: one for one in reversed(rows)}.values())[::-1]
    ids = np.array([one.item for one in rows], np.int64)
    answers, holders = standing_answers(conn, task, ids), leases.held(conn, task, ids)
    there = set(manifest.present(conn, ids).tolist())
    twice = twice_of(context, ids)

    def may(one: _Open) -> bool:
        if one.purpose == "certify":  # open by the audit's own count, hidden items among them
            return one.item in there and not holders.get(one.item, set()) - {by}
        people = {label.by for label in answers.get(one.item, ())} | holders.get(one.item, set()) - {by}
        answered = any(label.by == by for label in answers.get(one.item, ()))
        return one.item in there and not answered and len(people - {by}) < twice.get(one.item, 1)

    free = [one for one in rows if may(one)]
    for one in free:
        if one.purpose == "certify":  # what is known of a hidden item would tell it from the others
            answers.pop(one.item, None)
    return free, answers


def _asked_before(context: Context, items: Sequence[tuple[int, int | None]], purpose: Purpose | None) -> list[_Open]:
    """The rows of (item, query), as their queries have them."""
    known: dict[int, Query] = {}
    out = []
    for item, query in items:
        if query is None:
            continue
        if query not in known:
            known[query] = queries.load(context.conn, query).query
        out += [one for one in _rows(query, known[query], purpose) if one.item == item]
    return out


def _newest(context: Context, purpose: Purpose | None) -> list[_Open]:
    """Items of the newest query that asks for this; of the open audit where that is wanted."""
    if purpose == "certify":
        id_, ids, _ = open_audit(context.conn, context.task_name, MOST)
        return [_Open(item, id_, "certify", "", "") for item in ids.tolist()]
    last = queries.last_for(context.conn, context.task_name, purpose)
    return [] if last is None else _rows(last.id, last.query, purpose)


def _rows(id_: int, query: Query, purpose: Purpose | None) -> list[_Open]:
    n = len(query)
    purposes, why, arms = query.purpose or (_SEARCH,) * n, query.why or ("",) * n, query.arms or ("",) * n
    why = why * n if len(why) == 1 else why
    rows = [_Open(*row) for row in zip(query.ids.tolist(), (id_,) * n, map(_shown, purposes), why, arms, strict=True)]
    return rows if purpose is None else [one for one in rows if one.purpose == purpose]


def _shown(purpose: Purpose) -> Purpose:
    """Hidden items look like all the others of an audit."""
    return "certify" if purpose == "repeat" else purpose
