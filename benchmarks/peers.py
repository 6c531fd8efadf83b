"""The same work by labelsieve and by other libraries, side by side. -> results/peers.json

    python benchmarks/peers.py --setup DIR [--items 10000,100000,1000000] [--limit 150] [--only kcenter,badge]

DIR gets one environment a library, made where it is missing; a library that cannot be installed is said to be missing.
Work: N x 384 float32 unit rows in 100 clusters, 20 classes, 200 labelled, 100 asked, seed 0; k-center on near-uniform
rows too. Each measurement is a process of its own (peers/run.py) with a limit of time and of address space; `wall` and
`processor` are seconds of each run, quick ones are run up to five times. What was measured is not measured again unless
--again is given. What took so long at one size that ten times the size would pass twice the limit is not run.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
OUT = HERE / "results" / "peers.json"
DIM, CLUSTERS, CLASSES, LABELLED, ASKED, SEED = 384, 100, 20, 200, 100, 0
COMMON = ["numpy==2.4.6", "scipy==1.17.1", "scikit-learn==1.9.1"]
PACKAGES = {
    "modal": ["modAL-python==0.4.2.1"],
    "skactiveml": ["scikit-activeml==1.0.1"],
    "smalltext": ["small-text==1.4.1"],
    "baal": ["baal==2.1.0", "torch==2.13.0"],
    "cleanlab": ["cleanlab==2.9.0"],
    "alipy": ["alipy==1.2.5"],
}
METHODS = {
    "margin": ("labelsieve", "numpy", "modal", "skactiveml", "smalltext", "baal", "alipy"),
    "entropy": ("labelsieve", "numpy", "modal", "skactiveml", "smalltext", "baal", "alipy"),
    "least_confident": ("labelsieve", "modal", "skactiveml", "smalltext", "baal", "cleanlab", "alipy"),
    "kcenter": ("labelsieve", "numpy", "skactiveml", "smalltext", "alipy"),
    "badge": ("labelsieve", "skactiveml"),
    "badge_round": ("labelsieve",),
    "typiclust": ("labelsieve", "skactiveml"),
    "probcover": ("labelsieve", "skactiveml"),
    "facility_location": ("labelsieve",),
    "facility_location_sparse": ("labelsieve",),
    "kmeans": ("labelsieve", "smalltext"),
    "ranked": ("modal",),
}
SAME = ("margin", "entropy", "least_confident", "kcenter")  # all should pick the same
EVEN = ("labelsieve", "numpy", "skactiveml")  # measured on near-uniform rows


def set_up(folder: Path) -> dict[str, Path]:
    """The interpreter of each library that is installed, or can be."""
    found = {"labelsieve": Path(sys.executable), "numpy": Path(sys.executable)}
    for peer, packages in PACKAGES.items():
        python = folder / peer / "bin" / "python"
        done = folder / peer / "done"
        if not done.exists():
            print("installing", peer, flush=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder / peer)], check=True)
            pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *COMMON, *packages]
            if subprocess.run(pip, check=False, capture_output=True).returncode == 0:
                done.touch()
        if done.exists():
            found[peer] = python
    return found


def write_pool(path: Path, n: int, kind: str) -> None:
    """Rows (n, 384) of unit norm and their classes; the last 200 count as labelled, each class among them."""
    rng = np.random.default_rng(SEED)
    cell = rng.integers(CLUSTERS, size=n)
    cell[-CLUSTERS:] = np.arange(CLUSTERS)[:n]
    centres = rng.normal(size=(CLUSTERS, DIM)).astype(np.float32)
    x = np.lib.format.open_memmap(path, "w+", np.float32, (n, DIM))
    for i in range(0, n, 16384):
        part = rng.standard_normal((len(cell[i : i + 16384]), DIM), dtype=np.float32)
        part = centres[cell[i : i + 16384]] + 2 * part if kind == "clusters" else part
        x[i : i + 16384] = part / np.linalg.norm(part, axis=1, keepdims=True)
    np.save(path.with_suffix(".y.npy"), cell % CLASSES)


def measured(python: Path, peer: str, method: str, pool: Path, args: argparse.Namespace) -> dict[str, Any]:
    """One row of the table, or why there is none."""

    def narrow() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (args.room << 30, args.room << 30))

    command = [str(python), str(HERE / "peers" / "run.py"), peer, method, str(pool)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=args.limit + 30, preexec_fn=narrow, check=False
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"over {args.limit:g} s"}
    if done.returncode:
        lines = done.stderr.strip().splitlines()[-1:] or [f"signal {-done.returncode}"]
        memory = any(word in done.stderr for word in ("MemoryError", "Unable to allocate", "std::bad_alloc"))
        return {"failed": f"out of memory ({args.room} GB)" if memory else lines[0][:160]}
    row: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return row if row["best"] <= args.limit else {**row, "failed": f"over {args.limit:g} s"}


def radius(pool: Path, picked: Path) -> float:
    """How far the farthest row is from what was picked or labelled."""
    x = np.load(pool, mmap_mode="r")
    chosen = np.concatenate([np.load(picked), np.arange(len(x) - LABELLED, len(x))])
    c = np.asarray(x[np.sort(chosen)])
    far, square = 0.0, np.einsum("ij,ij->i", c, c)
    for i in range(0, len(x), 8192):
        part = x[i : i + 8192]
        near = np.einsum("ij,ij->i", part, part) + (square[:, None] - 2 * c @ part.T).min(axis=0)
        far = max(far, float(near.max()))
    return round(far**0.5, 5)


def play(found: dict[str, Path], args: argparse.Namespace, rows: dict[str, Any], folder: Path) -> None:
    for n in args.items:
        for kind in ("clusters", "even") if n == 100_000 else ("clusters",):
            pool = folder / f"{kind}-{n}.npy"
            wanted = {"kcenter": EVEN} if kind == "even" else METHODS
            todo = [(m, p) for m, peers in wanted.items() if m in args.only for p in peers if p in found]
            todo = [(m, p) for m, p in todo if args.again or f"{kind} {n} {m} {p}" not in rows]
            if not todo:
                continue
            write_pool(pool, n, kind)
            for method, peer in todo:
                name = f"{kind} {n} {method} {peer}"
                before = rows.get(f"{kind} {n // 10} {method} {peer}", {})
                if "failed" in before or before.get("best", 0) * 10 > 2 * args.limit:
                    rows[name] = {"failed": f"not run: {before.get('failed', before.get('best'))} at {n // 10:,}"}
                else:
                    rows[name] = measured(found[peer], peer, method, pool, args)
                    picked = pool.with_suffix(f".{peer}.{method}.picked.npy")
                    if method == "kcenter" and "failed" not in rows[name]:
                        rows[name]["radius"] = radius(pool, picked)
                    ours = pool.with_suffix(f".labelsieve.{method}.picked.npy")
                    if method in SAME and ours.exists() and picked.exists():
                        same = np.isin(np.load(picked), np.load(ours)).mean()
                        rows[name]["picked_as_labelsieve"] = round(float(same), 3)
                print(name, {k: v for k, v in rows[name].items() if k not in ("versions", "processor")}, flush=True)
                save(args.out, rows)
            pool.unlink()


def chances(x: np.ndarray, proba: np.ndarray, origin: bool = False) -> dict[tuple[int, ...], float]:
    """The probability of each ordered pick of three by BADGE, from all gradients in full.

    With `origin` the zero gradient counts as a centre from the start, which is not in the paper.
    """
    error = proba - np.eye(proba.shape[1])[proba.argmax(axis=1)]
    g = (error[:, :, None] * x[:, None, :]).reshape(len(x), -1).astype(np.float64)
    square = ((g[:, None] - g[None]) ** 2).sum(axis=2)
    first = int(np.linalg.norm(g, axis=1).argmax())
    found = {}
    start = np.minimum(square[first], (g**2).sum(axis=1)) if origin else square[first]
    for a, b in permutations([i for i in range(len(g)) if i != first], 2):
        near = np.minimum(start, square[a])
        found[first, a, b] = start[a] / start.sum() * near[b] / near.sum()
    return found


def compare_draws(found: dict[str, Path], args: argparse.Namespace, rows: dict[str, Any], folder: Path) -> None:
    """Chi-square of 400 draws of BADGE against the exact distribution, for each library that has it."""
    pool = folder / "tiny.npy"
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    proba = rng.dirichlet(np.ones(CLASSES), size=6)
    np.save(pool, x)
    np.save(pool.with_suffix(".y.npy"), np.arange(60) % CLASSES)
    np.save(pool.with_suffix(".proba.npy"), proba)
    for peer in ("labelsieve", "skactiveml"):
        name = f"draws of badge {peer}"
        if peer not in found or (name in rows and not args.again):
            continue
        row = measured(found[peer], peer, "badge_draws", pool, args)
        if "failed" not in row:
            drawn = [tuple(d) for d in np.load(pool.with_suffix(f".{peer}.draws.npy")).tolist()]
            row = {"draws": len(drawn), "cells": 20}
            for which, origin in (("chi_square", False), ("chi_square_with_origin", True)):
                counted = [(drawn.count(k), len(drawn) * p) for k, p in chances(x[:6], proba, origin).items()]
                row[which] = round(float(sum((seen - e) ** 2 / e for seen, e in counted)), 2)
        rows[name] = row
        print(name, row, flush=True)
        save(args.out, rows)


def save(out: Path, rows: dict[str, Any]) -> None:
    machine = {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "system": platform.system(),
    }
    work = {"dim": DIM, "clusters": CLUSTERS, "classes": CLASSES, "labelled": LABELLED, "asked": ASKED, "seed": SEED}
    out.parent.mkdir(exist_ok=True)
    part = out.with_suffix(".part")
    part.write_text(json.dumps({"machine": machine, "work": work, "rows": rows}, indent=1) + "\n")
    part.replace(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setup", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-peers")
    parser.add_argument("--items", type=lambda text: [int(n) for n in text.split(",")], default="10000,100000,1000000")
    parser.add_argument("--only", type=lambda text: text.split(","), default=",".join([*METHODS, "draws"]))
    parser.add_argument("--limit", type=float, default=150)
    parser.add_argument("--room", type=int, default=14, help="GB of address space that one measurement may take")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    rows = json.loads(args.out.read_text())["rows"] if args.out.exists() else {}
    found = set_up(args.setup)
    for peer in sorted(set(PACKAGES) - set(found)):
        print(peer, "could not be installed: left out")
    with tempfile.TemporaryDirectory(prefix="labelsieve-peers-") as folder:
        if "draws" in args.only:
            compare_draws(found, args, rows, Path(folder))
        play(found, args, rows, Path(folder))


if __name__ == "__main__":
    main()
