"""What scores new items of a screen: the head, and beside it dull calibration items, the pool, and the known items."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError, NotEnoughLabels
from labelsieve.core.idsets import without
from labelsieve.core.rounds import BLOCK
from labelsieve.core.types import DULL, ODD, Ids, Labels, Matrix, Purpose, Vector
from labelsieve.heads.fused import directions_of
from labelsieve.heads.gaussian import Gaussian
from labelsieve.project import folding, queries
from labelsieve.project.context import Context
from labelsieve.project.fitting import Fitted, fit_task
from labelsieve.project.lessons.taught import names_of
from labelsieve.project.standing import Stand, stand
from labelsieve.project.streams.detecting import Detector, detector_of
from labelsieve.project.training import drawn, restricted
from labelsieve.screening.anomaly import LEARN_FROM
from labelsieve.screening.shift import AMONG, ROWS, Side, away_from

KNOWN = 1000  # labelled items of each kind that new ones are compared with, at most
REFERENCE = "screen reference"  # the stream that draws pool rows


@dataclass(frozen=True, slots=True)
class Near:
    """The known items of one kind, taught ones too: keys (m,) and rows (m, d) that new rows are compared with."""

    keys: tuple[str, ...]
    rows: Matrix
    tabular: bool

    def nearest(self, x: Matrix) -> tuple[Ids, Vector]:
        """(position (b,), similarity (b,)) of the nearest: the cosine; for table rows 1 / (1 + distance / sqrt(d))."""
        if not self.keys:
            return np.full(len(x), -1), np.full(len(x), np.nan)
        if not self.tabular:
            found = _unit(directions_of(x, False)) @ self.rows.T
            at = found.argmax(axis=1)
            return at, found[np.arange(len(x)), at].astype(np.float64)
        square = (x**2).sum(axis=1)[:, None] - 2 * x @ self.rows.T + (self.rows**2).sum(axis=1)
        at = square.argmin(axis=1)
        far = np.sqrt(np.maximum(square[np.arange(len(x)), at], 0) / x.shape[1])
        return at, (1 / (1 + far)).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Scorer:
    """Scores of new items. `by` is "head", "patches", "both", or "distance" from the pool where nothing may train.

    `dull_scores` (m,) are those of the dull calibration items; `unsure` calibration items have an answer that is no
    class, `odd` ones are odd. `audit` are labels that had no part in the head, `audit_scores` theirs.
    """

    by: str
    standing: Stand
    detector: Detector
    gaussian: Gaussian
    usual: Vector  # distances of rows of the pool from it
    odd_near: Near
    dull_near: Near
    reference: Side  # what rows of the pool score
    among: Matrix  # rows of the pool, among which the nearest is looked for
    dull_scores: Vector
    odd: int
    unsure: int
    audit: Labels
    audit_scores: Vector

    def viewed(self, x: Matrix) -> Matrix:
        """Rows as the head sees them."""
        return self.standing.view(x)

    def side(self, rows: Matrix, score: Vector) -> Side:
        """New items, to be compared with the pool: some of their viewed rows, the scores of all."""
        return Side(rows, away_from(rows, self.among, self.standing.choose.tabular), score)

    def above(self, threshold: float) -> tuple[int, int]:
        """How many items of the pool score above a threshold, and how many there are. Cost: one scan."""
        pool = self.standing.pool
        return int((self.detector.of_items(pool, pool.ids) > threshold).sum()), len(pool.ids)


def scorer_of(context: Context) -> Scorer:
    """What scores new items by all that is known now. InputError for a task that is no screen.

    The calibration items have no part in it: neither in the head nor in what says which rows are usual.
    """
    task = context.task
    if task.kind != "screen":
        raise InputError(
            f"the task {task.name!r} is of kind {task.kind}; new items are screened by a screen task.",
            "labelsieve task PROJECT NAME --task screen makes one over the same pool.",
        )
    standing = stand(context)
    pool, seed = standing.pool, context.settings.seed
    others = without(pool.ids, standing.sides.drawn["calibration"])
    learnt = pool.take(drawn(others if len(others) else pool.ids, LEARN_FROM, seed, "screen gaussian"))
    gaussian = Gaussian.fit(learnt[i : i + BLOCK] for i in range(0, len(learnt), BLOCK))
    fitted = _fitted(context, standing)
    by, detector = _scoring(context, standing, gaussian, fitted)
    known = fitted.labels if fitted else standing.train
    ids = drawn(pool.ids, AMONG, seed, REFERENCE)
    every = -(-len(ids) // ROWS)
    among = pool.take(ids)
    rows = among[::every]
    calibration = _by_chance(context, standing, "calibration", standing.calibration)
    dull = calibration.ids[calibration.y == DULL]
    dull_scores = detector.of_items(pool, dull)
    audit = _by_chance(context, standing, "audit", standing.audit)
    asked = queries.asked_for(context.conn, task.name, "calibration", "certify")
    answered = np.intersect1d(np.intersect1d(asked, standing.answered), standing.sides.drawn["calibration"])
    away = away_from(rows, among, standing.choose.tabular, own=True)
    return Scorer(
        by=by, standing=standing, detector=detector, gaussian=gaussian, usual=gaussian.distance(rows),
        odd_near=_near(context, standing, known, ODD), dull_near=_near(context, standing, known, DULL),
        reference=Side(rows, away, _there(detector.of_items(pool, ids[::every]))), among=among,
        dull_scores=_there(dull_scores), odd=int((calibration.y == ODD).sum()),
        unsure=len(np.setdiff1d(answered, calibration.ids)), audit=audit,
        audit_scores=detector.of_items(pool, audit.ids),
    )  # fmt: skip


def _fitted(context: Context, standing: Stand) -> Fitted | None:
    try:
        return fit_task(context, standing)
    except NotEnoughLabels:
        return None


def _scoring(context: Context, standing: Stand, gaussian: Gaussian, fitted: Fitted | None) -> tuple[str, Detector]:
    if fitted is None:
        return "distance", detector_of(context, standing, None, gaussian.distance)
    head: Any = fitted.head

    def by_head(x: Matrix) -> Vector:
        return np.asarray(fitted.temperature(head.predict_proba(x), False)[:, ODD], np.float64)

    detector = detector_of(context, standing, fitted, by_head)
    return detector.choice.way if detector.choice else "head", detector


def _there(score: Vector) -> Vector:
    """Without what has no map."""
    return score[~np.isnan(score)]


def _by_chance(context: Context, standing: Stand, purpose: Purpose, labels: Labels) -> Labels:
    """The labels of a random side, and those of it that an audit drew: nothing but chance chose them, none trained."""
    asked = queries.asked_for(context.conn, context.task_name, "certify")
    more = np.intersect1d(asked, standing.sides.drawn[purpose])
    return restricted(folding.fold(context.conn, context.task_name), np.union1d(labels.ids, more))


def _near(context: Context, standing: Stand, known: Labels, code: int) -> Near:
    """What trains and has one code, what was taught too; a random part where there are many."""
    tabular = standing.choose.tabular
    ids = drawn(known.ids[known.y == code], KNOWN, context.settings.seed, f"screen near {code}")
    rows = standing.pool.take(ids)
    keys = tuple(names_of(context.conn, ids))
    return Near(keys, rows if tabular else _unit(directions_of(rows, False)), tabular)


def _unit(x: Matrix) -> Matrix:
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.where(norm > 0, norm, 1), np.float32)
