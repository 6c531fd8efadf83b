"""The detector of a screen by number of labels, beside each single method. -> results/detector.json

    python benchmarks/detector.py --cache /tmp/pools --work /tmp/detector --seeds 0-9

From nothing, from dull labels alone, and from odd ones beside 100 dull: area under the ROC curve and average precision
on what is not labelled (all odd items, 3,000 dull ones at most, which stand for the others). `fused` is what a project
fits. Alone: logistic regression, forest, Mahalanobis distance from the dull labels and from the pool, isolation forest,
distance to the five nearest dull items, and tail probabilities column by column (ECOD). Labels are drawn at random; a
pool gives half of its odd items at most. Peers in packages of their own: screening_peers.py.
"""

import argparse
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from pools import SETTINGS, load
from screening_pools import draw, names

from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool
from labelsieve.core.statistics import bootstrap
from labelsieve.core.types import DULL, ODD, Labels, Matrix, Vector
from labelsieve.heads.forest import Forest
from labelsieve.heads.fused import Fused, directions_of
from labelsieve.heads.linear import Linear
from labelsieve.heads.view import View
from labelsieve.project.training import Chooser, among_pool, fit
from labelsieve.screening.anomaly import mahalanobis

OUT = Path(__file__).parent / "results" / "detector.json"
STATES = ((0, 0), (0, 1), (0, 10), (0, 30), (0, 100), (1, 100), (3, 100), (10, 100), (30, 100))
JUDGED, POOL_ROWS, NEAR = 3000, 5000, 5
CLASSES = {
    "clinc150 transfer": ("clinc150", "transfer", 0.01),
    "clinc150 weather": ("clinc150", "weather", 0.01),
    "clothing hat": ("clothing", "hat", 0.03),
    "clothing skirt": ("clothing", "skirt", 0.03),
}


def pools() -> list[str]:
    """MVTec at its own rate, texts, molecules, tables at 1 in 100, and classes of a larger task."""
    left_out = ("_.5", "_1e-3", "_1e-4")
    kept = [n for n in names() if not n.endswith(left_out) and not n.startswith("pcb")]
    return [n for n in kept if not (n.startswith("mvtec") and n.endswith("_5"))] + list(CLASSES)


def drawn(name: str, seed: int, cache: Path) -> tuple[Matrix, np.ndarray, bool]:
    """Rows as a project gives them to a screen, whether odd, whether a table."""
    if name not in CLASSES:
        pool = draw(name, seed, cache)
        return View.fit(pool.x, "z")(pool.x), pool.y, pool.tabular
    setting, odd_class, share = CLASSES[name]
    x, truth = load(SETTINGS[setting], cache)
    odd, rng = truth.y == truth.classes.index(odd_class), stream(seed, "detector", name)
    dull = np.flatnonzero(~odd)
    n_odd = round(share * len(dull) / (1 - share))
    at = rng.permutation(np.concatenate([dull, rng.permutation(np.flatnonzero(odd))[:n_odd]]))
    return View.fit(x[at], "z")(x[at]), odd[at].astype(np.int64), False


def tails(x: Matrix, pool: Matrix) -> Vector:
    """Sum over columns of -log of the share of the pool that lies as far out; the larger of both sides (n,)."""
    low, high, n = np.zeros(len(x)), np.zeros(len(x)), len(pool)
    for column in range(x.shape[1]):
        there = np.sort(pool[:, column])
        low -= np.log((np.searchsorted(there, x[:, column], "right") + 1) / (n + 1))
        high -= np.log((n - np.searchsorted(there, x[:, column], "left") + 1) / (n + 1))
    return np.maximum(low, high)


def isolated(x: Matrix, learn: Matrix, seed: int) -> Vector:
    from sklearn.ensemble import IsolationForest

    return np.asarray(-IsolationForest(n_estimators=100, random_state=seed).fit(learn).score_samples(x), np.float64)


