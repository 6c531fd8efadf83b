"""Balance: every class its share of a query, as far as the head can tell the classes apart."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Matrix, Query, Vector
from labelsieve.selection.acquisition import from_proba, margin
from labelsieve.selection.candidates import thin
from labelsieve.selection.clusters import kmeans
from labelsieve.selection.composing import NOTHING_LEARNT, at_random, best, chosen

ROWS, STRATA = 10_000, 50  # rows that are clustered, and clusters, while there is no head
RATES = 16_384  # rows that tell how likely each class is on the whole (multilabel)
WEIGHT = 0.25  # of a label that a class lacks, where the margin score of an item is 0 to 1
EACH, FEWEST, MOST = 5, 200, 8192  # items a class that can be chosen, at least and at most in all


def by_stratified(state: Round, n: int, rng: Generator) -> Query:
    """Items drawn at random, an equal share of each predicted class; of each cluster while there is no head.

    Source: stratified draws (Neyman 1934), with strata of equal shares.
    Cost: one scan of the pool by the head; without one O(min(N, 10000) k d).
    """
    free, before = state.require(n), state.scored
    if state.head is None:
        ids = thin(free, max(ROWS, n), rng)
        _, stratum = kmeans(state.take(ids), min(max(n, 1), STRATA, len(ids)), rng) if len(ids) else ([], ids)
        why = "drawn at random within its cluster"
    else:
        ids, stratum = free, said(state, free)
        why = "drawn at random within its predicted class"
    picked, chance = drawn_by_stratum(ids, stratum, n, rng)
    chance *= len(ids) / max(len(free), 1)
    return Query(picked, np.zeros(n), chance, "stratified", (why,), scored=state.scored - before)


def by_class_balance(state: Round, n: int, rng: Generator) -> Query:
    """Items in doubt, of which each class gets what it lacks to an even share of all labels.

    Source: Bengar, van de Weijer, Lopez Fuentes and Raducanu 2022; greedy in place of their linear programme.
    Cost: two scans of the pool by the head, then O(n m c) for m of at most 8,192 items.
    """
    free, before = state.require(n), state.scored
    if state.head is None:
        return at_random(state, n, rng, "class_balance", NOTHING_LEARNT)
    doubt = from_proba(margin)(state, free)
    group = said(state, free)
    rows = _choosable(free, doubt, group, n, rng)
    lack = lacking(labels_by_class(state), n)
    order, gain = greedy_quotas(state.proba(free[rows]), doubt[rows], lack, n)
    why = "in doubt, and of a class with too few labels"
    return chosen(free[rows[order]], gain, "class_balance", why, state.scored - before)


def said(state: Round, ids: Ids) -> NDArray[np.int64]:
    """The likeliest class (m,) of `ids`; multilabel: the class most above its usual probability."""
    if state.labels.kind != "multilabel":
        return state.score(ids, lambda p: p.argmax(axis=1)).astype(np.int64)
    usual = np.maximum(state.proba(ids[:: -(-len(ids) // RATES) or 1]).mean(axis=0), 1e-9) if len(ids) else 1.0
    return state.score(ids, lambda p: (p / usual).argmax(axis=1)).astype(np.int64)


def drawn_by_stratum(ids: Ids, stratum: Ids, n: int, rng: Generator) -> tuple[Ids, Vector]:
    """(n,) ids in random order, as even over the strata as they allow, and the propensity (n,) of each.

    Every stratum gives the same number, or all that it has; what is left over goes to strata drawn at random.
    Strata are told apart by their smallest id, so that their numbering does not matter.
    """
    _, first, of = np.unique(stratum, return_index=True, return_inverse=True)
    size = np.bincount(of, minlength=len(first))
    level = even_level(size, n)
    quota = np.minimum(size, level)
    open_ = np.flatnonzero(size > level)
    open_ = open_[np.argsort(ids[first[open_]], kind="stable")]
    spare = n - int(quota.sum())
    expected = quota + np.where(size > level, spare / max(len(open_), 1), 0.0)
    if spare:
        quota[rng.choice(open_, spare, replace=False)] += 1
    shuffled = rng.permutation(len(ids))
    place = shuffled[np.argsort(of[shuffled], kind="stable")]  # by stratum, in random order within
    rank = np.arange(len(ids)) - np.repeat(np.cumsum(size) - size, size)
    taken = place[rank < np.repeat(quota, size)]
    taken = taken[rng.permutation(len(taken))]
    return ids[taken], np.asarray(expected[of[taken]] / size[of[taken]], np.float64)


def even_level(size: NDArray[np.int64], n: int) -> int:
    """The largest whole level at which strata of these sizes give at most n items together."""
    level, left, open_ = 0, n, np.sort(size[size > 0])
    while len(open_) and left >= len(open_):
        step = min(int(open_[0]) - level, left // len(open_))
        level, left = level + step, left - step * len(open_)
        open_ = open_[open_ > level]
    return level


def labels_by_class(state: Round) -> Vector:
    """Labels (c,) that each class has; NaN, so no claim to a share, for a class that nobody has met yet."""
    y, c = state.labels.y, len(state.labels.classes)
    many = state.labels.kind == "multilabel"
    found = (np.nan_to_num(y) > 0.5).sum(axis=0) if many else np.bincount(y.astype(np.int64), minlength=c)
    return np.where(found > 0, found, np.nan).astype(np.float64)


def lacking(counts: Vector, n: int) -> Vector:
    """What each class (c,) lacks to an even share of its labels and n more; 0 for one that nobody has met."""
    known = np.isfinite(counts)
    even = (np.nansum(counts) + n) / max(int(known.sum()), 1)
    return np.where(known, np.maximum(even - np.nan_to_num(counts), 0.0), 0.0)


def greedy_quotas(proba: Matrix, score: Vector, lack: Vector, n: int, weight: float = WEIGHT) -> tuple[Ids, Vector]:
    """Order (n,) of rows of probabilities (m, c), and the gain of each: its score and how much lack it fills.

    Greedy on sum of scores - weight |lack - sum of probabilities|_1. Cost: O(n m c).
    """
    p, left = np.asarray(proba, np.float64), np.asarray(lack, np.float64).copy()
    order, gains = np.empty(n, np.int64), np.empty(n)
    asked = np.zeros(len(p), bool)
    for step in range(n):
        gain = score + weight * (np.abs(left) - np.abs(left - p)).sum(axis=1)
        gain[asked] = -np.inf
        order[step] = best_row = int(np.argmax(gain))
        gains[step], asked[best_row] = gain[best_row], True
        left -= p[best_row]
    return order, gains


def _choosable(ids: Ids, doubt: Vector, group: Ids, n: int, rng: Generator) -> Ids:
    """Positions of the items of most doubt, in all and of each class, in random order: ties do not fall by id."""
    limit = max(MOST, n)
    names = np.unique(group)
    each = min(max(EACH * n, FEWEST), max(limit // (2 * len(names)), 1)) if len(names) else 0
    overall = best(ids, doubt, min(max(EACH * n, FEWEST), limit // 2 if limit > 2 * n else n, len(ids)), rng)
    found = [overall]
    for name in names:
        mine = np.flatnonzero(group == name)
        found.append(mine[best(ids[mine], doubt[mine], min(each, len(mine)), rng)])
    return rng.permutation(np.unique(np.concatenate(found)))
