"""ALiPy: uncertainty and greedy coresets. It was written for Python 3.9 at most: one name is put back for it."""

import collections
import collections.abc

import numpy as np
from sklearn.linear_model import LogisticRegression

PACKAGES = ("alipy", "numpy", "scikit-learn")
collections.Iterable = collections.abc.Iterable


def _uncertain(measure):
    def prepared(work):
        from alipy.query_strategy.query_labels import QueryInstanceUncertainty

        head = LogisticRegression(C=30, max_iter=1000).fit(work.x[work.labelled], work.y)
        strategy = QueryInstanceUncertainty(work.x, work.all_y, measure=measure)
        free = np.arange(work.labelled[0])
        return lambda: strategy.select(work.labelled, free, model=head, batch_size=work.n)

    return prepared


def _coreset(work):
    from alipy.query_strategy.query_labels import QueryInstanceCoresetGreedy

    free, rows = np.arange(work.labelled[0]), np.arange(len(work.x))
    # a new one each time: it remembers what it has picked
    return lambda: QueryInstanceCoresetGreedy(work.x, work.all_y, rows).select(work.labelled, free, batch_size=work.n)


METHODS = {
    "margin": _uncertain("margin"),
    "entropy": _uncertain("entropy"),
    "least_confident": _uncertain("least_confident"),
    "kcenter": _coreset,
}
