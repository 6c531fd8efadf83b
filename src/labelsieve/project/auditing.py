"""What the random audit slice says of a head: accuracy, classes, confusions, calibration. Plain arrays in, tables out.

    audit_tables(y, proba, classes, kind) -> AuditTables

Every interval is at 95 %. A class is not given a rate before it has 10 audit items: the interval would
span half the scale, and be read as a number all the same.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import NotEnoughLabels, ShapeError
from labelsieve.core.statistics import wilson
from labelsieve.core.types import Interval, Kind
from labelsieve.heads import metrics
from labelsieve.project.curves import audit_score

LEAST = 10  # audit items that a rate needs
BIN_ITEMS, MOST_BINS = 10, 10
DRAWS = 500


@dataclass(frozen=True, slots=True)
class ClassRates:
    """One class on the audit slice: `true` items are of it, `said` are said to be. A rate of fewer than 10 is None."""

    name: str
    true: int
    said: int
    hits: int
    precision: Interval | None
    recall: Interval | None


@dataclass(frozen=True, slots=True)
class Confusion:
    """Items (positions in the slice) of class `true` that are said to be `said`. In a multilabel task one of
    the two is empty: a class that was missed, or one that is said and not there."""

    true: str
    said: str
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Items whose head was about as sure: what it said on average, and how often it was right."""

    said: float
    right: Interval
    count: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether probabilities mean what they say. `by_chance` is the error that a perfectly calibrated head would show
    on as many items: an `error` near it is no evidence against the head."""

    error: float
    by_chance: float
    bins: tuple[CalibrationBin, ...]


@dataclass(frozen=True, slots=True)
class AuditTables:
    """All that n audit items say. `score` is accuracy, or average precision in a multilabel task."""

    n: int
    metric: str
    score: Interval
    classes: tuple[ClassRates, ...]
    confusions: tuple[Confusion, ...]  # most frequent first
    matrix: NDArray[np.int64]  # (c, c), row = true; empty in a multilabel task
    calibration: Calibration


def audit_tables(y: NDArray[Any], proba: NDArray[Any], classes: tuple[str, ...], kind: Kind = "classes") -> AuditTables:
    """The tables of one audit slice: y (n,) codes or (n, c), probabilities (n, c) of a head that never saw it.

    NotEnoughLabels under 10 items. Cost: O(n c).

    >>> y = np.repeat([0, 1], 10)
    >>> audit_tables(y, np.eye(2)[y], ("cat", "dog")).classes[0].recall.low > 0.7
    True
    """
    y, proba = np.asarray(y), np.asarray(proba, np.float64)
    if proba.shape != (len(y), len(classes)):
        raise ShapeError(f"probabilities have the shape {proba.shape}, expected {(len(y), len(classes))}.")
    if len(y) < LEAST:
        raise NotEnoughLabels(
            f"{len(y)} audit items are labelled; {LEAST} are needed before a head is measured.",
            "answer more of `labelsieve next`: every query carries random audit items.",
        )
    several = kind == "multilabel"
    table = np.empty((0, 0), np.int64) if several else metrics.confusion(y, proba.argmax(axis=1), len(classes))
    return AuditTables(
        len(y),
        "average precision" if several else "accuracy",
        audit_score(y, proba),
        _class_rates(y, proba, classes),
        _missed(y, proba, classes) if several else _confused(y, proba, classes),
        table,
        calibration(y, proba),
    )


def _class_rates(y: NDArray[Any], proba: NDArray[np.float64], classes: tuple[str, ...]) -> tuple[ClassRates, ...]:
    counts = metrics.class_counts(y, proba)
    rows = zip(classes, counts.true.tolist(), counts.predicted.tolist(), counts.hits.tolist(), strict=True)
    return tuple(
        ClassRates(name, true, said, hits, _rate(hits, said), _rate(hits, true)) for name, true, said, hits in rows
    )


def _rate(hits: int, n: int) -> Interval | None:
    return wilson(hits, n) if n >= LEAST else None


def _confused(y: NDArray[Any], proba: NDArray[np.float64], classes: tuple[str, ...]) -> tuple[Confusion, ...]:
    said = proba.argmax(axis=1)
    found: dict[tuple[int, int], list[int]] = {}
    for row in np.flatnonzero(said != y).tolist():
        found.setdefault((int(y[row]), int(said[row])), []).append(row)
    return _sorted([Confusion(classes[t], classes[s], tuple(rows)) for (t, s), rows in found.items()])


def _missed(y: NDArray[Any], proba: NDArray[np.float64], classes: tuple[str, ...]) -> tuple[Confusion, ...]:
    there, said, asked = np.nan_to_num(y) > 0.5, proba > 0.5, ~np.isnan(y)
    out = []
    for code, name in enumerate(classes):
        missed = np.flatnonzero(there[:, code] & ~said[:, code])
        extra = np.flatnonzero(~there[:, code] & said[:, code] & asked[:, code])
        out += [Confusion(name, "", tuple(missed.tolist()))] if len(missed) else []
        out += [Confusion("", name, tuple(extra.tolist()))] if len(extra) else []
    return _sorted(out)


def _sorted(found: list[Confusion]) -> tuple[Confusion, ...]:
    return tuple(sorted(found, key=lambda one: (-len(one.rows), one.true, one.said)))


def calibration(y: NDArray[Any], proba: NDArray[Any]) -> Calibration:
    """The calibration curve in bins of equal count (at least 10 items each), and its expected error.

    Source: Naeini et al. 2015. With few items the error is above 0 for any head, hence `by_chance`.
    """
    y, proba = np.asarray(y), np.asarray(proba, np.float64)
    total = int((~np.isnan(y)).sum()) if y.ndim == 2 else len(y)
    bins = int(np.clip(total // BIN_ITEMS, 1, MOST_BINS))
    found = [part for part in metrics.reliability(y, proba, bins) if part.count]
    parts = tuple(CalibrationBin(p.said, wilson(round(p.right * p.count), p.count), p.count) for p in found)
    said, count = np.array([p.said for p in parts]), np.array([p.count for p in parts])
    rng = np.random.default_rng(0)
    drawn = rng.binomial(count, np.clip(said, 0, 1), size=(DRAWS, len(parts))) / np.maximum(count, 1)
    off = np.abs(drawn - said) @ count / max(count.sum(), 1)
    return Calibration(metrics.ece(y, proba, bins), float(off.mean()), parts)
