"""Screening new items: scored, ranked, held against dull calibration items, and written whole or not at all."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError
from labelsieve.core.randomness import stream
from labelsieve.core.types import Cost, Ids, Labels, Vector
from labelsieve.project import exports, folding, manifest
from labelsieve.project.context import Context
from labelsieve.project.explaining import Explained, explain_things
from labelsieve.project.lessons import taught as lessons
from labelsieve.project.lessons.outside import embedded, engine_for
from labelsieve.project.streams.incoming import Given, Incoming, incoming_items, row_marks, same_rows
from labelsieve.project.streams.scoring import Scorer, scorer_of
from labelsieve.project.streams.sensitivity import Sensitivity, sensitivity_of
from labelsieve.project.wholefiles import write_whole
from labelsieve.screening.bounds import cost_of
from labelsieve.screening.choosing import Choice
from labelsieve.screening.conformal import AlarmRate, alarm_rate, discoveries, p_values
from labelsieve.screening.draws import between, whole
from labelsieve.screening.shift import ROWS, Shift, moved_columns, shift_of

Tell = Callable[[int, int], None]
TOO_LARGE = "its numbers are too large to be scored"
EXPLAINED = 50  # escalated items, at most: each takes up to 64 embeddings
COLUMNS = (
    *("rank", "key", "score", "p_value", "escalate", "known", "label"),
    *("nearest_odd", "odd_similarity", "nearest_dull", "dull_similarity", "why"),
)


class ScreenKeywords(TypedDict, total=False):
    """The fields of `Wanted` as keywords of `Project.screen`."""

    alarms: float
    fdr: float | None
    top: int | None
    recall: float | None
    confidence: float
    everything: bool
    anyway: bool
    explain: str | Path | None
    progress: Tell | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a screening is asked for: at most the share `alarms` of dull items is escalated, or, with `fdr`, at most
    that share of what is escalated is dull; at most `top` items; `recall` to be shown with `confidence`.

    `everything` writes what is not escalated too; `anyway` writes even where the items look like another domain;
    `explain` is a folder for pictures that show why.
    """

    alarms: float = 0.01
    fdr: float | None = None
    top: int | None = None
    recall: float | None = None
    confidence: float = 0.95
    everything: bool = False
    anyway: bool = False
    explain: str | Path | None = None
    progress: Tell | None = None

    def __post_init__(self) -> None:
        between("the rate of false alarms", self.alarms)
        between("confidence", self.confidence)
        for name, value in (("fdr", self.fdr), ("recall", self.recall)):
            if value is not None:
                between(name, value)
        if self.top is not None:
            whole("top", self.top, least=1)
        if self.recall is not None and (self.top is not None or self.fdr is not None):
            raise InputError(
                "recall can be shown for a fixed threshold alone, and --top and --fdr move it with each batch.",
                "leave them out, or --recall.",
            )


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


@dataclass(frozen=True, slots=True)
class Screened:
    """What a screening found. `rows` are those of the file, of COLUMNS; `refused` says that nothing was written,
    because the items look like another domain. `sensitivity` is None where no threshold stands."""

    items: int
    by: str
    rows: list[tuple[Any, ...]]
    escalated: int
    false_alarms: float  # dull items expected among them
    known: int
    set_aside: tuple[tuple[str, str], ...]
    calibration: dict[str, int]
    rate: AlarmRate | None
    shift: Shift
    moved: tuple[tuple[str, float], ...]
    sensitivity: Sensitivity | None
    work: Cost
    refused: bool = False
    out: Path | None = None
    explained: tuple[Explained, ...] = field(default=(), repr=False)
    choice: Choice | None = None  # of images with feature maps: the head or patches, and why
    fdr: float | None = None  # wanted instead of a rate of false alarms

    @property
    def certified(self) -> bool:
        """Whether the recall that was asked for is shown; True where none was."""
        asked = self.sensitivity is not None and self.sensitivity.wanted is not None
        return self.sensitivity is not None and self.sensitivity.certified if asked else True

    @property
    def done(self) -> bool:
        """Whether all that was asked for is there: the file, and the recall."""
        return self.certified and not self.refused

    def facts(self) -> dict[str, Any]:
        """All of it as plain data."""
        sensitivity = self.sensitivity
        shown = None if sensitivity is None else asdict(sensitivity) | {"certified": sensitivity.certified}
        rest = {name: getattr(self, name) for name in ("items", "by", "escalated", "known", "calibration", "moved")}
        aside = [{"key": key, "why": why} for key, why in self.set_aside]
        verdict = {"another_domain": self.shift.another_domain, "refused": self.refused}
        return {
            **rest, **verdict, "shift": asdict(self.shift), "false_alarms_expected": self.false_alarms,
            "rate": None if self.rate is None else asdict(self.rate), "sensitivity": shown,
            "certified": self.certified, "work": asdict(self.work), "set_aside": aside,
            "choice": None if self.choice is None else asdict(self.choice),
            "out": None if self.out is None else str(self.out),
            "rows": [dict(zip(COLUMNS, row, strict=True)) for row in self.rows],
        }  # fmt: skip


