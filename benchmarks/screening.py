"""Search for odd items: the share found by number of labels, by `screen`, by its parts alone, and at random.

    python benchmarks/screening.py --cache /tmp/pools --seeds 3       -> results/screening.json

Each pool has at most 2,500 dull items and odd ones in the share given; nothing is labelled at first, ten items are
asked at once, 200 in all. Rows are z-scored, as project gives them to the strategy.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pools import SETTINGS, SHARED, load

from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import DULL, ODD, Labels, Query
from labelsieve.heads import metrics
from labelsieve.heads.choose import choose_head
from labelsieve.heads.linear import Linear
from labelsieve.heads.view import View
from labelsieve.screening.anomaly import mahalanobis, pool_anomaly, rank
from labelsieve.screening.search import screen

OUT = Path(__file__).parent / "results" / "screening.json"
DULL_ITEMS, BUDGET, SIZE = 2500, 200, 10


def pools(cache: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray, float]]:
    """(name, rows, whether odd, share of odd)."""
    for file in sorted((SHARED / "industrial_mvtec_embeddings").glob("*/*.npz")):
        with np.load(file) as part:
            yield f"mvtec {file.stem} {file.parent.name}", part["X"].astype(np.float32), part["y"] == 1, 0.05
    for name, classes, share in (("clinc150", ("transfer", "weather"), 0.006), ("clothing", ("hat", "skirt"), 0.03)):
        x, truth = load(SETTINGS[name], cache)
        for odd in classes:
            yield f"{name} {odd}", x, truth.y == truth.classes.index(odd), share
    for name in ("cover", "celeba"):
        with np.load(SHARED / "pool_tabular" / f"{name}.npz") as part:
            yield name, part["X"].astype(np.float32), part["y"] == 1, 0.005


def drawn(x: np.ndarray, odd: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = stream(seed, "screening")
    dull = rng.permutation(np.flatnonzero(~odd))[:DULL_ITEMS]
    n_odd = max(8, round(share * len(dull) / (1 - share)))
    at = rng.permutation(np.concatenate([dull, rng.permutation(np.flatnonzero(odd))[:n_odd]]))
    return View.fit(x[at], "z")(x[at]), odd[at].astype(np.int64)


def _top(state: Round, score: np.ndarray, n: int) -> Query:
    free = state.free()
    top = free[np.lexsort((free, -score))[:n]]
    return Query(top, np.zeros(n), np.full(n, np.nan), "")


def at_random(state: Round, n: int, rng: np.random.Generator) -> Query:
    return Query(rng.permutation(state.free())[:n], np.zeros(n), np.zeros(n), "")


def only_unusual(state: Round, n: int, rng: np.random.Generator) -> Query:
    return _top(state, pool_anomaly(state.pool, state.free(), rng), n)


def only_linear(state: Round, n: int, rng: np.random.Generator) -> Query:
    labels = state.labels
    if len(np.unique(labels.y)) < 2:
        return screen(state, n, rng)
    head = Linear(2, c=1, balanced=True).fit(state.take(labels.ids), labels.y)
    return _top(state, head.decision(state.take(state.free()))[:, 0], n)


POLICIES: dict[str, Callable[[Round, int, np.random.Generator], Query]] = {
    "random": at_random,
    "unusual": only_unusual,
    "linear": only_linear,
    "screen": screen,
}


def search(x: np.ndarray, y: np.ndarray, policy: str, seed: int) -> list[int]:
    """Odd items found after each query."""
    pool, known, found = ArrayPool(x), np.empty(0, np.int64), []
    while len(known) < min(BUDGET, len(x)):
        labels = Labels(known, y[known], ("dull", "odd"), "screen")
        state, number = Round(pool, labels, None, number=len(found)), len(found)
        asked = POLICIES[policy](state, min(SIZE, len(x) - len(known)), stream(seed, policy, number)).ids
        known = np.union1d(known, asked)
        found.append(int(y[known].sum()))
    return found


def ranking(x: np.ndarray, y: np.ndarray, seed: int) -> dict[str, float]:
    """Average precision on the rest, from 90 random dull and 10 random odd labels (or half of the odd)."""
    rng = stream(seed, "ranking")
    odd = rng.permutation(np.flatnonzero(y == ODD))
    dull = rng.permutation(np.flatnonzero(y == DULL))[:90]
    train = np.sort(np.concatenate([dull, odd[: min(10, len(odd) // 2)]]))
    rest = np.setdiff1d(np.arange(len(y)), train)
    chosen = choose_head(Labels(train, y[train], ("dull", "odd"), "screen"))
    linear = rank(chosen.fit(x[train], y[train]).predict_proba(x[rest])[:, ODD].astype(np.float64))
    alone = choose_head(Labels(dull, y[dull], ("dull", "odd"), "screen")).fit(x[dull], y[dull]).predict_proba(x[rest])
    scores = {
        "nothing labelled": mahalanobis(x)[rest],
        "dull alone": alone[:, ODD].astype(np.float64),
        "linear": linear,
        "linear + dull alone": linear + rank(alone[:, ODD].astype(np.float64)),
    }
    return {name: metrics.average_precision(y[rest], score) for name, score in scores.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-pools")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    out: dict[str, Any] = {}
    for name, rows, odd, share in pools(args.cache):
        made = [drawn(rows, odd, share, seed) for seed in range(args.seeds)]
        curves = {
            policy: [
                (np.array(search(x, y, policy, seed)) / y.sum()).round(4).tolist() for seed, (x, y) in enumerate(made)
            ]
            for policy in POLICIES
        }
        heads = [ranking(x, y, seed) for seed, (x, y) in enumerate(made)]
        out[name] = {
            "items": len(made[0][1]),
            "odd": int(made[0][1].sum()),
            "found": curves,
            "average_precision": {key: round(float(np.mean([h[key] for h in heads])), 4) for key in heads[0]},
        }
        print(
            name,
            {policy: round(float(np.mean([c[-1] for c in each])), 3) for policy, each in curves.items()},
            flush=True,
        )
    summary = {
        "found": {
            p: round(float(np.mean([[c[-1] for c in v["found"][p]] for v in out.values()])), 4) for p in POLICIES
        },
        "area": {p: round(float(np.mean([np.mean(v["found"][p]) for v in out.values()])), 4) for p in POLICIES},
        "average_precision": {
            key: round(float(np.mean([v["average_precision"][key] for v in out.values()])), 4)
            for key in next(iter(out.values()))["average_precision"]
        },
    }
    print(summary)
    machine = (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}"
    )
    args.out.write_text(json.dumps({"machine": machine, "seeds": args.seeds, "summary": summary, "pools": out}) + "\n")


if __name__ == "__main__":
    main()
