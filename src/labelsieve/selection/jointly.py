"""BatchBALD: items whose answers tell most about the head together, not each by itself."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Query, Vector
from labelsieve.selection.acquisition import entropy
from labelsieve.selection.committee import Said, disagreement, drawn_heads, heard, information
from labelsieve.selection.composing import at_random, best, chosen

MEMBERS = 16
SHORT = 500  # this many items of highest BALD can be chosen, or twice the query
CELLS = 1_500_000  # candidates x classes x joint answers that are looked at in a step
KNOWN = 0.9  # of log(members): from here on the members are told apart, and the joint begins anew


def by_batchbald(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of items whose answers, taken together, would tell most about the head.

    Sixteen heads stand for its posterior; chosen greedily among the 500 items (or 2 n) of highest BALD. Joint answers
    are counted one by one while they are few, and drawn beyond. Once the answers would tell the heads apart, what
    follows counts as a query of its own. Multilabel: each item is asked for its most telling class.

    Source: Kirsch, van Amersfoort and Gal 2019, sections 3 and 4.
    Cost: 16 fits and scans of the pool, then O(16 n 10^6): seconds for a query of 100.
    """
    free, before = state.require(n), state.scored
    if state.head is None:
        return at_random(state, n, rng, "batchbald", "nothing is learnt yet: drawn at random")
    members = drawn_heads(state, MEMBERS, rng)
    score = disagreement(members, information, state, free)
    ids = np.sort(free[best(free, score, min(max(SHORT, 2 * n), len(free)), rng)])
    said = heard(members, state, ids)
    if state.labels.kind == "multilabel":
        said = _most_telling(said)
    order, gain = joint_order(said, n, rng, ids)
    why = "its answer, with those before it, tells most about the model"
    return chosen(ids[order], gain, "batchbald", why, state.scored - before)


def joint_order(said: Said, n: int, rng: Generator, ids: Ids | None = None) -> tuple[Ids, Vector]:
    """Positions (n,) of the items of `said` (k, m, c), greedy by joint information, and what each adds (n,), in nats.

    I(y_1 .. y_b; head) = H(y_1 .. y_b) - sum_i mean_k H(y_i | head k). Ties fall by a hash of `ids`.
    Cost: O(n m c s) for s joint answers, k of them multiplied out.
    """
    k, m, c = said.shape
    ids = np.arange(m) if ids is None else ids
    p = np.asarray(said, np.float64)
    by_itself = np.mean([entropy(one) for one in p], axis=0)
    limit = max(CELLS // max(m * c, 1), 4 * k)
    joint, left = Joint(k), np.ones(m, bool)
    order, gains = np.empty(n, np.int64), np.empty(n)
    for step in range(n):
        rows = np.flatnonzero(left)
        gain = np.round(np.maximum(joint.entropy_given(p[:, rows]) - by_itself[rows], 0.0), 12)
        won = best(ids[rows], gain, 1, rng)[0]
        order[step], gains[step], left[rows[won]] = rows[won], gain[won], False
        joint.add(p[:, rows[won]], limit, rng)
        joint.told += float(gain[won])
        if joint.told >= KNOWN * np.log(k):
            joint = Joint(k)
    return order, gains


class Joint:
    """The joint answers of the items chosen so far, and which of k heads each of them speaks for.

    All joint answers are there while they are few; beyond a limit they are draws. `told` is the information so far.
    """

    def __init__(self, k: int) -> None:
        self.told = 0.0
        self._speaks = np.full((1, k), 1.0 / k)  # (s, k): the chance of each head, given a joint answer
        self._chance = np.ones(1)  # (s,) of each joint answer
        self._drawn = False

    def entropy_given(self, p: NDArray[np.float64]) -> Vector:
        """Entropy (m,) of the answer to an item of p (k, m, c), given the answers before. Cost: O(s k m c)."""
        k, m, c = p.shape
        expected = self._speaks @ p.reshape(k, m * c)
        np.multiply(expected, np.log(np.maximum(expected, 1e-300)), out=expected)
        return np.asarray(-(self._chance @ expected).reshape(m, c).sum(axis=1))

    def add(self, p: NDArray[np.float64], limit: int, rng: Generator) -> None:
        """Takes an item p (k, c). Where there would be more than `limit` joint answers, that many are drawn."""
        c = p.shape[1]
        if not self._drawn and len(self._chance) * c <= limit:
            joint = self._speaks[:, None, :] * p.T[None]  # (s, c, k)
            chance = self._chance[:, None] * joint.sum(axis=2)
            there = chance > 0
            self._chance, self._speaks = chance[there], _shares(joint[there])
            return
        if not self._drawn:
            rows = rng.choice(len(self._chance), size=limit, p=self._chance / self._chance.sum())
            self._speaks, self._chance, self._drawn = self._speaks[rows], np.full(limit, 1.0 / limit), True
        total = np.cumsum(self._speaks @ p, axis=1)
        answer = (total < rng.random(limit)[:, None] * total[:, -1:]).sum(axis=1)
        self._speaks = _shares(self._speaks * p.T[np.minimum(answer, c - 1)])


def _shares(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(x / x.sum(axis=1, keepdims=True))


def _most_telling(said: Said) -> Said:
    """(k, m, 2): for each item the question, yes or no, about the class whose answer would tell most."""
    by_class = np.stack([information(np.stack([p, 1 - p], axis=2)) for p in np.moveaxis(said, 2, 0)], axis=1)
    p = np.take_along_axis(said, by_class.argmax(axis=1)[None, :, None], axis=2)[:, :, 0]
    return np.stack([p, 1 - p], axis=2)
