"""SEALS against the full pool at equal labels: average precision, what was found, and the share that was scored.

    python benchmarks/seals.py --cache /tmp/pools          -> results/seals.json, about 12 minutes; resumable

Odd items are those of one class. Of each pool 30 % are a test side at the pool's own rate; of the rest at most 60,000
are the pool, with odd items at their own rate or thinned to 1e-3. Five odd and fifteen dull items are known; then ten
queries of 20. Neighbours are exact (faiss Flat); rows are z-scored and heads chosen as in a project's screen task.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from pools import SETTINGS, SHARED, Setting, goemotions, load

from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.statistics import bootstrap
from labelsieve.core.types import ODD, Ids, Labels
from labelsieve.heads import metrics
from labelsieve.heads.choose import choose_head
from labelsieve.heads.view import View
from labelsieve.selection.naming import strategy_called

OUT = Path(__file__).parent / "results" / "seals.json"
ROUNDS, SIZE, KNOWN, LARGEST, TEST = 10, 20, (5, 15), 60_000, 0.3
ALL = Setting("goemotions_all", lambda: goemotions(54_263), 0, 0)
WAYS = {
    "full": "",
    "seals": "seals |",
    "k=20": "seals(k=20) |",
    "k=300": "seals(k=300) |",
    "wanted": "seals(around='wanted') |",
    "10 % explorers": "seals(least=0) |",
    "no explorers": "seals(explore=0) |",
    "wanted, 10 % explorers": "seals(around='wanted', least=0) |",
    "wanted, no explorers": "seals(around='wanted', explore=0) |",
    "anchors": "anchors |",
    "3,000 random": "part(limit=3000) |",
}
STRATEGIES = ("greedy_search", "margin")
PLAYED = [  # (pool, odd class, odd share; 0: as it is)
    *[(*of, rate) for of in (("clinc150", "oos"), ("cover", ""), ("celeba", ""), ("hiv", "")) for rate in (0, 1e-3)],
    *[("goemotions", odd, 0) for odd in ("grief", "relief", "pride", "nervousness")],
    *[("goemotions", odd, 1e-3) for odd in ("relief", "nervousness")],
]  # fmt: skip


@cache
def rows(pool: str, folder: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Embeddings (n, d), whether each item has each class (n, c), and the classes."""
    if pool in ("cover", "celeba"):
        with np.load(SHARED / "pool_tabular" / f"{pool}.npz") as file:
            x, y = file["X"].astype(np.float32), file["y"] == 1
        first = np.sort(np.unique(x, axis=0, return_index=True)[1]) if pool == "celeba" else np.arange(len(x))
        return x[first], y[first, None], ("",)
    x, truth = load({"goemotions": ALL, "clinc150": SETTINGS["clinc150_oos"]}.get(pool, SETTINGS[pool]), folder)
    if truth.kind == "multilabel":
        return x, truth.y > 0.5, truth.classes
    if pool == "hiv":
        return x, (truth.y == np.argmin(np.bincount(truth.y)))[:, None], ("",)
    return x, truth.y[:, None] == np.arange(len(truth.classes)), truth.classes


class Game:
    """One pool of one seed: z-scored rows, truth, test side, neighbours that were found once."""

    def __init__(self, pool: str, odd: str, rate: float, seed: int, folder: Path) -> None:
        x, has, classes = rows(pool, folder)
        rng = stream(seed, "seals", pool, odd, int(rate * 1e6))
        y, order = has[:, classes.index(odd)], rng.permutation(len(x))
        test, rest = order[: int(TEST * len(x))], order[int(TEST * len(x)) :][:LARGEST]
        if rate:
            hits, dull = rest[y[rest]], rest[~y[rest]]
            rest = rng.permutation(np.concatenate([dull, hits[: round(rate / (1 - rate) * len(dull))]]))
        view = View.fit(x[rest[:20_000]], "z")
        near = View.fit(x[rest[:20_000]], "z" if pool in ("cover", "celeba") else "unit")
        self.x, self.y, self.test_x, self.test_y = view(x[rest]), y[rest].astype(np.int64), view(x[test]), y[test]
        self._near_x, self._found = near(x[rest]), np.full((len(rest), 300), -2)
        self._index: Any = None
        self.start = np.sort(
            np.concatenate([np.flatnonzero(self.y == c)[:n] for c, n in zip((1, 0), KNOWN, strict=True)])
        )

    def neighbours(self, ids: Ids, k: int) -> Ids:
        import faiss

        new = np.unique(ids[self._found[ids, 0] == -2])
        if len(new):
            if self._index is None:
                self._index = faiss.IndexFlatL2(self._near_x.shape[1])
                self._index.add(self._near_x)
            near = self._index.search(self._near_x[new], 301)[1]
            own = near == new[:, None]
            own[~own.any(axis=1), -1] = True  # repeats may hide the item itself
            self._found[new] = near[~own].reshape(len(new), 300)
        return self._found[ids, :k]

    def play(self, text: str, seed: int) -> dict[str, Any]:
        """Average precision on the test side and odd items found after each query; the share of the pool scored."""
        strategy = strategy_called(text)
        pool, known, out = ArrayPool(self.x), self.start, {"ap": [], "found": [], "scored": []}
        seen = 0.0
        for number in range(ROUNDS + 1):
            labels = Labels(known, self.y[known], ("dull", "odd"), "screen")
            head = choose_head(labels).fit(self.x[known], labels.y)
            proba = head.predict_proba(self.test_x)[:, ODD]
            out["ap"].append(round(metrics.average_precision(self.test_y, proba), 4))
            out["found"].append(int(labels.y.sum()))
            if number < ROUNDS:
                state = Round(pool, labels, head, number=number, neighbours=self.neighbours, wanted=ODD)
                began = time.perf_counter()
                query = strategy(state, SIZE, stream(seed, text, number))
                seen += time.perf_counter() - began
                out["scored"].append(round(query.scored / len(self.x), 4))
                known = np.union1d(known, query.ids)
        return out | {"items": len(self.x), "odd": int(self.y.sum()), "seconds": round(seen, 3)}


