"""cleanlab: ActiveLab scores, which order unlabelled items as least confident does."""

import numpy as np
from sklearn.linear_model import LogisticRegression

PACKAGES = ("cleanlab", "numpy", "scikit-learn")


def _activelab(work):
    from cleanlab.multiannotator import get_active_learning_scores

    head = LogisticRegression(C=30, max_iter=1000).fit(work.x[work.labelled], work.y)
    pool = work.x[: work.labelled[0]]

    def ask():
        _, score = get_active_learning_scores(pred_probs_unlabeled=head.predict_proba(pool))
        return np.argsort(score)[: work.n]

    return ask


METHODS = {"least_confident": _activelab}
