"""Logistic regression: the default head on embeddings."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import NotEnoughLabels
from labelsieve.core.types import Matrix, State, Vector
from labelsieve.heads.inputs import Training, rows, spread, training
from labelsieve.heads.solver import Problem, solve

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
        self._present: NDArray[np.int64] = np.empty(0, np.int64)  # the classes (k,) of the columns
        self._rate: NDArray[np.float64] | None = None  # (c,) share of the items of each class; multilabel only

    def fit(self, x: Matrix, y: NDArray[Any], weight: Vector | None = None) -> Self:
        data = training(x, y, weight, self.n_classes)
        self.n_classes = data.n_classes
        if data.multilabel:
            self._fit_questions(data)
        else:
            self._fit_classes(data)
        self.start = None  # a chain of heads would keep all of them in memory
        return self

    def _fit_classes(self, data: Training) -> None:
        self._rate, self._present = None, data.present
        k = len(self._present)
        if k == 1:
            self._coef, self._bias = np.zeros((data.x.shape[1], 1), np.float32), np.zeros(1)
            return
        member = (data.y[:, None] == self._present).astype(np.float64)
        weight = data.weight.copy()
        if self.balanced:
            weight *= member @ (weight.sum() / (k * (member.T @ weight)))
        target = member[:, 1:] if k == 2 else member
        self._solve(data, target, np.repeat(weight[:, None], target.shape[1], axis=1), self.c or C_CLASSES)

    def _fit_questions(self, data: Training) -> None:
        asked = ~np.isnan(data.y) * data.weight[:, None]
        on = np.nan_to_num(data.y) * asked
        yes, all_ = on.sum(axis=0), asked.sum(axis=0)
        self._rate = (yes + 0.5) / (all_ + 1)
        self._present = np.flatnonzero((yes > 0) & (yes < all_))
        weight, target = asked[:, self._present], np.nan_to_num(data.y)[:, self._present]
        if self.balanced:
            ratio = all_[self._present] / 2
            weight = weight * (target * ratio / yes[self._present] + (1 - target) * ratio / (all_ - yes)[self._present])
        if len(self._present):
            self._solve(data, target, weight, self.c or C_MULTILABEL)
        else:
            self._coef, self._bias = np.zeros((data.x.shape[1], 0), np.float32), np.zeros(0)

    def _solve(self, data: Training, target: NDArray[Any], weight: NDArray[Any], c: float) -> None:
        softmax = not data.multilabel and len(self._present) > 2
        rare = target.sum(axis=0).min() < 0.2 * len(target) / max(target.shape[1], 2)
        tol = self.tol or (TOL_RARE if rare else TOL)
        problem = Problem(data.x.astype(np.float64), target, weight, softmax, c, tol)
        found = solve(problem, self._warm(data, target.shape[1]))
        self._coef, self._bias, self.steps = found.coef.astype(np.float32), found.bias, found.steps

    def _warm(self, data: Training, columns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Where to start: None, and so a cold fit, when a class has appeared."""
        old = self.start
        if old is None or old._coef.shape != (data.x.shape[1], columns) or (old._rate is None) == data.multilabel:
            return None
        if not np.array_equal(old._present, self._present):
            return None
        return old._coef.astype(np.float64), old._bias

    @property
    def parts(self) -> bool:
        """Whether the labels of the fit had two classes or more, so that there is something to tell apart."""
        return len(self._present) > 1

    def decision(self, x: Matrix) -> NDArray[np.float32]:
        """Logits (n, k): one column a class with labels, or a single one when there are two classes."""
        x = rows(x, len(self._coef) if self._present.size or self._coef.size else None)
        return np.asarray(x @ self._coef + self._bias.astype(np.float32))

    def predict_proba(self, x: Matrix) -> Matrix:
        if self.n_classes is None:
            raise NotEnoughLabels("this head has not been fitted.", "call fit first.")
        logit = self.decision(x)
        if self._rate is not None:
            out = np.tile(self._rate.astype(np.float32), (len(logit), 1))
            out[:, self._present] = _sigmoid(logit)
            return out
        if len(self._present) == 2:
            odd = _sigmoid(logit)
            return spread(np.concatenate([1 - odd, odd], axis=1), self._present, self.n_classes)
        logit = logit - logit.max(axis=1, keepdims=True)
        power = np.exp(logit, out=logit)
        return spread(power / power.sum(axis=1, keepdims=True), self._present, self.n_classes)

    def config(self) -> dict[str, Any]:
        """The arguments that make a head like this one."""
        return {"n_classes": self.n_classes, "c": self.c, "balanced": self.balanced, "tol": self.tol}

    def state(self) -> State:
        out: State = {"coef": self._coef, "bias": self._bias, "present": self._present}
        return out if self._rate is None else {**out, "rate": self._rate}

    def restore(self, state: State) -> Self:
        self._coef, self._bias, self._present = state["coef"], state["bias"], state["present"]
        self._rate = state.get("rate")
        return self


def _sigmoid(logit: NDArray[np.float32]) -> NDArray[np.float32]:
    power = np.exp(-np.abs(logit))
    return np.asarray(np.where(logit >= 0, np.float32(1), power) / (1 + power), dtype=np.float32)
