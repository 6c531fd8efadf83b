"""Building and searching an index, beside comparing every row and beside hnswlib. -> results/index.json

    python benchmarks/index.py [--items 200000 1000000] [--dim 384] [--seed 0] [--hnsw] [--out results/index.json]

Rows of unit norm round 100 centres, which vary along 12 directions besides a little noise; and, to see what data do to
an index, the same round clouds ("round": nothing in a cloud is near to anything). Queries are 1,000 rows of the pool,
k = 100. Recall is measured here again, on other rows than the index held out. --hnsw needs hnswlib in this environment.
Each point is saved when it is measured, and not measured again.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.rounds import ArrayPool
from labelsieve.selection.neighbours import ExactRows
from labelsieve.store.index import open_index
from labelsieve.store.indexbuild import IndexSettings, build_index
from labelsieve.store.indexfiles import About

CLUSTERS, RANK, K, QUERIES, TRUE = 100, 12, 100, 1000, 200
ABOUT = About("benchmark")
OUT = Path(__file__).parent / "results" / "index.json"


def rows(items: int, dim: int, seed: int, round_clouds: bool) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((CLUSTERS, dim), dtype=np.float32)
    ways = rng.standard_normal((RANK, dim), dtype=np.float32) / RANK**0.5
    x = np.empty((items, dim), np.float32)
    for i in range(0, items, 50_000):
        n = min(50_000, items - i)
        x[i : i + n] = centres[rng.integers(CLUSTERS, size=n)]
        if round_clouds:
            x[i : i + n] += rng.standard_normal((n, dim), dtype=np.float32)
        else:
            x[i : i + n] += rng.standard_normal((n, RANK), dtype=np.float32) @ ways
            x[i : i + n] += 0.1 * rng.standard_normal((n, dim), dtype=np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def recall(found: np.ndarray, true: np.ndarray) -> float:
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(found, true, strict=True)]))


def ours(x: np.ndarray, true: np.ndarray, at: np.ndarray, settings: IndexSettings) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        folder, pool = Path(home) / "index", ArrayPool(x)
        facts = build_index(folder, pool, ABOUT, settings=settings).facts
        size = sum((folder / name).stat().st_size for name in facts.files)
        began = time.perf_counter()
        open_index(folder, ABOUT, pool)
        hashed = time.perf_counter() - began
        time.sleep(2.5)  # a file that has just changed is hashed once more
        open_index(folder, ABOUT, pool)
        began = time.perf_counter()
        index = open_index(folder, ABOUT, pool)
        opened = time.perf_counter() - began
        index.search(x[at[:50]], K)
        began = time.perf_counter()
        found, _ = index.search(x[at], K)
        took = time.perf_counter() - began
    return {
        "build_seconds": round(facts.seconds, 2),
        "mib": round(size / 2**20, 1),
        "cells": facts.cells,
        "visits": facts.visits,
        "recall_held_out": facts.recall,
        "recall": round(recall(found[: len(true)], true), 4),
        "queries_per_second": round(len(at) / took),
        "first_open_seconds": round(hashed, 3),
        "open_seconds": round(opened, 4),
    }


def hnsw(x: np.ndarray, true: np.ndarray, at: np.ndarray) -> dict[str, Any]:
    import hnswlib  # type: ignore[import-not-found]

    index = hnswlib.Index("ip", x.shape[1])
    index.init_index(len(x), M=16, ef_construction=200, random_seed=0)
    began = time.perf_counter()
    index.add_items(x)
    built = time.perf_counter() - began
    index.set_ef(200)
    began = time.perf_counter()
    found, _ = index.knn_query(x[at], K)
    took = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as home:
        index.save_index(f"{home}/index")
        size = Path(f"{home}/index").stat().st_size
    score = {"recall": round(recall(found[: len(true)], true), 4), "queries_per_second": round(len(at) / took)}
    return {"build_seconds": round(built, 2), "mib": round(size / 2**20, 1), **score}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[200_000, 1_000_000])
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hnsw", action="store_true")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    found: dict[str, Any] = json.loads(given.out.read_text()) if given.out.exists() else {"points": {}}
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "load": round(os.getloadavg()[0], 1)}
    found |= {"machine": machine, "seed": given.seed, "dim": given.dim, "k": K, "queries": QUERIES}
    flat, lists = IndexSettings(flat_rows=10**9, flat_bytes=10**11), IndexSettings(flat_rows=0)
    for items in given.items:
        for clouds in ("low rank", "round"):
            names = ["lists", *(["flat"] if clouds == "low rank" else []), *(["hnswlib"] if given.hnsw else [])]
            left = [name for name in names if f"{items} {clouds} {name}" not in found["points"]]
            if not left:
                continue
            x = rows(items, given.dim, given.seed, clouds == "round")
            at = np.sort(np.random.default_rng(1).choice(items, min(QUERIES, items), replace=False))
            true, _ = ExactRows(ArrayPool(x)).search(x[at[:TRUE]], K)
            for name in left:
                point = hnsw(x, true, at) if name == "hnswlib" else ours(x, true, at, flat if name == "flat" else lists)
                found["points"][f"{items} {clouds} {name}"] = point
                print(items, clouds, name, point, flush=True)
                given.out.parent.mkdir(exist_ok=True)
                given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
