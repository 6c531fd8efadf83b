"""Active search: wanted items found by 200 labels, by strategy. -> results/active_search.json, resumable

    python benchmarks/active_search.py --cache /tmp/pools --seeds 5

Pools of 20,000 items as in seals.py (molecules active against HIV, the rare forest cover, CLINC150's out-of-scope
queries). One wanted item is known; then 10 queries of 20. Rows z-scored, heads as in a project's screen task.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from seals import rows

from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.statistics import bootstrap
from labelsieve.core.types import ODD, Labels
from labelsieve.heads.choose import choose_head
from labelsieve.heads.view import View
from labelsieve.selection.naming import strategy_called

OUT = Path(__file__).parent / "results" / "active_search.json"
POOLS = {"hiv": "", "cover": "", "clinc150": "oos"}
STRATEGIES = ("random", "margin", "greedy_search", "two_step_search", "ens")
ITEMS, BUDGET, SIZE = 20_000, 201, 20


def played(pool: str, strategy: str, seed: int, folder: Path) -> dict[str, Any]:
    """Wanted items known after each query."""
    x, has, classes = rows(pool, folder)
    rest = stream(seed, "active search", pool).permutation(len(x))[:ITEMS]
    x, y = View.fit(x[rest], "z")(x[rest]), has[rest, classes.index(POOLS[pool])].astype(np.int64)
    known, found = np.flatnonzero(y)[:1], [1]
    began = time.process_time()
    while len(known) < BUDGET:
        labels = Labels(known, y[known], ("dull", "odd"), "screen")
        head = choose_head(labels).fit(x[known], labels.y)
        state = Round(ArrayPool(x), labels, head, costs={"budget": float(BUDGET - len(known))}, wanted=ODD)
        asked = strategy_called(strategy)(state, SIZE, stream(seed, strategy, len(known))).ids
        known = np.union1d(known, asked)
        found.append(int(y[known].sum()))
    seconds = round(time.process_time() - began, 1)
    keys = {"pool": pool, "strategy": strategy, "seed": seed}
    return {**keys, "items": len(x), "wanted": int(y.sum()), "found": found, "processor_seconds": seconds}


def compared(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Found by 200 labels, with its interval over seeds, and against the greedy search of the same seed."""
    out: dict[str, Any] = {}
    for pool in POOLS:
        greedy = {r["seed"]: r["found"][-1] for r in runs if (r["pool"], r["strategy"]) == (pool, "greedy_search")}
        for strategy in STRATEGIES:
            mine = [r for r in runs if (r["pool"], r["strategy"]) == (pool, strategy) and r["seed"] in greedy]
            if mine:
                found = np.array([r["found"][-1] for r in mine], float)
                gain = found - np.array([greedy[r["seed"]] for r in mine])
                both = {"found": found, "over_greedy": gain}
                out.setdefault(pool, {"wanted": mine[0]["wanted"], "items": mine[0]["items"]})[strategy] = {
                    **{
                        k: {n: round(z, 1) for n, z in asdict(bootstrap(v, stream(0, k))).items()}
                        for k, v in both.items()
                    },
                    "seeds": len(mine),
                    "processor_seconds": round(float(np.mean([r["processor_seconds"] for r in mine])), 1),
                }
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-pools")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    runs = json.loads(args.out.read_text())["runs"] if args.out.exists() else []
    done = {(r["pool"], r["strategy"], r["seed"]) for r in runs}
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    for seed in range(args.seeds):
        for pool in POOLS:
            for strategy in STRATEGIES:
                if (pool, strategy, seed) in done:
                    continue
                runs.append(played(pool, strategy, seed, args.cache))
                print({k: v for k, v in runs[-1].items() if k != "found"}, runs[-1]["found"][-1], flush=True)
                found = {"machine": machine, "seed": 0, "seeds": args.seeds, "pools": compared(runs), "runs": runs}
                args.out.with_suffix(".part").write_text(json.dumps(found, separators=(",", ":")) + "\n")
                args.out.with_suffix(".part").replace(args.out)
    for pool, table in compared(runs).items():
        print(pool, {s: table[s]["found"] for s in STRATEGIES if s in table})


if __name__ == "__main__":
    main()