def screen_new(context: Context, new: Sequence[Given], out: Path | None, wanted: Wanted) -> Screened:
    """Scores `new` (folders, files, arrays), ranks it, and writes what is to be escalated to `out`.

    Nothing is written where the items look like another domain, unless `wanted.anyway`. The same items give the same
    file again. Errors: InputError for what cannot be read, other columns or another width, naming them.
    Cost: that of the engine; memory for a block of items, and some 200 bytes each.
    """
    if out is not None:
        exports.check_out(out, COLUMNS)
    scorer = scorer_of(context)
    given = incoming_items(context, new, scorer.standing.raw.dim)
    arrived = arrive(context, scorer, given, wanted.progress)
    draws = stream(context.settings.seed, "screen", "shift")
    shift = shift_of(scorer.side(arrived.rows, arrived.score), scorer.reference, wanted.alarms, draws)
    moved = tuple(moved_columns(arrived.rows, scorer.reference.x, _names(context, scorer)))
    known = known_of(context, scorer, given, arrived)
    p, flagged, rate = escalated(scorer, arrived.score, wanted)
    flagged &= ~known.labelled
    if wanted.recall is not None and rate is None:
        rate = AlarmRate(wanted.alarms, 0, float("inf"), 0.0, 0.0, 1.0)
    sensitivity = _sensitivity(scorer, rate, wanted)
    refused = shift.another_domain and not wanted.anyway
    order = np.lexsort((arrived.at, -arrived.score))
    open_ = rate is None or (not np.isfinite(rate.threshold) and wanted.fdr is None)
    kept = order if open_ or wanted.everything or wanted.top else order[flagged[order]]
    table = Ranking(scorer, given, arrived, known, None if len(scorer.dull_scores) == 0 else p, flagged, not open_)
    rows = [] if refused else table.rows(order, kept[: wanted.top])
    n = sum(row[4] == "yes" for row in rows)
    expected = _false_alarms(wanted, rate, n, int((~known.labelled).sum()))
    if out is not None and not refused:
        exports.write_table(out, COLUMNS, rows)
    explained: tuple[Explained, ...] = ()
    if wanted.explain is not None and rows:
        first = [i for i in kept[: wanted.top].tolist() if open_ or flagged[i]][:EXPLAINED]
        explained = _explained(context, scorer, given, arrived.at[first], Path(wanted.explain))
    return Screened(
        items=len(arrived.at), by=scorer.by, rows=rows, escalated=n, false_alarms=expected,
        known=int(known.there.sum()), set_aside=tuple(given.bad), calibration=_calibration(scorer), rate=rate,
        shift=shift, moved=moved, sensitivity=sensitivity, work=cost_of(n), refused=refused,
        out=None if refused else out, explained=explained, choice=scorer.detector.choice, fdr=wanted.fdr,
    )  # fmt: skip


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


def escalated(scorer: Scorer, score: Vector, wanted: Wanted) -> tuple[Vector, NDArray[np.bool_], AlarmRate | None]:
    """(p-values (n,), who is escalated (n,), the promise); NaN, nobody and None without a dull calibration item."""
    if not len(scorer.dull_scores):
        return np.full(len(score), np.nan), np.zeros(len(score), bool), None
    p, rate = p_values(score, scorer.dull_scores), alarm_rate(scorer.dull_scores, wanted.alarms)
    flagged = score > rate.threshold if wanted.fdr is None else np.asarray(discoveries(p, wanted.fdr), bool)
    return p, flagged, rate


def _sensitivity(scorer: Scorer, rate: AlarmRate | None, wanted: Wanted) -> Sensitivity | None:
    """The share of odd items that is escalated; None where no threshold stands, or each file moves it."""
    if rate is None or wanted.fdr is not None or wanted.top is not None:
        return None
    return sensitivity_of(scorer, rate.threshold, wanted.recall, wanted.confidence)


