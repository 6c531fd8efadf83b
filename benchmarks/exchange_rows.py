"""How fast, and in how much memory, a million labels go out of a project and into a fresh one, by format.

    python benchmarks/exchange_rows.py [--rows 1000000] [--out benchmarks/results/exchange_rows.json] [--formats csv,hf]

Texts with 20 classes and one annotator. Each step runs in a process of its own, so that its peak memory is its own.
A format that stands in the file is not run again. Asked for: imports >= 20,000 rows/s.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import labelsieve as ls

FILES = {"csv": "l.csv", "jsonl": "l.jsonl", "parquet": "l.parquet", "label-studio": "l.json", "hf": "hf"}


def make(folder: Path, rows: int) -> None:
    """A pool of short texts, an empty project, and one with all labels."""
    with (folder / "t.jsonl").open("w") as file:
        file.writelines(json.dumps({"id": f"k{i}", "text": f"ticket number {i}"}) + "\n" for i in range(rows))
    ls.create(folder / "empty.sieve", folder / "t.jsonl", text="text", key="id").close()
    shutil.copytree(folder / "empty.sieve", folder / "full.sieve")
    with (folder / "given.csv").open("w") as file:
        file.write("key,label,annotator,at,seconds\n")
        file.writelines(f"k{i},class {i % 20},ann,2026-01-01T00:00:{i % 60:02d}+00:00,1.5\n" for i in range(rows))
    with ls.open(folder / "full.sieve") as project:
        project.import_labels(folder / "given.csv", "ann", strict=True)


def step(folder: Path, name: str, what: str) -> dict[str, Any]:
    """One export or import, in this process."""
    root = folder / ("full.sieve" if what == "export" else "fresh.sieve")
    if what == "import":
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(folder / "empty.sieve", root)
    with ls.open(root) as project:
        began, used = time.perf_counter(), time.process_time()
        if what == "export":
            count = project.export_as(folder / FILES[name], name).answers
        else:
            count = project.import_labels(folder / FILES[name], "nobody", strict=True).added
        seconds, cpu = time.perf_counter() - began, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    facts = {"rows": count, "seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2), "peak_mb": round(peak)}
    return facts | {"rows_per_second": round(count / seconds)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", default=",".join(FILES))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "exchange_rows.json")
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        print(json.dumps(step(Path(given.step[0]), given.step[1], given.step[2])))
        return 0
    result: dict[str, Any] = {"rows": given.rows, "seed": None, "steps": {}}
    if given.out.exists() and (before := json.loads(given.out.read_text()))["rows"] == given.rows:
        result = before
    missing = [name for name in given.formats.split(",") if name not in result["steps"]]
    with tempfile.TemporaryDirectory() as name:
        if missing:
            make(Path(name), given.rows)
        for one in missing:
            result["steps"][one] = {what: _apart(name, one, what) for what in ("export", "import")}
            result["machine"] = f"{os.cpu_count()} cores, {platform.system()}, load {os.getloadavg()[0]:.1f}"
            result["passed"] = all(s["import"]["rows_per_second"] >= 20_000 for s in result["steps"].values())
            given.out.write_text(json.dumps(result | {"python": platform.python_version()}, indent=1) + "\n")
            print(one, result["steps"][one], flush=True)
    return 0 if result["passed"] else 1


def _apart(folder: str, name: str, what: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--step", folder, name, what]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
