"""scikit-activeml: its pool strategies."""

import numpy as np
from sklearn.linear_model import LogisticRegression

PACKAGES = ("scikit-activeml", "numpy", "scikit-learn")


def _head(work):
    from skactiveml.classifier import SklearnClassifier

    head = SklearnClassifier(LogisticRegression(C=30, max_iter=1000), classes=np.unique(work.all_y))
    return head.fit(work.x[work.labelled], work.y)


def _strategy(name, head, **options):
    def prepared(work):
        from skactiveml import pool

        strategy = getattr(pool, name)(random_state=0, **options)
        more = {"clf": _head(work), "fit_clf": False} if head else {}
        return lambda: strategy.query(work.x, work.missing, batch_size=work.n, **more)

    return prepared


def _picks_of_three(work):
    """BADGE again and again on a pool of a few rows: ordered picks of 3, one seed each."""
    from skactiveml.pool import Badge

    head, proba = _head(work), np.load(work.path.with_suffix(".proba.npy"))
    head.predict_proba = lambda rows: proba[[int(np.flatnonzero((work.x == row).all(axis=1))[0]) for row in rows]]
    x, nothing, rows = work.x, np.full(len(work.x), np.nan), np.arange(len(proba))

    def ask():
        drawn = [
            Badge(random_state=seed).query(x, nothing, head, fit_clf=False, candidates=rows, batch_size=3)
            for seed in range(400)
        ]
        np.save(work.path.with_suffix(".skactiveml.draws.npy"), np.array(drawn))
        return drawn[0]

    return ask


METHODS = {
    "margin": _strategy("UncertaintySampling", True, method="margin_sampling"),
    "entropy": _strategy("UncertaintySampling", True, method="entropy"),
    "least_confident": _strategy("UncertaintySampling", True, method="least_confident"),
    "kcenter": _strategy("CoreSet", False),
    "badge": _strategy("Badge", True),
    "typiclust": _strategy("TypiClust", False),
    "probcover": _strategy("ProbCover", False),
    "badge_draws": _picks_of_three,
}
