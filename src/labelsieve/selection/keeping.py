"""What to keep of some rows: one function a method, each (rows, what is known of them, n, rng) -> positions."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core import plugins
from labelsieve.core.sockets import Head
from labelsieve.core.types import Ids, Matrix, Vector
from labelsieve.selection.acquisition import margin
from labelsieve.selection.clusters import kmeans
from labelsieve.selection.coverage import Covering
from labelsieve.selection.dynamics import watched

Known = NDArray[np.float64]  # one number a row (m,), or several (m, c); (m, 0) where nothing has to be known
Keep = Callable[[Matrix, Known, int, Generator], Ids]
Learn = Callable[[Matrix, Ids, Generator], Known]

ROWS = 4096  # rows among which a method that compares rows chooses at once
POINTS = 2048  # of them count as what has to be covered
HALF = 10_000  # rows that each of the two heads is fitted on
FLOOR = 0.1  # what a row without any doubt weighs, against 1.1 where two classes tie
STRATA = 50


@dataclass(frozen=True, slots=True)
class Method:
    """A way to keep rows. `learn` needs classes; `rows` bounds how many are looked at together (0: no bound)."""

    keep: Keep
    learn: Learn | None = None
    rows: int = 0
    by_class: bool = True


def by_cover(x: Matrix, known: Known, n: int, rng: Generator) -> Ids:
    """Positions (n,) by facility location over at most 2,048 points, each as heavy as what is `known` of it.

    Source: Wei, Iyer and Bilmes 2015. Cost: O(m min(m, 2048) d).
    """
    points = np.arange(len(x)) if len(x) <= POINTS else np.sort(rng.choice(len(x), POINTS, replace=False))
    weight = known[points] if known.ndim == 1 else None
    order, _ = Covering(x[points], x[:0]).greedy(x, n, weight)
    return order


def by_gradient_cover(x: Matrix, known: Known, n: int, rng: Generator) -> Ids:
    """Positions (n,) whose gradients stand for all: facility location on probability minus truth (m, c).

    Source: CRAIG, Mirzasoleiman, Bilmes and Leskovec 2020, section 3.4. Its weights a row are not given back.
    """
    return by_cover(known.astype(np.float32), np.empty((len(x), 0)), n, rng)


def by_herding(x: Matrix, known: Known, n: int, rng: Generator) -> Ids:
    """Positions (n,) whose running mean stays nearest to the mean of all, each as heavy as what is `known` of it.

    Source: Welling 2009; weights: measured here. Cost: O(n m d).
    """
    weight = known if known.ndim == 1 else np.ones(len(x))
    mean = np.asarray((weight / weight.sum()).astype(np.float32) @ x, np.float32)
    owed, order, left = mean.copy(), np.empty(n, np.int64), np.zeros(len(x), np.float32)
    for i in range(n):
        order[i] = int(np.argmax(x @ owed + left))
        left[order[i]] = -np.inf
        owed += mean - x[order[i]]
    return order


def by_prototypes(x: Matrix, known: Known, n: int, rng: Generator) -> Ids:
    """Positions (n,) of the rows nearest to the centres of n cells by k-means, largest cells first. Cost: O(m n d)."""
    centres, cell = kmeans(x, n, rng)
    far = np.einsum("ij,ij->i", x, x) - 2.0 * np.einsum("ij,ij->i", x, centres[cell])
    order = np.lexsort((far, cell))
    first = order[np.unique(cell[order], return_index=True)[1]]
    first = first[np.argsort(-np.bincount(cell, minlength=n)[cell[first]], kind="stable")]
    rest = np.setdiff1d(np.arange(len(x)), first)  # equal rows leave cells empty: any others will do
    return np.concatenate([first, rng.permutation(rest)[: n - len(first)]])


def by_kcenter(x: Matrix, known: Known, n: int, rng: Generator) -> Ids:
    """Positions (n,) of rows each the farthest from those before: few rows far from all. Source: Gonzalez 1985."""
    from labelsieve.selection.centres import kcenter

    return kcenter(x, n, None, rng)


def by_moderate(x: Matrix, known: Known, n: int, rng: Generator) -> Ids:
    """Positions (n,) of the rows whose distance to the mean is nearest to the median distance.

    Source: Xia et al. 2023, section 3.2. Cost: O(m d).
    """
    moved = x - x.mean(axis=0, dtype=np.float64).astype(np.float32)
    far = np.sqrt(np.einsum("ij,ij->i", moved, moved, dtype=np.float64))
    return np.argsort(np.abs(far - np.median(far)), kind="stable")[:n]


def by_hardest(x: Matrix, known: Known, n: int, rng: Generator) -> Ids:
    """Positions (n,) of the rows with the highest number, ties at random."""
    return np.lexsort((rng.random(len(x)), -known))[:n]


def by_strata(x: Matrix, known: Known, n: int, rng: Generator) -> Ids:
    """Positions (n,) drawn evenly from 50 strata of area under the margin, without the hardest rows of all.

    The hardest 30 % are left out where less than .2 is kept, 10 % below .5, else none: those shares are the paper's.
    Source: CCS, Zheng et al. 2023, algorithm 1. Cost: O(m log m).
    """
    share = n / max(len(x), 1)
    cut = int(len(x) * (0.3 if share < 0.2 else 0.1 if share < 0.5 else 0.0))
    kept = np.argsort(known, kind="stable")[min(cut, len(x) - n) :]
    edges = np.linspace(known[kept[0]], known[kept[-1]], STRATA + 1)[1:-1] if n else np.empty(0)
    stratum = np.digitize(known[kept], edges)
    drawn: list[Ids] = []
    groups = sorted((kept[stratum == s] for s in np.unique(stratum)), key=len)
    for i, rows in enumerate(groups):  # the smallest first: what they cannot give, the others do
        wanted = -(-(n - sum(map(len, drawn))) // (len(groups) - i))
        drawn.append(rng.permutation(rows)[:wanted])
    return rng.permutation(np.concatenate(drawn or [kept]))[:n]


def at_random(x: Matrix, known: Known, n: int, rng: Generator) -> Ids:
    """Positions (n,), each row as likely as any other."""
    return rng.permutation(len(x))[:n]


def doubt(x: Matrix, y: Ids, rng: Generator) -> Vector:
    """Margin score (m,) of each row by a linear head that was not fitted on it, plus .1: no row weighs nothing."""
    return margin(unseen_proba(x, y, rng)) + FLOOR


def gradients_unseen(x: Matrix, y: Ids, rng: Generator) -> Known:
    """Probability minus truth (m, c), by a linear head that was not fitted on the row."""
    wrong = unseen_proba(x, y, rng).astype(np.float64)
    wrong[np.arange(len(y)), y] -= 1.0
    return wrong


def unseen_proba(x: Matrix, y: Ids, rng: Generator) -> Matrix:
    """Probabilities (m, c) of each row by one of two linear heads, each fitted on at most 10,000 of the other's rows.

    Rows of a class are dealt out to both sides in turn. Cost: O(min(m, 20000) d min(m, d) + m d c).
    """
    order = rng.permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    side = np.empty(len(y), np.int64)
    side[order] = np.arange(len(y)) % 2
    proba = np.empty((len(y), int(y.max(initial=0)) + 1), np.float32)
    for half in (0, 1):
        fits, told = np.flatnonzero(side == half), np.flatnonzero(side != half)
        fits = fits if len(fits) <= HALF else np.sort(rng.choice(fits, HALF, replace=False))
        head: Head = plugins.load("heads", "linear")(n_classes=proba.shape[1])
        head.fit(x[fits if len(fits) else told], y[fits if len(fits) else told])
        for i in range(0, len(told), ROWS):
            proba[told[i : i + ROWS]] = head.predict_proba(x[told[i : i + ROWS]])
    return proba


METHODS = {
    "facility_location": Method(by_cover, rows=ROWS),
    "facility_location_unsure": Method(by_cover, doubt, rows=ROWS),
    "herding": Method(by_herding, rows=ROWS),
    "herding_unsure": Method(by_herding, doubt, rows=ROWS),
    "kmeans": Method(by_prototypes, rows=ROWS),
    "kcenter": Method(by_kcenter, rows=ROWS),
    "moderate": Method(by_moderate),
    "craig": Method(by_gradient_cover, gradients_unseen, rows=ROWS),
    "el2n": Method(by_hardest, lambda x, y, rng: watched(x, y, rng).error),
    "forgetting": Method(by_hardest, lambda x, y, rng: watched(x, y, rng).forgotten),
    "ccs": Method(by_strata, lambda x, y, rng: watched(x, y, rng).area, by_class=False),
    "random": Method(at_random, by_class=False),
    "stratified": Method(at_random),
}
