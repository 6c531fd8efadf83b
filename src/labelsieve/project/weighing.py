"""What scores the items of a screen, made once for many: the head or a distance, what is usual, what is near."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, NotEnoughLabels
from labelsieve.core.sockets import Engine
from labelsieve.core.types import DULL, ODD, Ids, Item, Labels, Matrix, Vector
from labelsieve.heads.fused import Fused, directions_of
from labelsieve.heads.gaussian import Gaussian
from labelsieve.project import pooling
from labelsieve.project.context import Context
from labelsieve.project.fitting import Fitted, fit_task
from labelsieve.project.lessons.taught import names_of
from labelsieve.project.pictures.mapping import Finder
from labelsieve.project.standing import Stand, stand
from labelsieve.project.streams.detecting import Detector, detector_of, open_score
from labelsieve.project.training import drawn
from labelsieve.screening.conformal import p_values
from labelsieve.screening.explain import similarities, usual_row

USUAL = 200  # dull items that say what is usual
FEW = 5  # dull items under which the pool says it
OUTSIDE = -1  # the id of what is not in the pool
NEAR = 3  # nearest items of each kind that are named
LEARN_FROM = 5_000  # items of the pool that a distance is learnt from, where nothing is labelled
BLOCK = 32  # changed items that are embedded at once


@dataclass(frozen=True, slots=True)
class Near:
    """A known item, and how similar it is: 1 only where it is the same."""

    key: str
    similarity: float


@dataclass
class Judge:
    """What scores items of a task, made once for all that are explained. Higher is odder."""

    context: Context
    standing: Stand
    fitted: Fitted | None
    engine: Engine | None = None
    _gaussian: Gaussian | None = field(default=None, repr=False)

    @property
    def labels(self) -> Labels:
        """What trains the head: labels of the pool, and what was taught beside them."""
        return self.fitted.labels if self.fitted else self.standing.train

    @property
    def by(self) -> str:
        if self.way != "head" and self.detector.choice is not None:
            return self.detector.choice.why
        labels = self.labels
        odd, dull = int((labels.y == ODD).sum()), int((labels.y == DULL).sum())
        if self.fitted is None:
            return "how unusual it is among the items of the pool: nothing is labelled yet"
        if not odd:
            return f"how unlike the {dull} items known to be dull it is: nothing odd is known yet"
        return f"the head, fitted on {odd} odd and {dull} dull items"

    def score(self, rows: Matrix) -> Vector:
        """Scores (m,) of raw embeddings (m, d), which no bound cuts off as it does a chance: the score of the head or
        its log-odds; a distance where there is no head, or one that gives chances while nothing odd is known."""
        return self._of_viewed(self.standing.view(rows))

    def _of_viewed(self, x: Matrix) -> Vector:
        head: Any = self.fitted.head if self.fitted else None
        known = bool((self.labels.y == ODD).any())
        if head is None or not (known or isinstance(head, Fused)):
            return np.sqrt(np.maximum(self.far.distance(x), 0.0))
        return open_score(head, x, known)

    def judged(self, item: Item, row: Matrix) -> float:
        """The score of an item with the raw row (1, d), by what scores new items. InputError where it lacks a map."""
        detector, finder = self.detector, self.detector.finder
        if not detector.patched or finder is None:
            return float(self.score(row)[0])
        if item.id != OUTSIDE:
            score = float(detector.of_items(self.standing.pool, np.array([item.id], np.int64))[0])
            if np.isnan(score):
                raise InputError(
                    f"the item {item.key!r} has no feature map, and patches score the pictures of this task.",
                    f"labelsieve embed {self.context.root} --maps says why it was set aside.",
                )
            return score
        return float(detector.of_new(self.standing.view(row), finder.scores_of([item.data]))[0])

    def p_of(self, score: float) -> float | None:
        """The p-value of a score against the dull calibration items; None without any."""
        if not len(self._dull_scores):
            return None
        return float(p_values(np.array([score]), self._dull_scores)[0])

    @cached_property
    def _dull_scores(self) -> Vector:
        calibration = self.standing.calibration
        found = self.detector.of_items(self.standing.pool, calibration.ids[calibration.y == DULL])
        return found[~np.isnan(found)]

    def is_odd(self, rows: Matrix, score: float) -> bool | None:
        """Whether a row (1, d) is taken for odd: by the head, or, where patches alone score, as odder than every dull
        picture. None while nothing odd is known."""
        if self.fitted is None or not (self.labels.y == ODD).any():
            return None
        if self.way == "patches":
            return score > 1
        return bool(self.fitted.head.predict_proba(self.standing.view(rows))[0, ODD] > 0.5)

    @cached_property
    def detector(self) -> Detector:
        """What scores new items, and so these."""
        return detector_of(self.context, self.standing, self.fitted, self._of_viewed)

    @property
    def way(self) -> str:
        """What scores: "head", "patches" or "both"."""
        return self.detector.choice.way if self.detector.choice else "head"

    @property
    def finder(self) -> Finder | None:
        """What finds odd places of pictures; None without feature maps, or where they have no part in the score."""
        found = self.detector.finder
        return found if found and (self.detector.patched or self.fitted is None or found.templates) else None

    @cached_property
    def far(self) -> Gaussian:
        """Distance from the items known to be dull; from the bulk of the pool where none is."""
        ids = self.labels.ids
        return Gaussian.fit([self.standing.pool.take(ids if len(ids) else self._bulk)])

    @cached_property
    def _bulk(self) -> Ids:
        return drawn(self.standing.raw.ids, LEARN_FROM, self.context.settings.seed, "explain")

    @property
    def enough(self) -> bool:
        """Whether enough items are known to be dull to say what is usual."""
        return int((self._known[1] == DULL).sum()) >= FEW

    @cached_property
    def dull(self) -> Ids:
        """Ids (m,) of known dull items of the pool that say what is usual; items drawn from it where few are known."""
        ids, y, _ = self._known
        known = ids[y == DULL] if self.enough else self.standing.raw.ids
        return drawn(known, USUAL, self.context.settings.seed, "usual")

    @cached_property
    def usual(self) -> Any:
        """What stands in the place of a hidden part: a row, or the mean (d,) of ready embeddings; None otherwise."""
        things = [thing for thing in self.context.things(self.dull) if not isinstance(thing, InputError)]
        rows = [thing for thing in things if isinstance(thing, Mapping)]
        if rows:
            return usual_row(rows)
        return self.standing.raw.take(self.dull).mean(axis=0)

    def embedded(self, things: Sequence[Any]) -> Matrix:
        """Raw embeddings (m, d) of changed things."""
        if not len(things):
            return np.empty((0, self.standing.raw.dim), np.float32)
        if isinstance(things[0], np.ndarray):
            return np.stack(things).astype(np.float32)
        if self.engine is None:
            self.engine = pooling.ready_engine(self.context)
        engine = self.engine
        parts = [things[i : i + BLOCK] for i in range(0, len(things), BLOCK)]
        return np.concatenate([engine.compute([engine.prepare(thing) for thing in part]) for part in parts])

    @cached_property
    def _known(self) -> tuple[Ids, NDArray[Any], Matrix]:
        """Labelled items of the pool, their codes, and their rows as heads of a screen see them."""
        both = self.standing.both
        own = np.isin(both.ids, self.standing.raw.ids)
        ids = both.ids[own]
        return ids, both.y[own], self._seen(self.standing.raw.take(ids))

    @cached_property
    def _comparable(self) -> tuple[Ids, NDArray[Any], Matrix]:
        """As `_known`, and before them what was taught and takes part."""
        ids, y, x = self._known
        taught = self.labels.ids < 0
        rows = directions_of(self.standing.pool.take(self.labels.ids[taught]), self.standing.choose.tabular)
        return (
            np.concatenate([self.labels.ids[taught], ids]),
            np.concatenate([self.labels.y[taught], y]),
            np.concatenate([rows, x]) if taught.any() else x,
        )

    def _seen(self, rows: Matrix) -> Matrix:
        return directions_of(self.standing.view(rows), self.standing.choose.tabular)

    def nearest(self, row: Matrix, code: int, but: int) -> tuple[Near, ...]:
        """The known items of one kind that are most similar to a raw row (1, d), without the item itself."""
        ids, y, x = self._comparable
        mine = np.flatnonzero((y == code) & ((ids != but) | (ids < 0)))  # what was taught is no item of the pool
        near = similarities(self._seen(row)[0], x[mine])
        best = np.lexsort((ids[mine], -near))[:NEAR]
        keys = names_of(self.context.conn, ids[mine][best])
        return tuple(Near(key, round(float(near[at]), 4)) for key, at in zip(keys, best.tolist(), strict=True))


def judge_of(context: Context) -> Judge:
    """What scores the items of this screen. InputError for a task of another kind."""
    if context.task.kind != "screen":
        raise InputError(
            f"the task {context.task_name!r} is of the kind {context.task.kind}; an explanation tells odd from dull.",
            "labelsieve hard and labelsieve report say what a head of classes confuses.",
        )
    standing = stand(context)
    try:
        return Judge(context, standing, fit_task(context, standing))
    except NotEnoughLabels:
        return Judge(context, standing, None)
