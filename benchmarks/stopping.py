"""When each signal would have stopped the labelling of real pools, and what that cost. -> results/stopping.json

    python benchmarks/stopping.py --cache /tmp/pools

`auto` asks 10 items a round (77 of CLINC150). A third of a seed's pool, at most 8,000 items, is the test side; the
audit slice is drawn at random from the rest and never trains. Each signal is played alone, and then the advice that the
product gives.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from pools import SETTINGS, load

from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Interval, Labels
from labelsieve.heads.choose import choose_head
from labelsieve.heads.temperature import Temperature
from labelsieve.heads.view import View
from labelsieve.project.training import Watch, right, watched
from labelsieve.selection.automatic import auto
from labelsieve.selection.stopping import ROUNDS, Signals, advise, gained

OUT = Path(__file__).parent / "results" / "stopping.json"
ROUNDS_PLAYED = {"digits": 60, "clinc150": 30, "clothing": 60}
MOST = 8000  # items of a pool
AUDITS = (50, 300)


def played(name: str, seed: int, cache: Path) -> dict[int, list[dict[str, Any]]]:
    """For each size of the audit slice one row a round: labels, what the signals say, accuracy on the test side."""
    x, truth = load(SETTINGS[name], cache)
    x, rng = View.fit(x, "unit")(x), stream(seed, "stopping", name)
    order = rng.permutation(len(x))[:MOST]
    test, audit, rest = np.split(order, [len(order) // 3, len(order) // 3 + max(AUDITS)])
    pool = ArrayPool(x[rest])
    taken, before = np.zeros(0, np.int64), None
    rows: dict[int, list[dict[str, Any]]] = {size: [] for size in AUDITS}
    for number in range(ROUNDS_PLAYED[name]):
        if len(taken) + SETTINGS[name].size > len(rest):
            break
        known = Labels(taken, truth.y[rest[taken]], truth.classes)
        query = auto(Round(pool, known, before, number=number), SETTINGS[name].size, stream(seed, "query", number))
        taken = np.sort(np.concatenate([taken, query.ids]))
        labels = Labels(taken, truth.y[rest[taken]], truth.classes)
        head = choose_head(labels, previous=before).fit(pool.take(taken), labels.y)
        score = float((head.predict_proba(x[test]).argmax(axis=1) == truth.y[test]).mean())
        for size in AUDITS:
            slice_ = restrict(truth, audit[:size])
            audited = pool, head.predict_proba(x[audit[:size]]), slice_
            rows[size].append(row(labels, head, before, audited, seed) | {"test": score})
        before = head
    return rows


def restrict(truth: Labels, ids: np.ndarray) -> Labels:
    return Labels(ids, truth.y[ids], truth.classes)


def row(labels: Labels, head: Any, before: Any, audited: tuple[Any, Any, Any], seed: int) -> dict[str, Any]:
    pool, proba, slice_ = audited
    temperature = Temperature.fit(proba, slice_.y)
    watch: Watch = watched(
        pool, before, lambda i: temperature(head.predict_proba(pool.take(i)), False), "classes", seed
    )
    hits = right(slice_, proba)
    return {"labels": len(labels), "watch": watch, "hits": hits, "audit": float(hits.mean())}


def gain_at(rows: list[dict[str, Any]], at: int) -> list[Interval]:
    """Gain of a head over the latest that had at most half its labels."""
    older = [one for one in rows[:at] if 2 * one["labels"] <= rows[at]["labels"]]
    return [gained(older[-1]["hits"], rows[at]["hits"], stream(0, "gain", at))] if older else []


def signals_at(rows: list[dict[str, Any]], at: int, care: float) -> Signals:
    """What `status` knows after round `at`."""
    seen = rows[: at + 1]
    return Signals(
        kappas=[one["watch"].kappa for one in seen],
        changed=[one["watch"].changed for one in seen],
        doubt=[one["watch"].doubt for one in seen],
        audit=[one["audit"] for one in seen],
        gains=[gain for i in range(max(at + 1 - ROUNDS, 0), at + 1) for gain in gain_at(rows, i)],
        care=care,
    )


Says = Callable[[Signals], bool]
ALONE: dict[str, tuple[Says, float]] = {
    "kappa": (lambda s: advise(Signals(kappas=s.kappas)).stop, 0.01),
    "classes that change": (lambda s: advise(Signals(changed=s.changed)).stop, 0.01),
    "mean doubt is low": (lambda s: advise(Signals(doubt=s.doubt)).stop, 0.01),
    "mean doubt falls no more": (lambda s: any("doubt" in r for r in advise(Signals(doubt=s.doubt)).reasons), 0.01),
    "audit moves no more": (lambda s: any("Accuracy" in r for r in advise(Signals(audit=s.audit)).reasons), 0.01),
    "gain below .01": (lambda s: advise(Signals(gains=s.gains, care=s.care)).stop, 0.01),
    "gain below .03": (lambda s: advise(Signals(gains=s.gains, care=s.care)).stop, 0.03),
    "advice": (lambda s: advise(s).stop, 0.01),
    "advice, care .03": (lambda s: advise(s).stop, 0.03),
    "advice without the gain": (lambda s: advise(replace(s, gains=())).stop, 0.01),
}


def stopped(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Labels and test accuracy where each signal first says stop; None where it never does."""
    out: dict[str, Any] = {}
    for name, (says, care) in ALONE.items():
        at = next((i for i in range(len(rows)) if says(signals_at(rows, i, care))), None)
        out[name] = None if at is None else {"labels": rows[at]["labels"], "test": round(rows[at]["test"], 4)}
    return out


