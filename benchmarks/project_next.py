"""`labelsieve next` on a large project, each time in a new process. Linux and macOS. -> results/project_next.json

    python benchmarks/project_next.py [--items 100000 1000000] [--dim 256] [--runs 5] [--seed 0]
                                      [--out results/project_next.json]

A project over one .npy of N x 256 that is used where it lies ("array"), and one over a table of N texts whose rows
stand in shards of 2,048 ("shards"), as `labelsieve embed` writes them. 200 items have an answer, 100 are asked. Wall
and processor seconds and peak memory (mapped pages are counted) are those of the whole command, the start of Python
too:

    nothing      `labelsieve --version`: what starting alone costs
    first        the first `next` after the answers: fits and keeps the head, measures what a scan costs; every shard
                 that it touches is hashed
    again        `next` once more: the head is there, shards that were hashed are not hashed again
    seals        the same with --candidates "seals(k=100)", after `labelsieve index`
    seals again  and once more
"""

import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import labelsieve as ls
from labelsieve.store.shards import Shards

RANK, CLUSTERS, CLASSES, LABELLED, ASKED, SHARD = 12, 100, 20, 200, 100, 2048
SETTLED = 3.0  # seconds to wait until files count as settled: what has just been written is hashed once more
OUT = Path(__file__).parent / "results" / "project_next.json"
COMMAND = str(Path(sys.executable).parent / "labelsieve")


def rows(items: int, dim: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit-norm rows (N, d) round 100 centres, which vary along 12 directions and a little noise; classes (N,)."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((CLUSTERS, dim), dtype=np.float32)
    ways = rng.standard_normal((RANK, dim), dtype=np.float32) / RANK**0.5
    cluster = rng.integers(CLUSTERS, size=items)
    x = np.empty((items, dim), np.float32)
    for i in range(0, items, 50_000):
        part = x[i : i + 50_000]
        part[:] = centres[cluster[i : i + 50_000]] + 0.1 * rng.standard_normal(part.shape, dtype=np.float32)
        part += rng.standard_normal((len(part), RANK), dtype=np.float32) @ ways
    return x / np.linalg.norm(x, axis=1, keepdims=True), cluster % CLASSES


def array_project(home: Path, x: np.ndarray) -> ls.Project:
    np.save(home / "x.npy", x)
    return ls.create(home / "project", home / "x.npy")


def shards_project(home: Path, x: np.ndarray) -> ls.Project:
    with (home / "texts.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "text"])
        table.writerows((f"k{i}", f"text {i}") for i in range(len(x)))
    project = ls.create(home / "project", home / "texts.csv", key="id", text="text")
    project.context.change(engine="benchmark", revision="1", embeddings="benchmark@1")
    shards = Shards(project.path / "cache" / "embeddings" / "benchmark@1")
    for i in range(0, len(x), SHARD):  # ids of a new project begin with 1
        shards.append(np.arange(i + 1, i + 1 + len(x[i : i + SHARD])), x[i : i + SHARD])
    return project


def labelled(project: ls.Project, y: np.ndarray) -> None:
    asked = project.next(LABELLED, strategy="random")
    project.label(asked.ids, [f"class {code}" for code in y[asked.ids - 1]], by="benchmark", query=asked.id)
    project.close()


def run(*arguments: str) -> dict[str, float]:
    """Wall and processor seconds and peak memory of one command in a process of its own."""
    began = time.perf_counter()
    job = subprocess.Popen([COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    told = job.stderr.read() if job.stderr else b""
    _, status, used = os.wait4(job.pid, 0)
    wall = time.perf_counter() - began
    if status:
        raise RuntimeError(f"{arguments}: {told.decode(errors='replace')[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024
    peak = used.ru_maxrss * unit / 2**20
    return {"seconds": round(wall, 3), "cpu_seconds": round(used.ru_utime + used.ru_stime, 3), "peak_mb": round(peak)}


def several(runs: int, *arguments: str) -> dict[str, Any]:
    """The run of the median wall time, and the wall seconds of all."""
    found = sorted((run(*arguments) for _ in range(runs)), key=lambda one: one["seconds"])
    return {**found[len(found) // 2], "all": [one["seconds"] for one in found]}


def built(home: Path, kind: str, items: int, dim: int, seed: int) -> None:
    home.mkdir()
    x, y = rows(items, dim, seed)
    labelled((array_project if kind == "array" else shards_project)(home, x), y)


def measured(home: Path, kind: str, items: int, given: argparse.Namespace) -> dict[str, Any]:
    # in a process of its own: the peak memory of a parent counts as that of its children
    job = get_context("spawn").Process(target=built, args=(home, kind, items, given.dim, given.seed))
    job.start()
    job.join()
    if job.exitcode:
        raise RuntimeError(f"the project over {kind} could not be built")
    time.sleep(SETTLED)
    folder, ask = str(home / "project"), ["-n", str(ASKED)]
    for stamps in (home / "project" / "cache").rglob("checked.json"):
        stamps.unlink()
    steps: dict[str, Any] = {"first": run("next", folder, *ask), "again": several(given.runs, "next", folder, *ask)}
    steps["index"] = run("index", folder)
    time.sleep(SETTLED)
    near = [*ask, "--candidates", "seals(k=100)"]
    return steps | {"seals": run("next", folder, *near), "seals again": several(given.runs, "next", folder, *near)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "load": round(os.getloadavg()[0], 1)}
    start = [run("--version")["seconds"] for _ in range(given.runs)]
    found: dict[str, Any] = {"machine": machine, "seed": given.seed, "dim": given.dim, "labelled": LABELLED}
    found |= {"asked": ASKED, "nothing_seconds": round(statistics.median(start), 3), "points": {}}
    for items in given.items:
        for kind in ("array", "shards"):
            with tempfile.TemporaryDirectory() as home:
                steps = measured(Path(home) / kind, kind, items, given)
            found["points"][f"{items} {kind}"] = steps
            print(
                items, kind, {name: (step["seconds"], step["cpu_seconds"]) for name, step in steps.items()}, flush=True
            )
            given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
