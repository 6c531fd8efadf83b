"""Doubt, spread: over cells of the pool, over doubt-weighted cells, or over the probabilities themselves."""

import numpy as np
from numpy.random import Generator

from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Matrix, Query, Vector
from labelsieve.selection.acquisition import FromProba, entropy, from_proba, margin, over_classes
from labelsieve.selection.candidates import thin
from labelsieve.selection.clusters import ROWS, kmeans
from labelsieve.selection.composing import at_random, best, chosen
from labelsieve.selection.neighbours import nearest
from labelsieve.selection.prototypes import FLOOR, central, turns

DOUBTFUL = 10  # the 10 n items of highest margin score take turns by cell
IN_CELL, CELLS = 10, 500  # about 10 of the clustered items a cell, at most 500 cells
SPREAD = 65_536  # FALCUN draws from at most so many items
SHARPNESS = 10.0  # the gamma of the paper


def by_cluster_margin(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of doubtful items from as many cells of the pool as possible, small cells first.

    The 10 n items of highest margin score are put into cells of the pool and taken in turns, from the cell with the
    fewest of them to the fullest. Within a cell the most doubtful comes first, where the paper draws. Cells are those
    of k-means on at most 10,000 random items, about 10 items a cell and at most 500, where the paper uses
    average-linkage clustering once. Without a head the query is drawn at random.

    Source: Citovsky et al. 2021, algorithm 2. Cost: one scan by the head, O(min(m, 10000) k d) for k cells.
    """
    free, before = state.require(n), state.scored
    if state.head is None:
        return at_random(state, n, rng, "cluster_margin", "nothing is learnt yet: drawn at random")
    score = from_proba(margin)(state, free)
    rows = best(free, score, min(DOUBTFUL * n, len(free)), rng)
    part = thin(free, ROWS, rng)
    centres, _ = kmeans(state.take(part), min(max(len(part) // IN_CELL, 1), CELLS), rng)
    cell = nearest(state.take(free[rows]), centres, 1)[0][:, 0]
    size = np.bincount(cell, minlength=len(centres)).astype(np.float64)
    picked = rows[turns(cell, np.arange(len(rows), dtype=np.float64), size)[:n]]
    why = "doubtful, and of a cell with few doubtful items"
    return chosen(free[picked], score[picked], "cluster_margin", why, state.scored - before)


def by_clue(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of the items nearest to the centres of n cells, in which items count by their entropy.

    At most 10,000 random items are scored and clustered. Without a head the query is drawn at random.

    Source: Prabhu, Chandrasekaran, Saenko and Hoffman 2021. Cost: O(min(m, 10000) n d).
    """
    before = state.scored
    free = thin(state.require(n), max(ROWS, n), rng)
    if state.head is None:
        return at_random(state, n, rng, "clue", "nothing is learnt yet: drawn at random")
    score = from_proba(entropy)(state, free)
    picked, share = central(state.take(free), n, rng, score + FLOOR)
    return chosen(free[picked], share, "clue", "in the middle of a cell of high entropy", state.scored - before)


def by_falcun(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) drawn by margin score plus distance, in probabilities, to what was drawn before.

    The chance is (score + distance)^10, the distance being the city-block one to the nearest pick, brought to 0..1
    over the items that are left. At most 65,536 random items are looked at. Without a head the query is drawn at
    random.

    Source: Gilhuber et al. 2024. Cost: one scan of that part by the head, O(m c) a pick for c classes.
    """
    before = state.scored
    free = thin(state.require(n), max(SPREAD, n), rng)
    if state.head is None:
        return at_random(state, n, rng, "falcun", "nothing is learnt yet: drawn at random")
    proba = state.proba(free)
    doubt = _doubt(state, margin, proba)
    picked, chance = falcun(proba, doubt, n, rng)
    why = "drawn by doubt and by unlikeness to the others asked"
    return chosen(free[picked], chance, "falcun", why, state.scored - before)


def falcun(proba: Matrix, doubt: Vector, n: int, rng: Generator, sharpness: float = SHARPNESS) -> tuple[Ids, Vector]:
    """Positions (n,) drawn from proba (m, c) with doubt (m,) in 0..1, and the relevance (n,) at which each was drawn.

    Before anything is drawn, an item's distance is its doubt.
    """
    left = np.ones(len(proba), bool)
    far = doubt.copy()
    picked, told = np.empty(n, np.int64), np.empty(n)
    for i in range(n):
        low, high = far[left].min(), far[left].max()
        relevance = doubt + ((far - low) / (high - low) if high > low else 0.0)
        chance = np.where(left, relevance, 0.0)
        chance = (chance / max(float(chance.max()), 1e-300)) ** sharpness
        chance = np.where(left, np.maximum(chance, 1e-30), 0.0)  # where nothing is in doubt, all alike
        total = np.cumsum(chance)
        row = int(np.searchsorted(total, rng.random() * total[-1], side="right"))
        picked[i], told[i] = row, relevance[row]
        left[row] = False
        np.minimum(far, np.abs(proba - proba[row]).sum(axis=1, dtype=np.float64), out=far)
    return picked, told


def _doubt(state: Round, of: FromProba, proba: Matrix) -> Vector:
    """Doubt (m,) in 0..1 by probabilities (m, c)."""
    if state.labels.kind != "multilabel":
        return np.asarray(of(proba), np.float64)
    score = over_classes(of, proba)
    return score / max(float(score.max()), 1e-12)
