"""Contrast: with near labelled items that the head sees otherwise, and of all that is labelled with all that is not."""

import numpy as np
from numpy.random import Generator

from labelsieve.core.rounds import BLOCK, Round
from labelsieve.core.types import Ids, Matrix, Query, Vector
from labelsieve.selection.candidates import thin
from labelsieve.selection.composing import NOTHING_LEARNT, at_random, best, chosen
from labelsieve.selection.neighbours import nearest

ROWS = 50_000  # items that can be chosen
NEIGHBOURS = 10  # at most; fewer while classes have few labels, since farther ones are then of other classes
FLOOR = 1e-6  # of a probability in a logarithm
TURNS = 10  # sub-queries, after each of which labelled and unlabelled are told apart anew
OTHERS = 1024  # unlabelled items that stand for all of them in that fit


def by_contrast(state: Round, n: int, rng: Generator) -> Query:
    """Items whose probabilities differ most from those of the nearest labelled items.

    Source: Margatina, Vernikos, Barrault and Aletras 2021 (CAL); mean KL to at most 10 neighbours.
    Cost: O(min(N, 50000) m d) for m labels: a random part of a large pool.
    """
    free, before = state.require(n), state.scored
    if state.head is None:
        return at_random(state, n, rng, "contrastive", NOTHING_LEARNT)
    ids = thin(free, max(ROWS, n), rng)
    known = state.take(state.labels.ids)
    k = neighbours_of(state)
    theirs = state.head.predict_proba(known)
    score = np.empty(len(ids))
    for i in range(0, len(ids), BLOCK):
        part = ids[i : i + BLOCK]
        near, _ = nearest(state.take(part), known, k)
        score[i : i + BLOCK] = mean_divergence(theirs[near], state.proba(part), state.labels.kind == "multilabel")
    order = best(ids, score, n, rng)
    why = "seen otherwise than the labelled items near to it"
    return chosen(ids[order], score[order], "contrastive", why, state.scored - before)


def neighbours_of(state: Round) -> int:
    """How many labelled neighbours an item is compared with: a third of a class's labels, 1 to 10."""
    y = state.labels.y
    seen = int((np.nan_to_num(y) > 0.5).any(axis=0).sum()) if y.ndim == 2 else len(np.unique(y))
    return int(np.clip(len(state.labels) // (3 * max(seen, 1)), 1, NEIGHBOURS))


def mean_divergence(near: Matrix, own: Matrix, multilabel: bool = False) -> Vector:
    """Mean Kullback-Leibler divergence (m,) of own probabilities (m, c) from those of k neighbours (m, k, c), in nats.

    sum_c near log(near / own), averaged over neighbours; multilabel: over yes and no of each class.
    """
    p, q = np.clip(np.asarray(near, np.float64), FLOOR, 1.0), np.clip(np.asarray(own, np.float64), FLOOR, 1.0)[:, None]
    each = p * np.log(p / q)
    if multilabel:
        p, q = np.clip(1.0 - p, FLOOR, 1.0), np.clip(1.0 - q, FLOOR, 1.0)
        each += p * np.log(p / q)
    return np.asarray(each.sum(axis=2).mean(axis=1))


def by_discrimination(state: Round, n: int, rng: Generator) -> Query:
    """Items that are most surely unlabelled, for a classifier of labelled against unlabelled; needs no head.

    Source: Gissin and Shalev-Shwartz 2019 (DAL), in 10 sub-queries; logistic regression on the embeddings.
    Cost: 10 fits on the labels and 1,024 others, then O(min(N, 50000) d): a random part of a large pool.
    """
    free = state.require(n)
    if len(state.labels) == 0:
        return at_random(state, n, rng, "discriminative", "nothing is labelled yet: drawn at random")
    ids = thin(free, max(ROWS, n), rng)
    x, known = state.take(ids), state.take(state.labels.ids)
    left = np.ones(len(ids), bool)
    found: list[Ids] = []
    scores: list[Vector] = []
    for turn in np.array_split(np.arange(n), min(TURNS, n) or 1):
        rows = np.flatnonzero(left)
        taken = np.concatenate([known, x[~left]])
        unlike = unlabelled_odds(x[thin(rows, OTHERS, rng)], taken, x[rows]) if len(rows) else np.empty(0)
        order = best(ids[rows], unlike, len(turn), rng)
        found.append(ids[rows[order]])
        scores.append(unlike[order])
        left[rows[order]] = False
    why = "unlike everything that is labelled"
    return chosen(np.concatenate(found), np.concatenate(scores), "discriminative", why, len(ids) * len(found))


def unlabelled_odds(others: Matrix, labelled: Matrix, x: Matrix) -> Vector:
    """Log odds (m,) that rows x (m, d) are unlabelled: linear, `others` against `labelled`, both alike heavy."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    rows = np.concatenate([labelled, others]).astype(np.float64)
    if len(others) == 0:
        return np.zeros(len(x))
    centre = rows.mean(axis=0)
    size = float(np.sqrt(((rows - centre) ** 2).sum(axis=1).mean())) or 1.0
    target = np.repeat([0, 1], [len(labelled), len(others)])
    model = LogisticRegression(C=10.0, class_weight="balanced", tol=1e-3, max_iter=100)
    with threadpool_limits(1):  # small fits: threads would only wait for one another
        model.fit((rows - centre) / size, target)
    coef = model.coef_[0] / size
    return np.asarray(x @ coef.astype(np.float32) + (model.intercept_[0] - centre @ coef), np.float64)
