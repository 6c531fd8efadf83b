"""Decisions: answers of a reviewer to items on which people differ. They outweigh everybody else's.

    decisions(conn, task, ids) -> set[int]       sequence numbers of all events that are decisions, taken back or not
    decided_items(conn, task) -> {item}          items of which a decision stands
    holds_decisions(conn, query) -> bool
    decision_query(conn, task, items) -> int     the query that they answer, one a task; `items` are put into it

A decision is an ordinary label event. What makes it one is its query, whose strategy is `adjudicate`; the chain holds
which query that is. Undo, history and exports need to know nothing of it. It never supersedes the reviewer's own
earlier answer, which stays what it was: an answer given without seeing the others. Nor does a later answer of theirs
supersede it: a decision stands until it is taken back, or decided anew.
"""

import json
import sqlite3
from collections.abc import Sequence

import numpy as np

from labelsieve.core.types import Ids, Query, Task
from labelsieve.project import chain, live, queries
from labelsieve.project.database import transaction

STRATEGY = "adjudicate"
WHY = "people differ"


def decisions(conn: sqlite3.Connection, task: Task, ids: Ids | None = None) -> set[int]:
    """Sequence numbers of the events that answer the task's decision query, of near-duplicates that a decision went
    to as well; of the items `ids` (m,) alone where these are named. Cost: O(queries + decisions), or O(their events).
    """
    if ids is not None:
        sql = """SELECT seq FROM events WHERE task = :task AND item IN (SELECT value FROM json_each(:ids))
          AND query IN (SELECT id FROM queries WHERE task = :task AND strategy = :strategy)"""
        text = json.dumps(np.asarray(ids, np.int64).tolist())
        return {seq for (seq,) in conn.execute(sql, {"task": task.id, "ids": text, "strategy": STRATEGY})}
    # CROSS keeps this order: SQLite would begin with the events.
    sql = """SELECT e.seq FROM queries q CROSS JOIN query_items i ON i.query = q.id
        CROSS JOIN events e ON e.task = q.task AND e.item = i.item AND e.query = q.id
        WHERE q.task = :task AND q.strategy = :strategy
      UNION SELECT e.seq FROM queries q CROSS JOIN query_groups g ON g.query = q.id
        CROSS JOIN events e ON e.task = q.task AND e.item = g.member AND e.query = q.id
        WHERE q.task = :task AND q.strategy = :strategy"""
    return {seq for (seq,) in conn.execute(sql, {"task": task.id, "strategy": STRATEGY})}


def decision_queries(conn: sqlite3.Connection, task: Task) -> frozenset[int]:
    """The queries of the task whose answers are decisions: one, or none yet."""
    sql = "SELECT id FROM queries WHERE task = ? AND strategy = ?"
    return frozenset(id_ for (id_,) in conn.execute(sql, (task.id, STRATEGY)))


def decided_items(conn: sqlite3.Connection, task: Task) -> set[int]:
    """Items of which a decision stands. Cost: as `decisions`, and O(events that supersede one)."""
    found = decisions(conn, task)
    if not found:
        return set()
    found -= live.not_live(conn, task)
    sql = "SELECT item FROM events WHERE seq IN (SELECT value FROM json_each(?)) AND tag IS NOT NULL"
    return {item for (item,) in conn.execute(sql, (json.dumps(sorted(found)),))}


def holds_decisions(conn: sqlite3.Connection, query: int | None) -> bool:
    """Whether answers to that query are decisions."""
    if query is None:
        return False
    row = conn.execute("SELECT 1 FROM queries WHERE id = ? AND strategy = ?", (query, STRATEGY)).fetchone()
    return row is not None


def decision_query(conn: sqlite3.Connection, task: Task, items: Sequence[int]) -> int:
    """The id of the task's decision query, with these items in it."""
    with transaction(conn):
        sql = "SELECT MAX(id) FROM queries WHERE task = ? AND strategy = ?"
        (found,) = conn.execute(sql, (task.id, STRATEGY)).fetchone()
        new = np.array(sorted(set(items)), np.int64)
        if found is None:
            nothing = np.full(len(new), np.nan)
            made = queries.save(conn, task.name, Query(new, nothing, nothing, STRATEGY, (WHY,)), 0, 0)
            chain.add_fact(conn, chain.DECISIONS, {"task": task.name, "query": made})
            return made
        (last,) = conn.execute("SELECT MAX(position) FROM query_items WHERE query = ?", (found,)).fetchone()
        sql = "SELECT item FROM query_items WHERE query = ? AND item IN (SELECT value FROM json_each(?))"
        there = {item for (item,) in conn.execute(sql, (found, json.dumps(new.tolist())))}
        at = 0 if last is None else last + 1
        fresh = [item for item in new.tolist() if item not in there]
        sql = "INSERT INTO query_items (query, position, item, purpose, why) VALUES (?, ?, ?, 'search', ?)"
        conn.executemany(sql, [(found, at + k, item, WHY) for k, item in enumerate(fresh)])
    return int(found)
