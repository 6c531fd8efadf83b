"""An isolation forest that learns from answers: leaves in which something odd was found count more, dull ones less."""

from dataclasses import dataclass

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from labelsieve.core.rounds import BLOCK, Round
from labelsieve.core.types import ODD, Ids, Labels, Vector
from labelsieve.heads.trees import Grown, Trees, joined
from labelsieve.selection.candidates import thin

TREES, GROWN_ON = 100, 256  # rows that a tree is grown on: at most so many leaves, so that a leaf is one byte
DEPTH = 8  # log2 of that: no tree is deeper
LEARN_FROM = 20_000
ROWS = 1_000_000  # of a larger pool a random part has leaves: 100 bytes a row
TOP = 0.03  # answers push dull items below, and odd ones above, the level that this share of the pool reaches
STRENGTH = 1000.0  # how far answers may move a leaf; of 1 to 10,000, more found more, up to here
STEPS = 100

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Isolation:
    """Trees; of each of `ids` (r,), ascending, the leaf in every tree (trees, r), and how isolated it is (r,).

    Isolation is the path length, turned round and scaled over the pool to mean 0 and variance 1.
    """

    trees: Trees
    ids: Ids
    leaves: NDArray[np.uint8]
    prior: NDArray[np.float32]

    @classmethod
    def of(cls, state: Round) -> "Isolation":
        """The forest of this pool, on at most 1,000,000 random rows of it. It is kept.

        Source: Liu, Ting and Zhou 2008; trees by scikit-learn. Cost: O(r trees depth) once, 104 bytes a row.
        """
        ids = thin(state.pool.ids, ROWS, default_rng(0))
        trees = _unpacked(state.kept("isolation trees", lambda: _packed(_grown(state))))
        leaves = state.kept("isolation leaves", lambda: _leaves(state, trees, ids))
        return cls(trees, ids, leaves, state.kept("isolation prior", lambda: _total(_tables(trees), leaves)))

    def scores(self, state: Round, at: Ids) -> NDArray[np.float32]:
        """Scores (m,) of the rows at positions `at` (m,) by the answers so far: higher is odder.

        A leaf moves away from its isolation where that raises odd items above, or lowers dull ones below, the level
        that the top 3 % of the pool reach; all odd items weigh as much as all dull ones.
        Source: Das et al. 2017, arXiv 1708.09441, with a logistic loss instead of a hinge. Cost: O(m trees), and a fit.
        """
        labels, tables = state.labels, _tables(self.trees)
        if not len(labels):
            return self.prior[at]
        known = _leaves(state, self.trees, labels.ids)
        above = _total(tables, known).astype(np.float64) - float(np.quantile(self.prior, 1 - TOP))
        moved = tables + _moved(known, above, labels)
        return _total(moved, self.leaves)[at]


def _grown(state: Round) -> Trees:
    """Trees whose value at a leaf is minus the path length, scaled: rows that were learnt from sum to 0 and 1."""
    from sklearn.ensemble import IsolationForest

    x = state.take(thin(state.pool.ids, LEARN_FROM, default_rng(0)))
    model = IsolationForest(n_estimators=TREES, max_samples=min(GROWN_ON, len(x)), random_state=0).fit(x)
    grown = []
    for each in model.estimators_:
        tree = each.tree_
        length = _depths(tree.children_left, tree.children_right) + _beyond(tree.n_node_samples)
        parts = (tree.feature, tree.threshold, tree.children_left, tree.children_right)
        grown.append(Grown(*parts, -length[:, None]))
    trees = joined(grown)
    total = trees.total(x, 1)[:, 0]
    scale = float(total.std()) or 1.0
    trees.value[:] = (trees.value - total.mean() / TREES) / scale
    return trees


def _depths(left: NDArray[np.int64], right: NDArray[np.int64]) -> Floats:
    depth = np.zeros(len(left))
    for node in np.flatnonzero(left >= 0):  # children come after their parent
        depth[left[node]] = depth[right[node]] = depth[node] + 1
    return depth


