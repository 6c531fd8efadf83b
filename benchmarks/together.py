"""Near-duplicates in pools with odd items: how many there are, and how often one answer for them would be wrong.

    python benchmarks/together.py --out benchmarks/results/together.json

For each similarity: items with another one so near, and odd items with a dull one so near, which an answer that
travels would swallow (or the other way round). Embeddings as they are, tables z-scored; at most 9,000 dull and 3,000
odd items a pool, drawn by the seed. "equal" is what `together = 1` does: similarity 1 - 1e-6 for embeddings.
"""

import argparse
import json
import os
import platform
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pools import SHARED

SIMILARITIES = (0.95, 0.98, 0.99, 0.995, 0.999, 0.9999)
MVTEC = ("bottle", "carpet", "metal_nut", "screw", "transistor")
TABLES = ("http", "cover", "celeba")
DULL, ODD, BLOCK = 9000, 3000, 1000
EQUAL = 1 - 1e-6


def pool(name: str, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Rows (n, d) and 1 for odd (n,)."""
    if "/" in name:
        with np.load(SHARED / "industrial_mvtec_embeddings" / f"{name}.npz") as arrays:
            return arrays["X"].astype(np.float32), arrays["y"].astype(np.int64)
    with np.load(SHARED / "pool_tabular" / f"{name}.npz") as arrays:
        x, y = arrays["X"].astype(np.float64), arrays["y"].astype(np.int64)
    x = ((x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-12)).astype(np.float32)
    rng = np.random.default_rng(seed)
    kinds = ((np.flatnonzero(y == code), most) for code, most in ((0, DULL), (1, ODD)))
    rows = np.sort(np.concatenate([rng.choice(at, min(most, len(at)), replace=False) for at, most in kinds]))
    return x[rows], y[rows]


def counted(x: NDArray[np.float32], y: NDArray[np.int64]) -> dict[str, dict[str, int]]:
    """By similarity: items with another one so near, odd items with one, and odd items with a dull one."""
    square = np.einsum("ij,ij->i", x, x)
    found = {f"{level:g}": {"items": 0, "odd": 0, "odd_by_dull": 0} for level in (*SIMILARITIES, EQUAL)}
    for first in range(0, len(x), BLOCK):
        rows = np.arange(first, min(first + BLOCK, len(x)))
        near = 2 * (x[rows] @ x.T) / np.maximum(square[rows, None] + square, 1e-30)
        near[np.arange(len(rows)), rows] = -1
        odd = y[rows] == 1
        for level in (*SIMILARITIES, EQUAL):
            close = near >= level
            told = found[f"{level:g}"]
            told["items"] += int(close.any(axis=1).sum())
            told["odd"] += int(close[odd].any(axis=1).sum())
            told["odd_by_dull"] += int(close[odd][:, y == 0].any(axis=1).sum())
    return found


def main() -> None:
    """Counts every pool and writes one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "together.json")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    result = {}
    for name in (*(f"{engine}/{part}" for engine in ("ResNet18", "ViT") for part in MVTEC), *TABLES):
        x, y = pool(name, given.seed)
        result[name] = {"n": len(x), "odd": int(y.sum()), "at": counted(x, y)}
        print(name, json.dumps(result[name]), flush=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    given.out.write_text(json.dumps({"machine": machine, "seed": given.seed, "pools": result}, indent=1) + "\n")


if __name__ == "__main__":
    main()
