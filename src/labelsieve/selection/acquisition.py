"""Acquisition functions: how much each item is wanted. A higher score is always more wanted."""

from collections.abc import Callable

import numpy as np

from labelsieve.core.errors import ShapeError
from labelsieve.core.rounds import Round
from labelsieve.core.sockets import Acquisition
from labelsieve.core.types import Ids, Matrix, Vector

FromProba = Callable[[Matrix], Vector]


def entropy(proba: Matrix) -> Vector:
    """Entropy (m,) of each row of probabilities (m, c), in nats: 0 .. log(c).

    >>> entropy(np.array([[1.0, 0.0], [0.5, 0.5]])).round(3).tolist()
    [0.0, 0.693]
    """
    p = _checked(proba)
    nats: Vector = -np.sum(p * np.log(np.where(p > 0, p, 1.0)), axis=1)
    return nats + 0.0


def margin(proba: Matrix) -> Vector:
    """One minus the gap between the two likeliest classes (m,) of (m, c): 1 where they tie, 0 where one is certain.

    Source: Scheffer, Decomain and Wrobel 2001. Cost: O(mc).

    >>> margin(np.array([[0.9, 0.1, 0.0], [0.4, 0.4, 0.2]])).round(3).tolist()
    [0.2, 1.0]
    """
    p = _checked(proba)
    if p.shape[1] == 1:
        return np.zeros(len(p))
    top = np.partition(p, p.shape[1] - 2, axis=1)
    return 1.0 - (top[:, -1] - top[:, -2])


def least_confident(proba: Matrix) -> Vector:
    """One minus the probability of the likeliest class (m,) of (m, c). Source: Lewis and Gale 1994.

    >>> least_confident(np.array([[0.75, 0.25], [0.5, 0.5]])).tolist()
    [0.25, 0.5]
    """
    surest: Vector = _checked(proba).max(axis=1)
    return 1.0 - surest


def ratio(proba: Matrix) -> Vector:
    """Second largest probability over the largest (m,) of (m, c): 1 where they tie, 0 where one is certain.

    Source: ratio of confidence, Monarch 2021, chapter 3. Cost: O(mc).

    >>> ratio(np.array([[0.8, 0.2, 0.0], [0.4, 0.4, 0.2]])).round(3).tolist()
    [0.25, 1.0]
    """
    p = _checked(proba)
    if p.shape[1] == 1:
        return np.zeros(len(p))
    top = np.partition(p, p.shape[1] - 2, axis=1)
    return np.asarray(top[:, -2] / np.maximum(top[:, -1], 1e-12))


def from_proba(score: FromProba) -> Acquisition:
    """An acquisition function of a round from a plain function of probabilities (m, c) -> (m,).

    In a multilabel task each class is a question of its own: see `over_classes`.
    """

    def acquisition(state: Round, ids: Ids) -> Vector:
        if state.labels.kind == "multilabel":
            return over_classes(score, state.proba(ids))
        return state.score(ids, score)

    return acquisition


def over_classes(score: FromProba, proba: Matrix) -> Vector:
    """Score (m,) of independent probabilities (m, c): the mean over classes of the score of (p, 1 - p), each against
    the mean of its class, so that a frequent class, which is always in doubt, does not drown the rare ones.
    """
    p = _checked(proba)
    wanted: Vector = np.zeros(len(p))
    for column in p.T:
        of_class = score(np.stack([column, 1.0 - column], axis=1).astype(np.float32))
        usual = float(of_class.mean()) if len(of_class) else 0.0
        wanted += of_class / usual if usual > 0 else 0.0
    wanted /= p.shape[1]
    return wanted


def _checked(proba: Matrix) -> Vector:
    p = np.asarray(proba, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] == 0:
        raise ShapeError(
            f"probabilities have shape {p.shape}; (items, classes) was expected.", "pass what predict_proba gives."
        )
    return p
