"""Labels that `auto` saves on real pools, with its controls. -> results/label_efficiency.json

    python benchmarks/label_efficiency.py --cache /tmp/pools --pools digits,clothing --play controls

Every seed draws a sub-pool and a test side (.3); all budget labels train; heads as a project chooses them.
"""

import argparse
import json
import os
import platform
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one process a core

import numpy as np
from pools import MAIN, SETTINGS, load
from variants import ALL, SETS

from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool
from labelsieve.core.statistics import bootstrap, curve_area
from labelsieve.heads.choose import choose_head
from labelsieve.heads.view import View
from labelsieve.project.simulation import Play, Run, SimulationSettings, simulate, summarise

OUT = Path(__file__).parent / "results" / "label_efficiency.json"
SCORE = {"classes": "accuracy", "multilabel": "average_precision"}


def trajectories(name: str, seed: int, strategies: list[str], cache: Path) -> list[dict[str, Any]]:
    """The runs of one seed of one pool."""
    setting = SETTINGS[name]
    x, truth = load(setting, cache)
    play = Play(
        ArrayPool(View.fit(x, "z" if setting.tabular else "unit")(x)),
        truth,
        lambda labels, previous: choose_head(labels, tabular=setting.tabular, previous=previous),
        {s: ALL[s] for s in strategies},
    )
    settings = SimulationSettings(setting.budget, setting.size, tuple(strategies), 1, setting.sample, None, seed)
    found: list[dict[str, Any]] = simulate(play, settings)["runs"]
    return found


def areas(runs: list[dict[str, Any]], strategy: str, kind: str) -> np.ndarray:
    """Areas (seeds,) in the order of seeds."""
    mine = sorted((run for run in runs if run["strategy"] == strategy), key=lambda run: run["seed"])
    return np.array([curve_area(np.array(run["labels"]), np.array(run[SCORE[kind]])) for run in mine])


def paired(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    return {k: round(v, 4) for k, v in asdict(bootstrap(a - b, stream(0, "paired"))).items()}


def of_pool(name: str, runs: list[dict[str, Any]], strategies: list[str], cache: Path) -> dict[str, Any]:
    setting, kind = SETTINGS[name], load(SETTINGS[name], cache)[1].kind
    told = [Run(run["strategy"], run["seed"], 0, {k: v for k, v in run.items() if isinstance(v, list)}) for run in runs]
    found = {s: areas(runs, s, kind) for s in strategies}
    return {
        "score": SCORE[kind],
        "budget": setting.budget,
        "size": setting.size,
        "sample": setting.sample,
        "summary": {
            s: {
                **summarise(told, s, kind, setting.budget),
                "worst_gain": round(float((found[s] - found["random"]).min()), 4),
                "gain_over_margin": paired(found[s], found["margin"]),
            }
            for s in strategies
        },
        "auto_over_same_start_then_random": paired(found["auto"], found["auto_start_then_random"]),
        "auto_over_facility_location": paired(found["auto"], found["facility_location"]),
        "runs": runs,
    }


def goals(pools: dict[str, Any]) -> dict[str, Any]:
    """The numbers to reach, beside what was measured."""

    def auto(name: str, key: str) -> float:
        return float(pools[name]["summary"]["auto"][key]["mean"])

    def mean(key: str, *names: str) -> float:
        return round(float(np.mean([auto(name, key) for name in names])), 4)

    out: dict[str, Any] = {"gain over random, every pool >= 0": {n: auto(n, "gain_over_random") for n in pools}}
    if {"digits", "clinc150", "clothing"} <= set(pools):
        out["gain over random >= .08"] = mean("gain_over_random", "digits", "clinc150", "clothing")
        out["gain over random + margin >= .05"] = {n: auto(n, "gain_over_margin") for n in ("digits", "clinc150")}
        out["label ratio <= .60"] = mean("label_ratio", "digits", "clinc150")
    if "digits_patches" in pools:
        out["digits with patches, over margin >= 0"] = auto("digits_patches", "gain_over_margin")
    return out


def show(name: str, pool: dict[str, Any]) -> None:
    print(f"\n{name}: {pool['score']}, {pool['size']} a query to {pool['budget']}")
    for strategy, s in pool["summary"].items():
        area, gain, ratio, over = (s[k] for k in ("area", "gain_over_random", "label_ratio", "gain_over_margin"))
        print(
            f"  {strategy:40s} area {area['mean']:.3f}  over random {gain['mean']:+.3f} [{gain['low']:+.3f}, "
            f"{gain['high']:+.3f}] worst {s['worst_gain']:+.3f}  over margin {over['mean']:+.3f}  "
            f"ratio {ratio['mean']:.2f} ({s['reached']:.0%} got there)"
        )
    own = pool["auto_over_same_start_then_random"]
    print(f"  the loop's own gain {own['mean']:+.3f} [{own['low']:+.3f}, {own['high']:+.3f}]", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pools", default=",".join(MAIN))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-pools")
    parser.add_argument(
        "--play", default="variants", choices=sorted(SETS), help="controls, what lost, or other choices"
    )
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    strategies = SETS[args.play]
    pools: dict[str, Any] = {}
    for name in args.pools.split(","):
        load(SETTINGS[name], args.cache)
        jobs = [(name, seed, strategies, args.cache) for seed in range(args.seeds)]
        with ProcessPoolExecutor(os.cpu_count()) as workers:
            runs = [run for part in workers.map(trajectories, *zip(*jobs, strict=True)) for run in part]
        pools[name] = of_pool(name, runs, strategies, args.cache)
        show(name, pools[name])
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    found = {"machine": machine, "seeds": args.seeds, "goals": goals(pools), "pools": pools}
    args.out.parent.mkdir(exist_ok=True)
    args.out.write_text(json.dumps(found, separators=(",", ":")) + "\n")
    print(json.dumps(found["goals"], indent=1))


if __name__ == "__main__":
    main()
