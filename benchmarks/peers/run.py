"""One measurement: asks one method of one library once or a few times, and prints a line of JSON.

    python run.py PEER METHOD POOL.npz

It runs in that library's own environment, so it needs numpy alone. The pool is read before the clock starts; peak
memory is the kernel's VmHWM during the asking, less what was resident before it (the pool, the imports).
"""

import json
import sys
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np

LABELLED, ASKED = 200, 100
FEW = 5  # runs of what is quick


def resident(name: str) -> int:
    """Megabytes of this process: VmRSS now, or VmHWM at its highest."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) // 1024
    return 0


def forget_peak() -> None:
    """Let VmHWM begin again at what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def made(path: Path) -> SimpleNamespace:
    """The pool: rows x (n, d), of which the last 200 are labelled with y."""
    x = np.load(path)
    y = np.load(path.with_suffix(".y.npy"))
    n = len(x)
    labelled = np.arange(n - min(LABELLED, n // 2), n)
    missing = np.full(n, np.nan)
    missing[labelled] = y[labelled]
    asked = min(ASKED, n // 4)
    return SimpleNamespace(x=x, y=y[labelled], all_y=y, missing=missing, labelled=labelled, n=asked, path=path)


def main() -> None:
    peer, method, path = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    sys.path.insert(0, str(Path(__file__).parent))
    library = import_module(f"with_{peer}")
    work = made(path)
    ask = library.METHODS[method](work)
    before = resident("VmRSS")
    forget_peak()
    wall, processor, picked = [], [], np.zeros(0, np.int64)
    while not wall or (len(wall) < FEW and sum(wall) < 3):
        began, spent = time.perf_counter(), time.process_time()
        picked = np.asarray(ask(), np.int64).ravel()[: work.n]
        wall.append(round(time.perf_counter() - began, 4))
        processor.append(round(time.process_time() - spent, 4))
    row = {"wall": wall, "processor": processor, "best": min(wall), "memory_mb": max(resident("VmHWM") - before, 0)}
    row["versions"] = {name: version(name) for name in library.PACKAGES}
    np.save(path.with_suffix(f".{peer}.{method}.picked.npy"), picked)
    print(json.dumps(row))


if __name__ == "__main__":
    main()
