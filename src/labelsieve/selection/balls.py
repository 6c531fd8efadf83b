"""ProbCover: items whose balls of one radius hold the most items that no ball holds yet."""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.randomness import as_rng, hash_uniform
from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Matrix, Query, Vector
from labelsieve.selection.candidates import thin
from labelsieve.selection.clusters import kmeans
from labelsieve.selection.composing import chosen
from labelsieve.selection.coverage import reader, rows_left

PART = 8192  # at most so many rows have balls, and so many are to be held
BLOCK = 1024
PROBES, PURE = 1024, 0.95  # the radius: so much of so many balls holds rows of one cluster only
SAME = 4e-6  # squared distances below this share of the squared norms are rounding
CLASSES = 20  # clusters of a pool whose classes are not known


def probcover(
    x: Any,
    n: int,
    labelled: Ids | None = None,
    radius: float | None = None,
    classes: int = CLASSES,
    rng: int | Generator = 0,
) -> Ids:
    """Positions (n,) of rows of x (m, d) whose balls of one `radius` hold the most rows, after the `labelled` ones'.

    Without a radius it is the largest at which 95 % of the balls hold rows of one of `classes` k-means clusters only.
    Beyond 8,192 rows a random part is chosen from and held. When all is held the rest of the query is drawn.

    Source: Yehuda, Dekel, Hacohen and Weinshall 2022. Cost: O(min(m, 8192)^2 d) in blocks; neighbours are kept as
    bits, 8 MB at most.
    """
    take = reader(x)
    rng = as_rng(rng)
    taken, free = rows_left(len(x), n, labelled)
    part = thin(free, max(PART, n), rng)
    return part[_covered(take(part), take(taken), n, radius or classes, rng)[0]]


def by_probcover(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of items whose surroundings are densest with items that no label is near to. Needs no head.

    Source: Yehuda et al. 2022 (ProbCover); the radius by the purity of k-means clusters, one a class.
    Cost: O(min(m, 8192)^2 d): a random part of a large pool is seen.
    """
    part = thin(state.require(n), max(PART, n), rng)
    classes = len(state.labels.classes) if len(state.labels.classes) > 1 else CLASSES
    order, held = _covered(state.take(part), state.take(state.labels.ids), n, classes, rng)
    return chosen(part[order], held, "probcover", "many items around it, none of them near to a label")


def pure_radius(x: Matrix, classes: int, rng: Generator) -> float:
    """The largest radius at which 95 % of balls round rows of x (m, d) hold rows of one k-means cluster only.

    A ball is pure until it reaches the nearest row of another cluster, so the radius is a quantile of those distances.
    """
    if len(x) < 2:
        return 0.0
    _, cell = kmeans(x, min(classes, len(x)), rng)
    probes = thin(np.arange(len(x)), PROBES, rng)
    other = _squares(x[probes], x)
    other[cell[probes][:, None] == cell] = np.inf
    reach = np.sort(other.min(axis=1))
    reach = reach[np.isfinite(reach)]
    return float(np.sqrt(reach[int((1.0 - PURE) * len(reach))])) if len(reach) else np.inf


def _covered(x: Matrix, given: Matrix, n: int, radius: float | int, rng: Generator) -> tuple[Ids, Vector]:
    """Order (n,) of rows of x and the number (n,) of rows that each newly holds; an int is a number of classes."""
    centre = x.mean(axis=0) if len(x) else 0.0
    x, given = x - centre, given - centre  # distances far from the origin would be rounding
    reach = pure_radius(x, radius, rng) if isinstance(radius, int) else radius
    square = np.float32(max(reach**2, SAME * float(np.mean(np.einsum("ij,ij->i", x, x))))) if len(x) else np.float32(0)
    bare = np.ones(len(x), bool)  # rows that no ball holds
    for i in range(0, len(given), BLOCK):
        bare &= ~(_squares(given[i : i + BLOCK], x) < square).any(axis=0)
    near = np.zeros((len(x), -(-len(x) // 8)), np.uint8)
    for i in range(0, len(x), BLOCK):
        near[i : i + BLOCK] = np.packbits(_squares(x[i : i + BLOCK], x) < square, axis=1)
    count = _counted(near, np.flatnonzero(bare), len(x))
    tie = hash_uniform(int(rng.integers(2**31)), np.arange(len(x)))
    order, held = np.empty(n, np.int64), np.empty(n)
    left = np.ones(len(x), bool)
    for step in range(n):
        equal = np.flatnonzero(left & (count == count[left].max()))
        j = int(equal[np.argmin(tie[equal])])
        order[step], held[step] = j, count[j]
        left[j] = False
        new = np.flatnonzero(bare & (np.unpackbits(near[j], count=len(x)) > 0))
        bare[new] = False
        count -= _counted(near, new, len(x))
    return order, held


def _counted(near: NDArray[np.uint8], rows: Ids, m: int) -> Ids:
    """How many (m,) of `rows` are near to each row: each row is counted once in a query, whatever n is."""
    count = np.zeros(m, np.int64)
    for i in range(0, len(rows), BLOCK):
        count += np.unpackbits(near[rows[i : i + BLOCK]], axis=1, count=m).sum(axis=0, dtype=np.int64)
    return count


def _squares(a: Matrix, b: Matrix) -> Matrix:
    square: Matrix = a @ b.T
    square *= np.float32(-2.0)
    square += np.einsum("ij,ij->i", a, a)[:, None]
    square += np.einsum("ij,ij->i", b, b)
    return np.maximum(square, np.float32(0.0), out=square)
