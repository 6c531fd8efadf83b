"""How a screen should see the principal axes that the built-in engines give: how many, and on which scale.

    python benchmarks/axes.py [--seeds 10] [--sizes 132,400,1000] [--out benchmarks/results/axes.json]

A seed draws a pool of n items: one class is odd (a tenth, 12 at least), up to ten others are dull; the engine learns
from that pool. Axes come in order of variance, so fewer of them are the first columns. Judged: area under the ROC
curve of the head of a screen on what is not labelled, after a third of n dull labels alone and after five odd ones
more, and the accuracy of a linear head from a third of the pool on all its classes. z: each
axis on its own scale; isotropic: one scale for all. Chance is .5 of the area.
"""

import argparse
import csv
import json
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pools
from builtin_engines import clothes, embed
from sklearn.metrics import roc_auc_score

from labelsieve.core.statistics import bootstrap
from labelsieve.engines import patches, words
from labelsieve.engines._learning import axes_worth
from labelsieve.heads.fused import Fused
from labelsieve.heads.linear import Linear
from labelsieve.heads.view import View, Way
from labelsieve.testing.digits import write_digits

OUT = Path(__file__).parent / "results" / "axes.json"
WAYS: dict[str, tuple[Way, Callable[[int], int]]] = {  # scale and number of axes
    "z, as many axes as items": ("z", lambda n: n),
    "z, 384 axes in 1,000 items": ("z", lambda n: axes_worth(n, 384)),
    "z, an eighth of the items": ("z", lambda n: max(8, n // 8)),
    "isotropic, as many axes as items": ("isotropic", lambda n: n),
    "isotropic, 384 axes in 1,000 items": ("isotropic", lambda n: axes_worth(n, 384)),  # shipped
}


def drawn(y: np.ndarray, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a pool of about n items (m,), and which of them are odd (m,)."""
    classes = rng.permutation(np.unique(y))[:11]
    odd = rng.permutation(np.flatnonzero(y == classes[0]))[: max(12, n // 10)]
    dull = rng.permutation(np.flatnonzero(np.isin(y, classes[1:])))[: n - len(odd)]
    return np.concatenate([odd, dull]), np.arange(len(odd) + len(dull)) < len(odd)


def judge(x: np.ndarray, how: Way, odd: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    some, dull = rng.permutation(np.flatnonzero(odd))[:5], rng.permutation(np.flatnonzero(~odd))[: len(x) // 3]
    test = np.setdiff1d(np.arange(len(x)), np.concatenate([some, dull]))
    z = View.fit(x, how)(x)
    head, found = Fused().among(z), {}
    for name, rows in (("dull only", dull), ("5 odd", np.concatenate([some, dull]))):
        fitted = head.fit(z[rows], odd[rows].astype(np.int8))
        found[name] = float(roc_auc_score(odd[test], fitted.predict_proba(z[test])[:, 1]))
    order, codes = rng.permutation(len(x)), np.unique(y, return_inverse=True)[1]
    train, rest = order[: len(x) // 3], order[len(x) // 3 :]
    unit = View.fit(x, "unit")(x)
    known, local = np.unique(codes[train], return_inverse=True)
    right = known[Linear().fit(unit[train], local).predict_proba(unit[rest]).argmax(axis=1)] == codes[rest]
    return found | {"classes": float(right.mean())}


def play(name: str, things: Sequence[Any], y: np.ndarray, n: int, seed: int) -> dict[str, dict[str, float]]:
    rng = np.random.default_rng([seed, n])
    rows, odd = drawn(y, n, rng)
    chosen = [things[i] for i in rows]
    module, engine = (words, words.Words) if name == "clinc150" else (patches, patches.Patches)
    with mock.patch.object(module, "axes_worth", lambda n, most: most):
        x = embed(engine().fit(chosen, rng), chosen)
    draw = int(rng.integers(2**32))
    return {
        way: judge(x[:, : most(n)], how, odd, y[rows], np.random.default_rng(draw)) for way, (how, most) in WAYS.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sizes", default="132,400,1000")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    texts, intents = pools._parquet("text_clinc150/clinc150.parquet", "text", "label")
    with (pools.SHARED / "images_clothing" / "labels.csv").open(newline="") as file:
        kinds = [row["label"] for row in csv.DictReader(file)]
    with tempfile.TemporaryDirectory() as folder:
        files = sorted(write_digits(folder).rglob("*.png"))
        data: dict[str, tuple[Sequence[Any], Any]] = {
            "digits": (files, [file.parent.name for file in files]),
            "clothing": (clothes(), kinds),
            "clinc150": (texts, intents),
        }
        rows = []
        for name, (things, classes) in data.items():
            for n in map(int, given.sizes.split(",")):
                for seed in range(given.seeds):
                    found = play(name, things, np.array(classes), n, seed)
                    rows += [{"pool": name, "n": n, "seed": seed, "way": way, **one} for way, one in found.items()]
                print(f"{name} {n} done", flush=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    means: dict[str, Any] = {}
    for row in rows:
        cell = means.setdefault(row["pool"], {}).setdefault(str(row["n"]), {}).setdefault(row["way"], {})
        for what in ("dull only", "5 odd", "classes"):
            cell.setdefault(what, []).append(row[what])
    for by_size in means.values():
        for by_way in by_size.values():
            for cell in by_way.values():
                for what, values in cell.items():
                    found = asdict(bootstrap(np.array(values), np.random.default_rng(0)))
                    cell[what] = {end: round(value, 4) for end, value in found.items()}
    given.out.write_text(json.dumps({"machine": machine, "means": means, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
