"""What the built-in engines give to a head, beside raw input, a pretrained model or scikit-learn's own pipelines.

    python benchmarks/builtin_engines.py [--seeds 5] [--parts images,texts,tables,speed] [--cache /tmp/pools]

A seed draws the split (.3 test) and the labels at random, and makes the engine learn anew from the whole
pool (no label is ever seen by it). The head is `linear` on unit-norm rows (C=30; multilabel C=3). Tables:
`linear` on the rows as the engine gives them (C=1) and on their z-scores (C=.3), and `forest`. Scores:
accuracy; GoEmotions and the two pools with rare odd rows: average precision. Speed is processor time of
one thread, so that other work on the machine does not count. Clothing is played on the data set's own
test images (372) and on random splits, which are easier: its raw pixels gain .11 there.
"""

import argparse
import csv
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pools
from threadpoolctl import threadpool_limits

from labelsieve.engines.patches import Patches
from labelsieve.engines.table import TableEngine
from labelsieve.engines.words import Words
from labelsieve.heads.forest import Forest
from labelsieve.heads.linear import Linear
from labelsieve.heads.metrics import average_precision
from labelsieve.heads.view import View
from labelsieve.testing.digits import write_digits

OUT = Path(__file__).parent / "results" / "builtin_engines.json"
Runs = dict[str, dict[str, list[float]]]  # way -> number of labels -> one score a seed
Way = Callable[[int, np.ndarray, np.ndarray], np.ndarray]  # (seed, training rows, y of them) -> scores of all rows


def play(
    ways: dict[str, Way],
    y: np.ndarray,
    counts: Sequence[int],
    seeds: int,
    rare: bool = False,
    own_test: np.ndarray | None = None,
) -> Runs:
    """Scores of each way to learn from `counts` random labels, on the same splits; `own_test` (n,) fixes the test."""
    out: Runs = {name: {str(m): [] for m in counts} for name in ways}
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(y))
        test, train = order[: int(0.3 * len(y))], order[int(0.3 * len(y)) :]
        if own_test is not None:
            test, train = np.flatnonzero(own_test), order[~own_test[order]]
        for m in counts:
            for name, way in ways.items():
                proba = way(seed, train[:m], y[train[:m]])[test]
                if y.ndim == 2:
                    score = average_precision(y[test], proba)
                elif rare:
                    score = average_precision(y[test], proba[:, 1])
                else:
                    score = float((proba.argmax(axis=1) == y[test]).mean())
                out[name][str(m)].append(round(score, 4))
    return out


def embed(engine: Any, things: Sequence[Any]) -> np.ndarray:
    return np.concatenate([engine.compute([engine.prepare(t) for t in things[i : i + 512]])
                           for i in range(0, len(things), 512)])  # fmt: skip


def learnt(make: Callable[[], Any], things: Sequence[Any]) -> Callable[[int], np.ndarray]:
    """seed -> embeddings by an engine that learnt with it; the last one is kept."""
    kept: dict[int, np.ndarray] = {}

    def of(seed: int) -> np.ndarray:
        if seed not in kept:
            kept.clear()
            kept[seed] = embed(make().fit(things, np.random.default_rng(seed)), things)
        return kept[seed]

    return of


def linear(of: Callable[[int], np.ndarray], how: Any = "unit", c: float | None = None) -> Way:
    def way(seed: int, rows: np.ndarray, y: np.ndarray) -> np.ndarray:
        x = of(seed)
        x = View.fit(x, how)(x)
        return np.asarray(Linear(c=c).fit(x[rows], y).predict_proba(x))

    return way


def forest(of: Callable[[int], np.ndarray]) -> Way:
    return lambda seed, rows, y: np.asarray(Forest().fit(of(seed)[rows], y).predict_proba(of(seed)))


def library_forest(of: Callable[[int], np.ndarray]) -> Way:
    """Scikit-learn's forest on our columns: tells a weak engine from a weak head."""
    from sklearn.ensemble import RandomForestClassifier

    return lambda seed, rows, y: np.asarray(
        RandomForestClassifier(200, random_state=seed).fit(of(seed)[rows], y).predict_proba(of(seed))
    )


def images(seeds: int, cache: Path) -> dict[str, Runs]:
    from labelsieve.engines.images import load_image

    def raw(paths: Sequence[Path], side: int) -> np.ndarray:
        return np.stack([np.asarray(load_image(p).resize((side, side))).reshape(-1) for p in paths]).astype(np.float32)

    with tempfile.TemporaryDirectory() as folder:
        files = sorted(write_digits(folder).rglob("*.png"))
        pixels, y = raw(files, 8), np.array([int(f.parent.name) for f in files])
        ways = {"patches": linear(learnt(Patches, files)), "raw pixels": linear(lambda _: pixels)}
        digits = play(ways, y, (100, len(y) - int(0.3 * len(y))), seeds)
    strong, truth = pools.load(pools.SETTINGS["clothing"], cache)
    files = clothes()
    small = raw(files, 64)
    ways = {
        "patches": linear(learnt(Patches, files)),
        "raw pixels": linear(lambda _: small),
        "mobilenetv2": linear(lambda _: strong),
    }
    with (pools.SHARED / "images_clothing" / "labels.csv").open(newline="") as file:
        is_test = np.array([row["split"] == "test" for row in csv.DictReader(file)])
    return {
        "digits": digits,
        "clothing, own split": play(ways, truth.y, (200, 800), seeds, own_test=is_test),
        "clothing, random split": play(ways, truth.y, (200, 800), seeds),
    }


