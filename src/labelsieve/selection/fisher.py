"""BAIT: items after which the head's parameters are best known in the directions that matter for the pool."""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.rounds import BLOCK, Round
from labelsieve.core.types import Ids, Query, Vector
from labelsieve.selection.candidates import thin
from labelsieve.selection.composing import at_random, best, chosen

ROWS, POINTS = 1000, 2000  # items that can be chosen (or 2 n), items that stand for the pool
RANK, CLASSES = 256, 8  # parameters that are looked at, and directions of the classes among them
RIDGE = 1 / 30  # what is known of each parameter before any label: the penalty of the linear head

Array = NDArray[Any]


def by_bait(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of items that together tell most about those parameters of the head on which the pool depends.

    Minimises the trace of (information of labels and query)^-1 (information of the pool): greedily 2 n items forward,
    then n of them are taken out again. Information is that of a softmax on the embeddings, on the 256 strongest of its
    parameters (leading directions of the embeddings by those of the classes). Chosen among 1,000 random items or 2 n;
    2,000 stand for the pool.

    Source: Ash, Goel, Krishnamurthy and Kakade 2021, section 4 (here of low rank).
    Cost: O(n max(1000, 2 n) 256 x 8) by rank updates, whatever the size of the pool.
    """
    free, before = state.require(n), state.scored
    if state.head is None:
        return at_random(state, n, rng, "bait", "nothing is learnt yet: drawn at random")
    rows, points = thin(free, max(ROWS, 2 * n), rng), thin(free, POINTS, rng)
    fisher = Fisher(state, points)
    known = RIDGE * np.eye(fisher.rank) + fisher.total(state, state.labels.ids)
    wanted = fisher.total(state, points) / max(len(points), 1)
    design = Design(fisher.roots(state, rows), known, wanted)
    order, gain = design.forward(min(2 * n, len(rows)), rows, rng)
    kept = design.backward(order, n, rows, rng)
    why = "with the others, it tells most about the model as the pool needs it"
    return chosen(rows[order[kept]], gain[kept], "bait", why, state.scored - before)


class Fisher:
    """Information of items about the parameters of a softmax head, in its strongest directions.

    One item's is xx^T times diag(p) - pp^T (multilabel: diag(p (1 - p))), x and p as the leading directions see them.
    """

    def __init__(self, state: Round, points: Ids) -> None:
        self._many = state.labels.kind == "multilabel"
        p, x = np.asarray(state.proba(points), np.float64), np.asarray(state.take(points), np.float64)
        doubt = np.diag((p * (1.0 - p)).sum(axis=0)) if self._many else np.diag(p.sum(axis=0)) - p.T @ p
        self._classes = _leading(doubt, CLASSES)  # (c, b)
        self._columns = _leading(x.T @ x, RANK // self._classes.shape[1])  # (d, a)
        self.rank = int(self._classes.shape[1] * self._columns.shape[1])

    def roots(self, state: Round, ids: Ids) -> Array:
        """V (m, b, rank) of ids, whose information is V^T V."""
        x = np.asarray(state.take(ids), np.float64) @ self._columns
        p = np.asarray(state.proba(ids), np.float64)
        c, b = self._classes.shape
        each = (self._classes[:, :, None] * self._classes[:, None, :]).reshape(c, b * b)
        if self._many:
            seen = ((p * (1.0 - p)) @ each).reshape(-1, b, b)
        else:
            mean = p @ self._classes
            seen = (p @ each).reshape(-1, b, b) - mean[:, :, None] * mean[:, None, :]
        size, way = np.linalg.eigh(seen)
        root = (way * np.sqrt(np.maximum(size, 0.0))[:, None, :]).transpose(0, 2, 1)  # (m, b, b)
        return np.asarray((x[:, None, :, None] * root[:, :, None, :]).reshape(len(ids), b, self.rank))

    def total(self, state: Round, ids: Ids) -> Array:
        """Information (rank, rank) of all ids together. Cost: O(m b rank^2)."""
        out = np.zeros((self.rank, self.rank))
        for i in range(0, len(ids), BLOCK // 16):
            rows = self.roots(state, ids[i : i + BLOCK // 16]).reshape(-1, self.rank)
            out += rows.T @ rows
        return out


class Design:
    """Greedy choice of rows by trace((known + sum of V^T V)^-1 wanted): what each row would change, kept up to date."""

    def __init__(self, roots: Array, known: Array, wanted: Array) -> None:
        self._v, self._wanted = roots, wanted  # (m, b, r), (r, r)
        self._inverse = np.linalg.inv(known)
        u = roots @ self._inverse
        self._own = u @ roots.transpose(0, 2, 1)  # V M^-1 V^T of each row (m, b, b)
        self._use = u @ wanted @ u.transpose(0, 2, 1)  # V M^-1 F M^-1 V^T of each row

    def forward(self, n: int, ids: Ids, rng: Generator) -> tuple[Ids, Vector]:
        """Order (n,) in which rows lower the trace most, and by how much. Ties fall by a hash of `ids`."""
        left = np.ones(len(self._v), bool)
        order, gains = np.empty(n, np.int64), np.empty(n)
        for step in range(n):
            rows = np.flatnonzero(left)
            gain = self._effect(rows, -1)
            won = best(ids[rows], gain, 1, rng)[0]
            order[step], gains[step], left[rows[won]] = rows[won], gain[won], False
            self._change(int(rows[won]), -1)
        return order, gains

    def backward(self, order: Ids, n: int, ids: Ids, rng: Generator) -> Ids:
        """Positions in `order` (n,), ascending, that are left when those that raise the trace least are taken out."""
        kept = np.arange(len(order))
        while len(kept) > n:
            loss = self._effect(order[kept], 1)
            out = best(ids[order[kept]], -loss, 1, rng)[0]
            self._change(int(order[kept[out]]), 1)
            kept = np.delete(kept, out)
        return kept

    def _effect(self, rows: Ids, sign: int) -> Vector:
        """How far the trace moves (k,) when each of the rows is added (-1) or taken out (1)."""
        inner = np.eye(self._own.shape[1]) - sign * self._own[rows]
        return np.asarray(np.trace(np.linalg.solve(inner, self._use[rows]), axis1=1, axis2=2))

    def _change(self, row: int, sign: int) -> None:
        """Adds a row (-1) or takes it out (1): M^-1 changes by `sign` Z Z^T (Woodbury)."""
        inner = np.eye(self._own.shape[1]) - sign * self._own[row]
        z = np.linalg.solve(np.linalg.cholesky(inner), self._v[row] @ self._inverse).T  # (r, b)
        on_wanted = self._wanted @ z
        p, q = self._v @ z, self._v @ (self._inverse @ on_wanted)
        cross = p @ q.transpose(0, 2, 1)
        turned = p.transpose(0, 2, 1)
        self._use += sign * (cross + cross.transpose(0, 2, 1)) + p @ (z.T @ on_wanted) @ turned
        self._own += sign * (p @ turned)
        self._inverse += sign * (z @ z.T)


def _leading(square: Array, most: int) -> Array:
    """Orthonormal columns (d, k): the k <= most leading directions of a symmetric matrix (d, d), at least one."""
    size, way = np.linalg.eigh(square)
    there = int((size > 1e-12 * max(float(size[-1]), 1e-300)).sum())
    return np.asarray(way[:, ::-1][:, : max(min(most, there), 1)])
