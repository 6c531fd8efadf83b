"""Which head to fit on what is labelled so far."""

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.sockets import Head
from labelsieve.core.types import Labels
from labelsieve.heads.boosted import Boosted
from labelsieve.heads.fused import Fused
from labelsieve.heads.linear import Linear
from labelsieve.heads.means import NearestMean

C_TABLE = 1.0  # columns are far longer than unit-norm rows
FEW = 3  # labels of the rarest class below which classes are weighed equally
MANY = 1000  # labels from which boosting beats a linear head on tables


def choose_head(labels: Labels, *, tabular: bool = False, previous: Head | None = None) -> Head:
    """An unfitted head for these labels; `previous`, the head of the round before, makes its fit cheaper.

    classes: nearest class mean until every class has 2 labels, then linear (C=30), balanced while one has < 3;
    on tables C=1, and boosted trees from 1,000 labels on. multilabel: linear, one question a class.
    screen: distance from the dull, and linear (balanced, C=1) beside it from the first odd item on.
    Source: measured, see benchmarks/results/heads.json, detector.json and builtin_engines.json.
    """
    before = previous.linear if isinstance(previous, Fused) else previous
    start = before if isinstance(before, Linear) else None
    c = len(labels.classes)
    if labels.kind == "multilabel":
        return Linear(c, c=C_TABLE if tabular else None, start=start)
    if labels.kind == "screen":
        return Fused(2, tabular, start=start)
    counts = class_sizes(labels)
    seen = counts[counts > 0]
    if len(seen) < 2 or seen.min() < 2:
        return NearestMean(c)
    balanced = bool(seen.min() < FEW)
    if tabular and len(labels) >= MANY:
        return Boosted(c, balanced=balanced)
    return Linear(c, c=C_TABLE if tabular else None, balanced=balanced, start=start)


def class_sizes(labels: Labels) -> NDArray[np.int64]:
    """Labels a class (c,); multilabel: items that have it."""
    if labels.kind == "multilabel":
        return np.asarray((np.nan_to_num(labels.y) > 0.5).sum(axis=0), dtype=np.int64)
    return np.bincount(labels.y.astype(np.int64), minlength=len(labels.classes)).astype(np.int64)
