"""baal: heuristics over the predictions of any model."""

from sklearn.linear_model import LogisticRegression

PACKAGES = ("baal", "torch", "numpy", "scikit-learn")


def _heuristic(name):
    def prepared(work):
        from baal.active import heuristics

        head = LogisticRegression(C=30, max_iter=1000).fit(work.x[work.labelled], work.y)
        pool, rank = work.x[: work.labelled[0]], getattr(heuristics, name)()
        return lambda: rank(head.predict_proba(pool))[: work.n]

    return prepared


METHODS = {"margin": _heuristic("Margin"), "entropy": _heuristic("Entropy"), "least_confident": _heuristic("Certainty")}
