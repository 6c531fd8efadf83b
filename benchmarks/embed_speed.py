"""Embedding throughput of the runner against its ideal: cores / (preprocessing + inference time of an item).

Everything in one run: the ideal is measured on one thread over the same items, before and after the runner.
`processor_share` is the part of both cores that the runner had: on a busy machine the wall clock measures the others.
    python benchmarks/embed_speed.py --data ../shared/data --out benchmarks/results/embed_speed.json
"""

import argparse
import json
import os
import platform
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import labelsieve as ls
from labelsieve.engines.opening import open_engine
from labelsieve.project.embedding import CHUNK

JOBS = {
    "clothing, mobilenetv2": ("images_clothing", "mobilenetv2", {}),
    "CLINC150, minilm-l6-v2": ("text_clinc150/clinc150.parquet", "minilm-l6-v2", {"text": "text"}),
}


def one_thread(engine: Any, things: list[Any]) -> float:
    """Seconds an item, prepared and computed on one thread in the runner's own chunks."""
    size = int(getattr(engine, "chunk", CHUNK))
    began = time.perf_counter()
    with threadpool_limits(1):
        for first in range(0, len(things), size):
            engine.compute([engine.prepare(thing) for thing in things[first : first + size]])
    return (time.perf_counter() - began) / len(things)


def measure(data: Path, source: str, model: str, options: dict[str, Any], n: int) -> dict[str, Any]:
    home = Path(tempfile.mkdtemp())
    try:
        with ls.create(home / "p.sieve", data / source, **options) as project:
            ids = project.context.conn.execute("SELECT id FROM items ORDER BY id").fetchall()
            rng = np.random.default_rng(0)
            drawn = np.sort(rng.choice([row[0] for row in ids], n, replace=False))
            engine = open_engine(str(data / "models" / model))
            things = list(project.context.things(drawn))
            if isinstance(things[0], str):
                things.sort(key=len)
            one_thread(engine, things[:32])  # warm
            before = one_thread(engine, things)
            busy = time.process_time()
            report = project.embed(str(data / "models" / model))
            busy = time.process_time() - busy
            after = one_thread(engine, things)
        cores = os.cpu_count() or 1
        ideal = cores / ((before + after) / 2)
        rate = report.done / report.seconds
        return {
            "items": report.done, "rate": rate, "ideal": ideal, "share_of_ideal": rate / ideal,
            "processor_share": busy / report.seconds / cores,
            "ms_an_item_one_thread": [before * 1000, after * 1000], "cores": cores,
        }  # fmt: skip
    finally:
        shutil.rmtree(home)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "embed_speed.json")
    parser.add_argument("--items", type=int, default=1000, help="items that the ideal is measured on")
    args = parser.parse_args()
    results = {name: measure(args.data, *job, args.items) for name, job in JOBS.items()}
    out = {"python": platform.python_version(), "machine": platform.machine(), "results": results}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(out, indent=2) + "\n")
    for name, row in results.items():
        print(
            f"{name}: {row['rate']:.0f} items/s, {row['share_of_ideal']:.0%} of the ideal {row['ideal']:.0f}, "
            f"with {row['processor_share']:.0%} of the machine"
        )


if __name__ == "__main__":
    main()
