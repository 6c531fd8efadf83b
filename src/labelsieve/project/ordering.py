"""Items in an order: the hardest of a class, labels that the head gainsays, and a curriculum from easy to hard."""

from dataclasses import dataclass

import numpy as np

from labelsieve.core.errors import InputError, NotEnoughLabels, UnknownName
from labelsieve.core.randomness import stream
from labelsieve.core.rounds import Pool, Round
from labelsieve.core.types import DULL, ODD, Ids, Labels, Matrix, Vector
from labelsieve.project import slices
from labelsieve.project.context import Context
from labelsieve.project.fitting import fit_task, named
from labelsieve.project.grounds import groups_of
from labelsieve.project.standing import Stand, stand
from labelsieve.project.thinning import Listed, listed
from labelsieve.project.training import Chooser, fit, restricted
from labelsieve.selection.curriculum import Pace, difficulty, steps_of
from labelsieve.selection.given import wanted_number
from labelsieve.selection.hard import by_hardness, disagreements
from labelsieve.selection.second_look import second_opinion, suspicious
from labelsieve.sources.classcells import joined_names

FOLDS = 5
LEAST = 10  # labels that are needed to judge each by a head that was not fitted on it
HARD_COLUMNS = ("id", "key", "label", "predicted", "score")
COLUMNS = ("id", "key", "label", "difficulty", "step")


@dataclass(frozen=True, slots=True)
class Ranked(Listed):
    """Items by a score, with what a head says of each."""

    predicted: tuple[str, ...]
    score: Vector


@dataclass(frozen=True, slots=True)
class Ordered(Listed):
    """Labelled items from easy to hard, and the step from which each takes part."""

    difficulty: Vector
    step: Ids


def hardest(context: Context, n: int, wanted: str | None) -> Ranked:
    """The n hardest items of a class (of any) without an answer, hardest first. Fewer where fewer are left.

    NotEnoughLabels without a head, UnknownName for a class that the task has not.
    """
    if wanted_number(n) < 1:
        raise InputError(f"{n} items were asked for; expected at least 1.")
    standing = stand(context)
    fitted = fit_task(context, standing)
    asked = np.union1d(standing.answered, standing.sides.aside)
    state = Round(standing.pool, standing.train, fitted.head, asked, wanted=_code(context, standing, wanted))
    query = by_hardness(state, min(n, state.left()), stream(context.settings.seed, "hard", context.task_name))
    said = named(fitted.proba(query.ids), context.task, standing.train.classes) if len(query) else ()
    return Ranked(*listed(context, standing.both, query.ids), tuple(joined_names(names) for names in said), query.score)


def gainsaid(context: Context, n: int) -> Ranked:
    """The n labelled items whose label a head that was not fitted on them most surely disagrees with."""
    if wanted_number(n) < 1:
        raise InputError(f"{n} items were asked for; expected at least 1.")
    standing = stand(context)
    labels = standing.both
    proba = unseen(context, standing, labels)
    found, surer = disagreements(proba, labels.y)
    found = found[:n]
    ids = labels.ids[found]
    said = named(proba[found], context.task, labels.classes)
    return Ranked(*listed(context, labels, ids), tuple(joined_names(names) for names in said), surer[: len(found)])


def suspects(context: Context, n: int) -> Ranked:
    """The n labels at most that are to be looked at again, surest first; `score` is by how much another is likelier.

    NotEnoughLabels below 10 labels, or where all of them are one group.
    """
    standing = stand(context)
    labels = standing.both
    fold = folds(context, labels)
    proba = by_other_folds(standing.choose, standing.pool, labels, fold)
    likely = second_opinion(standing.pool.take(labels.ids), proba, labels.y, fold, labels.kind)
    found, surer = suspicious(likely, labels.y)
    found = found[:n]
    said = named(likely[found], context.task, labels.classes)
    return Ranked(*listed(context, labels, labels.ids[found]), tuple(joined_names(names) for names in said), surer[:n])


def ordered(context: Context, by: Pace, steps: int) -> Ordered:
    """The training labels from easy to hard, by heads that were not fitted on the item. The audit slice is left out."""
    standing = stand(context)
    labels = standing.train
    hard = difficulty(unseen(context, standing, labels), labels.y)
    step = steps_of(hard, steps, by)
    order = np.argsort(hard, kind="stable")
    return Ordered(*listed(context, labels, labels.ids[order]), hard[order], step[order])


def unseen(context: Context, standing: Stand, labels: Labels) -> Matrix:
    """Probabilities (m, c) of labelled items, each by a head that was fitted on other folds; no group is cut.

    NotEnoughLabels below 10 labels, or where all of them are one group.
    """
    return by_other_folds(standing.choose, standing.pool, labels, folds(context, labels))


def folds(context: Context, labels: Labels) -> Ids:
    """One of 5 folds (m,) for each labelled item, the same for items of a group. Errors as `unseen`."""
    if len(labels) < LEAST:
        raise NotEnoughLabels(f"{len(labels)} items have a label; at least {LEAST} are needed.", "labelsieve next")
    seed = int(stream(context.settings.seed, "folds", context.task_name).integers(2**62))
    mark = slices.uniform(seed, labels.ids, groups_of(context, labels.ids))
    order = np.argsort(mark, kind="stable")
    rank = np.cumsum(np.diff(mark[order], prepend=-1.0) > 0) - 1  # of groups, so that each fold has some
    fold = np.empty(len(labels), np.int64)
    fold[order] = rank % FOLDS
    if rank[-1] == 0:
        raise NotEnoughLabels("all labelled items are of one group.", "label items of other groups.")
    return fold


def by_other_folds(choose: Chooser, pool: Pool, labels: Labels, fold: Ids) -> Matrix:
    """Probabilities (m, c) of labelled items, each by a head that was fitted on the folds (m,) that it is not of."""
    proba = np.zeros((len(labels), len(labels.classes)), np.float32)
    for part in np.unique(fold):
        held = labels.ids[fold == part]
        head = fit(choose, pool, restricted(labels, held, inside=False))
        proba[fold == part] = head.predict_proba(pool.take(held))
    return proba


def _code(context: Context, standing: Stand, wanted: str | None) -> int | None:
    if wanted is None:
        return None
    task = context.task
    if task.kind == "screen":
        return DULL if wanted in (task.dull, "dull") else ODD
    if wanted not in standing.train.classes:
        raise UnknownName("class of this task", wanted, standing.train.classes)
    return standing.train.classes.index(wanted)
