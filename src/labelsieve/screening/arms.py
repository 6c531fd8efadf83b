"""The arms of the search for odd items: ways to say what to ask next. Each gives a list of its own, best first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from labelsieve.core.randomness import hash_uniform
from labelsieve.core.rounds import Round
from labelsieve.core.types import ODD, Ids, Matrix, Vector
from labelsieve.heads.fused import directions_of
from labelsieve.heads.linear import Linear
from labelsieve.screening.anomaly import pool_ranks, rank
from labelsieve.screening.apart import apart_ranks, is_dense
from labelsieve.screening.isolation import Isolation
from labelsieve.screening.patcharm import by_patches
from labelsieve.screening.ranking import Ranked, scanned
from labelsieve.screening.tails import tail_ranks
from labelsieve.selection.candidates import thin
from labelsieve.selection.clusters import kmeans

C = 1.0  # of the linear arm
CELLS, CELL_ROWS = 500, 10_000
TREES = 100
FOREST_ROWS = 20_000  # the trees score so many random items, beside what stands on other lists


@dataclass
class Scene:
    """What arms look at: the round, what may be asked (m,), and how many items a list holds."""

    state: Round
    free: Ids
    size: int
    rng: Generator

    @property
    def odd(self) -> int:
        """How many odd items are known."""
        return int((self.state.labels.y == ODD).sum())

    @property
    def both(self) -> bool:
        """Whether odd and dull items are known, so that a head can tell them apart."""
        return 0 < self.odd < len(self.state.labels)

    @cached_property
    def at(self) -> Ids:
        """Where `free` stands in the pool (m,)."""
        return np.searchsorted(self.state.pool.ids, self.free).astype(np.int64)

    @cached_property
    def known(self) -> Matrix:
        """The labelled rows (k, d), as heads want them."""
        return directions_of(self.state.take(self.state.labels.ids), self.state.tabular)

    @cached_property
    def unusual(self) -> NDArray[np.float32]:
        """How unusual each free item is in the pool (m,), as a rank."""
        return pool_ranks(self.state)[self.at]

    @cached_property
    def likeness(self) -> NDArray[np.float32]:
        """How much each free item is like the odd items and unlike the dull ones (m,)."""
        labels, tabular = self.state.labels, self.state.tabular
        if self.both:
            head = Linear(2, c=C, balanced=True).fit(self.known, labels.y, labels.weight)
            if head.parts:
                return scanned(self.state, self.free, lambda x: head.decision(directions_of(x, tabular))[:, 0])
        middle = self.known[labels.y == ODD].mean(axis=0)
        return scanned(self.state, self.free, lambda x: -((directions_of(x, tabular) - middle) ** 2).sum(axis=1))

    def ranked(self, score: NDArray[np.float32] | Vector, ids: Ids | None = None) -> Ranked:
        return Ranked.of(self.free if ids is None else ids, score, self.size, self.rng)


def by_anomaly(scene: Scene) -> Ranked:
    """Items far from the pool, by the Mahalanobis distance with a shrunk covariance. Cost: O(m), the pool is kept."""
    return scene.ranked(scene.unusual)


def by_tails(scene: Scene) -> Ranked:
    """Rows of a table with values that few others reach, by the tails of the columns. Cost: O(m), the pool is kept."""
    return scene.ranked(tail_ranks(scene.state)[scene.at])


def by_apart(scene: Scene) -> Ranked:
    """Embeddings far from those that are nearest to them, by direction. Cost: O(m), the pool is kept."""
    return scene.ranked(apart_ranks(scene.state)[scene.at])


def by_isolation(scene: Scene) -> Ranked:
    """Items that few splits set apart, leaves weighed anew by what was answered. Cost: O(100 m), the pool is kept."""
    forest = Isolation.of(scene.state)
    free = _among(forest.ids, scene.free)
    return scene.ranked(forest.scores(scene.state, np.flatnonzero(free)), forest.ids[free])


def by_medoids(scene: Scene) -> Ranked:
    """Items next to the centres of cells without a label, in no order: they know nothing of what is odd.

    500 cells by k-means, of at most 10,000 random rows; those with fewest labels first. Cost: O(500 k d) for k labels.
    """
    state = scene.state
    ids = thin(state.pool.ids, CELL_ROWS, default_rng(0))
    cells = min(CELLS, len(ids))
    centres = state.kept("cell centres", lambda: kmeans(state.take(ids), cells, default_rng(0))[0])
    place = state.kept("cells of rows", lambda: np.stack(_nearest(state.take(ids), centres), axis=1))
    cell, gap = place[:, 0].astype(np.int64), place[:, 1]
    labelled = _nearest(state.take(state.labels.ids), centres)[0].astype(np.int64)
    given = np.bincount(labelled, minlength=len(centres))
    free = np.flatnonzero(_among(ids, scene.free))
    order = free[np.lexsort((gap[free], cell[free]))]
    first = np.concatenate([[True], cell[order][1:] != cell[order][:-1]]) if len(order) else np.empty(0, bool)
    turn = np.arange(len(order)) - np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    rest = hash_uniform(int(scene.rng.integers(2**31)), cell[order])  # which cell comes first
    score = -(turn + given[cell[order]]) + 0.5 * rest
    return scene.ranked(score, ids[order])


def by_linear(scene: Scene) -> Ranked:
    """Items like the odd ones and unlike the dull ones, by logistic regression. Cost: one scan of the pool."""
    return scene.ranked(scene.likeness)


def by_fuse(scene: Scene) -> Ranked:
    """Items by rank(likeness) + rank(distance) / (1 + odd found): the more is known, the less distance counts.

    In a table the tails stand for the distance.
    """
    unusual = tail_ranks(scene.state)[scene.at] if scene.state.tabular else scene.unusual
    return scene.ranked(rank(scene.likeness.astype(np.float64)) + unusual / (1 + scene.odd))


def by_forest(scene: Scene, besides: Mapping[str, Ranked]) -> Ranked:
    """Items like the odd ones, by extremely randomised trees.

    Of a large pool at most 20,000 random items and what stands on other lists are scored.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    ids = thin(scene.free, FOREST_ROWS, scene.rng)
    if len(ids) < len(scene.free):
        ids = np.unique(np.concatenate([ids, *(each.ids for each in besides.values())]))
    labels, tabular = scene.state.labels, scene.state.tabular
    forest = ExtraTreesClassifier(TREES, class_weight="balanced", random_state=0).fit(
        scene.known, labels.y, labels.weight
    )
    score = scanned(scene.state, ids, lambda x: forest.predict_proba(directions_of(x, tabular))[:, ODD])
    return scene.ranked(score, ids)


