"""Where a task stands: its viewed pool, its sides, what trains and what audits. Read-only but for the audit share."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labelsieve.core.idsets import common
from labelsieve.core.randomness import stream
from labelsieve.core.rounds import Pool
from labelsieve.core.types import Ids, Labels
from labelsieve.heads.view import View
from labelsieve.project import folding, manifest, queries, slices
from labelsieve.project.context import Context
from labelsieve.project.database import transaction
from labelsieve.project.pooling import Tell, raw_pool
from labelsieve.project.slices import Groups, Sides
from labelsieve.project.training import TABULAR_DIM, Chooser, Meaning, fit_view, restricted, view_way
from labelsieve.store.pools import ViewedPool


@dataclass(frozen=True, slots=True)
class Stand:
    """`train` never holds an audit item, and `audit` only items of the random slice; both are within the pool."""

    pool: Pool  # viewed
    raw: Pool
    view: View
    sides: Sides
    train: Labels
    audit: Labels
    control: Ids  # labelled items that were drawn at random as a control, ascending
    answered: Ids  # every item with a current answer, skip and unsure too, ascending
    choose: Chooser

    @property
    def both(self) -> Labels:
        """Train and audit together: what a head is refitted on for export."""
        ids = np.concatenate([self.train.ids, self.audit.ids])
        order = np.argsort(ids, kind="stable")
        y = np.concatenate([self.train.y, self.audit.y])[order]
        return Labels(ids[order], y, self.train.classes, self.train.kind)


def stand(context: Context, progress: Tell | None = None) -> Stand:
    """Everything that choosing, fitting and measuring start from.

    Cost: one fold, O(N) for ids and sides, and for a view that scales 20k rows.
    """
    raw = raw_pool(context, progress)
    task, settings = context.task, context.task_settings
    meaning = meaning_of(context, raw)
    view = fit_view(raw, view_way(task.kind, meaning), context.settings.seed)
    pool = ViewedPool(raw, view)
    groups = groups_of(context, pool.ids)
    sides = slices.sides(audit_seed(context), pool.ids, groups, _share(context, len(pool.ids)))
    labels = folding.fold(context.conn, task.name)
    labels = restricted(labels, common(pool.ids, labels.ids))
    answered = common(pool.ids, folding.answered(context.conn, task.name))
    control = np.intersect1d(queries.asked_for(context.conn, task.name, "control"), labels.ids)
    return Stand(
        pool=pool,
        raw=raw,
        view=view,
        sides=sides,
        train=restricted(labels, np.union1d(sides.audit, queries.travelled(context.conn, task.name)), inside=False),
        audit=restricted(labels, _slice(context, sides, answered)),
        control=control,
        answered=answered,
        choose=Chooser(settings.head, meaning != "directions"),
    )


def meaning_of(context: Context, pool: Pool) -> Meaning:
    """What the rows of the pool are: directions in an embedding space, or columns of a table."""
    if context.settings.engine == "table":
        return "scaled"
    given = all(row.modality == "embedding" for row in context.rows.values())
    return "columns" if given and pool.dim < TABULAR_DIM else "directions"


def groups_of(context: Context, ids: Ids) -> Groups:
    """One group an item, or None where the project has no groups."""
    if context.conn.execute("SELECT 1 FROM items WHERE grp IS NOT NULL LIMIT 1").fetchone() is None:
        return None
    return manifest.groups(context.conn, ids)


def audit_seed(context: Context) -> int:
    """The seed of the sides of the context's task."""
    return int(stream(context.settings.seed, "audit", context.task_name).integers(2**62))


def _share(context: Context, n_items: int) -> float:
    """The audit side's share of the pool: fixed when it is first needed, so that no item ever changes sides."""
    name = f"audit_share:{context.task_name}"
    return float(remembered(context, name, lambda: slices.audit_share(n_items, context.task_settings.budget_labels)))


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


def _slice(context: Context, sides: Sides, answered: Ids) -> Ids:
    """Audit items that were asked, in their random order, and those after them that are answered without a gap."""
    asked = np.isin(sides.audit, queries.asked_for(context.conn, context.task_name, "audit"))
    end = int(np.flatnonzero(asked)[-1]) + 1 if asked.any() else 0
    done = np.isin(sides.audit[end:], answered)
    run = len(done) if done.all() else int(np.argmin(done))
    return np.sort(sides.audit[: end + run])
