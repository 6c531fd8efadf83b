"""Scores of PyOD's detectors, in their own environment; it needs nothing of labelsieve.

    python detecting.py          # then lines of JSON on standard input: ["ROWS.npz", "OUT.npz", METHOD, ...]

ROWS.npz holds z-scored rows: `pool` (unlabelled), `dull`, `odd` and `asked`, and a seed. A method is DETECTOR-SETTING:
what `asked` scores with nothing labelled (fitted on the pool), with the dull rows alone (fitted on those), or with
both (fitted on the labels).
"""

import numpy as np
from answering import answer


def detector(name, seed):
    if name == "ecod":
        from pyod.models.ecod import ECOD

        return ECOD(n_jobs=1)
    if name == "knn":
        from pyod.models.knn import KNN

        return KNN(n_jobs=1)
    if name == "iforest":
        from pyod.models.iforest import IForest

        return IForest(n_estimators=100, random_state=seed, n_jobs=1)
    from pyod.models.xgbod import XGBOD

    return XGBOD(random_state=seed, n_jobs=1)


def play(path, out, methods):
    with np.load(path) as kept:
        rows = {name: kept[name] for name in kept.files}
    found = {}
    for method in methods:
        name, setting = method.split("-")
        model = detector(name, int(rows["seed"]))
        if setting == "both":
            y = np.repeat([0, 1], [len(rows["dull"]), len(rows["odd"])])
            model.fit(np.concatenate([rows["dull"], rows["odd"]]), y)
        else:
            model.fit(rows["pool" if setting == "nothing" else "dull"])
        found[method] = np.asarray(model.decision_function(rows["asked"]), np.float64)
    np.savez(out, **found)


if __name__ == "__main__":
    answer(play)
