"""How long `labelsieve --help` takes (to reach: .4 s) and what `import labelsieve` loads. -> results/startup.json"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

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


def main() -> None:
    home = Path(sys.executable).parent
    script = "import labelsieve, sys; print(len(sys.modules))"
    rows = {
        "labelsieve --help": seconds(str(home / "labelsieve"), "--help"),
        "import labelsieve": seconds(sys.executable, "-c", script),
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
