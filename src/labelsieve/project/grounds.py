"""What the ledger alone says of where a task stands: its random sides, groups, engine, and numbers that are kept."""

import json
from collections.abc import Callable

from labelsieve.core.randomness import stream
from labelsieve.core.types import Ids, Purpose
from labelsieve.project import manifest, slices
from labelsieve.project.context import Context
from labelsieve.project.database import transaction
from labelsieve.project.slices import Groups, Sides


def engine_mark(context: Context) -> str:
    """What names the engine of the pool's embeddings, its revision and preprocessing; ready embeddings have no name."""
    mark = context.settings.embeddings
    return mark if mark and not mark.startswith("given@") else "given"


def groups_of(context: Context, ids: Ids) -> Groups:
    """One group an item, or None where the project has no groups."""
    if context.conn.execute("SELECT 1 FROM items WHERE grp IS NOT NULL LIMIT 1").fetchone() is None:
        return None
    return manifest.groups(context.conn, ids)


def audit_seed(context: Context) -> int:
    """The seed of the sides of the context's task."""
    return int(stream(context.settings.seed, "audit", context.task_name).integers(2**62))


def sides_among(context: Context, ids: Ids) -> Sides:
    """Which of these items (m,), ascending, stand on a random side. Cost: a hash each; the pool is not read."""
    shares = shares_of(context, len(manifest.ids(context.conn)))
    return slices.sides(audit_seed(context), ids, groups_of(context, ids), shares)


def shares_of(context: Context, n_items: int) -> dict[Purpose, float]:
    """The share of each random side: fixed when it is first needed, so that no item ever changes sides."""
    budget = context.task_settings.budget_labels

    def share(purpose: Purpose) -> float:
        name = f"{purpose}_share:{context.task_name}"
        return float(remembered(context, name, lambda: slices.share_of(purpose, n_items, budget)))

    return {purpose: share(purpose) for purpose in slices.purposes_of(context.task.kind)}


def remembered(context: Context, name: str, make: Callable[[], float]) -> float:
    """A number that is made once and kept in the ledger; without write access it is made each time."""
    sql = "SELECT value FROM meta WHERE key = ?"
    row = context.conn.execute(sql, (name,)).fetchone()
    if row is None:
        value = make()
        if not context.conn.writable:
            return value
        with transaction(context.conn):
            context.conn.execute("INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)", (name, json.dumps(value)))
        row = context.conn.execute(sql, (name,)).fetchone()
    return float(json.loads(row[0]))