def played(seeds: int, folder: Path, done: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The runs of one pool and seed after another, without those that are done."""
    there = {(r["pool"], r["class"], r["rate"], r["seed"], r["way"], r["strategy"]) for r in done}
    for seed in range(seeds):
        for pool, odd, rate in PLAYED:
            todo = [(w, s) for s in STRATEGIES for w in WAYS if (pool, odd, rate, seed, w, s) not in there]
            game = Game(pool, odd, rate, seed, folder) if todo else None
            if game:
                keys = {"pool": pool, "class": odd, "rate": rate, "seed": seed}
                yield [{**keys, "way": w, "strategy": s, **game.play(WAYS[w] + s, seed)} for w, s in todo]


def compared(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each way against the full pool, seed by seed: what it loses in average precision, finds, and scores."""
    out = []
    for pool, odd, rate in PLAYED:
        for strategy in STRATEGIES:
            mine = [r for r in runs if (r["pool"], r["class"], r["rate"], r["strategy"]) == (pool, odd, rate, strategy)]
            full = {r["seed"]: r for r in mine if r["way"] == "full"}
            for way in WAYS:
                ours = [r for r in mine if r["way"] == way and r["seed"] in full]
                if not ours:
                    continue
                loss = bootstrap(np.array([r["ap"][-1] - full[r["seed"]]["ap"][-1] for r in ours]), stream(0, "seals"))
                out.append(
                    {
                        "pool": f"{pool} {odd}".strip(),
                        "rate": round(ours[0]["odd"] / ours[0]["items"], 5),
                        "strategy": strategy,
                        "way": way,
                        "items": ours[0]["items"],
                        "seeds": len(ours),
                        "ap": round(float(np.mean([r["ap"][-1] for r in ours])), 4),
                        "ap_over_full": {k: round(v, 4) for k, v in asdict(loss).items()},
                        "area_over_full": round(
                            float(np.mean([np.mean(r["ap"]) - np.mean(full[r["seed"]]["ap"]) for r in ours])), 4
                        ),
                        "found": round(float(np.mean([r["found"][-1] for r in ours])), 1),
                        "scored": round(float(np.mean([np.mean(r["scored"]) for r in ours])), 4),
                    }
                )
    return out


def overall(table: list[dict[str, Any]]) -> dict[str, Any]:
    """Each way over all pools: mean and worst of what it gains on the full pool, and how often it loses 2 points."""
    out: dict[str, Any] = {}
    for strategy in STRATEGIES:
        for way in WAYS:
            mine = [r for r in table if (r["strategy"], r["way"]) == (strategy, way)]
            if mine:
                gain = np.array([r["ap_over_full"]["mean"] for r in mine])
                out[f"{way} | {strategy}"] = {
                    "ap_over_full": round(float(gain.mean()), 4),
                    "worst": round(float(gain.min()), 4),
                    "pools": len(mine),
                    "within_2_points": int((gain >= -0.02).sum()),
                    "scored": round(float(np.mean([r["scored"] for r in mine])), 4),
                    "found": round(float(np.mean([r["found"] for r in mine])), 1),
                }
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-pools")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    runs = json.loads(args.out.read_text())["runs"] if args.out.exists() else []
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    args.out.parent.mkdir(exist_ok=True)
    for new in played(args.seeds, args.cache, runs):
        runs += new
        print(new[0]["pool"], new[0]["class"], new[0]["rate"], new[0]["seed"], len(runs), flush=True)
        table = compared(runs)
        found = {"machine": machine, "seed": 0, "seeds": args.seeds, "overall": overall(table), "table": table}
        text = json.dumps({**found, "runs": runs}, separators=(",", ":"))
        args.out.with_suffix(".part").write_text(text + "\n")
        args.out.with_suffix(".part").replace(args.out)
    for way, line in overall(compared(runs)).items():
        print(f"{way:40s}", line)


if __name__ == "__main__":
    main()
