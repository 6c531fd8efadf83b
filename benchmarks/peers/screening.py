"""Screening by PyOD and coniferest, in their own environment; it needs nothing of labelsieve.

    python screening.py          # then a line of JSON a pool on standard input: ["POOL.npz", "OUT.json", METHOD, ...]

One process plays many pools, for the libraries take seconds to import; "done" or what failed is answered.
POOL.npz holds z-scored rows x (n, d), y (n,), budget, size and seed. What is written: the ids that each method asks
for, in order. `ecod`, `iforest`, `knn` ask in the order of their score, whatever is answered. `xgbod` follows iforest
until something odd is known, then XGBOD: detectors as further columns (fitted on the pool, once), boosted trees
refitted on the answers before each query. `aad`: coniferest's isolation forest re-weighted by answers (AADForest).
"""

import json
import time

import numpy as np
from answering import answer

LEARN_FROM = 20_000  # rows that neighbours are looked up among


def iforest(x, seed):
    from pyod.models.iforest import IForest

    return IForest(n_estimators=100, random_state=seed, n_jobs=1).fit(x).decision_scores_


def ecod(x, seed):
    from pyod.models.ecod import ECOD

    return ECOD(n_jobs=1).fit(x).decision_scores_


def knn(x, seed):
    from pyod.models.knn import KNN

    if len(x) <= LEARN_FROM:
        return KNN(n_jobs=1).fit(x).decision_scores_
    among = np.random.default_rng(seed).choice(len(x), LEARN_FROM, replace=False)
    model = KNN(n_jobs=1, n_neighbors=5).fit(x[among])
    score = model.decision_function(x)
    score[among] = model.decision_scores_  # a row is no neighbour of its own
    return score


SCORES = {"iforest": iforest, "ecod": ecod, "knn": knn}


def top(score, free, n):
    """The n ids of `free` with the highest score; the first ones among equals."""
    return free[np.argsort(-score[free], kind="stable")[:n]]


def in_queries(pool, ask):
    """Ids in the order asked: `ask` gets (known, answers, free, n) before each query."""
    y, known = pool["y"], np.empty(0, np.int64)
    while len(known) < pool["budget"]:
        free = np.setdiff1d(np.arange(len(y)), known)
        n = min(int(pool["size"]), int(pool["budget"]) - len(known))
        known = np.concatenate([known, ask(known, y[known], free, n)])
    return known


def xgbod(pool, scores):
    from xgboost import XGBClassifier

    columns = np.stack(list(scores.values()), axis=1)
    columns = (columns - columns.mean(axis=0)) / np.maximum(columns.std(axis=0), 1e-12)
    rows = np.concatenate([pool["x"], columns.astype(np.float32)], axis=1)

    def ask(known, answers, free, n):
        score = scores["iforest"]
        if len(np.unique(answers)) == 2:
            head = XGBClassifier(n_estimators=100, max_depth=3, n_jobs=1, random_state=int(pool["seed"]))
            score = np.zeros(len(rows))
            score[free] = head.fit(rows[known], answers).predict_proba(rows[free])[:, 1]
        return top(score, free, n)

    return in_queries(pool, ask)


def aad(pool):
    from coniferest.aadforest import AADForest
    from coniferest.label import Label

    x = pool["x"].astype(np.float64)
    forest = AADForest(n_jobs=1, random_seed=int(pool["seed"])).fit(x)

    def ask(known, answers, free, n):
        if len(known):
            forest.fit_known(x, x[known], np.where(answers == 1, Label.ANOMALY, Label.REGULAR))
        score = np.full(len(x), -np.inf)
        score[free] = -forest.score_samples(x[free])
        return top(score, free, n)

    return in_queries(pool, ask)


def play(path, out, methods):
    with np.load(path) as kept:
        pool = {name: kept[name] for name in kept.files}
    found, scores = {}, {}
    for method, score in SCORES.items():
        if method in methods or "xgbod" in methods:
            scores[method] = np.asarray(score(pool["x"], int(pool["seed"])), np.float64)
    for method in methods:
        began = time.process_time()
        if method == "xgbod":
            asked = xgbod(pool, scores)
        elif method == "aad":
            asked = aad(pool)
        else:
            asked = top(scores[method], np.arange(len(pool["y"])), int(pool["budget"]))
        found[method] = {"asked": asked.tolist(), "seconds": round(time.process_time() - began, 2)}
    with open(out, "w") as file:
        json.dump(found, file)


if __name__ == "__main__":
    answer(play)