ARMS: dict[str, Callable[[Scene], Ranked]] = {
    "anomaly": by_anomaly,
    "isolation": by_isolation,
    "medoids": by_medoids,
    "linear": by_linear,
    "fuse": by_fuse,
}
FROM_ODD = ("linear", "fuse")  # these wait for the first odd item, and the forest for one of each


def lists_of(scene: Scene) -> dict[str, Ranked]:
    """The list of every arm that can say something now."""
    found = {name: arm(scene) for name, arm in ARMS.items() if scene.odd or name not in FROM_ODD}
    if scene.state.tabular:
        found["tails"] = by_tails(scene)
    elif is_dense(scene.state):
        found["apart"] = by_apart(scene)
    if scene.both:
        found["forest"] = by_forest(scene, found)
    patches = by_patches(scene, found)
    return found if patches is None else {**found, "patches": patches}


def _among(ids: Ids, free: Ids) -> NDArray[np.bool_]:
    """Whether each of `ids` (m,) stands in ascending `free`."""
    at = np.minimum(np.searchsorted(free, ids), max(len(free) - 1, 0))
    return np.asarray(free[at] == ids) if len(free) else np.zeros(len(ids), bool)


def _nearest(x: Matrix, centres: Matrix) -> tuple[Vector, Vector]:
    """The nearest centre (m,) of each row, and the squared distance to it."""
    square = np.einsum("ij,ij->i", centres, centres)[None, :] - 2.0 * (x @ centres.T)
    cell = square.argmin(axis=1) if len(x) else np.empty(0, np.int64)
    gap = square[np.arange(len(x)), cell] + np.einsum("ij,ij->i", x, x)
    return cell.astype(np.float64), gap.astype(np.float64)
