"""Accuracy of a head on a coreset: every method at 1, 5, 10 and 30 % of three pools. -> results/coresets.json

    python benchmarks/coresets.py --cache /tmp/pools --pools digits,clothing --seeds 5

Each seed draws a test side (.3); shares are of the rest, all of it labelled. Unit-norm rows, heads as a project chooses
them. Means with 95 % bootstrap intervals over seeds; gains are paired with stratified random. Near-duplicates of the
same pools against all pairs. Resumable: what the output file holds is not computed again.
"""

import argparse
import json
import os
import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from pools import SETTINGS, load

from labelsieve.core.randomness import stream
from labelsieve.core.statistics import bootstrap
from labelsieve.core.types import Labels
from labelsieve.heads.choose import choose_head
from labelsieve.heads.view import View
from labelsieve.selection.coresets import kept, learnt, method_for
from labelsieve.selection.duplicates import near_duplicates
from labelsieve.selection.keeping import METHODS

OUT = Path(__file__).parent / "results" / "coresets.json"
SHARES = (0.01, 0.05, 0.1, 0.3)
TEST = 0.3
SIMILAR = (0.9, 0.95, 0.98)


def accuracy(x: np.ndarray, truth: Labels, rows: np.ndarray, test: np.ndarray) -> float:
    labels = Labels(np.arange(len(rows)), truth.y[rows], truth.classes)
    head = choose_head(labels).fit(x[rows], truth.y[rows])
    return float((head.predict_proba(x[test]).argmax(axis=1) == truth.y[test]).mean())


def played(x: np.ndarray, truth: Labels, seed: int, method: str) -> dict[str, Any]:
    """Accuracy and seconds of one method by share kept, with classes and without where it needs none."""
    order = stream(seed, "coresets").permutation(len(x))
    test, train = np.split(order, [int(TEST * len(x))])
    if method == "everything":
        return {"1": [accuracy(x, truth, train, test), 0.0]}
    name, _, blind = method.partition(" ")
    x_train, codes = x[train], truth.y[train] if not blind else np.zeros(len(train), np.int64)
    rng, began = stream(seed, "coresets", method), time.perf_counter()
    known = learnt(x_train, codes, name, rng)
    learning = time.perf_counter() - began
    found = {}
    for share in SHARES:
        began = time.perf_counter()
        rows = kept(x_train, max(round(share * len(train)), 1), codes, known, name, rng)
        seconds = learning + time.perf_counter() - began
        found[str(share)] = [accuracy(x, truth, train[rows], test), round(seconds, 3)]
    return found


def interval(values: list[float]) -> list[float]:
    """Mean, low, high."""
    return [round(v, 4) for v in asdict(bootstrap(np.array(values), stream(0, "coresets interval"))).values()]


def played_methods(runs: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(key.split("/")[0] for key in runs))


def told(runs: dict[str, Any]) -> dict[str, Any]:
    """Intervals by method and share; gains over stratified random; what `auto` stands for, and its goals."""
    seeds = sorted({key.split("/")[1] for key in runs})
    methods = [m for m in played_methods(runs) if m != "everything" and all(f"{m}/{s}" in runs for s in seeds)]
    at = {m: {s: [runs[f"{m}/{seed}"][s][0] for seed in seeds] for s in map(str, SHARES)} for m in methods}
    everything = [runs[f"everything/{seed}"]["1"][0] for seed in seeds]
    plain = at["stratified"]
    auto = {s: method_for("auto", float(s), True) for s in map(str, SHARES)}
    gains = {s: interval((np.array(at[auto[s]][s]) - np.array(plain[s])).tolist()) for s in auto}
    lost = interval((np.array(everything) - np.array(at[auto["0.1"]]["0.1"])).tolist())
    return {
        "everything": interval(everything),
        "accuracy": {m: {s: interval(values) for s, values in by.items()} for m, by in at.items()},
        "auto": auto,
        "auto_over_stratified": gains,
        "auto_lost_at_10_percent": lost,
    }


def missed(x: np.ndarray, truth: Labels, similarity: float) -> dict[str, Any]:
    """Near-duplicates against all pairs: rows kept, rows alone that are near to a kept row, and labels that agree."""
    began = time.process_time()
    stands = near_duplicates(x, similarity)
    seconds = time.process_time() - began
    kept_rows = np.unique(stands)
    alone = np.flatnonzero(np.bincount(stands, minlength=len(x)) == 1)
    near = 0
    for rows in np.array_split(alone, len(alone) // 1024 + 1):
        every = x[rows] @ x[kept_rows].T
        every[np.arange(len(rows)), np.searchsorted(kept_rows, rows)] = -1.0
        near += int((every.max(axis=1, initial=-1.0) >= similarity).sum())
    agree = round(float(np.mean(truth.y[stands] == truth.y)), 4)
    facts = {"items": len(x), "kept": len(kept_rows), "missed": near, "label_agreement": agree}
    return facts | {"processor_seconds": round(seconds, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path("/tmp/pools"))
    parser.add_argument("--pools", default="digits,clothing,clinc150")
    parser.add_argument("--methods", default=",".join([*METHODS, "facility_location blind", "kmeans blind"]))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    found = json.loads(args.out.read_text()) if args.out.exists() else {"pools": {}}
    found["machine"] = {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    found["shares"], found["test"] = SHARES, TEST
    methods = args.methods.split(",")
    for pool in args.pools.split(","):
        raw, truth = load(SETTINGS[pool], args.cache)
        x = View.fit(raw, "unit")(raw)
        here = found["pools"].setdefault(pool, {"runs": {}})
        for method in ["everything", *methods]:
            for seed in range(args.seeds):
                if f"{method}/{seed}" not in here["runs"]:
                    here["runs"][f"{method}/{seed}"] = played(x, truth, seed, method)
                    _write(args.out, found)
            print(pool, method, flush=True)
        here |= told(here["runs"])
        here["duplicates"] = {str(s): missed(x, truth, s) for s in SIMILAR}
        _write(args.out, found)
        print(json.dumps({k: here[k] for k in ("everything", "auto_over_stratified", "auto_lost_at_10_percent")}))


def _write(out: Path, found: dict[str, Any]) -> None:
    out.parent.mkdir(exist_ok=True)
    temporary = out.with_suffix(".tmp")
    temporary.write_text(json.dumps(found, separators=(",", ":")) + "\n")
    temporary.replace(out)


if __name__ == "__main__":
    main()
