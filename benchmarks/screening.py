"""Search for odd items from nothing labelled: `screen` beside its arms alone, other strategies and other libraries.

    python benchmarks/screening.py --cache /tmp/pools --work /tmp/screening --setup /tmp/peers --seeds 0-9 --jobs 2
    python benchmarks/screening.py ... --methods screen --again      # play one method anew
    python benchmarks/screening.py ... --methods none                # only merge and judge what was played

Pools: screening_pools.py, drawn anew by each seed. min(200, a fifth of the pool) labels, ten a query. The product plays
as `labelsieve simulate` plays it; PyOD and coniferest play in an environment of their own under --setup (made where it
is missing). Each (pool, seed, method) is a file under --work and is not played again; all of them are merged into
results/screening.json, with what is asked of the search and whether it was reached.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from fnmatch import fnmatch
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from screening_policies import HEADED, policies
from screening_pools import PLANS, Drawn, draw, names, truth, viewed

from labelsieve.core.errors import NotEnoughLabels
from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.sockets import Head, Strategy
from labelsieve.core.statistics import bootstrap
from labelsieve.core.types import Labels, Query
from labelsieve.project.simulation import Play, SimulationSettings, trajectory
from labelsieve.project.training import Chooser

HERE = Path(__file__).resolve().parent
OUT = HERE / "results" / "screening.json"
SIZE = 10
PEERS = {"pyod_ecod": "ecod", "pyod_iforest": "iforest", "pyod_knn": "knn", "pyod_xgbod": "xgbod", "aad": "aad"}
PACKAGES = [
    "numpy==2.4.6",
    "scipy==1.17.1",
    "scikit-learn==1.9.1",
    "pyod==3.6.7",
    "xgboost==3.2.0",
    "coniferest==0.2.2",
]
ENOUGH, SHARE, PEER_FINDS = 10, 0.8, 0.5  # odd items of a pool that is judged; of the best; what a peer found


def methods() -> list[str]:
    return [*policies(), *PEERS]


def set_up(folder: Path) -> Path | None:
    """The interpreter that has PyOD and coniferest, or None where they cannot be installed."""
    python = folder / "pyod" / "bin" / "python"
    if not (folder / "pyod" / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "pyod")], check=True)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES]
        if subprocess.run(pip, check=False, capture_output=True).returncode:
            return None
        (folder / "pyod" / "done").touch()
    return python


def no_head(labels: Labels, previous: Head | None) -> Head:
    raise NotEnoughLabels("this policy asks no head", "")


def played(drawn: Drawn, x: np.ndarray, method: str, seed: int) -> dict[str, Any]:
    """The ids that a method of this package asked for, in order, and how good its head was after each query."""
    asked: list[int] = []
    strategy = policies()[method]

    def noted(state: Round, n: int, rng: np.random.Generator) -> Query:
        query = strategy(state, n, rng)
        asked.extend(query.ids.tolist())
        return query

    choose = Chooser("auto", drawn.tabular) if method in HEADED else no_head
    listed: dict[str, Strategy] = {method: noted}
    play = Play(ArrayPool(x), truth(drawn), choose, listed, tabular=drawn.tabular, maps=drawn.maps)
    settings = SimulationSettings(drawn.budget, SIZE, (method,), 1, test=0.0, seed=seed).checked("screen", len(x))
    began = time.process_time()
    run = trajectory(play, settings, method, seed)
    seconds = round(time.process_time() - began, 2)
    return {"asked": asked, "seconds": seconds, "average_precision": run.lists["average_precision"]}


@cache
def other(python: Path, script: str) -> subprocess.Popen[str]:
    """Other libraries in a process of their own, which answers one line after the other."""
    command = [str(python), str(HERE / "peers" / script)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def answered(python: Path, script: str, line: list[str]) -> bool:
    """Whether the other libraries did what the line says; what failed is printed."""
    process = other(python, script)
    print(json.dumps(line), file=process.stdin, flush=True)
    said = process.stdout.readline().strip() if process.stdout else ""
    if said != "done":
        print("the other libraries:", said or "ended", flush=True)
    return said == "done"


def by_peers(drawn: Drawn, x: np.ndarray, wanted: list[str], seed: int, python: Path) -> dict[str, dict[str, Any]]:
    """The same of other libraries."""
    with tempfile.TemporaryDirectory(prefix="labelsieve-screening-") as folder:
        pool, out = Path(folder) / "pool.npz", Path(folder) / "out.json"
        np.savez(pool, x=x, y=drawn.y, budget=drawn.budget, size=SIZE, seed=seed)
        if not answered(python, "screening.py", [str(pool), str(out), *(PEERS[m] for m in wanted)]):
            return {}
        found = json.loads(out.read_text())
    return {method: found[PEERS[method]] for method in wanted}


def curve(drawn: Drawn, asked: list[int]) -> dict[str, Any]:
    """Odd items and kinds of them found after each query."""
    at = [*range(SIZE, len(asked), SIZE), len(asked)]
    odd = np.cumsum(drawn.y[asked])
    kinds = [len(np.unique(drawn.kind[asked[:n]][drawn.y[asked[:n]] == 1])) for n in at]
    return {"found": odd[np.array(at) - 1].tolist(), "kinds": kinds}


def play_all(pool: str, seed: int, wanted: list[str], args: argparse.Namespace) -> None:
    """Every method that is wanted and was not played yet, on one pool of one seed."""
    wanted = [method for method in wanted if method != "patches" or PLANS[pool].maps]
    files = {method: args.work / f"{pool}-{seed}-{method}.json" for method in wanted}
    todo = [method for method in wanted if args.again or not files[method].exists()]
    if not todo:
        return
    drawn = draw(pool, seed, args.cache)
    x = viewed(drawn)
    kinds = len(np.unique(drawn.kind[drawn.y == 1]))
    facts = {"items": len(x), "odd": int(drawn.y.sum()), "of_kinds": kinds, "budget": drawn.budget}
    others = [method for method in todo if method in PEERS]
    found = by_peers(drawn, x, others, seed, args.python) if others and args.python else {}
    for method in todo:
        if method not in PEERS:
            found[method] = played(drawn, x, method, seed)
        if method in found:
            row = {"pool": pool, "seed": seed, "method": method, **facts, **found[method]}
            row |= curve(drawn, row.pop("asked"))
            files[method].with_suffix(".part").write_text(json.dumps(row))
            files[method].with_suffix(".part").replace(files[method])
    print(pool, seed, {m: json.loads(files[m].read_text())["found"][-1] for m in found}, flush=True)


def read(work: Path, pools: Iterable[str], seeds: Iterable[int]) -> list[dict[str, Any]]:
    """What was played, in one order."""
    files = (work / f"{pool}-{seed}-{method}.json" for pool in pools for seed in seeds for method in methods())
    return [json.loads(file.read_text()) for file in files if file.exists()]


def shares(rows: list[dict[str, Any]], key: str = "found", of: str = "odd") -> dict[str, dict[str, dict[int, float]]]:
    """pool -> method -> seed -> share of what could be found at the end."""
    out: dict[str, dict[str, dict[int, float]]] = {}
    for row in rows:
        most = min(row[of], row["budget"])
        out.setdefault(row["pool"], {}).setdefault(row["method"], {})[row["seed"]] = row[key][-1] / most
    return out


def interval(values: Iterable[float]) -> dict[str, float]:
    found = bootstrap(np.array(list(values), float), stream(0, "screening"))
    return {name: round(value, 4) for name, value in asdict(found).items()}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The table: for each pool and method the share found with its interval over seeds, and the mean over pools."""
    found, table = shares(rows), {}
    facts = {row["pool"]: {k: row[k] for k in ("items", "odd", "of_kinds", "budget")} for row in rows}
    for pool, by in found.items():
        cells = {method: {**interval(each.values()), "seeds": len(each)} for method, each in by.items()}
        table[pool] = {**facts[pool], "share": cells}
    full = [m for m in methods() if all(m in by for by in found.values())]
    means = {m: interval(over_pools(found, m).values()) for m in full}
    return {"pools": table, "mean": means, "criteria": criteria(rows, found)}


