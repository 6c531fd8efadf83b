"""The next query of a task, stored with its reasons and propensities; and the loop of rounds."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from labelsieve.core import plugins
from labelsieve.core.errors import InputError, NotEnoughLabels, UnknownName
from labelsieve.core.randomness import stream
from labelsieve.core.sockets import Strategy
from labelsieve.core.types import Ids, Item, Kind, Purpose, Query
from labelsieve.project import queries
from labelsieve.project.chain import commit_seed
from labelsieve.project.claims.certifying import open_audit
from labelsieve.project.context import Context
from labelsieve.project.database import transaction
from labelsieve.project.fitting import Fitted, fit_task, pool_mark
from labelsieve.project.grouping import Groups, grouped, keep, same_groups
from labelsieve.project.indexing import lazy_neighbours
from labelsieve.project.narrowing import narrowed, scan_cost, unknown_wanted, wanted_class
from labelsieve.project.pictures.mapped import map_pool
from labelsieve.project.pictures.templates import templates_of
from labelsieve.project.prices import item_prices
from labelsieve.project.querying import Standing, compose_query, compose_side
from labelsieve.project.seeing import seen_items
from labelsieve.project.standing import Stand, stand
from labelsieve.selection.given import wanted_number
from labelsieve.selection.naming import strategy_called
from labelsieve.store.keptarrays import KeptArrays

CONTROL_SHARE = 0.2  # of a query, when a random control is asked for
LARGEST_AUDIT = 1000  # items of an audit that are handed out at once, by default
SMALLEST, LARGEST = 10, 250  # items a query, by default


@dataclass(frozen=True, slots=True)
class Asked:
    """A stored query and its items, most wanted first; `notes` say what else happened, one sentence each."""

    id: int
    query: Query
    items: list[Item]
    notes: tuple[str, ...] = ()
    groups: tuple[Ids, ...] = ()  # the near-duplicates that each item stands for; empty where nothing is grouped

    @property
    def ids(self) -> Ids:
        return self.query.ids

    def __len__(self) -> int:
        return len(self.query)


def default_size(context: Context) -> int:
    """Items a query: what labelsieve.toml says, else one a class, 10 to 250."""
    return context.task_settings.size or int(np.clip(len(context.task.classes), SMALLEST, LARGEST))


def strategy_named(name: str, kind: Kind) -> Strategy:
    """The strategy that the text describes; `auto` of a screen task is `screen`."""

    def named(word: str) -> Strategy:
        strategy: Strategy = plugins.load("strategies", "screen" if word == "auto" and kind == "screen" else word)
        return strategy

    return strategy_called(name, named)


def ask(
    context: Context,
    n: int | None,
    strategy: str | None,
    control: bool,
    candidates: str | None = None,
    purpose: Purpose | None = None,
) -> Asked:
    """The next query. The same one again while nothing new was answered. PoolExhausted where n are not left."""
    _begin(context, n)
    if purpose is not None:
        return ask_for(context, purpose, n)
    standing = stand(context)
    left = len(standing.pool.ids) - len(standing.answered)
    wanted = n if n is not None else min(default_size(context), max(left, 1))
    number = _answered_queries(context)
    name = context.task_settings.strategy if strategy is None else strategy
    seen = ("everything" if "|" in name else context.task_settings.candidates) if candidates is None else candidates
    fitted = _fitted(context, standing)
    head = fitted.head if fitted else None
    costs = scan_cost(context, standing.pool, head)
    asks = narrowed(strategy_named(name, context.task.kind), seen, len(standing.pool.ids), costs)
    notes = unknown_wanted(context)
    kept = KeptArrays(context.cache / "screening" / context.task_name, pool_mark(context, standing))
    apart = grouped(context, standing, asks, kept)
    began = time.perf_counter()
    maps = map_pool(context) if context.task.kind == "screen" else None
    state = Standing(
        pool=standing.pool,
        sides=standing.sides,
        labels=fitted.labels if fitted else standing.train,
        answered=standing.answered,
        head=head,
        number=number,
        costs=costs | _budget_left(context, len(standing.answered)),
        neighbours=lazy_neighbours(context, standing.raw, notes.append),
        wanted=wanted_class(context),
        price=item_prices(context),
        control=round(CONTROL_SHARE * wanted) if control else 0,
        past=[stored.query for stored in queries.history(context.conn, context.task_name)],
        kept=kept,
        tabular=standing.choose.tabular,
        maps=maps,
        templates=templates_of(context, maps) if maps else None,
        travelled=len(queries.travelled(context.conn, context.task_name)),
    )
    rng = stream(context.settings.seed, "query", context.task_name, name, number, len(standing.answered))
    query = compose_query(state, apart or asks, wanted, rng)
    id_ = _stored(context, query, apart.groups if apart else {}, number, time.perf_counter() - began)
    return Asked(id_, query, seen_items(context, query.ids), tuple(notes), apart.groups_of(query.ids) if apart else ())


def _begin(context: Context, n: int | None) -> None:
    """InputError for no items. The seed of audits is committed before anything is asked."""
    if n is not None and wanted_number(n) < 1:
        raise InputError(f"{n} items were asked for; expected at least 1.", "ask for one or more.")
    if context.task.kind == "screen":
        commit_seed(context.conn)


def ask_for(context: Context, purpose: Purpose, n: int | None) -> Asked:
    """The next items of one random side alone, audit or calibration, or those of the audit that is drawn ("certify").

    UnknownName where the task keeps no such side.
    """
    if purpose == "certify":
        return _open_audit(context, n)
    began = time.perf_counter()
    standing = stand(context)
    if purpose not in standing.sides.drawn:
        hint = "a screen task keeps audit and calibration items, any other audit items."
        raise UnknownName("random side of this task", purpose, standing.sides.drawn, hint)
    state = Standing(standing.pool, standing.sides, standing.train, standing.answered)
    query = compose_side(state, purpose, default_size(context) if n is None else n)
    id_ = _stored(context, query, {}, _answered_queries(context), time.perf_counter() - began)
    return Asked(id_, query, seen_items(context, query.ids))


def _open_audit(context: Context, n: int | None) -> Asked:
    """What is open of the audit; nothing in it tells the hidden items from the others."""
    id_, ids, left = open_audit(context.conn, context.task_name, LARGEST_AUDIT if n is None else n)
    query = queries.load(context.conn, id_).query
    share = float(np.nanmax(query.propensity))
    shown: Purpose = "certify"
    purposes = tuple(shown for _ in ids)
    chance = np.full(len(ids), share)
    query = Query(ids, np.zeros(len(ids)), chance, query.strategy, query.why[:1] * len(ids), purposes, query.scored)
    notes = (f"{left - len(ids):,} more items of the audit are open after these.",) if left > len(ids) else ()
    return Asked(id_, query, seen_items(context, ids), notes)


def _fitted(context: Context, standing: Stand) -> Fitted | None:
    try:
        return fit_task(context, standing)
    except NotEnoughLabels:
        return None


def _budget_left(context: Context, answered: int) -> dict[str, float]:
    """Labels that may still be spent, for strategies that look ahead; nothing where the task has no limit."""
    limit = context.task_settings.budget_labels
    return {"budget": float(max(limit - answered, 0))} if limit else {}


def _answered_queries(context: Context) -> int:
    """How many queries of this task have an answer to one of their items."""
    sql = """SELECT COUNT(*) FROM queries q WHERE q.task = ? AND q.strategy <> 'adjudicate'
      AND EXISTS (SELECT 1 FROM query_items i JOIN events e ON e.task = q.task AND e.item = i.item
      WHERE i.query = q.id)"""
    return int(context.conn.execute(sql, (context.task.id,)).fetchone()[0])


def _stored(context: Context, query: Query, groups: Groups, number: int, seconds: float) -> int:
    """The id of the query; that of the last one where it asks for the same items."""
    last = queries.last(context.conn, context.task_name)
    if last is not None and np.array_equal(last.query.ids, query.ids) and same_groups(context.conn, last.id, groups):
        return last.id
    with transaction(context.conn):
        new = queries.save(context.conn, context.task_name, query, number, context.settings.seed, seconds)
        keep(context.conn, new, groups)
    return new


def rounds_left(context: Context, n: int | None, budget: int) -> Iterator[int]:
    """Sizes of the queries until `budget` items have an answer."""
    while True:
        size = n if n is not None else default_size(context)
        left = budget - _answers(context)
        if left <= 0:
            return
        yield min(size, left)


def _answers(context: Context) -> int:
    from labelsieve.project.folding import answered

    return len(answered(context.conn, context.task_name))
