"""Decisions: answers of a reviewer to items on which people differ. They outweigh everybody else's.

    decisions(conn, task) -> set[int]            sequence numbers of all events that are decisions, taken back or not
    decided_items(conn, task) -> {item}          items of which a decision stands
    holds_decisions(conn, query) -> bool
    decision_query(conn, task, items) -> int     the query that they answer, one a task; `items` are put into it

A decision is an ordinary label event. What makes it one is its query, whose strategy is `adjudicate`; the chain holds
which query that is. Undo, history and exports need to know nothing of it. It never supersedes the reviewer's own
earlier answer, which stays what it was: an answer given without seeing the others.
"""

import json
import sqlite3
from collections.abc import Sequence

import numpy as np

from labelsieve.core.types import Query, Task
from labelsieve.project import chain, events, queries
from labelsieve.project.database import transaction

STRATEGY = "adjudicate"
WHY = "people differ"


def decisions(conn: sqlite3.Connection, task: Task) -> set[int]:
    """Sequence numbers of the events that answer the task's decision query, of near-duplicates that a decision went
    to as well. Cost: O(queries + decisions)."""
    # CROSS keeps this order: SQLite would begin with the events.
    sql = """SELECT e.seq FROM queries q CROSS JOIN query_items i ON i.query = q.id
        CROSS JOIN events e ON e.task = q.task AND e.item = i.item AND e.query = q.id
        WHERE q.task = :task AND q.strategy = :strategy
      UNION SELECT e.seq FROM queries q CROSS JOIN query_groups g ON g.query = q.id
        CROSS JOIN events e ON e.task = q.task AND e.item = g.member AND e.query = q.id
        WHERE q.task = :task AND q.strategy = :strategy"""
    return {seq for (seq,) in conn.execute(sql, {"task": task.id, "strategy": STRATEGY})}


def decided_items(conn: sqlite3.Connection, task: Task) -> set[int]:
    """Items of which a decision stands. Cost: as `decisions`, and O(events that supersede one)."""
    live = decisions(conn, task)
    if not live:
        return set()
    live -= events.not_live(conn, task)
    sql = "SELECT item FROM events WHERE seq IN (SELECT value FROM json_each(?)) AND tag IS NOT NULL"
    return {item for (item,) in conn.execute(sql, (json.dumps(sorted(live)),))}


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
