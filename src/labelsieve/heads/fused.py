"""The head of screen tasks: what is unlike the dull items, beside what tells odd from dull."""

from contextlib import AbstractContextManager
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError
from labelsieve.core.types import DULL, ODD, Matrix, State, Vector
from labelsieve.heads.distances import Distances, Place
from labelsieve.heads.inputs import Training, labelled, rows
from labelsieve.heads.linear import Linear
from labelsieve.heads.threads import one_thread

C = 1.0  # of the logistic regression
LIKE = 0.5  # its weight is LIKE * sqrt(odd items), where distance weighs at most 1
BEND = 3.0  # deviations at which distance levels off beside it: far out is not odder still
TRUST = 5.0  # odd items that distance is taken to tell by 1, before any is known
FEW = 100  # dull items below which rows of the pool help to say what is usual,
LENT = 10.0  # all of them together at first as much as so many of those, then less and less
HERE = 0.5  # weight from which a dull item says what is usual here; one from elsewhere only tells odd from dull
QUIET = 0.95  # least share of the pool that is called dull while nothing odd is known


def directions_of(x: Matrix, tabular: bool) -> Matrix:
    """Rows (n, d) as heads of a screen want them: embeddings scaled row by row to norm sqrt(d); table rows unchanged.

    A row of zeros stays zero.
    Source: measured, see docs/decisions/0008-the-screen-head.md. Cost: O(n d).
    """
    if tabular:
        return x
    norm = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))
    size = np.sqrt(x.shape[1]) / np.where(norm > 0, norm, 1.0)
    return np.asarray(x * size.astype(np.float32)[:, None], dtype=np.float32)


