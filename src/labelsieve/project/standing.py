"""Where a task stands: its viewed pool, its sides, what trains and what audits. Read-only but for the shares."""

from dataclasses import dataclass

import numpy as np

from labelsieve.core.idsets import common, without
from labelsieve.core.rounds import Pool
from labelsieve.core.types import ODD, Ids, Labels, Purpose
from labelsieve.heads.view import View
from labelsieve.project import folding, queries, slices
from labelsieve.project.claims.awaiting import awaited
from labelsieve.project.context import Context
from labelsieve.project.doubting import NOTHING, doubted
from labelsieve.project.grounds import audit_seed, engine_mark, groups_of, shares_of
from labelsieve.project.lessons import taught as lessons
from labelsieve.project.lessons.taught import Taught
from labelsieve.project.pooling import Tell, raw_pool
from labelsieve.project.slices import Sides
from labelsieve.project.training import GIVES, TABULAR_DIM, Chooser, Meaning, fit_view, is_tabular, restricted, view_way
from labelsieve.screening.doubts import Doubts
from labelsieve.store.pools import TaughtPool, ViewedPool


@dataclass(frozen=True, slots=True)
class Stand:
    """`train` never holds an item of a random side; `audit` and `calibration` are what is answered of these in order.

    `taught` is what trains beside them and is not of the pool: the pool finds its rows by their ids, which are below 0.
    """

    pool: Pool  # viewed
    raw: Pool
    view: View
    sides: Sides
    train: Labels
    audit: Labels
    calibration: Labels  # screens alone: what says how often a dull item scores so high
    control: Ids  # labelled items that were drawn at random as a control, ascending
    answered: Ids  # every item with a current answer, skip and unsure too, ascending
    choose: Chooser
    taught: Taught | None = None  # screens alone
    doubts: Doubts = NOTHING  # dull labels that look odd and that nobody has confirmed: they do not train

    @property
    def both(self) -> Labels:
        """Train and audit together: what a head is refitted on for export."""
        ids = np.concatenate([self.train.ids, self.audit.ids])
        order = np.argsort(ids, kind="stable")
        y = np.concatenate([self.train.y, self.audit.y])[order]
        return Labels(ids[order], y, self.train.classes, self.train.kind)


def with_taught(labels: Labels, taught: Taught | None) -> Labels:
    """The labels (m,) and what was taught beside them, ids ascending: those of taught items are below 0.

    Odd items that were missed weigh together at least as much as those that were found: they speak for what a search
    by the latter does not find. Source: measured, see docs/decisions/0011-taught-items.md.
    """
    if taught is None or not len(taught):
        return labels
    weight = np.ones(len(labels)) if labels.weight is None else labels.weight
    by_hand = (taught.source == lessons.MISSED) & (taught.y == ODD)
    stress = max(1.0, float((labels.y == ODD).sum()) / max(int(by_hand.sum()), 1))
    y = np.concatenate([taught.y, labels.y])
    weights = np.concatenate([np.where(by_hand, stress, 1.0) * taught.weight, weight])
    return Labels(np.concatenate([taught.ids, labels.ids]), y, labels.classes, labels.kind, weights)


def stand(context: Context, progress: Tell | None = None) -> Stand:
    """Everything that choosing, fitting and measuring start from.

    Cost: one fold, O(N) for ids and sides, and for a view that scales 20k rows.
    """
    raw = raw_pool(context, progress)
    task, settings = context.task, context.task_settings
    meaning = meaning_of(context, raw)
    view = fit_view(raw, view_way(task.kind, meaning), context.settings.seed)
    pool: Pool = ViewedPool(raw, view)
    taught = taught_in(context, raw.dim)
    if taught is not None:
        pool = TaughtPool(pool, taught.ids, view(taught.rows))
    groups = groups_of(context, pool.ids)
    sides = slices.sides(audit_seed(context), pool.ids, groups, shares_of(context, len(pool.ids)))
    labels = folding.fold(context.conn, task.name)
    labels = restricted(labels, common(pool.ids, without(labels.ids, awaited(context.conn, task.name))))
    answered = common(pool.ids, folding.answered(context.conn, task.name))
    control = np.intersect1d(queries.asked_for(context.conn, task.name, "control"), labels.ids)
    train = restricted(labels, np.union1d(sides.aside, queries.travelled(context.conn, task.name)), inside=False)
    doubts = doubted(context.conn, task, pool, train, taught, is_tabular(meaning))
    return Stand(
        pool=pool,
        raw=raw,
        view=view,
        sides=sides,
        train=restricted(train, doubts.at, inside=False),
        audit=restricted(labels, _slice(context, sides, "audit", answered)),
        calibration=restricted(labels, _slice(context, sides, "calibration", answered)),
        control=control,
        answered=answered,
        choose=Chooser(settings.head, is_tabular(meaning)),
        taught=taught,
        doubts=doubts,
    )


def taught_in(context: Context, dim: int) -> Taught | None:
    """What was taught and may train here, by the engine of the pool. A screen task alone learns from it."""
    task = context.task
    return lessons.taking_part(context.conn, task, engine_mark(context), dim) if task.kind == "screen" else None


def meaning_of(context: Context, pool: Pool) -> Meaning:
    """What the rows of the pool are: directions in an embedding space, principal axes, or columns of a table."""
    if context.settings.engine in GIVES:
        return GIVES[context.settings.engine]
    given = all(row.modality == "embedding" for row in context.rows.values())
    return "columns" if given and pool.dim < TABULAR_DIM else "directions"


def _slice(context: Context, sides: Sides, purpose: Purpose, answered: Ids) -> Ids:
    """Items of a side that were asked, in their random order, and those after them that are answered without a gap."""
    side = sides.drawn.get(purpose, sides.ids[:0])
    asked = np.isin(side, queries.asked_for(context.conn, context.task_name, purpose))
    end = int(np.flatnonzero(asked)[-1]) + 1 if asked.any() else 0
    done = np.isin(side[end:], answered)
    run = len(done) if done.all() else int(np.argmin(done))
    return np.sort(side[: end + run])
