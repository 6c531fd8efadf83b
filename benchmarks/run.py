"""Runs the benchmarks one after the other; a part that is done is not run again. `make bench`, `make bench BENCH=name`.

What is done is remembered under .bench/; a part that was stopped goes on where its script can. Run it on a quiet
machine: two parts at once measure each other.
"""

import argparse
import shlex
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / ".bench"
POOLS = f"--cache {WORK}/pools"
RESULTS, MORE = HERE / "results" / "label_efficiency", "german_credit,adult,clinc150_oos"

# name -> (minutes on two cores, command lines)
PARTS: dict[str, tuple[int, list[str]]] = {
    "startup": (1, ["startup.py"]),
    "install_size": (3, ["install_size.py"]),
    "heads": (2, ["heads.py"]),
    "builtin_engines": (6, ["builtin_engines.py"]),
    "axes": (2, ["axes.py", "heat_scales.py"]),
    "embed_speed": (5, ["embed_speed.py"]),
    "rows": (15, ["scan_rows.py", "sync_rows.py", "exchange_rows.py"]),
    "durability": (10, ["durability.py"]),
    "select_speed": (1, ["select_speed.py"]),
    "scan_speed": (2, ["scan_speed.py"]),
    "peers": (25, [f"peers.py --setup {WORK}/peers"]),
    "index": (10, ["index.py"]),
    "disk_pool": (40, [f"disk_pool.py --folder {WORK}/disk_pool"]),
    "stored_types": (2, [f"stored_types.py {POOLS}"]),
    "project_next": (3, ["project_next.py"]),
    "stopping": (5, [f"stopping.py {POOLS}"]),
    "bounds": (3, ["bounds.py"]),
    "patches": (20, [f"patches.py {POOLS}"]),
    "taught_patches": (20, [f"taught_patches.py {POOLS}"]),
    "conformal": (5, [f"conformal.py {POOLS}"]),
    "together": (1, ["together.py"]),
    "screening": (60, [f"screening.py {POOLS} --work {WORK}/screening --setup {WORK}/peers --jobs 2"]),
    "screening_peers": (30, [f"screening_peers.py {POOLS} --work {WORK}/detectors --setup {WORK}/peers --jobs 2"]),
    "seals": (20, [f"seals.py {POOLS}"]),
    "active_search": (15, [f"active_search.py {POOLS}"]),
    "label_efficiency": (
        15,
        [
            f"label_efficiency.py {POOLS} --play controls",
            f"label_efficiency.py {POOLS} --play controls --pools {MORE} --out {RESULTS}_more.json",
            f"label_efficiency.py {POOLS} --play variants --out {RESULTS}_variants.json",
        ],
    ),
    "strategies": (90, [f"strategies.py {POOLS} --work {WORK}/strategies"]),
    "coresets": (15, [f"coresets.py {POOLS}"]),
    "projection": (6, [f"projection.py {POOLS}", "projection.py --rows 1000000"]),
    "mixup": (5, [f"mixup.py {POOLS}"]),
    "suspects": (10, [f"suspects.py {POOLS} --work {WORK}/suspects"]),
    "consensus": (10, ["consensus.py"]),
}


def run(name: str) -> bool:
    """Runs one part and remembers that it is done."""
    for line in PARTS[name][1]:
        print(f"\n== {name}: {line}", flush=True)
        script, *options = shlex.split(line)
        began = time.monotonic()
        code = subprocess.run([sys.executable, str(HERE / script), *options], cwd=HERE.parent, check=False).returncode
        print(f"== {name}: exit {code} after {(time.monotonic() - began) / 60:.1f} min", flush=True)
        if code:
            return False
    (WORK / "done").mkdir(parents=True, exist_ok=True)
    (WORK / "done" / name).touch()
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*PARTS, []], help="parts to run, also again; all others once")
    names = parser.parse_args().names
    todo = names or [name for name in PARTS if not (WORK / "done" / name).exists()]
    print(f"{len(todo)} of {len(PARTS)} parts, about {sum(PARTS[name][0] for name in todo)} minutes on two cores")
    failed = [name for name in todo if not run(name)]
    if failed:
        sys.exit(f"not done: {', '.join(failed)}")
    subprocess.run([sys.executable, str(HERE / "tables.py")], check=True)


if __name__ == "__main__":
    main()
