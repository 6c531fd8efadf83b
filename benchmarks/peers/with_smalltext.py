"""small-text: its strategies over plain embeddings."""

import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression

PACKAGES = ("small-text", "numpy", "scikit-learn")


class _Classifier:
    """As much of a small-text classifier as the strategies call."""

    def __init__(self, work):
        self._head = LogisticRegression(C=30, max_iter=1000).fit(work.x[work.labelled], work.y)

    def predict_proba(self, dataset):
        return self._head.predict_proba(dataset.x)


def _strategy(name, embeddings=False, **options):
    def prepared(work):
        warnings.simplefilter("ignore")
        from small_text import query_strategies
        from small_text.data.datasets import SklearnDataset

        strategy = getattr(query_strategies, name)(**options)
        data = SklearnDataset(work.x, work.all_y, target_labels=np.unique(work.all_y))
        head, free = _Classifier(work), np.arange(work.labelled[0])
        more = {"embeddings": work.x} if embeddings else {}
        return lambda: strategy.query(head, data, free, work.labelled, work.y, n=work.n, **more)

    return prepared


METHODS = {
    "margin": _strategy("BreakingTies"),
    "entropy": _strategy("PredictionEntropy"),
    "least_confident": _strategy("LeastConfidence"),
    "kcenter": _strategy("GreedyCoreset", embeddings=True, distance_metric="euclidean", normalize=False),
    "kmeans": _strategy("EmbeddingKMeans", embeddings=True, normalize=False),
}