def by_chance(differences: list[float]) -> float:
    """How often differences (seeds,) with random signs have a mean as far from 0: the exact paired test, two-sided.

    The best method is known only afterwards, so that against it this is too small where several are about as good.
    """
    signs = np.array(list(product((-1, 1), repeat=len(differences))), float)
    away = np.abs(signs @ np.array(differences))
    return round(float((away >= abs(sum(differences)) - 1e-9).mean()), 4)


def over_pools(found: dict[str, dict[str, dict[int, float]]], method: str) -> dict[int, float]:
    """The mean share over the pools, of each seed that was played on all of them."""
    seeds = set.intersection(*(set(by[method]) for by in found.values()))
    return {seed: float(np.mean([by[method][seed] for by in found.values()])) for seed in sorted(seeds)}


def criteria(rows: list[dict[str, Any]], found: dict[str, dict[str, dict[int, float]]]) -> dict[str, Any]:
    """What is asked of the search: not behind `fuse`, near the best everywhere, never empty-handed, every kind."""
    out: dict[str, Any] = {}
    both = {pool: by for pool, by in found.items() if {"screen", "fuse"} <= set(by)}
    if not both:
        return out
    mine, fuse = over_pools(both, "screen"), over_pools(both, "fuse")
    out["over_fuse"] = interval(mine[s] - fuse[s] for s in mine.keys() & fuse.keys())
    odd = {row["pool"]: row["odd"] for row in rows}
    ratios = {}
    for pool, by in both.items():
        means = {m: float(np.mean(list(each.values()))) for m, each in by.items() if m != "screen"}
        best = max(means, key=lambda m: means[m])
        got = float(np.mean(list(by["screen"].values())))
        ratios[pool] = {"best": best, "its_share": round(means[best], 4), "share": round(got, 4), "odd": odd[pool]}
        ratios[pool]["ratio"] = round(got / means[best], 3) if means[best] else 1.0
        ratios[pool]["p"] = by_chance([by["screen"][s] - each for s, each in by[best].items() if s in by["screen"]])
    out["to_the_best"] = ratios
    out["below"] = [p for p, row in ratios.items() if row["ratio"] < SHARE and row["odd"] >= ENOUGH]
    out["none_where_a_peer_finds_half"] = [
        f"{pool} {seed}"
        for pool, by in both.items()
        for seed, share in by["screen"].items()
        if share == 0 and max(each.get(seed, 0) for each in by.values()) >= PEER_FINDS
    ]
    several = shares([row for row in rows if row["of_kinds"] > 1], "kinds", "of_kinds")
    full = [m for m in methods() if several and all(m in by for by in several.values())]
    out["kinds"] = {m: interval(over_pools(several, m).values()) for m in full}
    return out