def nearest(x: Matrix, dull: Matrix) -> Vector:
    square = (x**2).sum(axis=1)[:, None] + (dull**2).sum(axis=1) - 2 * x @ dull.T
    return np.asarray(np.sqrt(np.maximum(np.sort(square, axis=1)[:, :NEAR], 0)).mean(axis=1), np.float64)


def fused(x: Matrix, labels: Labels, tabular: bool) -> Fused:
    pool = ArrayPool(x)
    if len(labels):
        head = fit(Chooser(tabular=tabular), pool, labels)
    else:
        head = among_pool(Fused(2, tabular), pool, labels.ids).fit(x[:0], labels.y)
    assert isinstance(head, Fused)
    return head


class Pool:
    """One pool of one seed: what is labelled in each state is a part of what is labelled in the next."""

    def __init__(self, name: str, seed: int, cache: Path) -> None:
        self.x, self.y, self.tabular = drawn(name, seed, cache)
        rng = stream(seed, "detector labels", name)
        odd, dull = (rng.permutation(np.flatnonzero(self.y == code)) for code in (ODD, DULL))
        most_odd, most_dull = min(30, len(odd) // 2), min(100, len(dull) // 2)
        self.odd, self.dull, rest = odd[:most_odd], dull[:most_dull], dull[most_dull:]
        self.judged = np.concatenate([odd[most_odd:], rest[:JUDGED]])
        self.stands_for = np.repeat([1.0, len(rest) / len(rest[:JUDGED])], [len(odd) - most_odd, len(rest[:JUDGED])])
        self.learn, self.seed = rng.permutation(len(self.y))[:POOL_ROWS], seed
        self._known: dict[str, Vector] = {}
        self._of_dull: dict[int, dict[str, Vector]] = {}

    def judge(self, score: Vector) -> list[float]:
        from sklearn.metrics import average_precision_score, roc_auc_score

        y = self.y[self.judged]
        found = roc_auc_score(y, score), average_precision_score(y, score, sample_weight=self.stands_for)
        return [round(float(value), 5) for value in found]

    def scores(self, n_odd: int, n_dull: int) -> dict[str, Vector]:
        """Scores of the judged rows by every method that can play with so many labels."""
        asked, odd, dull = self.x[self.judged], self.odd[:n_odd], self.dull[:n_dull]
        known = np.sort(np.concatenate([odd, dull]))
        labels = Labels(known, self.y[known], ("dull", "odd"), "screen")
        if not self._known:
            pool = self.x[self.learn]
            self._known["mahalanobis pool"] = mahalanobis(asked, pool)
            self._known["isolation pool"] = isolated(asked, pool, self.seed)
            self._known["tails pool"] = tails(asked, pool)
        out = {"fused": fused(self.x, labels, self.tabular).score(asked), **self._known}
        if n_dull:
            out |= self._dull_alone(asked, dull)
        if n_odd:
            heads = directions_of(self.x[known], self.tabular), labels.y
            head = Linear(2, c=1.0, balanced=True).fit(*heads)
            out["linear"] = head.decision(directions_of(asked, self.tabular))[:, 0].astype(np.float64)
            out["forest"] = Forest(2, balanced=True).fit(*heads).predict_proba(directions_of(asked, self.tabular))[:, 1]
        return out

    def _dull_alone(self, asked: Matrix, dull: np.ndarray) -> dict[str, Vector]:
        if len(dull) not in self._of_dull:
            near = nearest(directions_of(asked, self.tabular), directions_of(self.x[dull], self.tabular))
            out = {"mahalanobis dull": mahalanobis(asked, self.x[dull]), "nearest dull": near}
            if len(dull) >= 10:
                out["isolation dull"] = isolated(asked, self.x[dull], self.seed)
            self._of_dull[len(dull)] = out
        return self._of_dull[len(dull)]


def play(name: str, seed: int, cache: Path, known: dict[str, Any]) -> dict[str, Any]:
    """What every method reaches on one pool of one seed; states that are known already are left as they are."""
    pool, scores = Pool(name, seed, cache), dict(known.get("scores", {}))
    for n_odd, n_dull in STATES:
        state = f"{n_odd} odd, {n_dull} dull"
        if n_odd <= len(pool.odd) and state not in scores:
            found = pool.scores(n_odd, n_dull)
            scores[state] = {method: pool.judge(score) for method, score in found.items()}
    return {"pool": name, "seed": seed, "judged_odd": int(pool.y[pool.judged].sum()), "scores": scores}


def complete(row: dict[str, Any]) -> bool:
    """Whether every state was played; a pool may have too few odd items for the last."""
    return len(row.get("scores", ())) >= len(STATES) - 1


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A state: each method's means over pools, and how far `fused` is ahead of it, paired by seed."""
    out: dict[str, Any] = {}
    for state in (f"{n_odd} odd, {n_dull} dull" for n_odd, n_dull in STATES):
        there = [row for row in rows if state in row["scores"]]
        every = {row["pool"] for row in there}
        seeds = sorted({row["seed"] for row in there})
        for method in there[0]["scores"][state] if there else ():
            pairs = [
                [(*r["scores"][state][method], *r["scores"][state]["fused"]) for r in there if r["seed"] == seed]
                for seed in seeds
            ]
            mine = np.array([np.mean(pair, axis=0) for pair in pairs])
            facts: dict[str, Any] = {"pools": len(every)}
            for at, measure in enumerate(("auroc", "average_precision")):
                facts[measure] = round(float(mine[:, at].mean()), 4)
                if method != "fused":
                    ahead = bootstrap(mine[:, at + 2] - mine[:, at], stream(0, state, method, measure))
                    facts[f"{measure}_behind"] = [round(v, 4) for v in (ahead.mean, ahead.low, ahead.high)]
            out.setdefault(state, {})[method] = facts
    return out


def by_pool(rows: list[dict[str, Any]], state: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in dict.fromkeys(row["pool"] for row in rows):
        mine = [row["scores"][state] for row in rows if row["pool"] == name and state in row["scores"]]
        if mine:
            out[name] = {m: np.mean([one[m] for one in mine], axis=0).round(4).tolist() for m in mine[0]}
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-pools")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-detector")
    parser.add_argument("--seeds", default="0-9", help="FIRST-LAST")
    parser.add_argument("--pools", default="all", help="names, joined by commas")
    parser.add_argument("--merge", action="store_true", help="play nothing: merge the seeds that are there in full")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    first, _, last = args.seeds.partition("-")
    chosen = pools() if args.pools == "all" else args.pools.split(",")
    args.work.mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in range(int(first), int(last or first) + 1):
        files = {name: args.work / f"{name}-{seed}.json" for name in chosen}
        for name, file in files.items() if not args.merge else ():
            known = json.loads(file.read_text()) if file.exists() else {}
            if not complete(known):
                file.with_suffix(".part").write_text(json.dumps(play(name, seed, args.cache, known)))
                file.with_suffix(".part").replace(file)
        there = [json.loads(file.read_text()) for file in files.values() if file.exists()]
        if len(there) == len(files) and all(map(complete, there)):
            rows += there
            print(seed, flush=True)
    found = summary(rows)
    for state, methods in found.items():
        for method, facts in sorted(methods.items(), key=lambda pair: -pair[1]["auroc"]):
            print(f"{state:16} {method:17} {facts['auroc']:.3f} {facts['average_precision']:.3f} {facts}")
    machine = (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}"
    )
    pooled = {state: by_pool(rows, state) for state in found}
    whole = {
        "machine": machine,
        "seeds": sorted({row["seed"] for row in rows}),
        "summary": found,
        "pools": pooled,
        "runs": rows,
    }
    args.out.with_suffix(".part").write_text(json.dumps(whole, separators=(",", ":")) + "\n")
    args.out.with_suffix(".part").replace(args.out)


if __name__ == "__main__":
    main()
