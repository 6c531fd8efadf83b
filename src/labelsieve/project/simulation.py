"""Play the oracle with known labels: what each strategy would have cost on this pool. Writes nothing.

One trajectory a strategy and seed: a sub-pool and a test side are drawn by the seed (groups stay together),
then query, answer, refit until the budget is spent. `random` always runs, and gains are paired with it by seed.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, NotEnoughLabels
from labelsieve.core.randomness import stream
from labelsieve.core.rounds import InMemory, Maps, Pool, Round
from labelsieve.core.sockets import Head, Strategy
from labelsieve.core.statistics import bootstrap, curve_area
from labelsieve.core.types import ODD, Ids, Interval, Kind, Labels, Query
from labelsieve.heads import metrics
from labelsieve.project.slices import Groups, split
from labelsieve.project.training import fit
from labelsieve.selection.neighbours import exact_neighbours

CURVES = ("accuracy", "balanced_accuracy", "average_precision", "classes_seen", "found")
LISTS = ("labels", *CURVES, "scored", "select_seconds", "fit_seconds")


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """What is played. `test` None means .3 for classes and multilabel, 0 for screen."""

    budget: int
    size: int  # items a query
    strategies: tuple[str, ...] = ("auto",)
    seeds: int = 3
    sample: int = 0  # 0 = the whole pool
    test: float | None = None
    seed: int = 0

    def checked(self, kind: Kind, n_items: int) -> "SimulationSettings":
        """Settings with every default filled in. InputError for what cannot be played."""
        test = self.test if self.test is not None else (0.0 if kind == "screen" else 0.3)
        if not 0 <= test < 1:
            raise InputError(f"--test is {test}; expected at least 0 and less than 1.", "the default is .3.")
        if test == 0 and kind != "screen":
            raise InputError(f"--test is 0, and a {kind} task is measured on a test side.", "leave --test out.")
        for name in ("budget", "size", "seeds"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; expected at least 1.", f"give a larger {name}.")
        sample = min(self.sample or n_items, n_items)
        free = sample - round(test * sample)
        if self.budget > free:
            raise InputError(
                f"the budget is {self.budget} labels, and {free} of the {sample} items can be asked "
                f"({test:.0%} are kept for testing).",
                f"ask for --budget {free} or less, or for a larger --sample.",
            )
        strategies = ("random", *(s for s in dict.fromkeys(self.strategies) if s != "random"))
        return SimulationSettings(self.budget, self.size, strategies, self.seeds, sample, test, self.seed)


class HeadChooser(Protocol):
    """Which head to fit on what is labelled so far; `previous` is the head of the round before."""

    def __call__(self, labels: Labels, previous: Head | None) -> Head: ...


@dataclass(frozen=True, slots=True)
class Play:
    """What a simulation needs: the viewed pool, the truth in the order of pool.ids, and how to choose."""

    pool: Pool
    truth: Labels
    choose: HeadChooser
    strategies: dict[str, Strategy]
    groups: Groups = None
    tabular: bool = False
    maps: Maps | None = None
    templates: Pool | None = None


@dataclass
class Run:
    """One trajectory: a list a measure, one entry a query; null where a measure does not apply."""

    strategy: str
    seed: int
    n_odd: int = 0  # odd items that could be found
    lists: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in LISTS})

    def score(self, kind: Kind) -> NDArray[np.float64]:
        """The curve that areas are taken on: accuracy; average precision (multilabel); share of the odd (screen)."""
        name = {"classes": "accuracy", "multilabel": "average_precision", "screen": "found"}[kind]
        curve = np.array([np.nan if value is None else value for value in self.lists[name]], dtype=np.float64)
        return curve / max(self.n_odd, 1) if kind == "screen" else np.nan_to_num(curve)

    def as_dict(self) -> dict[str, Any]:
        odd = {"odd": self.n_odd} if any(found is not None for found in self.lists["found"]) else {}
        return {"strategy": self.strategy, "seed": self.seed, **odd, **self.lists}


Tell = Callable[[Run, int], None]  # called after each query with the run so far and the labels it will have


def simulate(play: Play, settings: SimulationSettings, progress: Tell | None = None) -> dict[str, Any]:
    """The JSON of `labelsieve simulate` without its "pool". Cost: seeds x strategies x (budget / size) fits."""
    kind = play.truth.kind
    settings = settings.checked(kind, len(play.truth))
    seeds = range(settings.seed, settings.seed + settings.seeds)
    runs = [trajectory(play, settings, name, seed, progress) for seed in seeds for name in settings.strategies]
    summary = {name: summarise(runs, name, kind, settings.budget) for name in settings.strategies}
    return {"settings": asdict(settings), "runs": [run.as_dict() for run in runs], "summary": summary}


def trajectory(play: Play, settings: SimulationSettings, name: str, seed: int, progress: Tell | None = None) -> Run:
    """One run: a strategy on the sub-pool and the test side that the seed draws. `settings` must be checked."""
    train, test = _draw(seed, settings, play.groups, len(play.truth))
    if len(train) < settings.budget:
        raise InputError(
            f"groups leave {len(train)} items to ask on seed {seed}, and the budget is {settings.budget}.",
            "lower --budget, or raise --sample.",
        )
    n_odd = int((play.truth.y[train] == ODD).sum()) if play.truth.kind == "screen" else 0
    return _trajectory(play, settings, Run(name, seed, n_odd), (train, test), progress)


def summarise(runs: Sequence[Run], name: str, kind: Kind, budget: int) -> dict[str, Any]:
    """Area, gain over random (paired by seed), label ratio and how often random's final score was reached."""
    control = {run.seed: run for run in runs if run.strategy == "random"}
    areas, gains, ratios, reached = [], [], [], []
    for run in (run for run in runs if run.strategy == name):
        area = curve_area(np.array(run.lists["labels"]), run.score(kind))
        other = control[run.seed]
        areas.append(area)
        gains.append(area - curve_area(np.array(other.lists["labels"]), other.score(kind)))
        there = np.flatnonzero(run.score(kind) >= other.score(kind)[-1])
        ratios.append(run.lists["labels"][there[0]] / budget if len(there) else 1.0)
        reached.append(len(there) > 0)
    return {
        "area": _interval(areas),
        "gain_over_random": _interval(gains),
        "label_ratio": _interval(ratios),
        "reached": float(np.mean(reached)),
    }


