"""The map: who stays near whom in two dimensions, beside plain PCA; and what a large pool costs.
-> results/projection.json

    python benchmarks/projection.py --cache /tmp/pools --seeds 3
    python benchmarks/projection.py --rows 1000000          # time and memory of a large pool of normal clusters

Ways: `pca` (two principal axes), `map` (as a project does it: up to 20,000 items laid out), `map_quarter` (a random
quarter laid out as landmarks, the rest placed between them, as most of a very large pool is).
Trustworthiness (Venna
and Kaski 2001) and the share of neighbours with the item's own label, both at 10 neighbours, over 1,000 random items;
`full` is the latter in all dimensions. Resumable: what the output file holds is not computed again.
"""

import argparse
import json
import os
import platform
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from pools import SETTINGS, load

from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool
from labelsieve.project.projection.layout import nearest, principal
from labelsieve.project.projection.projecting import projected

OUT = Path(__file__).parent / "results" / "projection.json"
POOLS = ("digits", "clothing", "clinc150")
WAYS = ("pca", "map", "map_quarter")
K, LOOKED = 10, 1000
BLOBS, WIDTH = 200, 64  # of the large pool


def trustworthiness(x: np.ndarray, y: np.ndarray, rows: np.ndarray) -> float:
    """How many of the neighbours in `y` are neighbours in `x` too, by rank; over the rows (m,) as centres."""
    n = len(x)
    near = nearest(y[rows], y, K + 1)[0]
    lost = 0.0
    for row, others in zip(rows, near, strict=True):
        others = others[others != row][:K]
        apart = np.square(x - x[row]).sum(axis=1)
        apart[row] = -1.0
        ranks = (apart < apart[others][:, None]).sum(axis=1)  # itself counts as rank 0
        lost += float(np.maximum(ranks - K, 0).sum())
    return 1 - lost * 2 / (len(rows) * K * (2 * n - 3 * K - 1))


def agreement(y: np.ndarray, codes: np.ndarray, rows: np.ndarray) -> float:
    """Share of the neighbours of the rows (m,) that have the same label."""
    found = nearest(y[rows], y, K + 1)[0]
    own = found == rows[:, None]
    keep = np.where(own.any(axis=1)[:, None], ~own, np.arange(K + 1) < K)
    return float((codes[found[keep].reshape(len(rows), K)] == codes[rows][:, None]).mean())


def points_of(x: np.ndarray, way: str, seed: int) -> np.ndarray:
    if way == "pca":
        return principal(x, 2)(x)
    pool = ArrayPool(x, np.arange(len(x)))
    return projected(pool, seed, lambda *_: None, len(x) // 4 if way == "map_quarter" else None)[0]


def measured(pool: str, way: str, seed: int, cache: Path) -> dict[str, Any]:
    x, truth = load(SETTINGS[pool], cache)
    x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) if pool != "digits" else x
    x = np.ascontiguousarray(x, np.float32)
    rows = np.sort(stream(seed, "projection").choice(len(x), min(LOOKED, len(x)), replace=False))
    began = time.perf_counter()
    y = points_of(x, way, seed)
    seconds = time.perf_counter() - began
    return {
        "pool": pool,
        "way": way,
        "seed": seed,
        "items": len(x),
        "trust": round(trustworthiness(x, y, rows), 4),
        "agree": round(agreement(y, truth.y, rows), 4),
        "full": round(agreement(x, truth.y, rows), 4),
        "seconds": round(seconds, 2),
    }


def large(rows: int) -> dict[str, Any]:
    """Seconds and memory of a large pool, and how many of the neighbours on the map are of the same cluster."""
    rng = stream(0, "large map")
    centres = rng.standard_normal((BLOBS, WIDTH)).astype(np.float32) * 1.5
    codes = rng.integers(0, BLOBS, rows)
    x = rng.standard_normal((rows, WIDTH), dtype=np.float32)
    for first in range(0, rows, 100_000):
        x[first : first + 100_000] += centres[codes[first : first + 100_000]]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    y, landmarks = projected(ArrayPool(x, np.arange(rows)), 0, lambda *_: None)
    seconds = time.perf_counter() - began
    looked = np.sort(rng.choice(rows, LOOKED, replace=False))
    return {
        "pool": f"{BLOBS} clusters x {WIDTH}",
        "way": "map",
        "seed": 0,
        "items": rows,
        "landmarks": landmarks,
        "agree": round(agreement(y, codes, looked), 4),
        "seconds": round(seconds, 1),
        "mib_beyond_pool": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024),
    }


def machine() -> dict[str, Any]:
    return {"cpus": os.cpu_count(), "machine": platform.machine(), "system": platform.system()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--cache", type=Path, default=Path(".bench/pools"))
    parser.add_argument("--pools", default=",".join(POOLS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=0)
    given = parser.parse_args()
    known = json.loads(given.out.read_text()) if given.out.exists() else {"runs": []}
    done = {(run["pool"], run["way"], run["seed"], run["items"]) for run in known["runs"]}
    short = {one[:3] for one in done}

    def keep(run: dict[str, Any]) -> None:
        known["runs"].append(run)
        known["machine"] = machine()
        given.out.write_text(json.dumps(known, indent=1) + "\n")
        print(run, flush=True)

    if given.rows:
        if (f"{BLOBS} clusters x {WIDTH}", "map", 0, given.rows) not in done:
            keep(large(given.rows))
        return
    for pool in given.pools.split(","):
        for seed in range(given.seeds):
            for way in WAYS:
                if (pool, way, seed) not in short:
                    keep(measured(pool, way, seed, given.cache))


if __name__ == "__main__":
    main()
