"""Labels to look at again: what the app calls doubtful, beside confident learning, least confidence and chance.

    python benchmarks/suspects.py --cache /tmp/pools --work /tmp/suspects --seeds 10-16     -> results/suspects.json

One answer in twenty is wrong, in each twenty that are given: another class at random, or the class whose mean is
nearest to that of the true one (`nearest`; two classes have no other). The strategy sees the wrong answers, too.
Items are asked by `auto` (a screen: by `screen`), twenty a query, or drawn at random. At 40, 100, 200 and 500 labels
heads as the project chooses them say what each label should be, five folds, each by a head that did not see it.

- shipped: what the app shows (selection/second_look.py): another class is likelier by half than the label, by heads and
  the nearest labels together, from 40 labels on, 50 at most.
- head: the rule before: heads alone, classes of any size; and the same, but as many as are shipped.
- confident: the off-diagonal of the confident joint, and pruned: as many a pair of classes as that joint estimates,
  by margin (Northcutt, Jiang and Chuang 2021); several classes an item, or a screen: each class by itself.
- least_confident, gainsaid, random: the twentieth of the labels that are least likely to be right; that are most surely
  gainsaid; any. These three are told how many are wrong.

Only what was made wrong here counts as wrong: errors of the data sets count against every way. What each case's heads
said is a file under --work and is not made again. Seeds 0 to 9 are for tuning, others for what is told.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from pools import SETTINGS, load
from screening_pools import draw

from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool, InMemory, Round
from labelsieve.core.types import ODD, Ids, Labels, Matrix
from labelsieve.heads.view import View
from labelsieve.project.ordering import FOLDS, by_other_folds
from labelsieve.project.progress.measuring import DOUBTS, FROM
from labelsieve.project.training import Chooser, fit
from labelsieve.screening.search import screen
from labelsieve.selection.automatic import auto
from labelsieve.selection.hard import disagreements
from labelsieve.selection.second_look import SURER, second_opinion, suspicious

OUT = Path(__file__).parent / "results" / "suspects.json"
SIZES, EACH, ITEMS = (40, 100, 200, 500), 20, 2000  # labels, of each so many one is wrong, items of a pool
POOLS = ("digits", "clothing", "clinc150", "adult", "goemotions", "mvtec")
MVTEC = ("bottle_ResNet18", "carpet_ViT", "metal_nut_ResNet18", "screw_ViT", "transistor_ViT")
ASKED, NOISES = ("auto", "random"), ("random", "nearest")


@dataclass(frozen=True)
class Case:
    """A viewed pool with its truth, what an erring person would answer (n, or n x c), and how it is asked."""

    pool: ArrayPool
    truth: Labels
    wrong: np.ndarray
    choose: Chooser


@lru_cache(maxsize=2)
def case_of(name: str, noise: str, seed: int, cache: Path) -> Case:
    """The sub-pool of a seed."""
    rng = stream(seed, "suspects", name)
    if name == "mvtec":
        drawn = draw(f"mvtec_{MVTEC[seed % len(MVTEC)]}", seed, cache)
        x, y, classes, kind, way, tabular = drawn.x, drawn.y, ("dull", "odd"), "screen", "z", False
    else:
        setting = SETTINGS[name]
        x, truth = load(setting, cache)
        at = np.sort(rng.permutation(len(x))[:ITEMS])
        x, y, classes, kind, tabular = x[at], truth.y[at], truth.classes, truth.kind, setting.tabular
        way = "raw" if tabular else "unit"  # as the project views what its engines give
    x = View.fit(x, way)(x)
    truth = Labels(np.arange(len(x)), y, classes, kind)
    return Case(ArrayPool(x), truth, mistaken(x, truth, noise, rng), Chooser("auto", tabular))


def mistaken(x: Matrix, truth: Labels, noise: str, rng: np.random.Generator) -> np.ndarray:
    """What somebody who is wrong would answer for each item: another class; one class of several for another."""
    c = len(truth.classes)
    has = np.eye(c, dtype=bool)[truth.y] if truth.y.ndim == 1 else truth.y > 0.5
    means = np.stack([x[has[:, j]].mean(axis=0) if has[:, j].any() else np.full(x.shape[1], 1e6) for j in range(c)])
    far = ((means[:, None] - means[None]) ** 2).sum(axis=2)
    out = truth.y.copy()
    for row in range(len(x)):
        mine = np.flatnonzero(has[row])
        old = int(rng.choice(mine)) if len(mine) else 0
        free = np.flatnonzero(~has[row])
        new = int(rng.choice(free)) if noise == "random" else int(free[far[old, free].argmin()])
        if out.ndim == 1:
            out[row] = new
        else:
            out[row, old], out[row, new] = 0.0, 1.0
    return out


def answered(case: Case, asked: str, most: int, seed: int) -> tuple[Ids, np.ndarray]:
    """Ids in the order of the answers, and the places of those that are wrong: one of each twenty."""
    rng = stream(seed, "answers", asked)
    wrong = np.arange(0, most, EACH) + rng.integers(EACH, size=most // EACH)
    if asked == "random":
        return rng.permutation(len(case.truth))[:most].astype(np.int64), wrong
    strategy = screen if case.truth.kind == "screen" else auto
    order, head, past, kept = np.empty(0, np.int64), None, [], InMemory()
    for number in range(most // EACH):
        known = labels_of(case, order, wrong)
        state = Round(
            case.pool, known, head, number=number, past=past, kept=kept, tabular=case.choose.tabular,
            wanted=ODD if case.truth.kind == "screen" else None,
        )  # fmt: skip
        past.append(strategy(state, EACH, stream(seed, "query", number)))
        order = np.concatenate([order, past[-1].ids])
        head = fit(case.choose, case.pool, labels_of(case, order, wrong), head)
    return order, wrong


def labels_of(case: Case, order: Ids, wrong: np.ndarray) -> Labels:
    """The labels so far, ascending by id."""
    y = case.truth.y[order].copy()
    bad = wrong[wrong < len(order)]
    y[bad] = case.wrong[order[bad]]
    at = np.argsort(order)
    return Labels(order[at], y[at], case.truth.classes, case.truth.kind)


def said(name: str, asked: str, noise: str, seed: int, args: argparse.Namespace) -> dict[int, dict[str, np.ndarray]]:
    """labels -> given answers, which are wrong, and what heads say that did not see them; from a file where it is."""
    file = args.work / f"{name}-{asked}-{noise}-{seed}.npz"
    if not file.exists():
        case = case_of(name, noise, seed, args.cache)
        sizes = [n for n in SIZES if n <= len(case.truth) // 2]
        order, wrong = answered(case, asked, max(sizes), seed)
        parts: dict[str, np.ndarray] = {}
        for n in sizes:
            labels = labels_of(case, order[:n], wrong)
            parts[f"proba{n}"] = by_other_folds(case.choose, case.pool, labels, folds_of(seed, n))
            parts[f"ids{n}"], parts[f"y{n}"] = labels.ids, labels.y
            parts[f"wrong{n}"] = np.isin(labels.ids, order[wrong[wrong < n]])
        np.savez(file.with_suffix(".part.npz"), kind=case.truth.kind, sizes=np.array(sizes), **parts)
        file.with_suffix(".part.npz").replace(file)
    with np.load(file) as kept:
        return {n: {key: kept[f"{key}{n}"] for key in ("ids", "proba", "y", "wrong")} for n in kept["sizes"].tolist()}


def folds_of(seed: int, n: int) -> Ids:
    return (stream(seed, "folds", n).permutation(n) % FOLDS).astype(np.int64)


def confident_joint(proba: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The class (m,) that each row is confidently of, -1 for none, and the counts (c, c) of given and such classes."""
    c = proba.shape[1]
    seen = np.bincount(y, minlength=c)
    usual = np.array([proba[y == j, j].mean() if seen[j] else np.inf for j in range(c)])
    above = np.where(proba >= usual - 1e-6, proba, -1.0)
    sure = np.where(above.max(axis=1) >= 0, above.argmax(axis=1), -1)
    counts = np.zeros((c, c))
    np.add.at(counts, (y[sure >= 0], sure[sure >= 0]), 1)
    return sure, counts


