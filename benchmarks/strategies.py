"""Label efficiency of every query strategy that is installed, against random. -> results/strategies.json

    python benchmarks/strategies.py --work /tmp/strategies --pools digits,clothing --strategies badge,bait

--strategies also takes names of variants.CHOICES. Each (pool, strategy, seed) is one file of --work: a run that was
stopped goes on where it was. Strategies that take seconds for thousands of items are played on sub-pools of 1,000,
with random on the same sub-pools as their control. `auto` is its rule for classes in a screen task too.
Area under the learning curve: accuracy (digits, CLINC150, clothing), balanced accuracy (imbalanced pools),
average precision (HIV molecules, a screen task; GoEmotions, several classes an item).
"""

import argparse
import json
import os
import platform
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one process a core

import numpy as np
from pools import SETTINGS, Setting, load
from variants import CHOICES

from labelsieve.core import plugins
from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool
from labelsieve.core.statistics import bootstrap, curve_area
from labelsieve.heads.choose import choose_head
from labelsieve.heads.view import View
from labelsieve.project.asking import strategy_named
from labelsieve.project.simulation import Play, SimulationSettings, trajectory

OUT = Path(__file__).parent / "results" / "strategies.json"
POOLS = ("digits", "digits_imbalanced", "clinc150", "clothing", "clothing_imbalanced", "hiv", "goemotions")
SLOW = {"quire", "expected_error", "batchbald", "bait", "ens", "two_step_search"}
SMALL = 1000  # items of a sub-pool for slow strategies
ONLY = {"mean_max_loss": ("goemotions",), "min_margin": ("goemotions",), "screen": ("hiv",)}
NOT_LABELS = {"cost"}  # equal prices make it margin: its row would be a copy


def strategies() -> list[str]:
    return [name for name in plugins.names("strategies") if name not in NOT_LABELS]


def jobs(pools: list[str], names: list[str], seeds: range) -> list[tuple[str, str, int, bool]]:
    """(pool, strategy, seed, small): seeds go round last, so that a stopped run has some of everything."""
    out = []
    for seed in seeds:
        for pool in pools:
            mine = [name for name in names if pool in ONLY.get(name, (pool,))]
            out += [(pool, name, seed, name in SLOW) for name in mine]
            if SLOW & set(mine):
                out.append((pool, "random", seed, True))
    return out


def place(work: Path, job: tuple[str, str, int, bool]) -> Path:
    pool, name, seed, small = job
    return work / f"{pool}-{name}-{seed}{'-small' if small else ''}.json"


def curve_of(setting: Setting, kind: str) -> str:
    if kind != "classes":
        return "average_precision"
    return "balanced_accuracy" if setting.name.endswith("imbalanced") else "accuracy"


def play_one(job: tuple[str, str, int, bool], cache: Path, work: Path) -> tuple[str, str, int, bool]:
    """Plays one job and keeps its run."""
    pool, name, seed, small = job
    setting = SETTINGS[pool]
    if small:
        setting = replace(setting, sample=SMALL, budget=min(setting.budget, 5 * setting.size))
    x, truth = load(setting, cache)
    play = Play(
        ArrayPool(View.fit(x, "z" if setting.tabular or truth.kind == "screen" else "unit")(x)),
        truth,
        lambda labels, previous: choose_head(labels, tabular=setting.tabular, previous=previous),
        {name: CHOICES.get(name) or strategy_named(name, "classes")},
    )
    settings = SimulationSettings(setting.budget, setting.size, (name,), 1, setting.sample, 0.3, seed)
    run = trajectory(play, settings.checked(truth.kind, len(truth)), name, seed)
    y = [np.nan if v is None else v for v in run.lists[curve_of(setting, truth.kind)]]
    kept = {
        "labels": run.lists["labels"],
        "score": np.nan_to_num(np.array(y, float)).round(5).tolist(),
        "seconds": round(float(np.mean(run.lists["select_seconds"])), 4),
    }
    path = place(work, job)
    path.with_suffix(".tmp").write_text(json.dumps(kept))
    path.with_suffix(".tmp").replace(path)
    return job


