"""How fast, and in how much memory, a Parquet file of a million texts becomes items of a project.

    python benchmarks/sync_rows.py [--rows 1000000] [--json benchmarks/results/sync_rows.json]

Each step runs in a process of its own, so that its peak memory is its own: the first sync, a sync of the
same file, and a sync after the rows were put in another order and one in a hundred was replaced.
Asked for: >= 20,000 rows/s in < 1.5 GB.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from labelsieve.project.database import connect
from labelsieve.project.syncing import sync
from labelsieve.sources import SourceOptions, open_source

WORDS = ["the", "of", "a", "to", "in", "is", "you", "that", "it", "he", "was", "for", "on", "are", "as", "with"]


def write_texts(path: Path, rows: int, seed: int, order_seed: int = 0, fresh: float = 0.0) -> None:
    """Texts of 5 to 40 words with a number in each; one in 50 is an exact repeat of the one before."""
    rng = np.random.default_rng(seed)
    lengths, numbers = rng.integers(5, 40, rows), np.arange(rows)
    numbers[1:][rng.random(rows - 1) < 0.02] -= 1
    if fresh:
        new = np.random.default_rng(order_seed).random(rows) < fresh
        numbers[new] += 10 * rows
    order = np.random.default_rng(order_seed).permutation(rows) if order_seed else np.arange(rows)
    schema = pa.schema([("text", pa.string()), ("category", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for first in range(0, rows, 50_000):
            part = order[first : first + 50_000]
            texts = [
                f"ticket {numbers[i]} "
                + " ".join(WORDS[(numbers[i] + j) % 16] for j in range(lengths[numbers[i] % rows]))
                for i in part
            ]
            writer.write_table(pa.table({"text": texts, "category": [f"c{i % 20}" for i in part]}, schema))


def step(folder: Path) -> dict[str, Any]:
    """One sync, in this process."""
    source = open_source(folder / "tickets.parquet", SourceOptions(text="text"), folder / "cache")
    began = time.perf_counter()
    with closing(connect(folder / "labels.sqlite", create=True)) as conn:
        report = sync(conn, {"tickets.parquet": source})
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(file.stat().st_size for file in folder.glob("labels.sqlite*")) / 2**20
    counts = {name: getattr(report, name) for name in report.__dataclass_fields__}
    return {"seconds": round(seconds, 2), "cpu_seconds": round(time.process_time(), 2), "peak_mb": round(peak),
            "database_mb": round(size), **counts}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "sync_rows.json")
    parser.add_argument("--step", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        print(json.dumps(step(given.step)))
        return 0
    steps = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, settings in {"first": (0, 0.0), "again": None, "reordered": (7, 0.01)}.items():
            if settings is not None:
                write_texts(folder / "tickets.parquet", given.rows, 0, *settings)
            out = subprocess.run(
                [sys.executable, __file__, "--step", name], capture_output=True, text=True, check=True
            ).stdout
            steps[what] = json.loads(out)
            steps[what]["rows_per_second"] = round(given.rows / steps[what]["seconds"])
            print(what, steps[what], flush=True)
    passed = steps["first"]["rows_per_second"] >= 20_000 and all(one["peak_mb"] < 1500 for one in steps.values())
    machine = f"{os.cpu_count()} cores, {platform.system()}, load {os.getloadavg()[0]:.1f}"
    result = {"rows": given.rows, "steps": steps, "passed": passed, "machine": machine}
    result |= {"python": platform.python_version()}
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
