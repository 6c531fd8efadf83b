"""labelsieve itself."""

import numpy as np

PACKAGES = ("labelsieve", "numpy", "scikit-learn")


def _query(name):
    def prepared(work):
        import labelsieve as ls
        from labelsieve.heads.linear import Linear

        head = Linear(int(work.all_y.max()) + 1).fit(work.x[work.labelled], work.y)
        return lambda: ls.query(work.x, work.n, head=head, strategy=name, labelled=work.labelled, y=work.y).ids

    return prepared


def _badge(work):
    import labelsieve as ls
    from labelsieve.heads.linear import Linear

    head = Linear(int(work.all_y.max()) + 1).fit(work.x[work.labelled], work.y)
    return lambda: ls.badge(work.x, head.predict_proba(work.x), work.n, labelled=work.labelled)


def _plain(name):
    def prepared(work):
        import labelsieve as ls

        return lambda: getattr(ls, name)(work.x, work.n, labelled=work.labelled)

    return prepared


def _picks_of_three(work):
    import labelsieve as ls

    proba = np.load(work.path.with_suffix(".proba.npy"))

    def ask():
        drawn = [ls.badge(work.x[: len(proba)], proba, 3, rng=seed) for seed in range(400)]
        np.save(work.path.with_suffix(".labelsieve.draws.npy"), np.array(drawn))
        return drawn[0]

    return ask


METHODS = {
    "margin": _query("margin"),
    "entropy": _query("entropy"),
    "least_confident": _query("least_confident"),
    "kcenter": _plain("kcenter"),
    "badge": _badge,
    "badge_round": _query("badge"),
    "typiclust": _plain("typiclust"),
    "facility_location": _plain("facility_location"),
    "facility_location_sparse": _query("facility_location_sparse"),
    "probcover": _query("probcover"),
    "kmeans": _query("kmeans"),
    "badge_draws": _picks_of_three,
}