def confident(proba: np.ndarray, y: np.ndarray) -> np.ndarray:
    sure = confident_joint(proba, y)[0]
    return np.flatnonzero((sure >= 0) & (sure != y))


def pruned(proba: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of each class and each other one as many as the joint estimates, by margin."""
    counts = confident_joint(proba, y)[1]
    seen = np.bincount(y, minlength=proba.shape[1])
    scale = seen / np.maximum(counts.sum(axis=1), 1)
    out = np.zeros(len(y), bool)
    for i, j in zip(*np.nonzero(counts * ~np.eye(len(seen), dtype=bool)), strict=True):
        mine = np.flatnonzero(y == i)
        n = min(round(counts[i, j] * scale[i]), len(mine))
        out[mine[np.argsort(proba[mine, i] - proba[mine, j], kind="stable")[:n]]] = True
    return np.flatnonzero(out)


def each_class(way: Callable[[np.ndarray, np.ndarray], np.ndarray], proba: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What `way` finds, one class after the other where items have several."""
    if y.ndim == 1:
        return way(proba, y)
    found = [
        way(np.stack([1 - p, p], axis=1), (has > 0.5).astype(np.int64)) for p, has in zip(proba.T, y.T, strict=True)
    ]
    return np.unique(np.concatenate(found))


def ways(proba: Matrix, likely: Matrix, y: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Way -> positions of the labels that it would have looked at again."""
    found, surer = disagreements(proba, y)
    k = len(y) // EACH
    right = proba[np.arange(len(y)), y] if y.ndim == 1 else 1 - np.abs(proba - y).max(axis=1)
    shipped = suspicious(likely, y)[0][: DOUBTS if len(y) >= FROM else 0]
    return {
        "shipped": shipped,
        "head, as many": found[: len(shipped)],
        "head": found[surer >= SURER][: DOUBTS if len(y) >= FROM else 0],
        "confident": each_class(confident, proba, y),
        "pruned": each_class(pruned, proba, y),
        "least_confident": np.argsort(right, kind="stable")[:k],
        "gainsaid": found[:k],
        "random": rng.permutation(len(y))[:k],
    }


def judged(name: str, asked: str, noise: str, seed: int, args: argparse.Namespace) -> list[dict[str, Any]]:
    """One row a number of labels: [flagged, of these wrong] by way."""
    rows, case = [], case_of(name, noise, seed, args.cache)
    for n, told in said(name, asked, noise, seed, args).items():
        proba, y = told["proba"].astype(np.float64), told["y"]
        likely = second_opinion(case.pool.take(told["ids"]), proba, y, folds_of(seed, n), case.truth.kind)
        found = ways(proba, likely, y, stream(seed, "control", name, asked, noise, n))
        rows.append({
            "pool": name, "asked": asked, "noise": noise, "seed": seed, "labels": n, "wrong": int(told["wrong"].sum()),
            "found": {way: [len(at), int(told["wrong"][at].sum())] for way, at in found.items()},
        })  # fmt: skip
    return rows


def share(hits: np.ndarray, of: np.ndarray) -> dict[str, float] | None:
    """Sum of hits over sum of `of`, with a 95 % bootstrap interval over runs; None where nothing is there."""
    if not of.sum():
        return None
    at = stream(0, "suspects").integers(len(of), size=(2000, len(of)))
    below = of[at].sum(axis=1)
    low, high = np.quantile(hits[at].sum(axis=1)[below > 0] / below[below > 0], [0.025, 0.975])
    return {name: round(float(v), 4) for name, v in (("mean", hits.sum() / of.sum()), ("low", low), ("high", high))}


def gained(rows: list[dict[str, Any]], way: str) -> dict[str, float] | None:
    """The precision of what is shipped less that of another way, with a 95 % bootstrap interval over the same runs."""
    flagged, hits = np.array([[row["found"][name] for name in ("shipped", way)] for row in rows]).transpose(2, 1, 0)
    if not flagged.sum(axis=1).all():
        return None
    at = stream(0, "suspects").integers(len(rows), size=(2000, len(rows)))
    (mine, other), (of_mine, of_other) = hits[:, at].sum(axis=2), flagged[:, at].sum(axis=2)
    there = (of_mine > 0) & (of_other > 0)
    low, high = np.quantile((mine / np.maximum(of_mine, 1) - other / np.maximum(of_other, 1))[there], [0.025, 0.975])
    mean = hits[0].sum() / flagged[0].sum() - hits[1].sum() / flagged[1].sum()
    return {name: round(float(v), 4) for name, v in (("mean", mean), ("low", low), ("high", high))}


def told(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Precision, recall and number flagged a run, by way."""
    wrong = np.array([row["wrong"] for row in rows])
    out: dict[str, Any] = {
        "runs": len(rows),
        "over_head": gained(rows, "head"),
        "over_as_many": gained(rows, "head, as many"),
    }
    for way in rows[0]["found"]:
        flagged, hits = np.array([row["found"][way] for row in rows]).T
        out[way] = {
            "precision": share(hits, flagged), "recall": share(hits, wrong),
            "flagged": round(float(flagged.mean()), 2), "right": round(float((flagged - hits).mean()), 2),
        }  # fmt: skip
    return out


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """By pool, how it was asked, how it was wrong and number of labels; and over the tasks of one class an item."""
    out: dict[str, Any] = {"pools": {}, "classes": {}}
    for n in SIZES:
        mine = [row for row in rows if row["labels"] == n]
        for key in dict.fromkeys((row["pool"], row["asked"], row["noise"]) for row in mine):
            part = [row for row in mine if (row["pool"], row["asked"], row["noise"]) == key]
            out["pools"].setdefault(", ".join(key), {})[n] = told(part)
        part = [row for row in mine if row["pool"] not in ("goemotions", "mvtec")]
        if part:
            out["classes"][n] = told(part)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    temporary = Path(tempfile.gettempdir())
    parser.add_argument("--cache", type=Path, default=temporary / "labelsieve-pools")
    parser.add_argument("--work", type=Path, default=temporary / "labelsieve-suspects")
    parser.add_argument("--pools", default=",".join(POOLS))
    parser.add_argument("--seeds", default="10-16", help="FIRST-LAST")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    first, _, last = args.seeds.partition("-")
    seeds, rows = range(int(first), int(last or first) + 1), []
    for seed in seeds:
        for name in args.pools.split(","):
            for asked in ASKED:
                for noise in NOISES[: 1 if name in ("mvtec", "adult") else 2]:
                    rows += judged(name, asked, noise, seed, args)
            print(f"seed {seed}: {name}", flush=True)
    found = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__},
        "rule": {"surer": SURER, "from": FROM, "most": DOUBTS}, "seeds": [seeds[0], seeds[-1]], **summary(rows),
    }  # fmt: skip
    lines = ",\n".join("  " + json.dumps(row) for row in rows)
    args.out.write_text(json.dumps({**found, "rows": "ROWS"}, indent=1).replace('"ROWS"', f"[\n{lines}\n ]") + "\n")
    for n, by in found["classes"].items():
        print(n, "over head", by["over_head"], "over as many", by["over_as_many"])
        for way in rows[0]["found"]:
            print("  ", way, *(f"{key} {by[way][key]}" for key in ("precision", "recall", "flagged")))


if __name__ == "__main__":
    main()
