"""Detectors of odd items: nothing labelled, 100 dull items, 10 odd and 100 dull ones. -> results/screening_peers.json

    python benchmarks/screening_peers.py --cache /tmp/pools --work /tmp/detectors --setup /tmp/peers --jobs 2

`labelsieve` is what the product does with those labels: the distance from the pool, then the head that it chooses.
Beside it: Mahalanobis distance, a linear head and a forest alone, and PyOD's ECOD, isolation forest, kNN (fitted on the
pool, or on the dull items once there are some) and XGBOD (fitted on the labels). Labels are drawn at random; a pool of
fewer than 20 odd items gives half of them. Area under the ROC curve and average precision on what is not labelled: all
odd items and 5,000 dull ones at most, which stand for the others in average precision. Pools: screening_pools.py.
"""

import argparse
import json
import os
import platform
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from screening import HERE, PACKAGES, answered, given, interval, listed, set_up
from screening_pools import Drawn, draw, names, viewed

from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool
from labelsieve.core.types import ODD, Labels, Matrix, Vector
from labelsieve.heads.forest import Forest
from labelsieve.heads.fused import directions_of
from labelsieve.heads.linear import Linear
from labelsieve.project.training import Chooser, fit
from labelsieve.screening.anomaly import mahalanobis, rank

OUT = HERE / "results" / "screening_peers.json"
SETTINGS = ("nothing", "dull", "both")
DULL, ODD_LABELS, JUDGED, LEARN_FROM = 100, 10, 5000, 20_000
OURS = ("labelsieve", "mahalanobis", "linear", "forest")
PEERS = ("ecod", "iforest", "knn", "xgbod")
PLAYS = {  # setting -> who can play
    "nothing": ("labelsieve", "ecod", "iforest", "knn"),
    "dull": ("labelsieve", "mahalanobis", "ecod", "iforest", "knn"),
    "both": (*OURS, "xgbod"),  # the other detectors have no use for odd labels
}


def pools() -> list[str]:
    """All but the thinned MVTec sets, which have too few odd items to learn from and to judge by."""
    return [name for name in names() if not (name.startswith("mvtec") and name.endswith("_5"))]


