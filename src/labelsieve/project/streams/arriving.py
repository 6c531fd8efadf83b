"""Screening new items: scored, ranked, held against dull calibration items, and written whole or not at all."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.randomness import stream
from labelsieve.core.types import Cost
from labelsieve.project import exports
from labelsieve.project.context import Context
from labelsieve.project.explaining import Explained
from labelsieve.project.streams.incoming import Given, incoming_items
from labelsieve.project.streams.judging import arrive, judged, known_of
from labelsieve.project.streams.reasons import explained_items
from labelsieve.project.streams.scoring import Scorer, scorer_of
from labelsieve.project.streams.sensitivity import Sensitivity, sensitivity_of
from labelsieve.project.streams.spiking import Spiked, spiked_at
from labelsieve.project.streams.tabling import COLUMNS, rows_of
from labelsieve.project.streams.wanting import Wanted
from labelsieve.screening.bounds import cost_of
from labelsieve.screening.choosing import Choice
from labelsieve.screening.conformal import AlarmRate
from labelsieve.screening.shift import Shift, moved_columns, shift_of

EXPLAINED = 50  # escalated items, at most: each takes up to 64 embeddings


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
    spiked: Spiked | None = None  # what known odd items that were put in showed

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
            "spiked": None if self.spiked is None else asdict(self.spiked),
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
    found = judged(scorer, arrived, known, wanted)
    rate = found.rate
    if wanted.recall is not None and rate is None:
        rate = AlarmRate(wanted.alarms, 0, float("inf"), 0.0, 0.0, 1.0)
    sensitivity = _sensitivity(scorer, rate, wanted)
    spiked = spiked_at(context, scorer, rate, wanted) if wanted.spiked else None
    refused = shift.another_domain and not wanted.anyway
    kept = found.kept(wanted.everything or wanted.top is not None)[: wanted.top]
    rows = [] if refused else rows_of(scorer, given, found, kept)
    n = sum(row[4] == "yes" for row in rows)
    expected = _false_alarms(wanted, rate, n, int((~known.labelled).sum()))
    if out is not None and not refused:
        exports.write_table(out, COLUMNS, rows)
    explained: tuple[Explained, ...] = ()
    if wanted.explain is not None and rows:
        first = [i for i in kept.tolist() if not found.decides or found.flagged[i]][:EXPLAINED]
        explained = explained_items(context, scorer, given, arrived.at[first], Path(wanted.explain))
    return Screened(
        items=len(arrived.at), by=scorer.by, rows=rows, escalated=n, false_alarms=expected,
        known=int(known.there.sum()), set_aside=tuple(given.bad), calibration=_calibration(scorer), rate=rate,
        shift=shift, moved=moved, sensitivity=sensitivity, work=cost_of(n), refused=refused,
        out=None if refused else out, explained=explained, choice=scorer.detector.choice, fdr=wanted.fdr,
        spiked=spiked,
    )  # fmt: skip


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
    standing = scorer.standing
    left = np.setdiff1d(standing.sides.drawn["calibration"], standing.answered)  # by whatever way it was answered
    return {"dull": len(scorer.dull_scores), "odd": scorer.odd, "unsure": scorer.unsure, "left": len(left)}


def _names(context: Context, scorer: Scorer) -> list[str]:
    """A name for each column of the embeddings: that of the table's column, or its number."""
    dim = scorer.standing.raw.dim
    if context.settings.engine == "table":
        from labelsieve.project.pooling import ready_engine

        names: list[str] = list(getattr(ready_engine(context), "column_names", list)())
        if len(names) == dim:
            return names
    return [f"column {i}" for i in range(dim)]
