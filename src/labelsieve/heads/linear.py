"""Logistic regression: the default head on embeddings."""

from contextlib import AbstractContextManager
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Matrix, State, Vector
from labelsieve.heads.columns import Columns
from labelsieve.heads.inputs import Training, labelled, rows, shaped
from labelsieve.heads.solver import Problem, solve
from labelsieve.heads.threads import one_thread

C_CLASSES, C_MULTILABEL = 30.0, 3.0  # plateaus on unit-norm embeddings: 10..100 and 1..10
TOL, TOL_RARE = 1e-5, 1e-6  # a looser one quits too early where a class is rare


class Linear:
    """Penalised logistic regression: softmax over classes, or one yes/no question a class (multilabel).

    `c` is the C of scikit-learn (None: 30 for classes, 3 for multilabel). `balanced` weighs classes equally.
    `tol` None is 1e-5, and 1e-6 where the rarest class has less than a fifth of an even share.
    `start`, a head fitted on fewer labels of the same classes, saves steps; the answer is the same without it,
    since the problem is convex and solved to `tol`. Two classes are fitted as one question, as scikit-learn does.
    Cost: fit O(m d min(m, d) + steps m c min(m, d)), predict O(n c d).
    """

    def __init__(
        self,
        n_classes: int | None = None,
        c: float | None = None,
        balanced: bool = False,
        tol: float | None = None,
        start: "Linear | None" = None,
    ) -> None:
        self.n_classes, self.c, self.balanced, self.tol, self.start = n_classes, c, balanced, tol, start
        self.steps = 0  # that the last fit took
        self._coef: NDArray[np.float32] = np.empty((0, 0), np.float32)  # (d, k)
        self._bias: NDArray[np.float64] = np.empty(0)
        self._columns = Columns()

    def fit(self, x: Matrix, y: NDArray[Any], weight: Vector | None = None) -> Self:
        data = labelled(x, y, weight, self.n_classes)
        self.n_classes, self._columns = data.n_classes, Columns.of(data)
        target, asked = self._targets(data)
        if target.shape[1]:
            rare = target.sum(axis=0).min() < 0.2 * len(target) / max(target.shape[1], 2)
            tol = self.tol or (TOL_RARE if rare else TOL)
            c = self.c or (C_MULTILABEL if data.multilabel else C_CLASSES)
            problem = Problem(data.x.astype(np.float64), target, asked, self._softmax, c, tol)
            found = solve(problem, self._warm())
            self._coef, self._bias, self.steps = found.coef.astype(np.float32), found.bias, found.steps
        else:  # nothing to tell apart
            self._coef, self._bias, self.steps = np.zeros((data.x.shape[1], 0), np.float32), np.zeros(0), 0
        self.start = None  # a chain of heads would keep all of them in memory
        return self

    @property
    def _softmax(self) -> bool:
        return not self._columns.yes_no and self._columns.width > 2

    def _targets(self, data: Training) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Targets and weights (m, k) of the columns to solve for; k = 0 where there is nothing to tell apart."""
        present = self._columns.present
        if data.multilabel:
            asked = (~np.isnan(data.y) * data.weight[:, None])[:, present]
            target = np.nan_to_num(data.y[:, present])
            if self.balanced:
                yes, all_ = (target * asked).sum(axis=0), asked.sum(axis=0)
                asked = asked * (target * all_ / (2 * yes) + (1 - target) * all_ / (2 * (all_ - yes)))
            return target, asked
        member = (data.y[:, None] == present).astype(np.float64)
        weight = data.weight
        if self.balanced:
            weight = weight * (member @ (weight.sum() / (len(present) * (member.T @ weight))))
        target = member if len(present) > 2 else member[:, 1:]
        return target, np.repeat(weight[:, None], target.shape[1], axis=1)

    def _warm(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Where to start: None, and so a cold fit, when a class has appeared."""
        old, own = self.start, self._columns
        if old is None or (old._columns.dim, old._columns.yes_no) != (own.dim, own.yes_no):
            return None
        if not np.array_equal(old._columns.present, own.present):
            return None
        return old._coef.astype(np.float64), old._bias

    @property
    def parts(self) -> bool:
        """Whether the labels of the fit had two classes or more, so that there is something to tell apart."""
        return self._columns.width > 1

    def decision(self, x: Matrix) -> NDArray[np.float32]:
        """Logits (n, k): one column a class with labels, or a single one when there are two classes."""
        x = shaped(x, self._columns.dim)
        with np.errstate(invalid="ignore", over="ignore"):  # told below
            logit = self._coef.T @ x.T  # columns lie together: all that follows goes through them one by one
            logit += self._bias.astype(np.float32)[:, None]
            whole = logit.size and np.isfinite(np.dot(logit.ravel(), logit.ravel()))
        if not whole:
            rows(x)  # NaN and infinity reach every logit, so that looking at those is enough
        return logit.T

    def predict_proba(self, x: Matrix) -> Matrix:
        return self._columns.of_logits(self.decision(x))

    def one_thread_each(self) -> AbstractContextManager[Any]:
        """While inside, a prediction uses one thread, so that several threads may predict side by side."""
        return one_thread()

    def config(self) -> dict[str, Any]:
        """The arguments that make a head like this one."""
        return {"n_classes": self.n_classes, "c": self.c, "balanced": self.balanced, "tol": self.tol}

    def state(self) -> State:
        return {**self._columns.state(), "coef": self._coef, "bias": self._bias}

    def restore(self, state: State) -> Self:
        self._columns, self._coef, self._bias = Columns.restore(state), state["coef"], state["bias"]
        return self
