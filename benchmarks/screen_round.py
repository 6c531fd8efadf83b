"""One round of `screen` on large pools: seconds cold and warm, and the most memory that the process held.

    python benchmarks/screen_round.py                      -> results/screen_round.json: 567k x 3 (http)
    python benchmarks/screen_round.py --large 10000000     the same, and that many x 256 mapped from a temporary file

Cold: nothing is kept yet. Warm: what depends on the pool alone is kept, as in every round after the first; the median
of five rounds of ten items, with 200 labels known, so that every arm takes part. Each pool has a process of its own.
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
from pathlib import Path
from typing import Any

import numpy as np
from pools import SHARED

from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool, InMemory, Round
from labelsieve.core.types import Labels, Query
from labelsieve.heads.view import View
from labelsieve.screening.search import screen

OUT = Path(__file__).parent / "results" / "screen_round.json"
LABELS, SIZE, WARM, WIDE, ROWS = 200, 10, 5, 256, 65_536


def http() -> tuple[Any, np.ndarray]:
    with np.load(SHARED / "pool_tabular" / "http.npz") as part:
        x = part["X"].astype(np.float32)
        return View.fit(x, "z")(x), part["y"].astype(np.int64)


def mapped(n: int, path: Path) -> tuple[Any, np.ndarray]:
    """n x 256 rows in a file, of which one in a thousand is odd: shifted along one of three directions."""
    rng = stream(0, "large pool")
    y = np.zeros(n, np.int64)
    y[rng.choice(n, n // 1000, replace=False)] = 1
    x = np.memmap(path, np.float32, "w+", shape=(n, WIDE))
    for i in range(0, n, ROWS):
        rows = rng.standard_normal((min(ROWS, n - i), WIDE), dtype=np.float32)
        odd = np.flatnonzero(y[i : i + ROWS])
        rows[odd, odd % 3] += 6
        x[i : i + ROWS] = rows
    x.flush()
    del x
    return np.memmap(path, np.float32, "r", shape=(n, WIDE)), y


def played(x: Any, y: np.ndarray, tabular: bool) -> dict[str, Any]:
    rng, kept, seconds = stream(0, "screen round"), InMemory(), []
    odd = np.flatnonzero(y)
    known = np.union1d(rng.choice(len(y), LABELS - 10, replace=False), rng.choice(odd, 10, replace=False))
    labels = Labels(known, y[known], ("dull", "odd"), "screen")
    before = peak()
    pool = ArrayPool(x)
    past: list[Query] = []
    used = []
    for number in range(1 + WARM):
        began, busy = time.perf_counter(), time.process_time()
        state = Round(pool, labels, number=number, past=tuple(past), kept=kept, tabular=tabular)
        past.append(screen(state, SIZE, stream(0, "screen", number)))
        seconds.append(time.perf_counter() - began)
        used.append(time.process_time() - busy)
    return {
        "items": len(y),
        "columns": int(x.shape[1]),
        "cold_seconds": round(seconds[0], 2),
        "warm_seconds": round(float(np.median(seconds[1:])), 2),
        "warm_seconds_worst": round(max(seconds[1:]), 2),
        "cold_processor_seconds": round(used[0], 2),
        "warm_processor_seconds": round(float(np.median(used[1:])), 2),
        "peak_megabytes": round(peak()),
        "peak_megabytes_before": round(before),
    }


def peak() -> float:
    """Megabytes held at most so far, pages of mapped files not counted where the system tells them apart."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return max(float(lines["RssAnon"].split()[0]) / 1024, _held)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


_held = 0.0


def watched() -> None:
    """Looks at the memory twenty times a second, for as long as the process runs."""
    import threading

    def look() -> None:
        global _held
        while True:
            _held = peak()
            time.sleep(0.05)

    threading.Thread(target=look, daemon=True).start()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", type=int, default=0, help="rows of a second pool, in a temporary file (1 KB a row)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--only", choices=("http", "large"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        watched()
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            x, y = http() if args.only == "http" else mapped(args.large, Path(folder) / "rows")
            print(json.dumps(played(x, y, args.only == "http")))
        return
    out: dict[str, Any] = json.loads(args.out.read_text()) if args.out.exists() else {}
    out["machine"] = {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    for name in ("http", "large") if args.large else ("http",):
        command = [sys.executable, __file__, "--only", name, "--large", str(args.large), "--folder", str(args.folder)]
        out[name] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(name, out[name], flush=True)
        args.out.write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    main()
