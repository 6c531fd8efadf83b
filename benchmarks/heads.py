"""Heads: seconds of a fit, accuracy by number of labels, warm start against cold refit, tolerance, calibration.

    python benchmarks/heads.py --cache /tmp/pools --seeds 5          -> results/heads.json

Labels are drawn at random, the rest (at most 5,000 items) is the test side. Wall seconds are those of the machine
as it is; processor seconds, over all threads, say what a fit costs when it is busy.
"""

import argparse
import csv
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pools import SETTINGS, SHARED, load

from labelsieve.core.randomness import stream
from labelsieve.core.types import Labels
from labelsieve.heads import metrics
from labelsieve.heads.boosted import Boosted
from labelsieve.heads.choose import choose_head
from labelsieve.heads.forest import Forest
from labelsieve.heads.linear import Linear
from labelsieve.heads.means import NearestMean
from labelsieve.heads.temperature import Temperature
from labelsieve.heads.view import View

OUT = Path(__file__).parent / "results" / "heads.json"
TEST = 5000
HEADS: dict[str, Callable[[int], Any]] = {
    "means": NearestMean,
    "linear": Linear,
    "linear C=.3": lambda c: Linear(c, c=0.3),
    "linear C=3": lambda c: Linear(c, c=3),
    "linear C=300": lambda c: Linear(c, c=300),
    "forest": Forest,
    "boosted": Boosted,
}


def timed(head: Any, x: np.ndarray, y: np.ndarray) -> tuple[Any, float, float]:
    """The fitted head, wall seconds, processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    out = head.fit(x, y)
    return out, time.perf_counter() - wall, time.process_time() - processor


def rounded(values: list[float]) -> dict[str, Any]:
    return {"mean": round(float(np.mean(values)), 4), "each": [round(value, 4) for value in values]}


def adult() -> tuple[np.ndarray, Labels]:
    """Rows by the `table` engine; the truth is whether somebody earns more than 50,000."""
    from labelsieve.engines.table import TableEngine

    with (SHARED / "tabular_bias" / "adult.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    truth = [row.pop("income-per-year") for row in rows]
    engine = TableEngine().fit(rows, np.random.default_rng(0))
    parts = [engine.compute([engine.prepare(row) for row in rows[i : i + 512]]) for i in range(0, len(rows), 512)]
    names, y = np.unique(truth, return_inverse=True)
    return np.concatenate(parts), Labels(np.arange(len(y)), y.astype(np.int64), tuple(names.tolist()))


def pool(name: str, cache: Path) -> tuple[np.ndarray, Labels]:
    x, truth = adult() if name == "adult" else load(SETTINGS[name], cache)
    return View.fit(x, "z" if name == "adult" else "unit")(x), truth


def sides(truth: Labels, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    order = stream(seed, "heads").permutation(len(truth))
    return order[:n], order[n : n + TEST]


def score(truth: Labels, at: np.ndarray, proba: np.ndarray) -> float:
    if truth.kind == "multilabel":
        return metrics.average_precision(truth.y[at], proba)
    return metrics.accuracy(truth.y[at], proba.argmax(axis=1))


def accuracies(cache: Path, seeds: int) -> dict[str, Any]:
    sizes = {
        "digits": (20, 50, 100, 300, 1000),
        "clinc150": (150, 300, 450, 770, 2000),
        "goemotions": (100, 300, 1000, 3000),
        "adult": (20, 50, 100, 300, 1000, 3000),
    }
    out: dict[str, Any] = {}
    for name, numbers in sizes.items():
        x, truth = pool(name, cache)
        heads = [h for h in HEADS if not (h in ("forest", "boosted") and name in ("clinc150", "goemotions"))]
        heads += ["forest"] * (name == "clinc150") + ["chosen"]
        for n in numbers:
            for head in heads:
                got, processor = [], []
                for seed in range(seeds):
                    train, test = sides(truth, n, seed)
                    known = Labels(train, truth.y[train], truth.classes, truth.kind)
                    chosen = choose_head(known, tabular=name == "adult")
                    made = chosen if head == "chosen" else HEADS[head](len(truth.classes))
                    fitted, _, seconds = timed(made, x[train], truth.y[train])
                    got.append(score(truth, test, fitted.predict_proba(x[test])))
                    processor.append(seconds)
                out.setdefault(name, {}).setdefault(head, {})[str(n)] = {
                    **rounded(got),
                    "processor_seconds": round(float(np.mean(processor)), 4),
                }
            best = {head: out[name][head][str(n)]["mean"] for head in heads}
            print(name, n, best, flush=True)
    return out


def speed(cache: Path) -> dict[str, Any]:
    """The size that is to take less than a second: 1,000 labels x 384 x 150 classes; and many labels, multilabel."""
    out: dict[str, Any] = {}
    for name, n in (("clinc150", 1000), ("goemotions", 1000), ("goemotions", 10_000)):
        x, truth = pool(name, cache)
        train, _ = sides(truth, n, 0)
        more, _ = sides(truth, n + 77, 0)
        c = len(truth.classes)
        cold = [timed(Linear(c), x[train], truth.y[train]) for _ in range(3)]
        head = cold[0][0]
        warm = [timed(Linear(c, start=head), x[more], truth.y[more]) for _ in range(3)]
        out[f"{name} {n} x {x.shape[1]} x {c}"] = {
            kind: {
                "wall": [round(r[1], 3) for r in runs],
                "processor": [round(r[2], 3) for r in runs],
                "steps": runs[0][0].steps,
            }
            for kind, runs in (("cold", cold), ("warm", warm))
        }
    print(json.dumps(out, indent=1), flush=True)
    return out


def warm(cache: Path) -> dict[str, Any]:
    """Rounds of a query each: the head that was carried on warm against one fitted cold on the same labels."""
    out: dict[str, Any] = {}
    for name, first, size, rounds in (("digits", 60, 10, 15), ("clinc150", 700, 77, 6), ("goemotions", 200, 28, 8)):
        x, truth = pool(name, cache)
        order = stream(0, "heads").permutation(len(truth))
        test = order[-2000:]
        carried, apart, differ, steps = None, [], [], []
        for number in range(rounds):
            train = order[: first + number * size]
            c = len(truth.classes)
            carried = Linear(c, start=carried).fit(x[train], truth.y[train])
            cold = Linear(c).fit(x[train], truth.y[train])
            a, b = carried.predict_proba(x[test]), cold.predict_proba(x[test])
            apart.append(float(np.abs(a - b).max()))
            decided = (a > 0.5) != (b > 0.5) if truth.kind == "multilabel" else a.argmax(axis=1) != b.argmax(axis=1)
            differ.append(int(decided.sum()))
            steps.append([carried.steps, cold.steps])
        out[name] = {"largest_difference": apart, "decisions_that_differ": differ, "steps_warm_cold": steps}
        print(name, "largest difference", max(apart), "decisions that differ", differ, "steps", steps, flush=True)
    return out


def tolerance(cache: Path, seeds: int) -> dict[str, Any]:
    """Average precision of rare questions by tolerance: ours, and scikit-learn's solver as it comes."""
    from sklearn.linear_model import LogisticRegression

    x, truth = pool("goemotions", cache)
    rare = [j for j in range(len(truth.classes)) if truth.y[:, j].mean() < 0.01]
    makers: dict[str, Callable[[], Any]] = {
        **{f"ours {tol:g}": lambda tol=tol: Linear(2, c=1e4, tol=tol) for tol in (1e-3, 1e-4, 1e-5, 1e-6, 1e-8)},
        **{
            f"scikit-learn {tol:g}": lambda tol=tol: LogisticRegression(C=1e4, tol=tol, max_iter=5000)
            for tol in (1e-2, 1e-3, 1e-4, 1e-6)
        },
    }
    out: dict[str, list[float]] = {name: [] for name in makers}
    for seed in range(seeds):
        train, test = sides(truth, 5000, seed)
        for j in rare:
            y = truth.y[:, j].astype(int)
            if y[train].sum() < 5:
                continue
            for name, make in makers.items():
                proba = make().fit(x[train], y[train]).predict_proba(x[test])
                out[name].append(metrics.average_precision(y[test], proba[:, 1]))
    result = {name: rounded(values)["mean"] for name, values in out.items()}
    print(result, flush=True)
    return {"questions": [truth.classes[j] for j in rare], "average_precision": result}


