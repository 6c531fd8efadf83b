"""Expectations over the answers that an item may get: what they would change, what they would leave in doubt."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.rounds import BLOCK, Round
from labelsieve.core.types import Ids, Matrix, Query, Vector
from labelsieve.selection.acquisition import entropy, over_classes
from labelsieve.selection.candidates import thin
from labelsieve.selection.composing import at_random, best, chosen, compose

FITS = 150  # heads that are fitted for one query, or 4.5 n
ANSWERS = 3  # of each item: the likeliest
REFERENCE = 500  # items whose doubt is measured


def gradient_length(proba: Matrix) -> Vector:
    """Expected norm (m,) of the gradient of a softmax head on an item of unit norm, of probabilities (m, c).

    The gradient for the answer y is (p - e_y) times x, so its norm is |p - e_y| |x|, and the expectation over y has the
    closed form sum_y p_y sqrt(|p|^2 + 1 - 2 p_y): no gradient is ever made. Cost: O(mc).

    >>> gradient_length(np.array([[1.0, 0.0], [0.5, 0.5]])).round(3).tolist()
    [0.0, 0.707]
    """
    p = np.asarray(proba, np.float64)
    square = np.einsum("ij,ij->i", p, p)[:, None] + 1.0 - 2.0 * p
    return np.asarray(np.sum(p * np.sqrt(np.maximum(square, 0.0)), axis=1))


def change(state: Round, ids: Ids) -> Vector:
    """Expected length (m,) of the gradient that the answer to each of ids would bring. Cost: one scan by the head."""
    if state.labels.kind == "multilabel":
        long = over_classes(gradient_length, state.proba(ids))
    else:
        long = state.score(ids, gradient_length)
    for i in range(0, len(ids), BLOCK):
        x = state.take(ids[i : i + BLOCK])
        long[i : i + BLOCK] *= np.sqrt(np.einsum("ij,ij->i", x, x))
    return long


by_expected_change = compose(
    change,
    name="expected_change",
    about="""A query (n,) of items whose answer is expected to change the head most: by the length of its gradient.

    The head counts as a softmax on the embeddings, whose gradient has a closed form; others are asked as if they were.

    Source: expected gradient length, Settles, Craven and Ray 2008, section 3.
    Cost: one scan of the pool by the head, and one more to read the length of its rows: O(N d c).
    """,
)


def by_expected_error(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of items after whose answer the least doubt is expected to be left on the pool.

    For each of 50 random items (or 1.5 n) and each of its 3 likeliest answers a head is fitted with that answer;
    what is left is the mean entropy of that head on 500 random items. Multilabel: the answers are yes and no to the
    item's most doubtful class.

    Source: Roy and McCallum 2001, section 2, log loss.
    Cost: 150 fits (or 4.5 n), whatever the size of the pool: seconds at 200 labels, a minute at some thousands.
    """
    free, before = state.require(n), state.scored
    if state.head is None:
        return at_random(state, n, rng, "expected_error", "nothing is learnt yet: drawn at random")
    ids = thin(free, max(FITS // ANSWERS, n + n // 2), rng)
    score = -doubt_left(state, ids, thin(free, REFERENCE, rng))
    rows = best(ids, score, n, rng)
    why = "with its answer, the model is expected to be least in doubt about the others"
    return chosen(ids[rows], score[rows], "expected_error", why, state.scored - before)


def doubt_left(state: Round, ids: Ids, reference: Ids) -> Vector:
    """Expected mean entropy (m,) on the items `reference`, each of ids (m,) being answered. Cost: 3 m fits."""
    labels = state.labels
    proba = np.asarray(state.proba(ids), np.float64)
    left = np.empty(len(ids))
    x = state.take(reference)
    for i, item in enumerate(ids):
        chances, answers = _answers(proba[i], labels.kind == "multilabel")
        left[i] = sum(chance * _doubt(state, item, answer, x) for chance, answer in zip(chances, answers, strict=True))
    state.scored += len(reference)
    return left


def _answers(p: Vector, multilabel: bool) -> tuple[Vector, list[NDArray[np.float64] | int]]:
    """The likeliest answers to an item of probabilities (c,), and the chance of each, which add up to 1."""
    if multilabel:
        code = int(np.argmin(np.abs(p - 0.5)))
        rows: list[NDArray[np.float64] | int] = []
        for said in (1.0, 0.0):
            row = np.full(len(p), np.nan)
            row[code] = said
            rows.append(row)
        return np.array([p[code], 1.0 - p[code]]), rows
    codes = np.argsort(-p, kind="stable")[:ANSWERS]
    codes = codes[p[codes] > 0]
    return p[codes] / p[codes].sum(), [int(code) for code in codes]


def _doubt(state: Round, item: int, answer: NDArray[np.float64] | int, x: Matrix) -> float:
    """Mean entropy on rows x of the head that is fitted with one more label."""
    labels = state.labels
    ids = np.append(labels.ids, item)
    y = np.concatenate([labels.y, np.asarray(answer)[None].astype(labels.y.dtype)])
    weight = None if labels.weight is None else np.append(labels.weight, 1.0)
    proba = state.refit(ids, y, weight).predict_proba(x)
    if labels.kind == "multilabel":
        return float(np.mean([entropy(np.stack([p, 1.0 - p], axis=1)).mean() for p in proba.T]))
    return float(entropy(proba).mean())