def _interval(values: list[float]) -> dict[str, float]:
    found: Interval = bootstrap(np.array(values), stream(0, "summary"))
    return {key: round(value, 6) for key, value in asdict(found).items()}


def _draw(seed: int, settings: SimulationSettings, groups: Groups, n: int) -> tuple[Ids, Ids]:
    """Positions (train, test) in the pool of one seed's sub-pool."""
    rng = stream(seed, "sub-pool")
    drawn = np.arange(n) if settings.sample >= n else np.sort(rng.choice(n, settings.sample, replace=False))
    train, test = split(seed, len(drawn), settings.test or 0.0, [groups[i] for i in drawn] if groups else None)
    return drawn[train], drawn[test]


def _trajectory(
    play: Play, settings: SimulationSettings, run: Run, sides: tuple[Ids, Ids], progress: Tell | None
) -> Run:
    truth, ids, test_at = play.truth, play.truth.ids[sides[0]], sides[1]
    pool = _Part(play.pool, ids)
    x_test = play.pool.take(truth.ids[test_at]) if len(test_at) else None
    known = np.empty(0, np.int64)  # positions in truth, ascending by id
    head: Head | None = None
    number = 0
    near, wanted = exact_neighbours(pool), ODD if truth.kind == "screen" else None
    past: list[Query] = []
    kept = InMemory()
    while len(known) < settings.budget:
        n = min(settings.size, settings.budget - len(known))
        labels = _known(truth, known)
        left = {"budget": float(settings.budget - len(known))}
        state = Round(pool, labels, head, number=number, costs=left, neighbours=near, wanted=wanted)
        state.past, state.kept, state.tabular = past, kept, play.tabular
        state.maps, state.templates = play.maps, play.templates
        began = time.perf_counter()
        query = play.strategies[run.strategy](state, n, stream(run.seed, run.strategy, number))
        asked = time.perf_counter()
        if len(query) == 0 or not np.isin(query.ids, state.free()).all():
            raise InputError(
                f"the strategy {run.strategy!r} asked for items that are labelled or not there, on query {number + 1}.",
                "report it to the author of the strategy.",
            )
        past.append(query)
        known = np.union1d(known, np.searchsorted(truth.ids, query.ids))
        labels = _known(truth, known)
        head = _fit(play.choose, labels, head, pool)
        fitted = time.perf_counter()
        rest = np.setdiff1d(sides[0], known)
        measured = _measure(head, truth, (test_at, x_test), rest, pool)
        found = int((labels.y == ODD).sum()) if truth.kind == "screen" else None
        values = {
            "labels": len(known),
            **measured,
            "classes_seen": _classes_seen(labels),
            "found": found,
            "scored": query.scored,
            "select_seconds": round(asked - began, 6),
            "fit_seconds": round(fitted - asked, 6),
        }
        for name in LISTS:
            run.lists[name].append(values.get(name))
        number += 1
        if progress:
            progress(run, settings.budget)
    return run


def _fit(choose: HeadChooser, labels: Labels, previous: Head | None, pool: Pool) -> Head | None:
    """The head for these labels, or None while nothing can be fitted (a screen with dull items only has one)."""
    try:
        return fit(choose, pool, labels, previous)
    except NotEnoughLabels:
        return None


def _measure(head: Head | None, truth: Labels, test: tuple[Ids, Any], rest: Ids, pool: Pool) -> dict[str, float | None]:
    """Metrics on the test side; without one, average precision on what is not labelled yet."""
    at, x = test
    if head is None:
        return {}
    if x is None:
        at, x = rest, pool.take(truth.ids[rest]) if len(rest) else None
    if x is None:
        return {}
    y, proba = truth.y[at], head.predict_proba(x)
    return measure(y, proba, truth.kind)


def measure(y: NDArray[Any], proba: NDArray[Any], kind: Kind) -> dict[str, float | None]:
    """accuracy, balanced_accuracy, average_precision of one head; None where a measure does not apply."""
    if kind == "multilabel":
        return {"average_precision": metrics.average_precision(y, proba)}
    predicted = proba.argmax(axis=1)
    out: dict[str, float | None] = {
        "accuracy": metrics.accuracy(y, predicted),
        "balanced_accuracy": metrics.balanced_accuracy(y, predicted),
    }
    if kind == "screen":
        out["average_precision"] = metrics.average_precision(y, proba[:, ODD]) if (y == ODD).any() else None
    return out


class _Part:
    """The part of a pool that may be asked."""

    def __init__(self, pool: Pool, ids: Ids) -> None:
        self._pool, self.ids, self.dim = pool, ids, pool.dim

    def take(self, ids: Ids) -> Any:
        return self._pool.take(ids)


def _known(truth: Labels, at: Ids) -> Labels:
    return Labels(truth.ids[at], truth.y[at], truth.classes, truth.kind)


def _classes_seen(labels: Labels) -> int:
    if labels.kind == "multilabel":
        return int((np.nan_to_num(labels.y) > 0.5).any(axis=0).sum())
    return len(np.unique(labels.y))
