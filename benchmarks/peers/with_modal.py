"""modAL: uncertainty, and its ranked queries."""

import numpy as np
from sklearn.linear_model import LogisticRegression

PACKAGES = ("modAL-python", "numpy", "scikit-learn")


def _uncertain(name):
    def prepared(work):
        from modAL import uncertainty

        head = LogisticRegression(C=30, max_iter=1000).fit(work.x[work.labelled], work.y)
        pool = work.x[: work.labelled[0]]
        return lambda: getattr(uncertainty, name)(head, pool, n_instances=work.n)[0]

    return prepared


def _ranked(work):
    from modAL.batch import uncertainty_batch_sampling
    from modAL.models import ActiveLearner

    head = LogisticRegression(C=30, max_iter=1000)
    learner = ActiveLearner(head, X_training=work.x[work.labelled], y_training=work.y)
    pool = work.x[: work.labelled[0]]
    return lambda: np.asarray(uncertainty_batch_sampling(learner, pool, n_instances=work.n)[0])


METHODS = {
    "margin": _uncertain("margin_sampling"),
    "entropy": _uncertain("entropy_sampling"),
    "least_confident": _uncertain("uncertainty_sampling"),
    "ranked": _ranked,
}
