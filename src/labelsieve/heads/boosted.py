"""Gradient-boosted trees: for tables, once there are enough labels."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Matrix, State, Vector
from labelsieve.heads.columns import Columns
from labelsieve.heads.inputs import labelled, rows
from labelsieve.heads.threads import one_thread
from labelsieve.heads.trees import Grown, Trees, joined

STEPS, RATE, LEAVES, LEAST, BINS = 100, 0.1, 15, 5, 63  # small leaves and few of them: labels are few


class Boosted:
    """Softmax (two classes or multilabel: sigmoid) of summed trees, each fitted on what the ones before got wrong.

    `balanced` weighs classes equally. The seed is fixed: equal labels give equal trees, in whatever round.
    Multilabel is one model a class. Source: Friedman 2001; Ke et al. 2017. Cost: fit O(steps k m d), predict
    O(n steps k log(leaves)).
    """

    def __init__(self, n_classes: int | None = None, steps: int = STEPS, balanced: bool = False, seed: int = 0) -> None:
        self.n_classes, self.steps, self.balanced, self.seed = n_classes, steps, balanced, seed
        self._grown: Trees | None = None
        self._columns = Columns()
        self._base: NDArray[np.float64] = np.empty(0)  # logits (q,) before any tree

    def fit(self, x: Matrix, y: NDArray[Any], weight: Vector | None = None) -> Self:
        data = labelled(x, y, weight, self.n_classes)
        self.n_classes, self._columns = data.n_classes, Columns.of(data)
        grown: list[Grown] = []
        base: list[NDArray[np.float64]] = []
        for column, (rows_, codes) in enumerate(self._columns.questions(data)):
            trees, first = self._grow(data.x[rows_], codes, data.weight[rows_], column)
            grown += trees
            base.append(first)
        self._grown = joined(grown) if grown else None
        self._base = np.concatenate(base) if base else np.empty(0)
        return self

    def _grow(
        self, x: Matrix, codes: NDArray[np.int64], weight: Vector, column: int
    ) -> tuple[list[Grown], NDArray[np.float64]]:
        from sklearn.ensemble import HistGradientBoostingClassifier

        model = HistGradientBoostingClassifier(
            learning_rate=RATE,
            max_iter=self.steps,
            max_leaf_nodes=LEAVES,
            min_samples_leaf=LEAST,
            max_bins=BINS,
            early_stopping=False,
            class_weight="balanced" if self.balanced else None,
            random_state=self.seed,
        )
        with one_thread():
            model.fit(x, codes, weight)
        out = []
        for step in model._predictors:  # scikit-learn keeps its trees there; the contract test compares predictions
            for k, tree in enumerate(step):
                node = tree.nodes
                leaf = node["is_leaf"].astype(bool)
                left = np.where(leaf, -1, node["left"].astype(np.int64))
                right = np.where(leaf, -1, node["right"].astype(np.int64))
                value = node["value"][:, None]
                out.append(Grown(node["feature_idx"], node["num_threshold"], left, right, value, column + k))
        return out, np.asarray(model._baseline_prediction, dtype=np.float64).ravel()

    def predict_proba(self, x: Matrix) -> Matrix:
        x = rows(x, self._columns.dim)
        if self._grown is None:
            return self._columns.of_proba(np.ones((len(x), self._columns.width)))
        return self._columns.of_logits(self._grown.total(x, len(self._base)) + self._base)

    def config(self) -> dict[str, Any]:
        """The arguments that make a head like this one."""
        return {"n_classes": self.n_classes, "steps": self.steps, "balanced": self.balanced, "seed": self.seed}

    def state(self) -> State:
        grown = {} if self._grown is None else self._grown.state()
        return {**grown, **self._columns.state(), "base": self._base}

    def restore(self, state: State) -> Self:
        self._grown = Trees.restore(state) if "root" in state else None
        self._columns, self._base = Columns.restore(state), state["base"]
        return self
