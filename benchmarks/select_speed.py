"""Seconds of one query on 100k x 384 (to reach: warm .5 s, cold start 3 s). -> results/select_speed.json

Wall seconds are those of the machine as it is; processor seconds, over all threads, say what it costs when it is busy.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core import plugins
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels
from labelsieve.heads.linear import Linear

DIM, CLASSES, LABELLED, SIZE = 384, 20, 200, 100
OUT = Path(__file__).parent / "results" / "select_speed.json"


def pool(n: int) -> tuple[ArrayPool, np.ndarray]:
    """Unit-norm rows round one centre a class."""
    rng = np.random.default_rng(0)
    centres, y = rng.normal(size=(CLASSES, DIM)), rng.integers(CLASSES, size=n)
    x = (centres[y] + 2 * rng.normal(size=(n, DIM))).astype(np.float32)
    return ArrayPool(x / np.linalg.norm(x, axis=1, keepdims=True)), y


def timed(ask: Callable[[], Any], runs: int) -> dict[str, Any]:
    wall, processor = [], []
    for _ in range(runs):
        began, spent = time.perf_counter(), time.process_time()
        ask()
        wall.append(round(time.perf_counter() - began, 4))
        processor.append(round(time.process_time() - spent, 4))
    return {"wall": wall, "processor": processor, "median": statistics.median(wall), "best": min(wall)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    items, y = pool(args.items)
    ids = np.sort(np.random.default_rng(1).choice(args.items, LABELLED, replace=False))
    names = tuple(map(str, range(CLASSES)))
    known, nothing = Labels(ids, y[ids], names), Labels(ids[:0], y[:0], names)
    head = Linear(CLASSES).fit(items.take(ids), y[ids])
    rows: dict[str, Any] = {}
    for name in ("auto", "margin", "entropy", "facility_location", "typiclust"):
        strategy = plugins.load("strategies", name)
        stages = {"cold start": (nothing, None), "warm": (known, head)}
        for stage, (labels, fitted) in stages.items():
            # a new round each time: nothing that was scored is kept
            rows[f"{name}, {stage}"] = timed(
                lambda s=strategy, k=labels, h=fitted: s(Round(items, k, h), SIZE, np.random.default_rng(0)), args.runs
            )
            print(f"{name:20s} {stage:12s}", {k: rows[f"{name}, {stage}"][k] for k in ("median", "best")}, flush=True)
    machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0], "python": platform.python_version()}
    size = {"items": args.items, "dim": DIM, "classes": CLASSES, "labelled": LABELLED, "asked": SIZE}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"machine": machine, **size, "seconds": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
