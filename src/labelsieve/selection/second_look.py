"""Labels to look at again: those that a head and the labels around them surely gainsay."""

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Ids, Kind, Matrix, Vector
from labelsieve.selection.hard import disagreements
from labelsieve.selection.neighbours import nearest

SURER = 0.5  # by so much something else has to be likelier than the label
NEIGHBOURS = 9  # labelled items around one that have a say,
AMONG = 20_000  # looked for among so many at most
LEAST = 3  # labels of a class below which nobody can gainsay one of them
KNOWN = 0.5  # what heads say at least of half of the items of a class, where they know the class


def suspicious(likely: Matrix, y: NDArray[np.generic]) -> tuple[Ids, Vector]:
    """Positions (k,) of labels to look at again, surest first, and by how much something else is likelier (k,).

    `likely` (m, c) is what `second_opinion` says of the items, y what they were given: (m,) codes or (m, c) in 0..1.
    Of one class an item only labels of classes that have 3 or more. Cost: O(m c).
    Source: measured, see docs/decisions/0015-second-look.md.
    """
    found, surer = disagreements(likely, y)
    kept = surer >= SURER
    if np.ndim(y) == 1:
        codes = np.asarray(y, np.int64)
        kept &= np.bincount(codes[codes >= 0], minlength=likely.shape[1])[codes[found]] >= LEAST
    return found[kept], surer[kept]


def second_opinion(x: Matrix, proba: Matrix, y: NDArray[np.generic], fold: Ids, kind: Kind) -> Matrix:
    """How likely each class is (m, c) of labelled items x (m, d) by who did not see the item's fold (m,).

    `proba` (m, c) is what heads say. One class an item: the mean of that and of what the 9 nearest items of other
    folds were given. Several: the heads alone, and an item keeps a class that they do not find on half of the items
    that have it. Screens: the heads alone, whose ranks are no chances.
    Source: measured beside Northcutt, Jiang and Chuang 2021, see docs/decisions/0015-second-look.md.
    Cost: O(m min(m, 20,000) d) for one class an item, else O(m c).
    """
    p = np.asarray(proba, np.float32)
    if kind == "multilabel":
        return np.where(_well_known(p, y), p, np.maximum(p, (np.asarray(y, np.float64) > 0.5).astype(np.float32)))
    if kind == "classes":
        return np.asarray((p + said_around(x, np.asarray(y, np.int64), fold, p.shape[1])) / 2, np.float32)
    return p


def said_around(x: Matrix, y: Ids, fold: Ids, c: int) -> Matrix:
    """Shares (m, c) of classes among the 9 nearest items of other folds; the nearer weigh more: 1, .71, .58 ...

    Rows of zeros where there is one fold alone.
    """
    out = np.zeros((len(y), c), np.float32)
    for part in np.unique(fold):
        mine, rest = np.flatnonzero(fold == part), np.flatnonzero(fold != part)
        rest = rest[:: -(-len(rest) // AMONG) or 1]
        near, _ = nearest(x[mine], x[rest], NEIGHBOURS)
        weight = 1.0 / np.sqrt(np.arange(1, near.shape[1] + 1))
        for place in range(near.shape[1]):
            np.add.at(out, (mine, y[rest[near[:, place]]]), weight[place] / weight.sum())
    return out


def _well_known(p: Matrix, y: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Classes (c,) that heads know well enough to say that an item has not got them."""
    known = np.zeros(p.shape[1], bool)
    for j, has in enumerate(np.asarray(y, np.float64).T > 0.5):
        known[j] = has.sum() >= LEAST and bool(np.median(p[has, j]) >= KNOWN)
    return known
