"""Seconds and peak memory of one scan: a query by margin or entropy, beside a bare loop in numpy. Linux only.

    python benchmarks/scan_speed.py [--items 100000 1000000] [--runs 7] [--seed 0] [--out results/scan_speed.json]

Work: N x 384 float32 in 100 clusters, 20 classes, 200 labelled, 100 asked. The bare loop multiplies 4,096 or 16,384
rows at a time (the faster counts), takes the softmax and reduces it, and does not even choose. To reach: a query in at
most 1.2 of its seconds and 150 MB beyond the pool. The loop and the query take turns, so that a busy machine hits
both, and `processor` counts seconds over all threads; each number of items has a process of its own. `scores` are
`ls.margin` and `ls.entropy` on N x 20.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import labelsieve as ls
from labelsieve.core import plugins
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels
from labelsieve.heads.linear import Linear

DIM, CLUSTERS, CLASSES, LABELLED, ASKED = 384, 100, 20, 200, 100
OUT = Path(__file__).parent / "results" / "scan_speed.json"


def clustered(items: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit-norm rows round 100 centres, and the class of each; five clusters a class. Built a block at a time."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((CLUSTERS, DIM), dtype=np.float32)
    cluster = rng.integers(CLUSTERS, size=items)
    x = np.empty((items, DIM), np.float32)
    for i in range(0, items, 16384):
        part = centres[cluster[i : i + 16384]]
        part += 2 * rng.standard_normal(part.shape, dtype=np.float32)
        np.divide(part, np.linalg.norm(part, axis=1, keepdims=True), out=x[i : i + len(part)])
    return x, cluster % CLASSES


def by_margin(p: np.ndarray) -> np.ndarray:
    top = np.partition(p, -2, axis=1)
    return 1 - (top[:, -1] - top[:, -2])


def by_entropy(p: np.ndarray) -> np.ndarray:
    return -(p * np.log(p + 1e-12)).sum(axis=1)


BARE = {"margin": by_margin, "entropy": by_entropy}


def bare(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, reduced: Callable[..., Any], chunk: int) -> np.ndarray:
    score = np.empty(len(x), np.float32)
    for i in range(0, len(x), chunk):
        logit = x[i : i + chunk] @ weight + bias
        power = np.exp(logit - logit.max(axis=1, keepdims=True))
        score[i : i + chunk] = reduced(power / power.sum(axis=1, keepdims=True))
    return score


def kernel_says(key: str) -> float:
    """Megabytes of this process: VmHWM is the peak since `reset_peak`, VmRSS what it holds now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def in_turns(ways: dict[str, Callable[[], Any]], runs: int) -> dict[str, Any]:
    """Wall seconds, median and best, and megabytes that each way took beyond what was held before."""
    wall: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    more = dict.fromkeys(ways, 0.0)
    for turn in range(runs + 1):
        for name, work in ways.items():
            reset_peak()
            held, began, spent = kernel_says("VmRSS"), time.perf_counter(), time.process_time()
            work()
            seconds, spent = time.perf_counter() - began, time.process_time() - spent
            if turn:  # the first is to warm up
                wall[name].append(round(seconds, 4))
                processor[name].append(round(spent, 4))
            more[name] = max(more[name], kernel_says("VmHWM") - held)
    return {
        name: {
            "median": statistics.median(wall[name]),
            "best": min(wall[name]),
            "processor": statistics.median(processor[name]),
            "more_mb": round(more[name], 1),
        }
        for name in ways
    }


def measure(items: int, runs: int, seed: int) -> dict[str, Any]:
    x, y = clustered(items, seed)
    ids = np.sort(np.random.default_rng(seed + 1).choice(items, LABELLED, replace=False))
    head = Linear(CLASSES).fit(x[ids], y[ids])
    state = head.state()
    labels = Labels(ids, y[ids], tuple(map(str, range(CLASSES))))
    proba = np.concatenate([head.predict_proba(x[i : i + 16384]) for i in range(0, items, 16384)])
    proba = np.ascontiguousarray(proba)
    pool = ArrayPool(x)
    out: dict[str, Any] = {"items": items, "pool_mb": round(x.nbytes / 2**20)}
    for name, reduced in BARE.items():
        strategy = plugins.load("strategies", name)
        score = {"margin": ls.margin, "entropy": ls.entropy}[name]
        ways: dict[str, Callable[[], Any]] = {
            f"bare, {chunk:,} rows": lambda c=chunk, r=reduced: bare(x, state["coef"], state["bias"], r, c)
            for chunk in (4096, 16384)
        }
        ways["ls.query"] = lambda n=name: ls.query(x, ASKED, head, n, ids, y[ids])
        ways["round"] = lambda s=strategy: s(Round(pool, labels, head), ASKED, np.random.default_rng(0))
        rows = in_turns(ways, runs)
        least = min(rows[key]["median"] for key in rows if key.startswith("bare"))
        rows["ratio"] = {key: round(rows[key]["median"] / least, 2) for key in ("ls.query", "round")}
        rows["scores"] = in_turns({"numpy": lambda r=reduced: r(proba), "labelsieve": lambda s=score: s(proba)}, runs)
        out[name] = rows
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measure(given.items[0], given.runs, given.seed)))
        return
    size = {"dim": DIM, "clusters": CLUSTERS, "classes": CLASSES, "labelled": LABELLED, "asked": ASKED}
    machine = {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "python": platform.python_version()}
    found = {"machine": machine, "numpy": np.__version__, "seed": given.seed, **size, "rows": []}
    for items in given.items:
        options = ["--items", str(items), "--runs", str(given.runs), "--seed", str(given.seed), "--child"]
        done = subprocess.run([sys.executable, __file__, *options], check=True, capture_output=True, text=True)
        found["rows"].append(json.loads(done.stdout))
        print(json.dumps(found["rows"][-1], indent=1), flush=True)
    given.out.parent.mkdir(exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