def _false_alarms(wanted: Wanted, rate: AlarmRate | None, n: int, fresh: int) -> float:
    if rate is None or not n:
        return 0.0
    return min(wanted.fdr * n if wanted.fdr is not None else rate.attained * fresh, float(n))


def _calibration(scorer: Scorer) -> dict[str, int]:
    left = len(scorer.standing.sides.drawn["calibration"])
    answered = len(scorer.dull_scores) + scorer.odd + scorer.unsure + scorer.unscored
    return {"dull": len(scorer.dull_scores), "odd": scorer.odd, "unsure": scorer.unsure, "left": left - answered}


def _names(context: Context, scorer: Scorer) -> list[str]:
    """A name for each column of the embeddings: that of the table's column, or its number."""
    dim = scorer.standing.raw.dim
    if context.settings.engine == "table":
        from labelsieve.project.pooling import ready_engine

        names: list[str] = list(getattr(ready_engine(context), "column_names", list)())
        if len(names) == dim:
            return names
    return [f"column {i}" for i in range(dim)]


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
class Ranking:
    """Writes rows of COLUMNS. `p` is None where no calibration item is dull, `decides` False where no threshold is."""

    scorer: Scorer
    given: Incoming
    arrived: Arrived
    known: Known
    p: Vector | None
    flagged: NDArray[np.bool_]
    decides: bool

    def rows(self, order: Ids, kept: Ids) -> list[tuple[Any, ...]]:
        """One row for each of `kept`, which stand in `order` as they do there; ranks are those of `order`."""
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(1, len(order) + 1)
        far = p_values(self.arrived.distance, self.scorer.usual)
        return [self._row(int(i), int(rank[i]), float(far[i])) for i in kept.tolist()]

    def _row(self, i: int, rank: int, far: float) -> tuple[Any, ...]:
        p = None if self.p is None else round(float(self.p[i]), 6)
        escalate = ("yes" if self.flagged[i] else "no") if self.decides else ""
        odd = self._near(self.scorer.odd_near.keys, self.arrived.odd, i)
        dull = self._near(self.scorer.dull_near.keys, self.arrived.dull, i)
        score = round(float(self.arrived.score[i]), 6)
        known = (self.known.keys[i], self.known.labels[i])
        why = "; ".join(self._why(i, p, far, odd, dull))
        return (rank, self.given.key(int(self.arrived.at[i])), score, p, escalate, *known, *odd, *dull, why)

    def _near(self, keys: Sequence[str], found: tuple[Ids, Vector], i: int) -> tuple[str, float | None]:
        return (keys[found[0][i]], round(float(found[1][i]), 4)) if keys else ("", None)

    def _why(
        self, i: int, p: float | None, far: float, odd: tuple[str, float | None], dull: tuple[str, float | None]
    ) -> Iterator[str]:
        if self.known.there[i]:
            label = self.known.labels[i]
            yield f"it is in the pool{f', labelled {label}' if label else ', not labelled'}"
        m = len(self.scorer.dull_scores)
        if p is not None:
            above = round(p * (m + 1)) - 1
            yield f"{above or 'none'} of {m} dull items drawn at random {'score' if above != 1 else 'scores'} as high"
        if far <= 0.05:
            yield f"farther from the pool than {np.floor((1 - far) * 1000) / 10:g} % of it"
        if odd[1] is not None and (dull[1] is None or odd[1] > dull[1]):
            yield f"more like the odd item {odd[0]} than like any dull one"


def _explained(context: Context, scorer: Scorer, given: Incoming, at: Ids, folder: Path) -> tuple[Explained, ...]:
    """Why some items are escalated, with pictures where there are any; the same as lines of JSON in the folder."""
    things = [given.thing(i) for i in at.tolist()]
    keys = [given.key(i) for i in at.tolist()]
    raw = scorer.standing.raw
    made = embedded(engine_for(context, {part.modality for part in given.parts}, raw), things)
    kept = made.at.tolist()  # all of them: they were embedded before
    folder.mkdir(parents=True, exist_ok=True)
    found = explain_things(context, [things[i] for i in kept], made.rows, [keys[i] for i in kept], folder)
    lines = (
        {"key": one.key, "score": one.score, "why": one.said, "picture": one.picture and one.picture.name}
        for one in found
    )
    write_whole(folder / "explained.jsonl", "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return tuple(found)