def clothes() -> list[Path]:
    with (pools.SHARED / "images_clothing" / "labels.csv").open(newline="") as file:
        return [pools.SHARED / "images_clothing" / row["file"] for row in csv.DictReader(file)]


def texts(seeds: int, cache: Path) -> dict[str, Runs]:
    strong, truth = pools.load(pools.SETTINGS["clinc150"], cache)
    said, labels = pools._parquet("text_clinc150/clinc150.parquet", "text", "label")
    queries = [text for text, label in zip(said, labels, strict=True) if label != "oos"]
    ways = {"words": linear(learnt(Words, queries)), "minilm-l6-v2": linear(lambda _: strong)}
    clinc = play(ways, truth.y, (450, 1500), seeds)
    felt, feelings = pools.load(pools.SETTINGS["goemotions"], cache)
    (said,) = pools._parquet("text_goemotions/goemotions.parquet", "text")
    kept = np.sort(np.random.default_rng(0).choice(len(said), len(felt), replace=False))
    ways = {"words": linear(learnt(Words, [said[i] for i in kept])), "minilm-l6-v2": linear(lambda _: felt)}
    return {"clinc150": clinc, "goemotions": play(ways, feelings.y, (1000, 5000), seeds)}


def tables(seeds: int, cache: Path) -> dict[str, Runs]:
    out = {}
    for name, target, counts in (
        ("german_credit", "credit", (100, 300, 700)),
        ("adult", "income-per-year", (200, 2000)),
    ):
        with (pools.SHARED / "tabular_bias" / f"{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        y = np.unique([row.pop(target) for row in rows], return_inverse=True)[1]
        of = learnt(TableEngine, rows)
        ways = {"table, linear": linear(of, "raw", 1.0), "table, z-scores, linear": linear(of, "z", 0.3),
                "table, forest": forest(of), "table, scikit-learn forest": library_forest(of),
                **pipelines(rows)}  # fmt: skip
        out[name] = play(ways, y, counts, seeds)
    for name in ("cover", "celeba"):
        with np.load(pools.SHARED / "pool_tabular" / f"{name}.npz") as data:
            kept = np.sort(np.random.default_rng(0).choice(len(data["y"]), 30_000, replace=False))
            raw, y = data["X"][kept], data["y"][kept].astype(np.int64)
        rows = [dict(zip((f"c{i}" for i in range(raw.shape[1])), row, strict=True)) for row in raw.tolist()]
        of = learnt(TableEngine, rows)
        ways = {
            "table, linear": linear(of, "raw", 1.0),
            "table, forest": forest(of),
            "raw, linear": linear(lambda _, raw=raw: raw, "z", 1.0),
            "raw, forest": forest(lambda _, raw=raw: raw),
        }
        out[name] = play(ways, y, (2000,), seeds, rare=True)
    return out


def pipelines(rows: list[dict[str, str]]) -> dict[str, Way]:
    """Scikit-learn's usual ways with a table: one-hot and standard scores, then regression or a forest."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    def is_number(name: str) -> bool:
        return all(row[name].replace(".", "", 1).lstrip("-").isdigit() for row in rows)

    numeric = [name for name in rows[0] if is_number(name)]
    words = [name for name in rows[0] if name not in numeric]
    numbers = StandardScaler().fit_transform(np.array([[float(row[n]) for n in numeric] for row in rows]))
    hot = OneHotEncoder(sparse_output=False).fit_transform([[row[n] for n in words] for row in rows])
    x = np.hstack([numbers, hot])

    def regression(seed: int, train: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray(LogisticRegression(max_iter=1000).fit(x[train], y).predict_proba(x))

    def trees(seed: int, train: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray(RandomForestClassifier(200, random_state=seed).fit(x[train], y).predict_proba(x))

    return {"scikit-learn, regression": regression, "scikit-learn, forest": trees}


def speed(seeds: int, cache: Path) -> dict[str, dict[str, float]]:
    """Processor seconds to learn, milliseconds an item to prepare and compute, state in MB."""
    (said,) = pools._parquet("text_clinc150/clinc150.parquet", "text")
    with (pools.SHARED / "tabular_bias" / "adult.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    cases: dict[str, tuple[Any, Sequence[Any]]] = {
        "patches, clothing": (Patches, clothes()),
        "words, clinc150": (Words, said),
        "table, adult": (TableEngine, rows),
    }
    out = {}
    for name, (make, things) in cases.items():
        began = time.process_time()
        engine = make().fit(things, np.random.default_rng(0))
        fitted = time.process_time()
        embed(engine, things)
        each = (time.process_time() - fitted) / len(things)
        out[name] = {
            "items": len(things),
            "dim": engine.dim,
            "learn_seconds": round(fitted - began, 2),
            "ms_an_item": round(1000 * each, 4),
            "items_a_second_on_2_cores": round(2 / each),
            "state_mb": round(sum(array.nbytes for array in engine.state().values()) / 1e6, 2),
        }
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--parts", default="images,texts,tables,speed")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-pools")
    args = parser.parse_args()
    found = json.loads(OUT.read_text()) if OUT.exists() else {}
    found["machine"] = {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    found["seeds"] = args.seeds
    for part in args.parts.split(","):
        with threadpool_limits(1):
            found[part] = {"images": images, "texts": texts, "tables": tables, "speed": speed}[part](
                args.seeds, args.cache
            )
        for name, ways in found[part].items():
            for way, scores in ways.items():
                shown = {m: round(float(np.mean(s)), 3) for m, s in scores.items()} if part != "speed" else scores
                print(f"{name:20s} {way:28s} {shown}", flush=True)
        OUT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