def gathered(work: Path, pools: list[str], names: list[str], seeds: range) -> dict[str, Any]:
    """What all kept runs say: area, gain over random on the same seeds, labels needed for random's last score."""
    table: dict[str, Any] = {}
    for pool in pools:
        rows: dict[str, Any] = {}
        for name in names:
            small = name in SLOW
            pairs = [
                (json.loads(place(work, (pool, name, s, small)).read_text()), json.loads(control.read_text()))
                for s in seeds
                if place(work, (pool, name, s, small)).exists()
                and (control := place(work, (pool, "random", s, small))).exists()
            ]
            if pairs:
                rows[name] = {**_row(pairs), "small": small}
        table[pool] = rows
    return table


def _row(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    areas = [curve_area(np.array(run["labels"]), np.array(run["score"])) for run, _ in pairs]
    gains = [
        a - curve_area(np.array(c["labels"]), np.array(c["score"])) for a, (_, c) in zip(areas, pairs, strict=True)
    ]
    ratios = []
    for run, control in pairs:
        there = np.flatnonzero(np.array(run["score"]) >= control["score"][-1])
        ratios.append(run["labels"][there[0]] / run["labels"][-1] if len(there) else 1.0)
    gain = {k: round(v, 4) for k, v in asdict(bootstrap(np.array(gains), stream(0, "gain"))).items()}
    return {
        "area": round(float(np.mean(areas)), 4),
        "gain": gain,
        "worst": round(float(min(gains)), 4),
        "label_ratio": round(float(np.mean(ratios)), 3),
        "last": round(float(np.mean([run["score"][-1] for run, _ in pairs])), 4),
        "seconds": round(float(np.median([run["seconds"] for run, _ in pairs])), 4),
        "seeds": len(pairs),
    }


def show(table: dict[str, Any]) -> None:
    """One line a strategy: its gain over random on each pool, best mean first."""
    names = {name for rows in table.values() for name in rows}

    def mean(name: str) -> float:
        return float(np.mean([rows[name]["gain"]["mean"] for rows in table.values() if name in rows]))

    print(f"{'gain over random':26s}" + "".join(f"{pool[:12]:>13s}" for pool in table) + "         mean")
    for name in sorted(names, key=lambda n: -mean(n)):
        cells = [f"{rows[name]['gain']['mean']:+13.3f}" if name in rows else f"{'-':>13s}" for rows in table.values()]
        print(f"{name + (' *' if name in SLOW else ''):26s}{''.join(cells)}{mean(name):+13.3f}")
    print("* on sub-pools of 1,000, against random there")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pools", default=",".join(POOLS))
    parser.add_argument("--strategies", default="")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-pools")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-strategies")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--show", action="store_true", help="print and write what is there, play nothing")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    pools, seeds = args.pools.split(","), range(args.first, args.first + args.seeds)
    names = args.strategies.split(",") if args.strategies else strategies()
    args.work.mkdir(parents=True, exist_ok=True)
    todo = [] if args.show else [j for j in jobs(pools, names, seeds) if not place(args.work, j).exists()]
    for pool in sorted({job[0] for job in todo}):
        load(SETTINGS[pool], args.cache)
    with ProcessPoolExecutor(args.processes) as workers:
        tasks = {workers.submit(play_one, job, args.cache, args.work): job for job in todo}
        for done, task in enumerate(as_completed(tasks), 1):
            if error := task.exception():
                print("failed:", tasks[task], repr(error)[:300], flush=True)
            elif done % 20 == 0:
                print(f"{done} of {len(todo)} runs", flush=True)
    table = gathered(args.work, pools, names, seeds)
    show(table)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    described = {p: {k: v for k, v in asdict(SETTINGS[p]).items() if k in ("budget", "size", "sample")} for p in pools}
    args.out.parent.mkdir(exist_ok=True)
    found = {"machine": machine, "seeds": list(seeds), "small": SMALL, "pools": described, "gains": table}
    args.out.write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
