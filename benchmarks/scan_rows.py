"""Rows a second and peak memory for a Parquet file of texts: scan alone, first sync, and a sync that finds all again.

    python benchmarks/scan_rows.py [--rows 1000000] [--seed 0] [--json benchmarks/results/scan_rows.json]

To reach: 20,000 rows a second in less than 1.5 GB. The file holds distinct texts of 3 to 40 words with a
class and a number beside them, in row groups of 100,000 and once more in a single one. Each step runs in a
process of its own, whose peak memory is the kernel's VmHWM; the time to start Python is not counted. On a
machine that is busy, `cpu_seconds` (all of the process, start included) says what `seconds` cannot.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve()
STEPS = ("import", "scan", "sync", "sync again", "read 100,000 rows at random")


def write_texts(path: Path, rows: int, seed: int, group: int) -> None:
    """Texts of made-up words, written row group by row group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    words = np.array(["".join(rng.choice(letters[:18], size=rng.integers(2, 10))) for _ in range(20_000)])
    schema = pa.schema([("text", pa.string()), ("category", pa.string()), ("size", pa.int64())])
    with pq.ParquetWriter(path, schema) as writer:
        for first in range(0, rows, group):
            n = min(group, rows - first)
            lengths = rng.integers(3, 41, size=n)
            drawn = words[np.minimum(rng.zipf(1.3, size=int(lengths.sum())), len(words)) - 1]
            cuts = np.cumsum(lengths)[:-1]
            texts = [f"{' '.join(part)} {first + i}" for i, part in enumerate(np.split(drawn, cuts))]
            kinds = [f"class {k}" for k in rng.integers(0, 77, size=n)]
            writer.write_table(pa.table([texts, kinds, lengths.tolist()], schema=schema))


def run_step(step: str, path: Path, root: Path) -> dict[str, Any]:
    """Seconds, rows and peak memory of one step, in this process."""
    from labelsieve.project.database import connect
    from labelsieve.project.syncing import sync
    from labelsieve.sources import SourceOptions, open_source

    began = time.perf_counter()
    source = open_source(path, SourceOptions(text="text", labels="category"), root / "cache")
    rows = 0
    if step == "scan":
        rows = sum(len(found) for found in source.scan())
    elif step.startswith("sync"):
        conn = connect(root / "labels.sqlite", create=step == "sync")
        report = sync(conn, {path.name: source})
        rows = report.added + report.unchanged
        conn.close()
    elif step.startswith("read"):
        refs = np.random.default_rng(0).permutation(len(source.column("category")))[:100_000].tolist()
        began = time.perf_counter()
        rows = sum(1 for _ in source.read(refs))
    seconds = time.perf_counter() - began
    return {"step": step, "rows": rows, "seconds": round(seconds, 2), "cpu_seconds": round(time.process_time(), 2),
            "peak_mb": round(_peak_mb()), "rows_per_second": round(rows / seconds) if rows else None}  # fmt: skip


def _peak_mb() -> float:
    """Peak resident memory. ru_maxrss would be that of the parent process, where it was larger."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("this script needs /proc (Linux)")


def measure(rows: int, seed: int) -> dict[str, Any]:
    """All steps over both files, each in a process of its own."""
    import pyarrow

    out: dict[str, Any] = {
        "rows": rows, "seed": seed, "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1), "python": platform.python_version(),
        "pyarrow": pyarrow.__version__, "files": [],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for group in (100_000, rows):
            path = Path(folder) / f"texts-{group}.parquet"
            write_texts(path, rows, seed, group)
            root = Path(folder) / f"project-{group}"
            root.mkdir()
            found = []
            for step in STEPS:
                command = [sys.executable, str(HERE), "--step", step, "--path", str(path), "--root", str(root)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                found.append(json.loads(done.stdout))
                print(found[-1], flush=True)
            size = round(path.stat().st_size / 1e6)
            out["files"].append({"row_group": group, "megabytes": size, "steps": found})
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, default=HERE.parent / "results" / "scan_rows.json")
    for name in ("--step", "--path", "--root"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        print(json.dumps(run_step(given.step, Path(given.path), Path(given.root))))
        return
    found = measure(given.rows, given.seed)
    given.json.parent.mkdir(exist_ok=True)
    given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
