"""QUIRE: the item whose answer, even the worst one, leaves a smooth function that fits all labels best."""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Labels, Matrix, Query, Vector
from labelsieve.selection.candidates import thin
from labelsieve.selection.composing import at_random, best, chosen

ROWS, LABELS = 10_000, 1000  # items that can be chosen, and labels that are fitted, at most
NOISE = 1.0  # lambda of the paper


def by_quire(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of items that are informative and representative at once, by the worst case over their answers.

    Needs labels but no head: a kernel machine of its own (radial, as wide as the pool), one class against the rest.
    The answers of all other items are free real numbers, as in the paper; they then drop out of the formula, so that
    no matrix over the pool is made. Items of one query count as answered as expected by those that follow. At most
    10,000 random items can be chosen and 1,000 random labels are fitted.

    Source: Huang, Jin and Zhou 2010, section 3.
    Cost: O(k^3 + (k + n) m (d + k + n)) for k labels and m items that can be chosen.
    """
    free = state.require(n)
    if len(state.labels) == 0:
        return at_random(state, n, rng, "quire", "nothing is labelled yet: drawn at random")
    ids = thin(free, max(ROWS, n), rng)
    known = thin(np.arange(len(state.labels)), LABELS, rng)
    machine = Machine(state.take(state.labels.ids[known]), signs(state.labels)[known], state.take(ids))
    order, score = machine.greedy(n, ids, rng)
    return chosen(ids[order], score, "quire", "even the worst answer fits what is known, and it stands for others")


def signs(labels: Labels) -> NDArray[np.float64]:
    """Labels as questions of 1 and -1 (k, q): one a class, a single one for two classes; 0 where nobody was asked."""
    if labels.kind == "multilabel":
        return np.nan_to_num(2.0 * np.asarray(labels.y, np.float64) - 1.0)
    codes = np.unique(labels.y)
    return np.where(labels.y[:, None] == (codes if len(codes) > 2 else codes[:1]), 1.0, -1.0)


class Machine:
    """Kernel ridge regression of y (k, q) on rows (k, d), and the worst case of an answer to each of x (m, d).

    The objective of a row with the answer a is y^T A^-1 y + (a - f)^2 / v, A = K + lambda 1 over the labels, f the
    prediction and v the variance left: the Schur complement of the paper's matrix L = (K_all + lambda 1)^-1 when the
    other rows are minimised over. Its maximum over a = 1, -1 is (1 + |f|)^2 / v and a number that all rows share.
    """

    def __init__(self, rows: Matrix, y: NDArray[np.float64], x: Matrix) -> None:
        moved = x - x.mean(axis=0)
        self._width = 2.0 * float(np.mean(np.einsum("ij,ij->i", moved, moved), dtype=np.float64)) or 1.0
        self._x = x
        own = self._kernel(rows, rows).astype(np.float64) + NOISE * np.eye(len(rows))
        back = np.linalg.inv(np.linalg.cholesky(own))
        self._seen = np.asarray(back.astype(np.float32) @ self._kernel(rows, x))  # (k, m)
        self.said: NDArray[np.float64] = np.asarray(self._seen.T @ (back @ y), np.float64)  # f (m, q)
        self.variance: Vector = 1.0 + NOISE - np.einsum("ij,ij->j", self._seen, self._seen, dtype=np.float64)

    def worst(self) -> Vector:
        """The worst case (m,) of an answer to each row: the mean over questions of (1 + |f|)^2 / v; low is wanted."""
        return np.asarray(((1.0 + np.abs(self.said)) ** 2).mean(axis=1) / self.variance)

    def greedy(self, n: int, ids: Ids, rng: Generator) -> tuple[Ids, Vector]:
        """Positions (n,) of the rows with the least bad worst case, and minus that. Ties fall by a hash of `ids`.

        A row that is chosen counts as answered as expected: f stays, and the variance near it shrinks.
        """
        left = np.ones(len(self._x), bool)
        order, score = np.empty(n, np.int64), np.empty(n)
        more: NDArray[Any] = np.empty((n, len(self._x)), np.float32)
        for step in range(n):
            rows = np.flatnonzero(left)
            wanted = -np.round(self.worst()[rows], 9)
            won = best(ids[rows], wanted, 1, rng)[0]
            at = int(rows[won])
            order[step], score[step], left[at] = at, wanted[won], False
            near = self._kernel(self._x[at : at + 1], self._x)[0] - self._seen[:, at] @ self._seen
            near -= more[:step, at] @ more[:step]
            more[step] = near / np.sqrt(self.variance[at])
            self.variance = np.maximum(self.variance - more[step].astype(np.float64) ** 2, NOISE)
        return order, score

    def _kernel(self, a: Matrix, b: Matrix) -> Matrix:
        far = np.einsum("ij,ij->i", a, a)[:, None] + np.einsum("ij,ij->i", b, b)[None, :] - 2.0 * (a @ b.T)
        return np.asarray(np.exp(-np.maximum(far, 0.0) / np.float32(self._width)), np.float32)
