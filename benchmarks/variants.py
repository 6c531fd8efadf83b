"""Controls for `auto`, and the strategies that it was compared with and that were not taken."""

import numpy as np
from numpy.random import Generator

from labelsieve.core.rounds import Round
from labelsieve.core.sockets import Strategy
from labelsieve.core.types import Query
from labelsieve.selection.acquisition import from_proba, margin
from labelsieve.selection.automatic import SURE, WIDTH, auto
from labelsieve.selection.clusters import kmeans
from labelsieve.selection.composing import best, chosen
from labelsieve.selection.coverage import Covering, directions
from labelsieve.selection.herds import by_maxherding, by_uherding, label_temperature, tempered
from labelsieve.selection.strategies import by_facility_location, by_margin, by_typiclust, random


def first(start: Strategy, rounds: int, then: Strategy) -> Strategy:
    """`start` for so many queries, `then` from there on."""

    def strategy(state: Round, n: int, rng: Generator) -> Query:
        return (start if state.number < rounds else then)(state, n, rng)

    return strategy


def unsure_covered(state: Round, n: int, rng: Generator) -> Query:
    """Facility location on plain cosine, every point weighted by its margin score, every item can be chosen."""
    ids = state.require(n)
    x, score = state.take(ids), from_proba(margin)(state, ids)
    order, gain = Covering(x, state.take(state.labels.ids)).greedy(x, n, score + 1e-3)
    return chosen(ids[order], gain, "unsure covered", "")


def unsure_clustered(state: Round, n: int, rng: Generator) -> Query:
    """The items nearest to the centres of margin-weighted k-means over the 10 n of highest margin score."""
    ids = state.require(n)
    score = from_proba(margin)(state, ids)
    rows = np.sort(best(ids, score, min(10 * n, len(ids)), rng))
    x, weight = state.take(ids[rows]), score[rows] + 1e-3
    centres, _ = kmeans(x, n, rng, weight)
    far = np.einsum("ij,ij->i", centres, centres) - 2 * (x @ centres.T)
    picked: list[int] = []
    for column in far.T:
        column[picked] = np.inf
        picked.append(int(column.argmin()))
    return chosen(ids[rows[picked]], score[rows[picked]], "unsure clustered", "")


def auto_with(
    centred: bool = True,
    width: float | None = WIDTH,
    unsure: int | None = None,
    tempers: bool = False,
    narrows: float = 0.0,
    swaps: int = 0,
) -> Strategy:
    """`auto` with one choice changed: no centre, another similarity (None: cosine), `unsure` n items (None: all),
    probabilities calibrated by the labels, a width that shrinks as labels^-narrows, passes of swaps after greedy."""

    def strategy(state: Round, n: int, rng: Generator) -> Query:
        ids = state.require(n)
        score = np.ones(len(ids))
        if state.head is not None:
            heat = label_temperature(state, rng) if tempers else 1.0
            score = from_proba(margin if heat == 1.0 else lambda p: margin(tempered(p, heat)))(state, ids)
        rows = np.arange(len(ids))
        if unsure is not None and state.head is not None:
            rows = np.sort(best(ids, score, min(unsure * n, len(ids)), rng))
        x = state.take(ids)
        centre = x.mean(axis=0) if centred else np.zeros_like(x[0])
        x, given = directions(x, centre), directions(state.take(state.labels.ids), centre)
        wide = width if width is None or not narrows else width * (10 / (len(given) + n)) ** narrows
        order, gain = Covering(x, given, wide).greedy(x[rows], n, score + SURE)
        if swaps:
            order = swapped((x[rows], x, given), order, score + SURE, wide or WIDTH, swaps)
        return chosen(ids[rows[order]], gain, "auto with a choice changed", "")

    return strategy


def swapped(
    over: tuple[np.ndarray, np.ndarray, np.ndarray], order: np.ndarray, weight: np.ndarray, width: float, passes: int
) -> np.ndarray:
    """Picks (n,) after `passes` in which each pick gives way to the row that covers most beside the others."""
    rows, points, given = over
    near = np.exp((np.maximum(rows @ points.T, 0) - 1) / width)
    floor = np.exp((np.maximum(given @ points.T, 0) - 1) / width).max(axis=0) if len(given) else np.zeros(len(points))
    order, weight = order.copy(), weight / weight.sum()
    for _ in range(passes):
        before = order.copy()
        for i in range(len(order)):
            others = np.delete(order, i)
            covered = np.maximum(floor, near[others].max(axis=0)) if len(others) else floor
            gain = np.maximum(near - covered, 0) @ weight
            gain[others] = -1.0
            if gain.max() > gain[order[i]] + 1e-9:
                order[i] = gain.argmax()
        if np.array_equal(before, order):
            break
    return order


CONTROLS: dict[str, Strategy] = {
    "random": random,
    "margin": by_margin,
    "facility_location": by_facility_location,
    "auto": auto,
    "auto_start_then_random": first(auto, 1, random),
}
VARIANTS: dict[str, Strategy] = {
    "typiclust": by_typiclust,
    "facility_location_then_unsure_covered": first(by_facility_location, 1, unsure_covered),
    "typiclust_twice_then_unsure_clustered": first(by_typiclust, 2, unsure_clustered),
    "typiclust_then_auto": first(by_typiclust, 1, auto),
}
CHOICES: dict[str, Strategy] = {
    "not_centred": auto_with(centred=False),
    "cosine": auto_with(width=None),
    "cosine_not_centred": auto_with(centred=False, width=None),
    "width_.15": auto_with(width=0.15),
    "width_.6": auto_with(width=0.6),
    "width_.3": auto_with(width=0.3),
    "unsure_10": auto_with(unsure=10),
    "unsure_20": auto_with(unsure=20),
    "unsure_20_width_.3": auto_with(unsure=20, width=0.3),
    "width_1": auto_with(width=1.0),
    "narrowing": auto_with(width=1.0, narrows=0.4),
    "tempered": auto_with(tempers=True),
    "swapped": auto_with(swaps=3),
    "uherding": by_uherding,
    "maxherding": by_maxherding,
}
ALL = {**CONTROLS, **VARIANTS, **CHOICES}
SETS = {"controls": [*CONTROLS], "variants": [*CONTROLS, *VARIANTS], "choices": [*CONTROLS, *CHOICES]}