def curve(rows: list[dict[str, Any]]) -> list[dict[str, float | None]]:
    return [
        {
            "labels": one["labels"],
            "test": round(one["test"], 4),
            "audit": round(one["audit"], 4),
            **{
                k: None if np.isnan(v := getattr(one["watch"], k)) else round(v, 4)
                for k in ("kappa", "changed", "doubt")
            },
        }
        for one in rows
    ]


def told(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Over seeds: how often a signal spoke, the share of the labels that it took, and the points that it gave away."""
    out = {}
    for name in ALONE:
        spoke = [(run["stopped"][name], run["curve"][-1]) for run in runs if run["stopped"][name]]
        lost = [100 * (end["test"] - at["test"]) for at, end in spoke]
        out[name] = {
            "spoke": len(spoke),
            "of": len(runs),
            "share_of_labels": round(float(np.mean([a["labels"] / e["labels"] for a, e in spoke])), 3)
            if spoke
            else None,
            "points_lost": round(float(np.mean(lost)), 2) if spoke else None,
            "most_points_lost": round(max(lost), 2) if spoke else None,
        }
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pools", default=",".join(ROUNDS_PLAYED))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-pools")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    found: dict[str, Any] = json.loads(args.out.read_text()) if args.out.exists() else {}  # what is there is not redone
    found.update(machine=machine, seeds=args.seeds)
    pools = found.setdefault("pools", {})
    for name in args.pools.split(","):
        marks = {size: f"{name}, audit of {size}" for size in AUDITS}
        runs = {size: pools.get(mark, {}).get("runs", []) for size, mark in marks.items()}
        for seed in range(min(map(len, runs.values())), args.seeds):
            for size, rows in played(name, seed, args.cache).items():
                runs[size].append({"seed": seed, "stopped": stopped(rows), "curve": curve(rows)})
                pools[marks[size]] = {"told": told(runs[size]), "runs": runs[size]}
            args.out.write_text(json.dumps(found, separators=(",", ":")) + "\n")
        for size, mark in marks.items():
            print(f"\n{mark}; at the end: {np.mean([run['curve'][-1]['test'] for run in runs[size]]):.3f}")
            for signal, one in told(runs[size]).items():
                lost = f"points lost {one['points_lost']} (most {one['most_points_lost']})"
                print(f"  {signal:28s} spoke {one['spoke']}/{one['of']}  labels {one['share_of_labels']}  {lost}")


if __name__ == "__main__":
    main()
