"""What is found of new items, and what follows from it: facts alone, written and worded elsewhere.

arrive(context, scorer, incoming) -> Arrived       scores, distances, the nearest known items
known_of(context, scorer, given, arrived) -> Known what of them is in the pool
judged(scorer, arrived, known, wanted) -> Judged   p-values, who is escalated, in which order, and whether that holds
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError
from labelsieve.core.randomness import stream
from labelsieve.core.types import Ids, Labels, Vector
from labelsieve.project import folding, manifest
from labelsieve.project.context import Context
from labelsieve.project.lessons import taught as lessons
from labelsieve.project.lessons.outside import engine_for
from labelsieve.project.streams.incoming import Incoming, row_marks, same_rows
from labelsieve.project.streams.scoring import Scorer
from labelsieve.project.streams.wanting import Tell, Wanted
from labelsieve.screening.conformal import AlarmRate, alarm_rate, discoveries, p_values
from labelsieve.screening.shift import ROWS

TOO_LARGE = "its numbers are too large to be scored"


@dataclass(frozen=True, slots=True)
class Arrived:
    """The items that could be scored, in the order given: `at` (n,) their positions, and what was found of each."""

    at: Ids
    score: Vector
    distance: Vector
    marks: NDArray[np.uint64]  # one hash of the embedding each: equal rows have equal ones
    odd: tuple[Ids, Vector]  # the nearest known odd item and its similarity
    dull: tuple[Ids, Vector]
    rows: NDArray[np.float32]  # (m, d) viewed: at most 1,000 of them, drawn at random


def arrive(context: Context, scorer: Scorer, given: Incoming, progress: Tell | None = None) -> Arrived:
    """Everything scored, a block of embeddings in memory. InputError where nothing could be embedded."""
    dim = scorer.standing.raw.dim
    engine = engine_for(context, {part.modality for part in given.parts}, scorer.standing.raw)
    draw = stream(context.settings.seed, "screen", "rows").permutation(len(given))[:ROWS]
    drawn = np.zeros(len(given), bool)
    drawn[draw] = True
    parts: list[tuple[Any, ...]] = []
    rows = [np.empty((0, dim), np.float32)]
    for at, raw in given.blocks(engine, dim):
        if len(at):
            x = scorer.viewed(raw)
            with np.errstate(over="ignore", invalid="ignore"):
                score, there = _scores(scorer, given, at, x)
                far = scorer.gaussian.distance(x[there])
            fine = np.isfinite(score) & np.isfinite(far)
            given.bad += [(given.key(i), TOO_LARGE) for i in at[there][~fine].tolist()]
            score, far, there[there] = score[fine], far[fine], fine
            at, x, raw = at[there], x[there], raw[there]
        if len(at):
            alike = (*scorer.odd_near.nearest(x), *scorer.dull_near.nearest(x))
            parts.append((at, score, far, row_marks(raw), *alike))
            rows.append(x[drawn[at]])
        if progress is not None:
            progress(int(at[-1]) + 1 if len(at) else 0, len(given))
    if not parts:
        key, why = given.bad[0]
        raise InputError(f"none of {len(given)} items could be embedded; the first, {key}: {why}.", "mend the files.")
    at, score, far, marks, *near = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Arrived(at, score, far, marks, (near[0], near[1]), (near[2], near[3]), np.concatenate(rows))


def _scores(scorer: Scorer, given: Incoming, at: Ids, x: NDArray[np.float32]) -> tuple[Vector, NDArray[np.bool_]]:
    """The scores (k,) of those of the viewed rows x (b, d) that have one, and which (b,) these are."""
    detector, finder = scorer.detector, scorer.detector.finder
    if not detector.patched or finder is None:
        return detector.of_new(x, None), np.ones(len(at), bool)
    patches = given.mapped(at, finder.engine, finder.of_maps)
    there = ~np.isnan(patches)
    return detector.of_new(x[there], patches[there]), there


@dataclass(frozen=True, slots=True)
class Known:
    """What of the new items is in the pool: its key (n,), its label where it has one, and whether each is so."""

    keys: list[str]
    labels: list[str]
    there: NDArray[np.bool_]
    labelled: NDArray[np.bool_]


def known_of(context: Context, scorer: Scorer, given: Incoming, arrived: Arrived) -> Known:
    """What of the new items is in the pool: by the digest of the content; ready embeddings number by number."""
    marks = given.digests()
    found = lessons.in_pool(context.conn, {mark for mark in marks if mark})
    labels = folding.fold(context.conn, context.task_name)
    ids = np.array([found.get(marks[i], [-1])[0] for i in arrived.at.tolist()], np.int64)
    if any(part.modality == "embedding" for part in given.parts):
        ids = np.where(ids < 0, same_rows(scorer.standing.raw, arrived.marks), ids)
    there = ids >= 0
    keys = iter(manifest.keys(context.conn, ids[there]))
    said = _said(labels)
    return Known(
        [next(keys) if here else "" for here in there.tolist()],
        [said.get(id_, "") for id_ in ids.tolist()],
        there,
        np.isin(ids, labels.ids),
    )


def _said(labels: Labels) -> dict[int, str]:
    return {id_: labels.classes[int(code)] for id_, code in zip(labels.ids.tolist(), labels.y.tolist(), strict=True)}


@dataclass(frozen=True, slots=True)
class Judged:
    """Who is to be looked at. `p` (n,) is None and `rate` too where no calibration item is dull; `decides` is False
    where no threshold is: then all are to be looked at, the oddest first."""

    arrived: Arrived
    known: Known
    p: Vector | None
    flagged: NDArray[np.bool_]
    rate: AlarmRate | None
    decides: bool
    order: Ids  # (n,) places of all items, the oddest first

    def kept(self, everything: bool) -> Ids:
        """Places (m,) of those to be written, the oddest first."""
        return self.order if everything or not self.decides else self.order[self.flagged[self.order]]


def judged(scorer: Scorer, arrived: Arrived, known: Known, wanted: Wanted) -> Judged:
    """What follows from the scores for what is wanted. What is labelled already is escalated by nobody."""
    p, flagged, rate = _escalated(scorer, arrived.score, wanted)
    decides = rate is not None and (bool(np.isfinite(rate.threshold)) or wanted.fdr is not None)
    order = np.lexsort((arrived.at, -arrived.score))
    return Judged(arrived, known, None if rate is None else p, flagged & ~known.labelled, rate, decides, order)


def _escalated(scorer: Scorer, score: Vector, wanted: Wanted) -> tuple[Vector, NDArray[np.bool_], AlarmRate | None]:
    """(p-values (n,), who is escalated (n,), the promise); NaN, nobody and None without a dull calibration item."""
    if not len(scorer.dull_scores):
        return np.full(len(score), np.nan), np.zeros(len(score), bool), None
    p, rate = p_values(score, scorer.dull_scores), alarm_rate(scorer.dull_scores, wanted.alarms)
    flagged = score > rate.threshold if wanted.fdr is None else np.asarray(discoveries(p, wanted.fdr), bool)
    return p, flagged, rate
