"""How long commands take that do next to nothing (to reach: `labelsieve --help` in .4 s). -> results/startup.json"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import labelsieve as ls

RUNS = 21
OUT = Path(__file__).parent / "results" / "startup.json"


def seconds(*command: str) -> list[float]:
    """Wall seconds of each of RUNS runs, after one that warms the file cache."""
    taken = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append(round(time.perf_counter() - began, 4))
    return taken[1:]


def small_project(folder: Path) -> Path:
    """A project of 300 embeddings, of which 20 are labelled."""
    np.save(folder / "items.npy", np.random.default_rng(0).normal(size=(300, 16)).astype(np.float32))
    with ls.create(folder / "p.sieve", folder / "items.npy", seed=0) as project:
        project.label(list(range(1, 21)), ["a", "b"] * 10, by="me")
        project.fit()
    return folder / "p.sieve"


def main() -> None:
    sieve = str(Path(sys.executable).parent / "labelsieve")
    script = "import labelsieve, sys; print(len(sys.modules))"
    with tempfile.TemporaryDirectory() as folder:
        project = str(small_project(Path(folder)))
        rows = {
            "labelsieve --help": seconds(sieve, "--help"),
            "labelsieve --version": seconds(sieve, "--version"),
            "labelsieve status": seconds(sieve, "status", project),
            "labelsieve fit": seconds(sieve, "fit", project),
            "labelsieve next": seconds(sieve, "next", project),
            "import labelsieve": seconds(sys.executable, "-c", script),
            "import numpy": seconds(sys.executable, "-c", "import numpy"),
            "python -c pass": seconds(sys.executable, "-c", "pass"),
        }
    found = {
        "machine": {"cores": os.cpu_count(), "load": os.getloadavg()[0], "python": platform.python_version()},
        "runs": rows,
        "median_seconds": {name: round(statistics.median(taken), 4) for name, taken in rows.items()},
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps({"machine": found["machine"], **found["median_seconds"]}, indent=1))


if __name__ == "__main__":
    main()
