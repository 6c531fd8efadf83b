"""Which sources of taught items take part: each is tried beside this pool's own labels, on this pool's audit slice."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.randomness import stream
from labelsieve.core.sockets import Head
from labelsieve.core.statistics import bootstrap
from labelsieve.core.types import DULL, ODD, Interval, Labels, Vector
from labelsieve.project.lessons.taught import MISSED, Taught
from labelsieve.project.slices import LEAST_AUDIT
from labelsieve.project.standing import Stand, with_taught
from labelsieve.project.training import restricted

FEW = 3  # odd and dull labels of its own from which on a pool judges by these where the audit slice cannot
FOLDS = 5

Fit = Callable[[Labels], Head]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the items of a source take part, and why. `gain`: how much better the audit items are ranked with them,
    as a share of pairs of an odd and a dull one, with its 95 % interval over the odd; None where nothing was compared.
    `judged_by` is what it was compared on: "audit", "labels" (this pool's own, held out in turn), or "".
    """

    source: str
    takes_part: bool
    why: str
    gain: Interval | None = None
    audit: int = 0  # audit items with an answer
    odd: int = 0  # odd ones among them
    judged_by: str = ""


def rank_gain(before: NDArray[Any], after: NDArray[Any], y: NDArray[Any]) -> Interval:
    """What scores `after` (m,) gain on `before` at ranking odd above dull items, y (m,) in {DULL, ODD}: the difference
    of AUROC, with its 95 % interval over the odd items. NaN where there are no two kinds.

    Source: paired bootstrap over odd items. Cost: O(m log m).
    """
    y = np.asarray(y)
    if not ((y == ODD).any() and (y == DULL).any()):
        return Interval(float("nan"), float("-inf"), float("inf"))
    return bootstrap(_above(np.asarray(after), y) - _above(np.asarray(before), y), stream(0, "rank gain"))


def _above(score: NDArray[Any], y: NDArray[Any]) -> Vector:
    """For each odd item (k,), the share of dull items that it stands above; a tie is half."""
    dull = np.sort(score[y == DULL])
    odd = score[y == ODD]
    below = np.searchsorted(dull, odd, "left") + np.searchsorted(dull, odd, "right")
    return np.asarray(below / (2.0 * len(dull)), np.float64)


def judged(standing: Stand, fit: Fit) -> tuple[Verdict, ...]:
    """One verdict a source, in the order of their names. What was missed here, and taught by hand, always takes part.

    A source is dropped where the head that also learns from it ranks the audit items worse than the head without.
    Without 10 audit items, or anything odd among them, it goes by the training labels, held out in turn, until it can;
    with under 3 odd or dull ones of these the source takes part.
    Cost: one fit a source, and one more; five times that where the training labels judge.
    """
    taught = standing.taught
    if taught is None:
        return ()
    sources = sorted(set(taught.source.tolist()))
    by_hand = (Verdict(MISSED, True, "taught by hand: it always takes part"),) if MISSED in sources else ()
    others = [source for source in sources if source != MISSED]
    if not others:
        return by_hand
    own = with_taught(standing.train, taught.but(others))
    if not len(own):
        return (*by_hand, *(Verdict(source, True, "nothing else is labelled yet") for source in others))
    audit = standing.audit
    odd = int((audit.y == ODD).sum())
    by_audit = len(audit) >= LEAST_AUDIT and 0 < odd < len(audit)
    few = min(int((standing.train.y == code).sum()) for code in (ODD, DULL)) < FEW
    lacks = f"{len(audit)} audit items have an answer, {odd} of them odd"
    if not by_audit and few:
        return (*by_hand, *(Verdict(one, True, f"not yet judged: {lacks}", None, len(audit), odd) for one in others))
    before = _score(fit(own), standing) if by_audit else None

    def judge(source: str) -> Verdict:
        mine = taught.but(set(sources) - {source, MISSED})
        if before is not None:
            gain = rank_gain(before, _score(fit(with_taught(standing.train, mine)), standing), audit.y)
            return Verdict(source, gain.mean >= 0, _said(gain, "audit slice"), gain, len(audit), odd, "audit")
        gain = _held_out_gain(standing, fit, taught.but(others), mine)
        why = f"{_said(gain, 'labels, held out in turn')}, since {lacks}"
        return Verdict(source, gain.mean >= 0, why, gain, len(audit), odd, "labels")

    return (*by_hand, *(judge(source) for source in others))


def _held_out_gain(standing: Stand, fit: Fit, without: Taught, mine: Taught) -> Interval:
    """As `rank_gain`, on the training labels: each fold is ranked by heads that did not see it."""
    labels = standing.train
    codes = [np.flatnonzero(labels.y == code) for code in (DULL, ODD)]
    fold = np.empty(len(labels), np.int64)
    folds = min(FOLDS, *(len(at) for at in codes))
    for at in codes:
        fold[at] = np.arange(len(at)) % folds
    parts = []
    for number in range(folds):
        held = labels.ids[fold == number]
        rest, x, y = restricted(labels, held, inside=False), standing.pool.take(held), labels.y[fold == number]
        before, after = (fit(with_taught(rest, part)).predict_proba(x)[:, ODD] for part in (without, mine))
        parts.append(_above(after, y) - _above(before, y))
    return bootstrap(np.concatenate(parts), stream(0, "rank gain"))


def _score(head: Head, standing: Stand) -> Vector:
    proba = head.predict_proba(standing.pool.take(standing.audit.ids))
    return np.asarray(proba[:, ODD], np.float64)


def _said(gain: Interval, where: str) -> str:
    found = f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}] on the {where}"
    if gain.mean >= 0:
        return f"it ranks no worse: {found}"
    return f"it hurts: {found}" if gain.high < 0 else f"no gain shown: {found}"


def kept_of(taught: Taught | None, verdicts: Iterable[Verdict]) -> Taught | None:
    """The taught items whose source takes part; None where there is none."""
    if taught is None:
        return None
    kept = taught.but(verdict.source for verdict in verdicts if not verdict.takes_part)
    return kept if len(kept) else None


def as_facts(verdicts: Iterable[Verdict]) -> list[dict[str, Any]]:
    """Verdicts as JSON can hold them."""
    return [asdict(verdict) for verdict in verdicts]


def from_facts(facts: Iterable[dict[str, Any]]) -> tuple[Verdict, ...]:
    """The verdicts that `as_facts` came from."""
    return tuple(Verdict(**{**one, "gain": Interval(**one["gain"]) if one["gain"] else None}) for one in facts)
