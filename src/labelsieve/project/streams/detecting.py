"""What scores the items of a screen: its head, and for images with feature maps their patches where these are better.

Which of the two is decided by labelled items that train; items that calibrate or audit have no part in it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.idsets import common, without
from labelsieve.core.randomness import stream
from labelsieve.core.rounds import BLOCK, Pool
from labelsieve.core.types import DULL, ODD, Ids, Labels, Matrix, Vector
from labelsieve.heads.distances import Place
from labelsieve.heads.fused import Fused
from labelsieve.project.context import Context
from labelsieve.project.fitting import Fitted
from labelsieve.project.lessons.judging import kept_of
from labelsieve.project.pictures.mapping import Finder, finder
from labelsieve.project.standing import Stand, with_taught
from labelsieve.project.training import drawn, fit, restricted
from labelsieve.screening.choosing import Choice, choose_way, few_known

KNOWN = 200  # labelled items of each kind that the choice rests on, at most
FOLDS = 5
PLACED = 500  # rows of the pool that say how wide each of two added scores spreads

OfRows = Callable[[Matrix], Vector]


@dataclass(frozen=True, slots=True)
class Detector:
    """Scores of items, odder is higher. `by_head` takes viewed rows; `finder` and `choice` are None without maps."""

    by_head: OfRows
    choice: Choice | None = None
    finder: Finder | None = None
    places: tuple[Place, Place] = (Place(), Place())  # of head and patches in the pool, where they are added

    @property
    def patched(self) -> bool:
        """Whether patches have a part in the score, so that an item needs a map."""
        return self.choice is not None and self.choice.way != "head"

    def of_items(self, pool: Pool, ids: Ids) -> Vector:
        """The score (m,) of items of the pool; NaN for an image without a map, where that has a part in it.

        A dull image that patches are taken from is scored by the others. Cost: about .03 s an image that was not
        scored since the last dull label, where patches have a part; else that of the head.
        """
        patches = self.finder.banked(ids) if self.patched and self.finder is not None else None
        if patches is not None and self._alone:
            return patches
        blocks = (pool.take(ids[i : i + BLOCK]) for i in range(0, len(ids), BLOCK))
        return self._added(np.concatenate([np.empty(0), *(self.by_head(x) for x in blocks)]), patches)

    def of_new(self, x: Matrix, patches: Vector | None) -> Vector:
        """The score (m,) of what is not in the pool: viewed rows (m, d), and what patches give where they take part."""
        if patches is not None and self._alone:
            return patches
        return self._added(self.by_head(x), patches)

    @property
    def _alone(self) -> bool:
        return self.choice is not None and self.choice.way == "patches"

    def _added(self, head: Vector, patches: Vector | None) -> Vector:
        if patches is None:
            return head
        return np.asarray(self.places[0](head) + self.places[1](patches), np.float64)


def detector_of(context: Context, standing: Stand, fitted: Fitted | None, by_head: OfRows) -> Detector:
    """What scores items by all that is known: `by_head` where the project has no maps, or they are no better.

    InputError where labelsieve.toml asks for patches of a project without maps.
    Cost: without maps none; else five fits of the head, and the patches of at most 200 odd items.
    """
    asked = context.task_settings.score
    found = None if asked == "head" else finder(context, standing)
    if found is None:
        if asked in ("patches", "both"):
            raise InputError(
                f'the task {context.task_name!r} has score = "{asked}", and this project has no feature maps.',
                f"labelsieve embed {context.root} --maps ENGINE makes them; or take the line out of labelsieve.toml.",
            )
        return Detector(by_head)
    if fitted is None or found.bank is None:
        return Detector(by_head, Choice("head", "the head: patches need a picture that is labelled dull"), found)
    if asked != "auto":
        choice = Choice(asked, f'{_NAMED[asked]}, as score = "{asked}" in labelsieve.toml says')
    else:
        choice = _chosen(context, standing, fitted, found)
    out = Detector(by_head, choice, found)
    return out if choice.way != "both" else _placed(context, standing, fitted, out)


_NAMED = {"head": "the head", "patches": "patches", "both": "the head and patches together"}


def _placed(context: Context, standing: Stand, fitted: Fitted, found: Detector) -> Detector:
    """Both scores on the scale of the pool, of which the random sides are left out: they measure the score."""
    assert found.finder is not None  # noqa: S101  there is a choice to make only with one
    there = common(found.finder.pool.ids, standing.pool.ids)
    free = without(there, standing.sides.aside)
    ids = drawn(free if len(free) else there, PLACED, context.settings.seed, "score places")
    x = standing.pool.take(ids)
    known = bool((fitted.labels.y == ODD).any())

    def by_head(rows: Matrix) -> Vector:
        return open_score(fitted.head, rows, known)

    return replace(found, by_head=by_head, places=(Place.of(by_head(x)), Place.of(found.finder.banked(ids))))


def _chosen(context: Context, standing: Stand, fitted: Fitted, found: Finder) -> Choice:
    """The choice by labelled items that train, each scored by what did not see it: heads of other folds, other maps."""
    labels = restricted(standing.train, found.pool.ids)
    ids = [
        drawn(labels.ids[labels.y == code], KNOWN, context.settings.seed, f"score choice {code}")
        for code in (DULL, ODD)
    ]
    choice = few_known(len(ids[1]), len(ids[0]))
    if not choice.comparable:
        return choice
    judged = restricted(labels, np.sort(np.concatenate(ids)))
    head = _held_out(standing, fitted, judged, stream(context.settings.seed, "score folds").permutation(len(judged)))
    return choose_way(judged.y, head, found.banked(judged.ids))


def _held_out(standing: Stand, fitted: Fitted, judged: Labels, order: Ids) -> Vector:
    """The score (m,) of each judged item by a head that did not see its fold."""
    fold = np.empty(len(judged), np.int64)
    for code in (DULL, ODD):
        at = order[judged.y[order] == code]
        fold[at] = np.arange(len(at)) % FOLDS
    out = np.empty(len(judged))
    taught = kept_of(standing.taught, fitted.verdicts)
    for number in range(FOLDS):
        at = np.flatnonzero(fold == number)
        if len(at):
            rest = with_taught(restricted(standing.train, judged.ids[at], inside=False), taught)
            head = fit(standing.choose, standing.pool, rest, None, standing.sides.aside)
            out[at] = open_score(head, standing.pool.take(judged.ids[at]), True)
    return out


def open_score(head: Any, x: Matrix, known: bool) -> Vector:
    """Scores (m,) of viewed rows that no bound cuts off as it does a chance: those of the head, or its log-odds.

    `known`: whether the head saw anything odd; a head that gives chances alone says nothing before.
    """
    if isinstance(head, Fused):
        return head.score(x)
    if known and hasattr(head, "decision"):
        return np.asarray(head.decision(x), np.float64).reshape(len(x), -1)[:, -1]
    p = np.clip(np.asarray(head.predict_proba(x)[:, ODD], np.float64), 1e-9, 1 - 1e-9)
    return np.asarray(np.log(p) - np.log1p(-p))