class Fused:
    """Probability of odd from a balanced logistic regression and the log of Mahalanobis distances to the dull items.

    Both are put on the scale of the pool (mean 0, deviation 1 over rows that `among` gives, else over the labelled
    ones) and added. The regression weighs more the more odd items there are; distance weighs as much as the odd items
    known lie far out, from 0 to 1. Without odd items it is the distance alone; without dull ones the pool's rows
    stand for them, and with neither it is the distance from the pool. Give z-scored rows.
    A rank, not a chance: .5 lies half way from the pool's mean to the odd items; while none is known, where one of
    n dull items would lie farthest. `tabular`: rows are columns of a table, and their directions are not looked at.
    `start`, a linear head fitted on fewer labels, saves steps.
    Source: measured, see docs/decisions/0008-the-screen-head.md.
    Cost: fit O(m d min(m, d)) for m labels and the pool's rows; predict O(n d min(m, d)).
    """

    def __init__(self, n_classes: int | None = 2, tabular: bool = False, start: Linear | None = None) -> None:
        self.n_classes, self.tabular, self.start = 2 if n_classes is None else n_classes, tabular, start
        self._pool: Matrix | None = None
        self._dim = 0
        self._far: Distances | None = None
        self._linear: Linear | None = None
        self._place, self._edge = Place(), -1.0
        self._like, self._weight = 0.0, 1.0  # of the regression and of distance

    @property
    def linear(self) -> Linear | None:
        """Its logistic regression; None while nothing odd is known."""
        return self._linear

    def among(self, pool: Matrix) -> Self:
        """This head, to be fitted among these rows (r, d), drawn from the pool at random and not labelled."""
        self._pool = rows(pool) if len(pool) else None
        return self

    def fit(self, x: Matrix, y: NDArray[Any], weight: Vector | None = None) -> Self:
        """NotEnoughLabels for no label and no row of the pool; InputError for several classes an item."""
        if np.ndim(y) != 1:
            fact = "the head 'fused' tells odd from dull; these labels are several classes an item."
            raise InputError(fact, "name the head linear for such a task.")
        data = self._known(x, y, weight)
        pool = data.x if self._pool is None else self._pool
        dull, odd = data.y == DULL, data.y == ODD
        self._dim = data.x.shape[1]
        self._far = self._linear = None
        self._like, self._weight, self._edge = 0.0, 1.0, -1.0
        if not dull.any() and self._pool is None:  # odd items and nothing to hold them against
            self.start = None
            return self
        known = (data.x[dull], data.weight[dull]) if dull.any() else (pool, np.ones(len(pool)))
        usual, counts = self._usual(data, known, pool)
        looks = 2 if dull.any() else 1  # directions tell little of what is far from a whole pool
        self._far = Distances.fit(self._views(usual)[:looks], counts, self._views(pool)[:looks])
        if odd.any():
            mine = data.x[odd], data.weight[odd]
            self._fit_linear(mine, known, pool)
            far = self._far(self._views(mine[0]))
            self._like = LIKE * float(np.sqrt(mine[1].sum()))
            self._weight = float(np.clip((mine[1] @ far + TRUST) / (mine[1].sum() + TRUST), 0, 1))
            self._edge = float(mine[1] @ self.score(mine[0]) / mine[1].sum()) / 2
        else:
            share = max(1 - 1 / (int(dull.sum()) + 2), QUIET)
            self._edge = float(np.quantile(self.score(pool), share))
        self.start = None
        return self

    def _usual(self, data: Training, known: tuple[Matrix, Vector], pool: Matrix) -> tuple[Matrix, Vector]:
        """The rows that distance is taken from, with their weights: dull items of this pool, and of the pool itself."""
        here = (data.y == DULL) & (data.weight >= HERE)
        if self._pool is None:
            return known
        return _lent((data.x[here], data.weight[here]), pool) if here.any() else (pool, np.ones(len(pool)))

    def _known(self, x: Matrix, y: NDArray[Any], weight: Vector | None) -> Training:
        if len(x) or self._pool is None:
            return labelled(x, y, weight, self.n_classes)
        return Training(self._pool[:0], np.empty(0, np.int64), np.empty(0), self.n_classes)

    def _fit_linear(self, odd: tuple[Matrix, Vector], usual: tuple[Matrix, Vector], pool: Matrix) -> None:
        x = directions_of(np.concatenate([usual[0], odd[0]]), self.tabular)
        y = np.repeat([DULL, ODD], [len(usual[0]), len(odd[0])])
        head = Linear(2, c=C, balanced=True, start=self.start)
        self._linear = head.fit(x, y, np.concatenate([usual[1], odd[1]]))
        self._place = Place.of(head.decision(directions_of(pool, self.tabular))[:, 0])

    def _views(self, x: Matrix) -> tuple[Matrix, ...]:
        return (x,) if self.tabular else (x, directions_of(x, False))

    def score(self, x: Matrix) -> Vector:
        """How odd each row is (n,), on the scale of the pool, without the bounds of a probability."""
        x = rows(x, self._dim)
        if self._far is None:
            return np.zeros(len(x))
        views = self._views(x)
        far = self._far(views)
        if self._linear is None:
            return far
        like = self._place(self._linear.decision(views[-1])[:, 0])
        total = self._like * like + self._weight * BEND * np.tanh(far / BEND)
        return np.asarray(total / (self._like + 1), dtype=np.float64)

    def predict_proba(self, x: Matrix) -> Matrix:
        score = self.score(x) - self._edge
        out = np.zeros((len(score), self.n_classes), dtype=np.float32)
        out[:, ODD] = 1 / (1 + np.exp(-np.clip(score, -80, 80)))
        out[:, DULL] = 1 / (1 + np.exp(np.clip(score, -80, 80)))
        return out

    def one_thread_each(self) -> AbstractContextManager[Any]:
        """While inside, a prediction uses one thread, so that several threads may predict side by side."""
        return one_thread()

    def config(self) -> dict[str, Any]:
        """The arguments that make a head like this one."""
        return {"n_classes": self.n_classes, "tabular": self.tabular}

    def state(self) -> State:
        """Plain arrays; no row of the pool is among them."""
        out = {"n_classes": np.array(self.n_classes), "dim": np.array(self._dim), "edge": np.array(self._edge)}
        out |= {"like": np.array(self._like), "weight": np.array(self._weight), "tabular": np.array(self.tabular)}
        if self._far is not None:
            out |= {f"far_{name}": value for name, value in self._far.state().items()}
        if self._linear is not None:
            out |= {f"linear_{name}": value for name, value in self._linear.state().items()}
            out["place"] = self._place.state()
        return out

    def restore(self, state: State) -> Self:
        self._dim, self._edge = int(state["dim"]), float(state["edge"])
        self._like, self._weight = float(state["like"]), float(state["weight"])
        far = {name.removeprefix("far_"): value for name, value in state.items() if name.startswith("far_")}
        linear = {name.removeprefix("linear_"): value for name, value in state.items() if name.startswith("linear_")}
        self._far = Distances.restore(far) if far else None
        self._linear = Linear(2, c=C, balanced=True).restore(linear) if linear else None
        self._place = Place.restore(state["place"]) if linear else Place()
        return self


def _lent(dull: tuple[Matrix, Vector], pool: Matrix) -> tuple[Matrix, Vector]:
    """The dull rows with their weights; while they are few, rows of the pool are added with little weight."""
    n = len(dull[0])
    if n >= FEW:
        return dull
    each = LENT * (1 - n / FEW) / len(pool)
    return np.concatenate([dull[0], pool]), np.concatenate([dull[1], np.full(len(pool), each)])
