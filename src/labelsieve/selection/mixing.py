"""Mixing in embedding space: which items change class under a small change, and points on the border of two classes."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.rounds import Round
from labelsieve.core.sockets import Head
from labelsieve.core.types import Ids, Matrix, Query, Vector
from labelsieve.selection.candidates import thin
from labelsieve.selection.clusters import kmeans
from labelsieve.selection.composing import NOTHING_LEARNT, at_random, best, chosen
from labelsieve.selection.neighbours import nearest

ROWS, KEPT = 20_000, 8_192  # items that are looked at, and of those that change class, items that are clustered
CAP = 1 / 32  # the step by which the allowed change grows until enough items change class
SHARES = np.arange(1, 17) * CAP  # for heads that are not linear: shares of an anchor that are mixed in
PAIRS, STEPS, NEAR = 4, 14, 10  # pairs drawn a point, halvings of a segment, real items looked at a point


def by_alfa_mix(state: Round, n: int, rng: Generator) -> Query:
    """Items whose class changes when a little of another class's mean is mixed in; one of each of n clusters.

    Source: Parvaneh, Abbasnejad, Teney, Haffari, van den Hengel and Shi 2022 (ALFA-Mix), section 3.
    Cost: O(min(N, 20000) c d) and k-means of the items that change; 16 scans where the head is not linear.
    """
    free, before = state.require(n), state.scored
    if state.head is None:
        return at_random(state, n, rng, "alfa_mix", NOTHING_LEARNT)
    ids = thin(free, max(ROWS, n), rng)
    x, proba = state.take(ids), state.proba(ids)
    many = state.labels.kind == "multilabel"
    means = class_means(state)
    slopes = None if many else linear_slopes(state.head, x.shape[1], proba.shape[1], np.unique(state.labels.y))
    if slopes is None:
        change = change_by_mixing(state.head, x, proba, means, many)
        state.scored += len(ids) * len(SHARES) * len(means)
    else:
        change = change_by_slope(x, proba, means, slopes)
    rows = changing(ids, change, n, rng)
    rows = rows[spread(x[rows], -change[rows], n, rng)]
    why = "changes class when a little of another class is mixed in"
    return chosen(ids[rows], 1.0 / (1.0 + change[rows]), "alfa_mix", why, state.scored - before)


def class_means(state: Round) -> Matrix:
    """Mean embeddings (k, d) of what is labelled, one a class that has labels."""
    y, x = state.labels.y, state.take(state.labels.ids)
    member = np.nan_to_num(y) > 0.5 if state.labels.kind == "multilabel" else y[:, None] == np.unique(y)
    member = member[:, member.any(axis=0)].astype(np.float32)
    if not member.size:  # multilabel, and nothing has a class yet
        return np.asarray(x.mean(axis=0, keepdims=True), np.float32)
    return np.asarray(member.T @ x / member.sum(axis=0)[:, None], np.float32)


def linear_slopes(head: Head, dim: int, classes: int, present: Ids) -> Matrix | None:
    """Slopes (d, c) of the logits of a linear head, by asking it; None for a head that is not linear.

    A head is taken for linear where it has `decision`, which gives a logit for each class that is `present` (k,),
    or one for the second of two. Classes without labels have slope 0.
    """
    decision = getattr(head, "decision", None)
    if decision is None:
        return None
    base = np.asarray(decision(np.zeros((1, dim), np.float32)))
    columns = present[1:] if base.shape[1] == 1 and len(present) == 2 else present
    if base.shape[1] != len(columns):
        return None
    slopes = np.zeros((dim, classes), np.float32)
    slopes[:, columns] = np.asarray(decision(np.eye(dim, dtype=np.float32))) - base
    return slopes


def change_by_slope(x: Matrix, proba: Matrix, means: Matrix, slopes: Matrix) -> Vector:
    """How far (m,), as a share of the way to the farthest anchor, each row moves until its class changes; inf: never.

    The paper's closed form: the mixture that raises the loss of the predicted class most is a step along its
    gradient, as long as the share times the distance to the anchor. Logits are linear, so the share is exact.
    """
    said = proba.argmax(axis=1)
    p = np.asarray(proba, np.float64)
    uphill = p @ slopes.T - slopes.T[said]  # gradient of -log p(said)
    steep = np.sqrt((uphill**2).sum(axis=1))
    rise = (uphill / np.where(steep > 0, steep, 1.0)[:, None]) @ slopes  # of each logit, for a step of length 1
    behind = np.log(np.maximum(p[np.arange(len(p)), said], 1e-30))[:, None] - np.log(np.maximum(p, 1e-30))
    gain = rise - rise[np.arange(len(p)), said][:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where((gain > 1e-12) & (p > 0), behind / gain, np.inf)
    step[np.arange(len(p)), said] = np.inf
    square = np.einsum("ij,ij->i", x, x)[:, None] + np.einsum("ij,ij->i", means, means) - 2.0 * (x @ means.T)
    reach = np.sqrt(np.maximum(square.max(axis=1), 0.0))
    nearest_step = step.min(axis=1)
    return np.where(reach > 0, nearest_step / np.where(reach > 0, reach, 1.0), np.inf)


def change_by_mixing(head: Head, x: Matrix, proba: Matrix, means: Matrix, multilabel: bool = False) -> Vector:
    """Smallest share (m,) of any anchor that changes what the head says of each row; inf where half is not enough."""
    change = np.full(len(x), np.inf)
    said = _classes_of(proba, multilabel)
    for share in SHARES:
        for mean in means:
            left = np.flatnonzero(np.isinf(change))
            if len(left) == 0:
                return change
            mixed_in = (1.0 - share) * x[left] + share * mean
            new = _classes_of(head.predict_proba(mixed_in.astype(np.float32)), multilabel)
            change[left[(new != said[left]).any(axis=1)]] = share
    return change


def changing(ids: Ids, change: Vector, n: int, rng: Generator) -> Ids:
    """Positions of the items that change class within the smallest multiple of 1/32 that n of them keep to.

    At most 8,192; where fewer than n change at all, those and others at random.
    """
    ranked = best(ids, -np.minimum(change, 1e9), len(ids), rng)
    if n == 0 or not np.isfinite(change[ranked[n - 1]]):
        return ranked[:n]
    cap = np.ceil(change[ranked[n - 1]] / CAP) * CAP
    return ranked[: min(int((change <= cap).sum()), max(KEPT, n))]


def spread(x: Matrix, score: Vector, n: int, rng: Generator) -> Ids:
    """Positions (n,) of rows of x (m, d): the nearest to each of n k-means centres, then the highest scores."""
    if n >= len(x):
        return np.argsort(-score, kind="stable")[:n]
    centres, cell = kmeans(x, n, rng)
    far = ((x - centres[cell]) ** 2).sum(axis=1)
    order = np.lexsort((far, cell))
    first = order[np.unique(cell[order], return_index=True)[1]]
    rest = np.setdiff1d(np.arange(len(x)), first)
    rest = rest[np.argsort(-score[rest], kind="stable")][: n - len(first)]
    return np.concatenate([first[np.argsort(-score[first], kind="stable")], rest]).astype(np.int64)


def by_boundary(state: Round, n: int, rng: Generator) -> Query:
    """Items nearest to points made on the border between two classes; opt-in, it fell below random when measured.

    Source: membership queries (Angluin 1988), answered by real items as Wang, Hu, Yuan and Lu 2015 do.
    Cost: 14 small scans by the head, then O(n min(N, 50000) d): a random part of a large pool.
    """
    free, before = state.require(n), state.scored
    ends = border_pairs(state, PAIRS * n, rng) if state.head is not None and len(state.labels) > 1 else None
    if ends is None or state.head is None:
        return at_random(state, n, rng, "boundary", "no two labelled items that the head tells apart: drawn at random")
    points = on_border(state.head, *ends)[:n]
    ids = thin(free, max(50_000, n), rng)
    near, far = nearest(points, state.take(ids), NEAR + 1)
    rows, distance = matched(near, far)
    rest = np.setdiff1d(np.arange(len(ids)), rows)
    spare = rng.permutation(rest)[: n - len(rows)]
    rows, distance = (
        np.concatenate([rows, spare]),
        np.concatenate([distance, np.full(len(spare), distance.max(initial=0.0))]),
    )
    why = "near to a point on the border of two classes"
    return chosen(ids[rows], 1.0 / (1.0 + distance), "boundary", why, state.scored - before)


def border_pairs(state: Round, draws: int, rng: Generator) -> tuple[Matrix, Matrix, Ids, Ids] | None:
    """Pairs of labelled rows (k, d) each that the head puts into different classes a and b (k,); None for no pair.

    Multilabel: a is a class that the head gives to the first row alone, b is -1.
    """
    if state.head is None:
        return None
    x = state.take(state.labels.ids)
    proba = state.head.predict_proba(x)
    left, right = (rng.integers(len(x), size=max(draws, 64)) for _ in range(2))
    if state.labels.kind == "multilabel":
        gap = proba[left] - proba[right]
        a = gap.argmax(axis=1)
        rows = np.arange(len(a))
        kept = (proba[left, a] > 0.5) & (proba[right, a] <= 0.5) & (gap[rows, a] > 0)
        b = np.full(len(a), -1)
    else:
        a, b = proba[left].argmax(axis=1), proba[right].argmax(axis=1)
        kept = a != b
    if not kept.any():
        return None
    picked = np.resize(np.flatnonzero(kept), max(draws // PAIRS, 1))
    return x[left[picked]], x[right[picked]], a[picked].astype(np.int64), b[picked].astype(np.int64)


def on_border(head: Head, left: Matrix, right: Matrix, a: Ids, b: Ids) -> Matrix:
    """Mixtures (k, d) of two rows at which classes a and b are equally likely (b = -1: a is as likely as not)."""
    rows = np.arange(len(left))
    low, high = np.zeros(len(left)), np.ones(len(left))

    def at(share: Vector) -> Matrix:
        return np.asarray(left * (1.0 - share)[:, None] + right * share[:, None], np.float32)

    for _ in range(STEPS):
        middle = (low + high) / 2
        proba = head.predict_proba(at(middle))
        first = proba[rows, a] > np.where(b < 0, 0.5, proba[rows, b])
        low, high = np.where(first, middle, low), np.where(first, high, middle)
    return at((low + high) / 2)


def matched(near: Ids, far: Matrix) -> tuple[Ids, Vector]:
    """Positions and distances (<= q,): for each of q points in turn its nearest row that no point before it took."""
    taken: dict[int, float] = {}
    for row, distance in zip(near.tolist(), np.sqrt(far).tolist(), strict=True):
        for at, gap in zip(row, distance, strict=True):
            if at not in taken:
                taken[at] = gap
                break
    return np.array(list(taken), np.int64), np.array(list(taken.values()), np.float64)


def _classes_of(proba: Matrix, multilabel: bool) -> NDArray[np.int64]:
    p = np.asarray(proba)
    return (p > 0.5).astype(np.int64) if multilabel else p.argmax(axis=1).astype(np.int64)[:, None]
