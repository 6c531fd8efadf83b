"""Which patches of an image are like no patch of the dull images: where something is odd, and how odd the image is.

Maps are rows (n, h * w * c): h x w patches in c columns, as the engines of feature maps give them.
"""

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.errors import NotEnoughLabels, ShapeError
from labelsieve.core.randomness import as_rng
from labelsieve.core.types import Ids, Matrix, State, Vector
from labelsieve.screening.likeness import KEPT, Likeness, places_of
from labelsieve.selection.centres import kcenter

Grid = tuple[int, int, int]  # height, width and columns of a map

SIZE = 2048  # patches of the dull images that are kept
LEARN_FROM = 65_536  # patches that those are chosen from
ITEMS = 200  # dull images that patches are taken from
SHARE = 0.0015  # of an image's patches: the oddest ones, whose mean is its score
NEAR = 2  # cells: patches so near in one image show the same thing
TINY = 1e-6  # distances below are rounding
BLOCK = 256  # patches of one matrix product, which a cache holds
OUTSTANDING = 10  # the oddest patches of each dull image: those that odd ones have to be told from
USUAL = 1000  # any patches of the dull images, beside these
FOLDS = 5


class PatchBank:
    """The patches of dull images, thinned to a coreset that stands for all of them.

    Distances are in shares of `limit`: 1 is as far as the oddest patches of the dull images themselves, each seen by
    the others (leave one out); a single dull image is seen by its own patches that are farther than two cells away.
    Where odd images are known, patches that look like their odd places weigh more.
    Source: Roth et al. 2022 (PatchCore), without its weights; the coreset by Gonzalez 1985.
    """

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self.grid: Grid = (0, 0, 0)
        self.limit = 1.0
        self._patches = np.empty((0, 0), np.float32)
        self._item = np.empty(0, np.int64)  # which dull image each comes from
        self._cell = np.empty(0, np.int64)  # and from which of its cells
        self.own: Vector = np.empty(0)
        self.seen: Vector = np.empty(0)
        self._like, self._most = Likeness.none(), 1.0  # what odd images teach, and the highest score of a dull one then

    def fit(self, maps: Matrix, grid: Grid, rng: int | Generator = 0, odd: Sequence[Matrix] = ()) -> Self:
        """Learn from the maps (m, h * w * c) of dull images, from 200 of them where there are more, and from the
        patches (p, c) of each of the `odd` images (k).

        `own` (m,) are the scores of dull images, each by the patches of the others; NaN for those that were not learnt
        from. `seen` (k,) are those of the odd ones, each by what others teach.
        NotEnoughLabels where no image is dull. Cost: O((m + k) h w c size), m at most 200.
        """
        maps, rng = _fitting(maps, grid), as_rng(rng)
        if not len(maps):
            raise NotEnoughLabels("no dull image has a feature map.", "label a few items as dull: one is enough.")
        chosen = np.sort(rng.permutation(len(maps))[:ITEMS])
        height, width, depth = self.grid = grid
        cells, patches = height * width, maps[chosen].reshape(-1, depth)
        at = np.arange(len(patches))
        if len(at) > LEARN_FROM:
            at = np.sort(rng.choice(len(at), LEARN_FROM, replace=False))
        if len(at) > self._size:
            at = np.sort(at[kcenter(patches[at], self._size, rng=rng)])
        self._patches, self._item, self._cell = np.ascontiguousarray(patches[at]), at // cells, at % cells
        self.limit = 1.0
        found = np.stack([self._distances(patches[i * cells : (i + 1) * cells], i) for i in range(len(chosen))])
        self.limit = max(float(_oddest(found).max()), TINY)
        self.own = np.full(len(maps), np.nan)
        self._like, self._most, self.seen = Likeness.none(), 1.0, np.empty(0)
        self.own[chosen] = _oddest(found) / self.limit
        if len(odd):
            self.own[chosen] = self._teach(patches.reshape(len(chosen), cells, depth), found / self.limit, odd, rng)
        return self

    def _teach(self, dull: Matrix, far: NDArray[np.float64], odd: Sequence[Matrix], rng: Generator) -> Vector:
        """Learns what odd places look like; the scores (m,) of dull images (m, p, c), `far` (m, p) from one another.

        Each image, dull or odd, is scored by what was learnt from the other folds.
        """
        count, cells, depth = dull.shape
        any_ = np.stack([rng.permutation(cells)[: -(-USUAL // count)] for _ in range(count)])
        usual = dull[np.arange(count)[:, None], any_]
        hard = np.stack([one[_far(d)] for one, d in zip(dull, far, strict=True)])
        odd = [_fitting(one, (1, 1, depth)) for one in odd]
        away = [self._distances(one) for one in odd]
        places = [one[places_of(d)] for one, d in zip(odd, away, strict=True)]

        def learnt(known: list[Matrix], at: NDArray[np.bool_]) -> Likeness:
            return Likeness.fit(known, hard[at].reshape(-1, depth), usual[at].reshape(-1, depth), len(places))

        own, seen, folds = np.empty(count), np.empty(len(odd)), min(FOLDS, count)
        for number in range(folds):
            mine, theirs = np.arange(count) % folds == number, np.arange(len(odd)) % folds == number
            others = [one for one, held in zip(places, theirs, strict=True) if not held]
            like = learnt(others or places, mine != (folds > 1))  # one alone is seen by what it teaches itself
            own[mine] = [_oddest(far[i : i + 1] * like.factor(dull[i]))[0] for i in np.flatnonzero(mine)]
            seen[theirs] = [_oddest((away[i] * like.factor(odd[i]))[None])[0] for i in np.flatnonzero(theirs)]
        self._like, self._most = learnt(places, np.ones(count, bool)), max(float(own.max()), TINY)
        self.seen = seen / self._most
        return np.asarray(own / self._most)

    def heat(self, maps: Matrix) -> Matrix:
        """How odd each patch is (n, h, w): its distance to the nearest dull patch, 1 = as the oddest of the dull.

        Where odd images are known, those that look like their odd places count up to five times.
        ShapeError for maps of another grid. Cost: O(n h w c size).
        """
        height, width, depth = self.grid
        maps = _fitting(maps, self.grid).reshape(-1, height * width, depth)
        found = [(self._distances(x) * self._like.factor(x) / self._most).reshape(height, width) for x in maps]
        return np.stack(found).astype(np.float32) if found else np.empty((0, height, width), np.float32)

    def score(self, maps: Matrix) -> Vector:
        """How odd each image is (n,): the mean of its oddest patches, 1 = as the oddest of the dull images.

        Cost: as `heat`.
        """
        return heat_score(self.heat(maps))

    def state(self) -> State:
        """What was learnt, as plain arrays."""
        return {
            "grid": np.array(self.grid, np.int64),
            "limit": np.array([self.limit]),
            "patches": self._patches,
            "own": self.own,
            "seen": self.seen,
            "slope": self._like.slope,
            "like": np.array([self._like.level, self._like.weight, self._most]),
        }

    def restore(self, state: State) -> Self:
        """Take back what `state` gave: scores are the same to the bit."""
        height, width, depth = (int(side) for side in state["grid"])
        self.grid, self.limit = (height, width, depth), float(state["limit"][0])
        self._patches, self.own = np.asarray(state["patches"], np.float32), np.asarray(state["own"], np.float64)
        level, weight, self._most = (float(value) for value in state["like"])
        self._like, self.seen = Likeness(np.asarray(state["slope"], np.float64), level, weight), state["seen"]
        return self

    def _distances(self, patches: Matrix, item: int | None = None) -> Vector:
        """Distance (p,) of patches to the nearest that is kept; those of the dull image `item` are left out."""
        keep = self._patches
        square, minus = np.einsum("ij,ij->i", keep, keep), np.ascontiguousarray(np.float32(-2) * keep.T)
        near = np.empty(len(patches))
        alone = item is not None and not (self._item != item).any()
        own = np.flatnonzero(self._item == item) if item is not None else np.empty(0, np.int64)
        for first in range(0, len(patches), BLOCK):
            part = patches[first : first + BLOCK]
            found = part @ minus
            found += square
            if alone:
                found[self._beside(first, len(part))] = np.inf
            else:
                found[:, own] = np.inf
            least = found.min(axis=1)
            near[first : first + BLOCK] = np.where(np.isfinite(least), least + np.einsum("ij,ij->i", part, part), 0.0)
        return np.asarray(np.sqrt(np.maximum(near, 0.0)) / self.limit, np.float64)

    def _beside(self, first: int, count: int) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
        """Which cells (count, k) of one image lie beside those that are kept."""
        cell, width = np.arange(first, first + count), self.grid[1]
        down = np.abs(cell[:, None] // width - self._cell // width)
        across = np.abs(cell[:, None] % width - self._cell % width)
        return np.asarray((down <= NEAR) & (across <= NEAR))


def pair_heat(maps: Matrix, templates: Matrix, grid: Grid, window: int = 1) -> Matrix:
    """How unlike its template each patch is (n, h, w): the distance to the nearest patch at most `window` cells away.

    maps and templates are (n, h * w * c), row by row of one pair; the window forgives small shifts.
    ShapeError where shapes differ. Cost: O(n h w c (2 window + 1)^2).

    >>> pair_heat(np.array([[1.0, 4.0, 2.0]]), np.array([[1.0, 1.0, 2.0]]), (1, 3, 1)).tolist()
    [[[0.0, 2.0, 0.0]]]
    """
    maps, templates = _fitting(maps, grid), _fitting(templates, grid)
    if len(maps) != len(templates):
        raise ShapeError(f"{len(maps)} maps and {len(templates)} templates do not fit.", "give each map its template.")
    height, width, _ = grid
    out = np.empty((len(maps), height, width), np.float32)
    for i, (mine, other) in enumerate(zip(maps, templates, strict=True)):
        out[i] = np.sqrt(_nearest_within(mine.reshape(grid), other.reshape(grid), window))
    return out


def heat_score(heat: Matrix) -> Vector:
    """One number an image (n,) of its heat (n, h, w): the mean of its oddest .15 % of patches, at least of one."""
    return _oddest(heat.reshape(len(heat), heat.shape[1] * heat.shape[2]).astype(np.float64))


def _nearest_within(mine: Matrix, other: Matrix, window: int) -> Matrix:
    """Squared distance (h, w) of each patch to the nearest of the other map at most `window` cells away."""
    height, width, _ = mine.shape
    near = np.full((height, width), np.inf, np.float32)
    for here, there in _shifts(height, width, window):
        apart = np.square(mine[here] - other[there]).sum(axis=2)
        near[here] = np.minimum(near[here], apart)
    return near


def _shifts(height: int, width: int, window: int) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    for down in range(-min(window, height - 1), min(window, height - 1) + 1):
        for right in range(-min(window, width - 1), min(window, width - 1) + 1):
            rows, columns = _overlap(down, height), _overlap(right, width)
            yield (rows[0], columns[0]), (rows[1], columns[1])


def _overlap(by: int, length: int) -> tuple[slice, slice]:
    return slice(max(0, -by), length - max(0, by)), slice(max(0, by), length - max(0, -by))


def _oddest(found: Vector) -> Vector:
    """The mean (n,) of the largest numbers of each row (n, p)."""
    most = max(1, round(SHARE * found.shape[1]))
    return np.asarray(np.partition(found, -most, axis=1)[:, -most:].mean(axis=1), np.float64)


def _far(found: Vector) -> Ids:
    """The patches (k,) of a dull image that are farthest from those of the others."""
    return np.argsort(-found, kind="stable")[:OUTSTANDING]


def thinned(patches: Matrix, size: int = KEPT) -> Matrix:
    """At most `size` of the patches (p, c) of one picture, those that lie farthest from one another, in their order.

    What is odd lies far from the rest and stays. Source: Gonzalez 1985. Cost: O(p size c).
    """
    if len(patches) <= size:
        return patches
    return patches[np.sort(kcenter(patches, size, rng=as_rng(0)))]


def _fitting(maps: Matrix, grid: Grid) -> Matrix:
    maps = np.asarray(maps, np.float32)
    if maps.ndim != 2 or min(grid) < 1 or maps.shape[1] != grid[0] * grid[1] * grid[2]:
        raise ShapeError(
            f"maps of shape {maps.shape} do not fit a grid of {grid[0]} x {grid[1]} patches in {grid[2]} columns.",
            "give maps (n, h * w * c) of the engine that the dull ones came from.",
        )
    return maps
