"""When to stop: advice with its reasons, never a decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.statistics import bootstrap
from labelsieve.core.types import Ids, Interval, Matrix, Vector
from labelsieve.selection.acquisition import entropy

ROUNDS = 3  # that have to say the same
AGREE, UNCHANGED = 0.99, 0.005  # kappa of successive heads; share of items whose class changes
SURE, FALL = 0.02, 0.01  # mean doubt of the pool that is low, and a fall of it that is none
GAIN, CARE = 0.005, 0.01  # a gain in accuracy that is none, and the least that is worth more labels


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of successive heads. Lists are oldest first, one number a head, NaN where it is not known."""

    kappas: Sequence[float] = ()  # agreement with the head before on the same items, beyond chance
    changed: Sequence[float] = ()  # share of these items to which the head before gave another class
    doubt: Sequence[float] = ()  # mean doubt of these items, 0 .. 1
    audit: Sequence[float] = ()  # accuracy on the audit slice
    gains: Sequence[Interval] = ()  # of each head over the one of half its labels, on the same audit items
    care: float = CARE
    spent: float | None = None
    budget: float | None = None
    unit: str = "labels"


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether to stop, and the reasons for it, one sentence each."""

    stop: bool
    reasons: tuple[str, ...]


def kappa(a: Ids, b: Ids) -> float:
    """Cohen's kappa of two lists of class codes (m,): agreement beyond chance; 1 where both are one and the same class.

    Source: Cohen 1960; as a stopping signal Bloodgood and Vijay-Shanker 2009.

    >>> kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]))
    0.5
    """
    if len(a) == 0:
        return float("nan")
    codes, both = np.unique(np.concatenate([a, b]), return_inverse=True)
    share_a = np.bincount(both[: len(a)], minlength=len(codes)) / len(a)
    share_b = np.bincount(both[len(a) :], minlength=len(codes)) / len(b)
    chance = float(share_a @ share_b)
    agree = float(np.mean(np.asarray(a) == np.asarray(b)))
    return 1.0 if chance >= 1.0 else (agree - chance) / (1.0 - chance)


def mean_doubt(proba: Matrix, multilabel: bool = False) -> float:
    """Mean entropy of rows of probabilities (m, c) as a share of the largest there is: 0 .. 1.

    NaN where fewer than two classes are known, that is, have a probability above 0 anywhere. Multilabel: the mean over
    classes of yes against no. Source: overall uncertainty, Zhu, Wang, Hovy and Ma 2010, section 3.

    >>> mean_doubt(np.array([[0.5, 0.5], [1.0, 0.0]]))
    0.5
    """
    p = np.asarray(proba, np.float64)
    if not p.size:
        return float("nan")
    if multilabel:
        flat = p.reshape(-1)
        return float(entropy(np.stack([flat, 1.0 - flat], axis=1)).mean() / np.log(2))
    known = int((p > 0).any(axis=0).sum())
    return float(entropy(proba).mean() / np.log(known)) if known > 1 else float("nan")


def gained(before: Vector, after: Vector, rng: Generator) -> Interval:
    """Mean gain from one head to a later one on the same audit items (a,), each right 1 or wrong 0, or between.

    A 95 % bootstrap interval over items. One item that got better and one that got worse are added before drawing, so
    that some dozens of items on which nothing changed are not taken for certainty.

    >>> gained(np.zeros(4), np.ones(4), np.random.default_rng(0)).mean
    1.0
    """
    gain = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    if not len(gain):
        return Interval(float("nan"), -1.0, 1.0)
    drawn = bootstrap(np.append(gain, [1.0, -1.0]), rng)
    return Interval(float(gain.mean()), drawn.low, drawn.high)


def advise(signals: Signals) -> Advice:
    """Advice to stop: the budget is spent; or twice the labels gained, on the same audit items, less than `care` by the
    upper limit, three heads in a row; or heads have settled (or are sure of the pool) and accuracy on the audit slice,
    where there is one, moves no more; unless twice the labels still gained more than `care` by the lower limit.

    Heads have settled when three in a row agree with the one before, or change the class of next to no item. Doubt that
    falls no more is said and decides nothing: a head may be stuck.

    Source: kappa, Bloodgood and Vijay-Shanker 2009; overall uncertainty and classification change, Zhu et al. 2010.
    """
    over = signals.budget is not None and signals.spent is not None and signals.spent >= signals.budget
    found = [("over", f"{signals.spent:g} of {signals.budget:g} {signals.unit} are spent.")] if over else []
    found += [*_of_heads(signals), *_of_doubt(signals), *_of_audit(signals)]
    said = {name for name, _ in found}
    done = bool(said & {"settled", "unchanged", "sure"})
    still = "flat" in said or not len(_known(signals.audit))
    reasons = tuple(text for _, text in found)
    if not reasons:
        few = f"Fewer than {ROUNDS} rounds can be compared."
        reasons = ("Heads still change from round to round." if _last(signals.kappas) else few,)
    return Advice(over or "small" in said or (done and still and "growing" not in said), reasons)


Found = list[tuple[str, str]]


def _of_heads(signals: Signals) -> Found:
    agree, moved = _last(signals.kappas), _last(signals.changed)
    found = []
    if agree and min(agree) >= AGREE:
        found.append(("settled", f"The last {ROUNDS} models agree with the one before (kappa >= {min(agree):.3f})."))
    if moved and max(moved) <= UNCHANGED:
        share = f"{100 * max(moved):.1f} %"
        found.append(("unchanged", f"In each of the last {ROUNDS} rounds at most {share} of the items changed class."))
    return found


def _of_doubt(signals: Signals) -> Found:
    doubt = _last(signals.doubt)
    if doubt and max(doubt) <= SURE:
        return [("sure", f"The model is sure of the pool: its mean doubt is {doubt[-1]:.2f} of 1.")]
    known = _known(signals.doubt)
    if len(known) > ROUNDS and known[-1 - ROUNDS] - known[-1] < FALL:
        fall = known[-1] - known[-1 - ROUNDS]
        return [("stuck", f"Mean doubt of the pool moved by {fall:+.3f} in {ROUNDS} rounds, to {known[-1]:.2f} of 1.")]
    return []


def _of_audit(signals: Signals) -> Found:
    known, found = _known(signals.audit), []
    gain = known[-1] - known[-1 - ROUNDS] if len(known) > ROUNDS else float("nan")
    if gain < GAIN:
        said = f"Accuracy on the audit slice moved by {100 * gain:+.1f} points in {ROUNDS} rounds."
        found.append(("flat", said))
    limits = _last([gain.high for gain in signals.gains])
    if limits and max(limits) < signals.care:
        upper, care = f"{100 * max(limits):.1f} points", f"{100 * signals.care:g}"
        said = f"Twice the labels gained at most {upper} on the same audit items (95 %); you care for {care} or more."
        found.append(("small", said))
    if signals.gains and signals.gains[-1].low > signals.care:
        lower = f"{100 * signals.gains[-1].low:.1f} points"
        found.append(("growing", f"Twice the labels still gained at least {lower} on the same audit items (95 %)."))
    return found


def _last(values: Sequence[float]) -> list[float]:
    """The last numbers, where as many as are needed are known."""
    last = [float(value) for value in values[-ROUNDS:] if np.isfinite(value)]
    return last if len(last) == ROUNDS else []


def _known(values: Sequence[float]) -> NDArray[Any]:
    known: NDArray[Any] = np.asarray(values, np.float64)
    return np.asarray(known[np.isfinite(known)])