def calibration(cache: Path, seeds: int) -> dict[str, Any]:
    """Calibration error before and after a temperature: fitted on a random slice, and on labels chosen by margin."""
    out: dict[str, Any] = {}
    for name, n in (("digits", 100), ("clinc150", 770)):
        x, truth = pool(name, cache)
        for audit_size in (30, 100, 300):
            rows: dict[str, list[float]] = {"before": [], "random slice": [], "chosen by margin": []}
            for seed in range(max(seeds, 5)):
                train, rest = sides(truth, n, seed)
                head = Linear(len(truth.classes)).fit(x[train], truth.y[train])
                audit, test = rest[:audit_size], rest[300:]
                proba = head.predict_proba(x[test])
                top = np.sort(proba, axis=1)
                unsure = np.argsort(top[:, -1] - top[:, -2])[:audit_size]
                rows["before"].append(metrics.ece(truth.y[test], proba))
                at = {"random slice": audit, "chosen by margin": test[unsure]}
                for kind, items in at.items():
                    fitted = Temperature.fit(head.predict_proba(x[items]), truth.y[items])
                    rows[kind].append(metrics.ece(truth.y[test], fitted(proba)))
            out[f"{name}, {n} labels, slice of {audit_size}"] = {kind: rounded(values) for kind, values in rows.items()}
            print(name, audit_size, {kind: rounded(values)["mean"] for kind, values in rows.items()}, flush=True)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-pools")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--parts", default="speed,warm,calibration,tolerance,accuracy")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    work: dict[str, Callable[[], Any]] = {
        "speed": lambda: speed(args.cache),
        "warm": lambda: warm(args.cache),
        "calibration": lambda: calibration(args.cache, args.seeds),
        "tolerance": lambda: tolerance(args.cache, args.seeds),
        "accuracy": lambda: accuracies(args.cache, args.seeds),
    }
    found = json.loads(args.out.read_text()) if args.out.exists() else {}
    machine = (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}"
    )
    for part in args.parts.split(","):
        found = {**found, "machine": machine, "seeds": args.seeds, part: work[part]()}
        args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
