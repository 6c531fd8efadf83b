"""Extremely randomised trees: many trees, averaged. For tables with few labels."""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Matrix, State, Vector
from labelsieve.heads.columns import Columns
from labelsieve.heads.inputs import labelled, rows
from labelsieve.heads.trees import Grown, Trees, joined

TREES = 100


class Forest:
    """Mean of the class shares in the leaves of `trees` extremely randomised trees.

    `balanced` weighs classes equally. The seed is fixed: equal labels give equal trees, in whatever round.
    Multilabel is one forest a class. Source: Geurts et al. 2006. Cost: fit O(trees m log m sqrt(d)), predict O(n trees
    log m).
    """

    def __init__(self, n_classes: int | None = None, trees: int = TREES, balanced: bool = False, seed: int = 0) -> None:
        self.n_classes, self.trees, self.balanced, self.seed = n_classes, trees, balanced, seed
        self._grown: Trees | None = None
        self._columns = Columns()

    def fit(self, x: Matrix, y: NDArray[Any], weight: Vector | None = None) -> Self:
        data = labelled(x, y, weight, self.n_classes)
        self.n_classes, self._columns = data.n_classes, Columns.of(data)
        grown: list[Grown] = []
        for column, (rows_, codes) in enumerate(self._columns.questions(data)):
            grown += self._grow(data.x[rows_], codes, data.weight[rows_], column)
        self._grown = joined(grown) if grown else None
        return self

    def _grow(self, x: Matrix, codes: NDArray[np.int64], weight: Vector, column: int) -> list[Grown]:
        from sklearn.ensemble import ExtraTreesClassifier

        mode = "balanced" if self.balanced else None
        model = ExtraTreesClassifier(self.trees, random_state=self.seed, class_weight=mode, n_jobs=1)
        with warnings.catch_warnings():  # it takes many classes with few labels each for a regression
            warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
            model.fit(x, codes, weight)
        out = []
        for each in model.estimators_:
            tree = each.tree_
            share = tree.value[:, 0, :]
            share = share / share.sum(axis=1, keepdims=True) / self.trees
            value = share[:, 1:] if self._columns.yes_no else share  # one column a question
            out.append(Grown(tree.feature, tree.threshold, tree.children_left, tree.children_right, value, column))
        return out

    def predict_proba(self, x: Matrix) -> Matrix:
        x = rows(x, self._columns.dim)
        if self._grown is None:
            return self._columns.of_proba(np.ones((len(x), self._columns.width)))
        return self._columns.of_proba(self._grown.total(x, self._columns.width))

    def config(self) -> dict[str, Any]:
        """The arguments that make a head like this one."""
        return {"n_classes": self.n_classes, "trees": self.trees, "balanced": self.balanced, "seed": self.seed}

    def state(self) -> State:
        grown = {} if self._grown is None else self._grown.state()
        return {**grown, **self._columns.state()}

    def restore(self, state: State) -> Self:
        self._grown = Trees.restore(state) if "root" in state else None
        self._columns = Columns.restore(state)
        return self
