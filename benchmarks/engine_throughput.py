"""Embedding against the ideal: cores / (preprocessing + inference time an item), all measured in one run.

    OMP_NUM_THREADS=1 python benchmarks/engine_throughput.py [--items 600] [--repeats 3] [--out FILE]

Needs ../shared/data. For each engine: what one thread needs to prepare and to compute an item, for several sizes
of chunk; then the run that `labelsieve embed` does, on all cores. On a busy machine walls lie, so the same is
given in seconds of processor: what the run costs beyond preparing and computing.
"""

import argparse
import csv
import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.sockets import Engine
from labelsieve.core.types import Ids, Matrix
from labelsieve.engines.opening import open_engine
from labelsieve.project.embedding import embed_pending

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
CHUNKS = (1, 2, 4, 8, 16, 32)


class Nowhere:
    """A shard store that keeps nothing: what is measured is the engine and the run."""

    def append(self, ids: Ids, x: Matrix) -> None:
        """Drop the rows."""


def clothing(items: int) -> list[Any]:
    folder = SHARED / "images_clothing"
    with (folder / "labels.csv").open(newline="") as stream:
        files = [folder / row["file"] for row in csv.DictReader(stream)]
    return [files[i] for i in np.random.default_rng(0).permutation(len(files))[:items]]


def queries(items: int) -> list[Any]:
    import pyarrow.parquet as parquet

    texts = parquet.read_table(SHARED / "text_clinc150" / "clinc150.parquet").column("text").to_pylist()
    return [texts[i] for i in np.random.default_rng(0).permutation(len(texts))[:items]]


def cost(engine: Engine, things: Sequence[Any], size: int) -> dict[str, float]:
    """Milliseconds an item on one thread, by its own processor clock and by the wall."""
    began, wall = time.thread_time(), time.perf_counter()
    prepared = [engine.prepare(thing) for thing in things]
    prepare, prepare_wall = time.thread_time() - began, time.perf_counter() - wall
    began, wall = time.thread_time(), time.perf_counter()
    for first in range(0, len(prepared), size):
        engine.compute(prepared[first : first + size])
    compute, compute_wall = time.thread_time() - began, time.perf_counter() - wall
    scale = 1000 / len(things)
    return {
        "chunk": size,
        "prepare_ms": prepare * scale,
        "compute_ms": compute * scale,
        "wall_ms": (prepare_wall + compute_wall) * scale,
    }


def run(engine: Engine, things: Sequence[Any]) -> dict[str, float]:
    """Items a second of the whole run, and seconds of processor an item."""

    def data(ids: Ids) -> Any:
        return iter([things[i] for i in ids])

    began, wall = time.process_time(), time.perf_counter()
    done = embed_pending(engine, Nowhere(), np.arange(len(things), dtype=np.int64), data, lambda bad: None)
    wall, used = time.perf_counter() - wall, time.process_time() - began
    return {"items_a_second": done / wall, "processor_ms": used / done * 1000, "busy_cores": used / wall}


def measure(name: str, things: list[Any], repeats: int) -> dict[str, Any]:
    engine = open_engine(SHARED / "models" / name)
    engine.compute([engine.prepare(things[0])])
    part = things[: max(64, len(things) // 4)]
    costs = [cost(engine, part, size) for size in CHUNKS]
    runs, ones = [], []
    for _ in range(repeats):  # in turn, so that a busy minute falls on both
        ones.append(cost(engine, part, getattr(engine, "chunk", 16)))
        runs.append(run(engine, things))
    one = min(ones, key=lambda c: c["prepare_ms"] + c["compute_ms"])
    best = max(runs, key=lambda r: r["items_a_second"])
    cores = os.cpu_count() or 1
    ideal = cores * 1000 / (one["prepare_ms"] + one["compute_ms"])
    least = min(runs, key=lambda r: r["processor_ms"])
    return {
        "engine": name,
        "items": len(things),
        "by_chunk": costs,
        "one_thread": one,
        "runs": runs,
        "ideal_items_a_second": ideal,
        "share_of_ideal": best["items_a_second"] / ideal,
        "share_of_ideal_by_processor": (one["prepare_ms"] + one["compute_ms"]) / least["processor_ms"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "engine_throughput.json")
    given = parser.parse_args()
    found = [
        measure("mobilenetv2", clothing(given.items), given.repeats),
        measure("minilm-l6-v2", queries(given.items * 4), given.repeats),
    ]
    machine = {
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "cpu": platform.machine(),
    }
    given.out.parent.mkdir(exist_ok=True)
    given.out.write_text(json.dumps({"machine": machine, "seed": 0, "engines": found}, indent=1) + "\n")
    for row in found:
        print(
            f"{row['engine']}: ideal {row['ideal_items_a_second']:.0f}/s, "
            f"run {max(r['items_a_second'] for r in row['runs']):.0f}/s = {row['share_of_ideal']:.2f} by the wall, "
            f"{row['share_of_ideal_by_processor']:.2f} by the processor's clock"
        )
        for c in row["by_chunk"]:
            print(f"  chunk {c['chunk']:3d}: prepare {c['prepare_ms']:.2f} ms, compute {c['compute_ms']:.2f} ms")


if __name__ == "__main__":
    main()