def parted(drawn: Drawn, seed: int) -> dict[str, np.ndarray]:
    """Ids: labelled dull and odd ones, those that are judged, and pool rows to learn from."""
    rng = stream(seed, "detectors", drawn.name)
    odd, dull = (rng.permutation(np.flatnonzero(drawn.y == code)) for code in (1, 0))
    known_odd, known = odd[: min(ODD_LABELS, len(odd) // 2)], dull[:DULL]
    judged = np.concatenate([odd[len(known_odd) :], dull[DULL : DULL + JUDGED]])
    pool = np.sort(rng.permutation(len(drawn.y))[:LEARN_FROM])
    return {"dull": known, "odd": known_odd, "judged": judged, "pool": pool}


def ours(method: str, setting: str, x: Matrix, at: dict[str, np.ndarray], tabular: bool) -> Vector:
    """Scores of the judged rows by a method of this package."""
    asked = x[at["judged"]]
    if setting == "nothing":
        return mahalanobis(asked, x[at["pool"]])
    if method == "mahalanobis":
        return mahalanobis(asked, x[at["dull"]])
    train = np.concatenate([at["dull"], at["odd"][: len(at["odd"]) if setting == "both" else 0]])
    y = np.repeat([0, 1], [len(at["dull"]), len(train) - len(at["dull"])])
    if method == "linear":
        head = Linear(2, c=1.0, balanced=True).fit(directions_of(x[train], tabular), y)
        return head.decision(directions_of(asked, tabular))[:, 0].astype(np.float64)
    if method == "forest":
        return Forest(2, balanced=True).fit(x[train], y).predict_proba(asked)[:, ODD].astype(np.float64)
    order = np.argsort(train)
    labels = Labels(train[order], y[order], ("dull", "odd"), "screen")
    chosen = fit(Chooser(tabular=tabular), ArrayPool(x), labels)  # as a project does, among rows of the pool
    return chosen.predict_proba(asked)[:, ODD].astype(np.float64)


def theirs(wanted: list[str], x: Matrix, at: dict[str, np.ndarray], seed: int, python: Path) -> dict[str, Vector]:
    """Scores of the judged rows by PyOD, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="labelsieve-detectors-") as folder:
        rows, out = Path(folder) / "rows.npz", Path(folder) / "out.npz"
        sides = {name: x[at[name]] for name in ("pool", "dull", "odd")}
        np.savez(rows, asked=x[at["judged"]], seed=seed, **sides)
        if not answered(python, "detecting.py", [str(rows), str(out), *wanted]):
            return {}
        with np.load(out) as found:
            return {name: found[name] for name in found.files}


def area(y: np.ndarray, score: Vector) -> float:
    """Area under the ROC curve: how often an odd item scores above a dull one."""
    n_odd, n = int(y.sum()), len(y)
    places = rank(score) * (n - 1) + 1
    return float((places[y == 1].sum() - n_odd * (n_odd + 1) / 2) / (n_odd * (n - n_odd)))


def precision(y: np.ndarray, score: Vector, weight: float) -> float:
    """Average precision where each dull item stands for `weight`; equal scores count as one step."""
    order = np.argsort(-score, kind="stable")
    hits, misses = np.cumsum(y[order]), np.cumsum(1 - y[order]) * weight
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(y) - 1)
    gained = np.diff(hits[ends], prepend=0)
    return float((gained * hits[ends] / (hits[ends] + misses[ends])).sum() / y.sum())


def play(pool: str, seed: int, wanted: list[str], args: argparse.Namespace) -> None:
    """Every method in every setting, on one pool of one seed; what is there is kept unless --again."""
    file = args.work / f"{pool}-{seed}.json"
    row: dict[str, Any] = {"pool": pool, "seed": seed, "scores": {}}
    row |= json.loads(file.read_text()) if file.exists() else {}
    cells = [f"{m}-{s}" for s in SETTINGS for m in PLAYS[s] if m in wanted]
    todo = [cell for cell in cells if args.again or cell not in row["scores"]]
    if not todo:
        return
    drawn = draw(pool, seed, args.cache)
    x, at = viewed(drawn), parted(drawn, seed)
    y = drawn.y[at["judged"]]
    weight = (int((drawn.y == 0).sum()) - DULL) / int((y == 0).sum())
    others = [cell for cell in todo if cell.split("-")[0] in PEERS]
    scores = theirs(others, x, at, seed, args.python) if others and args.python else {}
    for method, setting in (cell.split("-") for cell in todo if cell not in others):
        scores[f"{method}-{setting}"] = ours(method, setting, x, at, drawn.tabular)
    for cell, score in scores.items():
        row["scores"][cell] = [round(area(y, score), 4), round(precision(y, score, weight), 4)]
    row |= {"odd_labels": len(at["odd"]), "judged_odd": int(y.sum())}
    file.with_suffix(".part").write_text(json.dumps(row))
    file.with_suffix(".part").replace(file)
    print(pool, seed, row["scores"], flush=True)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over pools with intervals over seeds, per pool means, and what was asked."""
    seeds = sorted({row["seed"] for row in rows})
    out: dict[str, Any] = {"mean": {}, "pools": {}}
    for setting in SETTINGS:
        for method in PLAYS[setting]:
            cell = f"{method}-{setting}"
            mine = [row for row in rows if cell in row["scores"]]
            for place, measure in enumerate(("auroc", "average_precision")):
                by_seed = [[row["scores"][cell][place] for row in mine if row["seed"] == s] for s in seeds]
                if not all(by_seed):
                    continue
                out["mean"].setdefault(setting, {}).setdefault(method, {})[measure] = interval(map(np.mean, by_seed))
                for pool in dict.fromkeys(row["pool"] for row in mine):
                    cells = [row["scores"][cell][place] for row in mine if row["pool"] == pool]
                    place_of = out["pools"].setdefault(pool, {}).setdefault(setting, {}).setdefault(method, {})
                    place_of[measure] = round(float(np.mean(cells)), 4)
    out["criteria"] = criteria(out["mean"])
    return out


def criteria(mean: dict[str, Any]) -> dict[str, Any]:
    """With both: the best method that could be had alone; with dull items alone: Mahalanobis distance from those.

    `unlabelled` is the best detector of the pool itself, which no label changes.
    """
    out: dict[str, Any] = {}
    for measure in ("auroc", "average_precision"):
        by = {s: {m: v[measure]["mean"] for m, v in mean.get(s, {}).items()} for s in SETTINGS}
        rivals = {"both": by["both"] | {m: v for m, v in by["dull"].items() if m in PEERS}, "dull": by["dull"]}
        for setting, there in rivals.items():
            alone = {m: v for m, v in there.items() if m != "labelsieve" and (setting == "both" or m == "mahalanobis")}
            if not alone or "labelsieve" not in by[setting]:
                continue
            best, got = max(alone, key=alone.__getitem__), by[setting]["labelsieve"]
            row = {"labelsieve": got, "best": best, "its": alone[best], "reached": got >= alone[best]}
            most = max(by["nothing"], key=by["nothing"].__getitem__, default="")
            out[f"{setting} {measure}"] = row | {"unlabelled": most, "its_too": by["nothing"].get(most)}
    return out


def main() -> None:
    args = given(__doc__, "labelsieve-detectors", OUT)
    seeds, chosen, wanted = args.seeds, listed(args.pools, pools()), listed(args.methods, [*OURS, *PEERS])
    args.python = set_up(args.setup) if set(wanted) & set(PEERS) else None
    with ProcessPoolExecutor(args.jobs) as crew:
        for job in [crew.submit(play, pool, seed, wanted, args) for seed in seeds for pool in chosen]:
            job.result()
    files = (args.work / f"{pool}-{seed}.json" for pool in chosen for seed in seeds)
    rows = [json.loads(file.read_text()) for file in files if file.exists()]
    result = summary(rows)
    for setting, by in result["mean"].items():
        for method, facts in by.items():
            print(f"{setting:8} {method:12}", *(f"{k} {v['mean']:.4f}" for k, v in facts.items()))
    print(json.dumps(result["criteria"], indent=1))
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    whole = {"machine": machine, "packages": PACKAGES[3:], "seeds": [seeds[0], seeds[-1]], **result, "runs": rows}
    args.out.with_suffix(".part").write_text(json.dumps(whole, separators=(",", ":")) + "\n")
    args.out.with_suffix(".part").replace(args.out)


if __name__ == "__main__":
    main()
