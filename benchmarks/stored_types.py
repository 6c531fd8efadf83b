"""What int8 shards cost: a scan of float32, int8 and float16 rows, and how far int8 changes what is chosen.

    python benchmarks/stored_types.py --cache FOLDER [--pools clinc150 clothing digits_patches] [--seed 0]
                                      [--out results/stored_types.json]

Scan: 400,000 x 256 in memory, 20 classes, a block of 4,096 rows at a time, one thread: brought to float32, multiplied
and reduced to a margin. Agreement, on real pools at unit norm with 200 random labels (means over 5 draws): rank
correlation of the margin scores by one head, the share of its 100 and 1,000 most wanted items that are the same, how
much margin the 100 of int8 have less than those of float32, the accuracy on the rest of a head fitted on either type,
and the share of the 100 nearest rows that are the same.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pools import SETTINGS, load
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

from labelsieve.core.norms import norms_of
from labelsieve.heads.linear import Linear
from labelsieve.selection.acquisition import margin
from labelsieve.store.rowfiles import coded

DIM, CLASSES, ITEMS, BLOCK = 256, 20, 400_000, 4096
DRAWS, LABELLED = 5, 200
OUT = Path(__file__).parent / "results" / "stored_types.json"


def scan(runs: int) -> dict[str, int]:
    """Items a second of each type, best of some runs."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ITEMS, DIM), dtype=np.float32)
    x /= norms_of(x)[:, None].astype(np.float32)
    small = coded(x, "int8")
    head = Linear(CLASSES).fit(x[:LABELLED], np.arange(LABELLED) % CLASSES)
    halves = x.astype(np.float16)
    room = np.empty((BLOCK, DIM), np.float32)

    def codes(part: slice) -> np.ndarray:
        out = room[: len(small.values[part])]
        small.read(part, out)
        return out

    ways: dict[str, Callable[[slice], np.ndarray]] = {
        "float32": lambda part: x[part],
        "int8": codes,
        "float16": lambda part: halves[part].astype(np.float32),
    }
    best = dict.fromkeys(ways, np.inf)
    with threadpool_limits(1):
        for _ in range(runs):
            for name, rows in ways.items():
                began = time.perf_counter()
                for i in range(0, ITEMS, BLOCK):
                    margin(head.predict_proba(rows(slice(i, i + BLOCK))))
                best[name] = min(best[name], time.perf_counter() - began)
    return {name: round(ITEMS / seconds) for name, seconds in best.items()}


def agreement(x: np.ndarray, y: np.ndarray, seed: int) -> dict[str, float]:
    rows = x / norms_of(x)[:, None].astype(np.float32)
    kept = coded(rows, "int8")
    back = np.empty_like(rows)
    kept.read(slice(0, len(rows)), back)
    classes = int(y.max()) + 1
    found: list[list[float]] = []
    for draw in range(DRAWS):
        rng = np.random.default_rng([seed, draw])
        order = rng.permutation(len(x))
        known, rest = order[:LABELLED], np.sort(order[LABELLED:])
        head, other = (Linear(classes).fit(part[known], y[known]) for part in (rows, back))
        a, b = margin(head.predict_proba(rows[rest])), margin(head.predict_proba(back[rest]))
        best_a, best_b = np.argsort(-a), np.argsort(-b)
        same = [len(np.intersect1d(best_a[:n], best_b[:n])) / n for n in (100, 1000)]
        lost = float(a[best_a[:100]].mean() - a[best_b[:100]].mean())
        said = (h.predict_proba(part[rest]).argmax(axis=1) for h, part in ((head, rows), (other, back)))
        right = [float(np.mean(guess == y[rest])) for guess in said]
        asked = rng.choice(len(x), min(200, len(x)), replace=False)
        near = [np.argsort(-(part[asked] @ part.T), axis=1)[:, :100] for part in (rows, back)]
        alike = np.mean([len(np.intersect1d(p, q)) / 100 for p, q in zip(*near, strict=True)])
        found.append([float(spearmanr(a, b).statistic), *same, lost, *right, float(alike)])
    names = ("rank_correlation", "same_100", "same_1000", "margin_lost_100")
    names += ("accuracy_float32", "accuracy_int8", "same_nearest_100")
    return dict(zip(names, np.mean(found, axis=0).round(5).tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--pools", nargs="+", default=["clinc150", "clothing", "digits_patches"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    machine = {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "python": platform.python_version()}
    out: dict[str, Any] = {"machine": machine, "numpy": np.__version__, "seed": given.seed}
    out["items_per_second_a_thread"] = scan(given.runs)
    out["pools"] = {}
    for name in given.pools:
        x, labels = load(SETTINGS[name], given.cache)
        x, y = np.asarray(x, np.float32), np.asarray(labels.y)
        out["pools"][name] = {"items": len(x), "dim": x.shape[1], **agreement(x, y, given.seed)}
        print(name, out["pools"][name], flush=True)
    print(json.dumps(out["items_per_second_a_thread"]))
    given.out.parent.mkdir(exist_ok=True)
    given.out.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