def shown(result: dict[str, Any]) -> None:
    """The figures that decide, on the terminal."""
    for pool, facts in result["pools"].items():
        cells = sorted(facts["share"].items(), key=lambda cell: -cell[1]["mean"])
        print(f"{pool:28}", " ".join(f"{m} {c['mean']:.3f}" for m, c in cells))
    print("mean", {m: v["mean"] for m, v in sorted(result["mean"].items(), key=lambda c: -c[1]["mean"])})
    asked = result["criteria"]
    print("over fuse", asked.get("over_fuse"), "\nbelow .8 of the best:")
    for pool in asked.get("below", []):
        print("  ", pool, asked["to_the_best"][pool])
    print("nothing found where a peer finds half:", asked.get("none_where_a_peer_finds_half"))
    print("kinds", {m: v["mean"] for m, v in asked.get("kinds", {}).items()})


def listed(text: str, known: list[str]) -> list[str]:
    """Names and patterns (`clinc*`) by comma; all of them for "all", none for "none"."""
    if text in ("all", "none"):
        return known if text == "all" else []
    return [name for name in known if any(fnmatch(name, pattern) for pattern in text.split(","))]


def given(what: str | None, work: str, out: Path) -> argparse.Namespace:
    """The arguments of a benchmark that plays methods on pools; `seeds` is a range, and the folder `work` is there."""
    temporary = Path(tempfile.gettempdir())
    parser = argparse.ArgumentParser(description=what, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=temporary / "labelsieve-pools")
    parser.add_argument("--work", type=Path, default=temporary / work)
    parser.add_argument("--setup", type=Path, default=temporary / "labelsieve-peers")
    parser.add_argument("--methods", default="all", help="names or patterns by comma; none: only merge")
    parser.add_argument("--pools", default="all")
    parser.add_argument("--seeds", default="0-9", help="FIRST-LAST")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="play what was played before, too")
    parser.add_argument("--out", type=Path, default=out)
    args = parser.parse_args()
    first, _, last = args.seeds.partition("-")
    args.seeds = range(int(first), int(last or first) + 1)
    args.work.mkdir(parents=True, exist_ok=True)
    return args


def main() -> None:
    args = given(__doc__, "labelsieve-screening", OUT)
    seeds, pools, wanted = args.seeds, listed(args.pools, names()), listed(args.methods, methods())
    args.python = set_up(args.setup) if set(wanted) & set(PEERS) else None
    with ProcessPoolExecutor(args.jobs) as crew:
        for job in [crew.submit(play_all, pool, seed, wanted, args) for seed in seeds for pool in pools]:
            job.result()
    rows = read(args.work, pools, seeds)
    if not rows:
        sys.exit("nothing was played yet: name --methods.")
    result = summary(rows)
    shown(result)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    packages = PACKAGES[3:]
    whole = {"machine": machine, "packages": packages, "seeds": [seeds[0], seeds[-1]], "size": SIZE, **result}
    args.out.with_suffix(".part").write_text(json.dumps({**whole, "runs": rows}, separators=(",", ":")) + "\n")
    args.out.with_suffix(".part").replace(args.out)


if __name__ == "__main__":
    main()
