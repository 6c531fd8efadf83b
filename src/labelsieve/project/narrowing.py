"""What a strategy sees of the pool: candidates by name, what a scan costs here, and which class is searched for."""

import time

import numpy as np

from labelsieve.core.errors import UnknownName
from labelsieve.core.rounds import BLOCK, Pool
from labelsieve.core.sockets import Head, Strategy
from labelsieve.core.types import ODD
from labelsieve.project.context import Context
from labelsieve.project.grounds import remembered
from labelsieve.selection.composing import among
from labelsieve.selection.naming import candidates_called

PATIENCE = 1.0  # seconds that a scan of everything may take under `auto`
TRIES = 3


def scan_cost(context: Context, pool: Pool, head: Head | None) -> dict[str, float]:
    """{"scan": seconds to score one item} by this kind of head; {} without a head.

    Measured once for an engine and a kind of head, and kept in the ledger: so a seed reproduces every choice.
    """
    if head is None or not len(pool.ids):
        return {}
    return {"scan": remembered(context, _name(context, type(head).__name__), lambda: _measured(pool, head))}


def scan_costs(context: Context) -> dict[str, float]:
    """Seconds an item by kind of head, as they were measured on the active engine."""
    start = _name(context, "")
    sql = "SELECT key, value FROM meta WHERE substr(key, 1, ?) = ? ORDER BY key"
    rows = context.conn.execute(sql, (len(start), start)).fetchall()
    return {key[len(start) :]: float(value) for key, value in rows}


def narrowed(strategy: Strategy, candidates: str, items: int, costs: dict[str, float]) -> Strategy:
    """The strategy, which sees these candidates. `auto` leaves it as it is where a scan of all takes up to a second."""
    if candidates.strip() == "everything":
        return strategy
    if candidates.strip() == "auto" and items * costs.get("scan", 0.0) <= PATIENCE:
        return strategy
    return among(candidates_called(candidates), strategy)


def wanted_class(context: Context) -> int | None:
    """The code of the class that is searched for: odd in a screen, else `wanted` of labelsieve.toml, else None.

    None too while no item of that class is known; UnknownName where the classes are closed without it.
    """
    task, name = context.task, context.task_settings.wanted
    if task.kind == "screen":
        return ODD
    if not name:
        return None
    if name in task.classes:
        return task.classes.index(name)
    if task.closed:
        raise UnknownName("class of this task", name, task.classes, "correct `wanted` in labelsieve.toml.")
    return None


def unknown_wanted(context: Context) -> list[str]:
    """A note where labelsieve.toml names a wanted class that no item is known to have: searches cannot go by it yet."""
    name = context.task_settings.wanted
    if not name or wanted_class(context) is not None:
        return []
    return [
        f"No item is labelled {name!r} yet, the `wanted` of labelsieve.toml; until then it does not guide a search."
    ]


def _name(context: Context, head: str) -> str:
    return f"scan:{context.settings.embeddings or 'given'}:{head}"


def _measured(pool: Pool, head: Head) -> float:
    """Seconds an item, the best of three tries on one block."""
    ids, took = pool.ids[:BLOCK], []
    for _ in range(TRIES):
        began = time.perf_counter()
        head.predict_proba(pool.take(ids))
        took.append(time.perf_counter() - began)
    return float(np.min(took)) / len(ids)