def _beyond(rows: NDArray[np.int64]) -> Floats:
    """How much deeper a leaf with so many rows would be, were it split to the end: the mean path of a search tree."""
    n = np.maximum(rows.astype(np.float64), 2)
    return np.where(rows < 2, 0.0, np.where(rows == 2, 1.0, 2 * (np.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n))


def _packed(trees: Trees) -> Floats:
    """Trees as one array (nodes, 6)."""
    which = np.searchsorted(trees.root, np.arange(len(trees.left)), side="right") - 1
    parts = (trees.feature, trees.threshold, trees.left, trees.right, trees.value[:, 0], which)
    return np.stack([part.astype(np.float64) for part in parts], axis=1)


def _unpacked(packed: Floats) -> Trees:
    feature, threshold, left, right, value, which = packed.T
    root = np.searchsorted(which, np.arange(which[-1] + 1)).astype(np.int32)
    whole = [part.astype(np.int32) for part in (feature, left, right)]
    value_, column = value.astype(np.float32)[:, None], np.zeros(len(root), np.int32)
    return Trees(whole[0], threshold.astype(np.float32), whole[1], whole[2], value_, root, column, DEPTH)


def _numbers(trees: Trees) -> NDArray[np.int64]:
    """The number (nodes,) of each leaf within its tree."""
    count = np.cumsum(trees.leaf) - 1
    which = np.searchsorted(trees.root, np.arange(len(count)), side="right") - 1
    first = count[trees.root] + ~trees.leaf[trees.root]
    return np.asarray(count - first[which], np.int64)


def _tables(trees: Trees) -> NDArray[np.float32]:
    """The value (trees, 256) of each leaf by its number."""
    number, leaf = _numbers(trees), trees.leaf
    which = np.searchsorted(trees.root, np.arange(len(number)), side="right") - 1
    out = np.zeros((len(trees.root), GROWN_ON), np.float32)
    out[which[leaf], number[leaf]] = trees.value[leaf, 0]
    return out


def _leaves(state: Round, trees: Trees, ids: Ids) -> NDArray[np.uint8]:
    number, out = _numbers(trees), np.empty((len(trees.root), len(ids)), np.uint8)
    for i in range(0, len(ids), BLOCK):
        out[:, i : i + BLOCK] = number[trees.ends(state.take(ids[i : i + BLOCK]))]
    return out


def _total(tables: NDArray[np.float32], leaves: NDArray[np.uint8]) -> NDArray[np.float32]:
    out = np.zeros(leaves.shape[1], np.float32)
    for table, own in zip(tables, leaves, strict=True):
        out += table.take(own)
    return out


def _moved(known: NDArray[np.uint8], above: Vector, labels: Labels) -> NDArray[np.float32]:
    """By how much (trees, 256) each leaf moves: the minimum of a logistic loss plus |moves|^2 trees / (2 strength)."""
    from scipy.optimize import minimize
    from scipy.sparse import csr_array

    trees, m = known.shape
    place = known.astype(np.int64) + np.arange(trees)[:, None] * GROWN_ON
    touched, column = np.unique(place, return_inverse=True)
    rows = np.tile(np.arange(m), trees)
    has = csr_array((np.ones(m * trees), (rows, column.ravel())), shape=(m, len(touched)))
    sign, weight = np.where(labels.y == ODD, 1.0, -1.0), np.ones(m) if labels.weight is None else labels.weight.copy()
    for side in (sign > 0, sign < 0):
        weight[side] /= max(float(weight[side].sum()), 1e-12)

    def loss(move: Floats) -> tuple[float, Floats]:
        margin = sign * (above + has @ move)
        slope = -weight * sign * np.exp(-np.logaddexp(0, margin))
        cost = float(weight @ np.logaddexp(0, -margin)) + trees * float(move @ move) / (2 * STRENGTH)
        return cost, has.T @ slope + trees * move / STRENGTH

    found = minimize(loss, np.zeros(len(touched)), jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    out = np.zeros((trees, GROWN_ON), np.float32)
    out.ravel()[touched] = found.x
    return out
