"""Near-duplicates of what a query asks: they travel with it, and one answer counts for all of them.

    grouped(context, standing, strategy, kept) -> Strategy     no two items of its queries are near-duplicates
    keep(conn, query, groups) / groups_of(conn, query)         what each item of a stored query stands for
    groups_around(conn, task, items) -> Groups                 the same of any query of a task
    still_open(conn, task, members) -> Ids                     those that nobody has looked at

Their labels have the source "rule": nobody has looked at them. They train nothing, since they are equal to the
item that was looked at, and an audit counts them as not reviewed.
"""

import json
import sqlite3
from collections.abc import Mapping

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.rounds import Kept
from labelsieve.core.sockets import Strategy
from labelsieve.core.types import Ids
from labelsieve.project import live, tasks
from labelsieve.project.context import Context
from labelsieve.project.database import transaction
from labelsieve.project.standing import Stand
from labelsieve.screening.twins import ROUNDING, Apart, pool_marks
from labelsieve.store.pools import ViewedPool

Groups = Mapping[int, Ids]


def grouped(context: Context, standing: Stand, strategy: Strategy, kept: Kept) -> Apart | None:
    """The strategy without near-duplicates in a query; None where the task is no screen, or `together` is 0.

    Cost: one pass over the pool the first time, then a few numbers an item of the pool for each item of a query.
    """
    together = context.task_settings.together
    if context.task.kind != "screen" or together == 0:
        return None
    if not 0 < together <= 1:
        raise InputError(
            f"together is {together:g} in labelsieve.toml; a similarity above 0, and 1 at most, was expected.",
            "1 for equal ones alone, 0 for none.",
        )
    tabular = standing.choose.tabular
    rows = ViewedPool(standing.raw, standing.view) if tabular else standing.raw  # no column outweighs the others
    marks = kept("marks of near-duplicates", lambda: pool_marks(rows))
    return Apart(strategy, rows, marks, min(together, 1.0 if tabular else 1 - ROUNDING), {})


def keep(conn: sqlite3.Connection, query: int, groups: Groups) -> None:
    """Stores what the items of a query stand for."""
    rows = [(query, item, member) for item, members in groups.items() for member in members.tolist()]
    with transaction(conn):
        conn.executemany("INSERT OR IGNORE INTO query_groups VALUES (?, ?, ?)", rows)


def groups_of(conn: sqlite3.Connection, query: int) -> dict[int, Ids]:
    """Items of a stored query -> the ids (m,) of the near-duplicates that each stands for; those with none left out."""
    found: dict[int, list[int]] = {}
    sql = "SELECT item, member FROM query_groups WHERE query = ? ORDER BY item, member"
    for item, member in conn.execute(sql, (query,)):
        found.setdefault(item, []).append(member)
    return {item: np.array(members, np.int64) for item, members in found.items()}


def groups_around(conn: sqlite3.Connection, task: str, items: Ids) -> dict[int, Ids]:
    """Items (m,) -> the near-duplicates that each stood for in any query of the task; those with none left out.

    Cost: O(queries x items).
    """
    found: dict[int, set[int]] = {}
    # CROSS keeps this order: the groups are found by query and item.
    sql = """SELECT g.item, g.member FROM queries q CROSS JOIN query_groups g ON g.query = q.id
      WHERE q.task = ? AND g.item IN (SELECT value FROM json_each(?))"""
    for item, member in conn.execute(sql, (tasks.get(conn, task).id, json.dumps(np.asarray(items).tolist()))):
        found.setdefault(item, set()).add(member)
    return {item: np.array(sorted(members), np.int64) for item, members in found.items()}


def same_groups(conn: sqlite3.Connection, query: int, groups: Groups) -> bool:
    """Whether the items of a stored query stand for these."""
    before, now = groups_of(conn, query), {item: members for item, members in groups.items() if len(members)}
    return before.keys() == now.keys() and all(np.array_equal(members, now[item]) for item, members in before.items())


def still_open(conn: sqlite3.Connection, task: str, members: Ids) -> Ids:
    """Those of `members` (m,) that nobody has looked at: a live answer of their own is never written over."""
    found = tasks.get(conn, task)
    sql = """SELECT seq, item FROM events INDEXED BY events_item
      WHERE task = ? AND tag IS NOT NULL AND source <> 'rule' AND item IN (SELECT value FROM json_each(?))"""
    rows = conn.execute(sql, (found.id, json.dumps(members.tolist()))).fetchall()
    dead = live.not_live(conn, found, members) if rows else set()
    return np.setdiff1d(members, np.array([item for seq, item in rows if seq not in dead], np.int64))
