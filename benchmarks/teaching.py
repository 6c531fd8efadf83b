"""What taught items are worth: another plant's labels, kept or dropped by the audit slice; and one missed item.

    python benchmarks/teaching.py --cache /tmp/pools --seeds 10       -> results/teaching.json

Sources: a pool has a few labels, and 300 dull and 40 odd items of another source are taught beside them at a range of
weights. Average precision on what is neither labelled nor audited, without the source, with it, and as the project
decides on an audit slice of 60 random items (a fifth of the pool at most). Sources are other MVTec categories, other
boards, and other intents of CLINC150: some of the same kind, some that contradict the pool on purpose.

Missed: 10 odd items of one kind and 40 dull ones are known, none of a second kind. One item of the second kind is
taught, or not, and 50 more are asked by `screen`, ten at a time: how many of the second kind are found?

A part that is done is not run again: delete the result, or give another --out, to start anew.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pools import SETTINGS, SHARED, load
from screening_pools import Drawn, boards, draw

from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool, InMemory, Pool, Round
from labelsieve.core.sockets import Head
from labelsieve.core.statistics import bootstrap
from labelsieve.core.types import DULL, ODD, Labels, Query
from labelsieve.heads import metrics
from labelsieve.heads.view import View
from labelsieve.project.lessons.judging import judged
from labelsieve.project.lessons.taught import MISSED, Taught
from labelsieve.project.slices import Sides
from labelsieve.project.standing import Stand, with_taught
from labelsieve.project.training import Chooser, fit
from labelsieve.screening.search import screen
from labelsieve.store.pools import TaughtPool

OUT = Path(__file__).parent / "results" / "teaching.json"
STAGES = ((0, 20), (1, 20), (3, 37), (10, 90))  # (odd, dull) labels of the pool
WEIGHTS = (0.03, 0.1, 0.3)
DEFAULT = 0.03
AUDIT, THERE_ODD, THERE_DULL = 60, 40, 300
ROUNDS, SIZE = 5, 10
MISSED_POOLS = ("clinc150", "goemotions", "cover_1e-2", "celeba_1e-2")
NONE = np.empty(0, np.int64)
Rows = tuple[np.ndarray, np.ndarray]


def mvtec() -> dict[tuple[str, str], Rows]:
    out: dict[tuple[str, str], Rows] = {}
    for file in sorted((SHARED / "industrial_mvtec_embeddings").glob("*/*.npz")):
        with np.load(file) as part:
            out[file.parent.name, file.stem] = part["X"].astype(np.float32), (part["y"] == 1).astype(np.int64)
    return out


def plants(cache: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """(engine, rows, whether odd, board group)."""
    names = sorted((SHARED / "industrial_pcb" / "images").glob("*_template.jpg"))
    names += sorted((SHARED / "industrial_pcb" / "images").glob("*_test.jpg"))
    group = np.array([file.name[:5] for file in names])
    for engine in ("mobilenetv2", "resnet50v2-stage3"):
        x, y, _ = boards(engine)(cache)
        yield engine, x, y, group


def pairs(seed: int, cache: Path) -> Iterator[tuple[str, Rows, Rows]]:
    """(family, rows and truth of the pool, of the source): one source for each pool and seed."""
    sets = mvtec()
    for engine, category in sets:
        others = [key for key in sets if key[0] == engine and key[1] != category]
        other = others[int(stream(seed, "source", engine, category).integers(len(others)))]
        yield f"mvtec {engine}: another category", sets[engine, category], sets[other]
    for engine, x, y, group in plants(cache):
        names = stream(seed, "boards").permutation(np.unique(group))
        here = np.isin(group, names[: len(names) // 2])
        yield f"boards {engine}: other boards", (x[here], y[here]), (x[~here], y[~here])
    yield from intents(seed, cache)


def intents(seed: int, cache: Path) -> Iterator[tuple[str, Rows, Rows]]:
    """CLINC150: three intents are odd among 70 others; sources from a plant with 70 other intents."""
    x, truth = load(SETTINGS["clinc150"], cache)
    rng = stream(seed, "intents")
    classes = rng.permutation(len(truth.classes))
    odd, here, there = classes[:3], classes[3:73], classes[73:143]

    def drawn(odd_: np.ndarray, dull: np.ndarray, n_odd: int, n_dull: int) -> Rows:
        parts = [
            rng.permutation(np.flatnonzero(np.isin(truth.y, names)))[:n] for names, n in ((dull, n_dull), (odd_, n_odd))
        ]
        at = np.concatenate(parts)
        return x[at], np.repeat([DULL, ODD], [len(part) for part in parts]).astype(np.int64)

    pool = drawn(odd, here, 70, 1400)
    for name, odd_, dull in (
        ("the same odd, other dull intents", odd, there),
        ("one of the three odd, other dull intents", odd[:1], there),
        ("other odd, other dull intents", there[:3], there[3:]),
        ("odd there is dull here", here[:3], there),
        ("odd and dull swapped", here[:3], np.concatenate([odd, there])),
    ):
        yield f"clinc150: {name}", pool, drawn(odd_, dull, THERE_ODD, THERE_DULL)


def tried(family: str, here: Rows, there: Rows, seed: int) -> Iterator[dict[str, Any]]:
    """One row for each stage and weight."""
    (x, y), (xs, ys) = here, there
    rng = stream(seed, "teaching", family, len(y))
    view = View.fit(x, "z")
    order = rng.permutation(len(y)).astype(np.int64)
    n_audit = min(AUDIT, len(y) // 5)
    audit, rest = np.sort(order[:n_audit]), order[n_audit:]
    odd, dull = rest[y[rest] == ODD], rest[y[rest] == DULL]
    source = np.concatenate(
        [rng.permutation(np.flatnonzero(ys == c))[:n] for c, n in ((ODD, THERE_ODD), (DULL, THERE_DULL))]
    )
    ids = -np.arange(len(source), 0, -1, dtype=np.int64)
    pool = TaughtPool(ArrayPool(view(x)), ids, view(xs[source]))

    def labels(at: np.ndarray) -> Labels:
        return Labels(np.sort(at), y[np.sort(at)], ("dull", "odd"), "screen")

    for n_odd, n_dull in STAGES:
        if len(odd) < n_odd + 5 or len(dull) < n_dull + 20:
            continue
        train = labels(np.concatenate([odd[:n_odd], dull[:n_dull]]))
        test = np.setdiff1d(rest, train.ids)
        for weight in WEIGHTS:
            taught = Taught(ids, ys[source], np.full(len(ids), weight), np.full(len(ids), "there"), xs[source])
            state = Stand(
                pool=pool, raw=pool, view=view, sides=Sides(pool.ids, {"audit": audit}, {"audit": 0.0}), train=train,
                audit=labels(audit), calibration=labels(NONE), control=NONE, answered=train.ids,
                choose=Chooser("auto", False), taught=taught,
            )  # fmt: skip

            def fitted(known: Labels, state: Stand = state) -> Any:
                return fit(state.choose, state.pool, known)

            (verdict,) = judged(state, fitted)
            if weight == WEIGHTS[0]:
                without = precision(fitted(train), pool, test, y)
            with_it = precision(fitted(with_taught(train, taught)), pool, test, y)
            scores = {"without": without, "with": with_it, "decided": with_it if verdict.takes_part else without}
            yield {
                "family": family, "seed": seed, "odd": n_odd, "dull": n_dull, "weight": weight, **scores,
                "takes_part": verdict.takes_part, "judged": verdict.gain is not None, "audit_odd": verdict.odd,
            }  # fmt: skip


def precision(head: Head, pool: Pool, test: np.ndarray, y: np.ndarray) -> float:
    return round(metrics.average_precision(y[test], head.predict_proba(pool.take(test))[:, ODD]), 4)


def kinds_of(name: str, seed: int, cache: Path) -> Drawn:
    """A pool with several kinds of odd items."""
    if name != "clinc150":
        return draw(name, seed, cache)
    x, truth = load(SETTINGS["clinc150"], cache)
    rng = stream(seed, "kinds")
    classes = rng.permutation(len(truth.classes))
    dull = rng.permutation(np.flatnonzero(np.isin(truth.y, classes[2:])))[:5000]
    odd = [rng.permutation(np.flatnonzero(truth.y == one))[:25] for one in classes[:2]]
    at = rng.permutation(np.concatenate([dull, *odd]))
    kind = np.select([truth.y[at] == classes[0], truth.y[at] == classes[1]], [0, 1], -1)
    return Drawn(name, x[at], (kind >= 0).astype(np.int64), kind, False)


def missed(name: str, seed: int, cache: Path) -> dict[str, Any] | None:
    """Items of a second kind among 50 labels, with and without one of it taught before; None with too few of them."""
    drawn = kinds_of(name, seed, cache)
    rng = stream(seed, "missed", name)
    kinds = rng.permutation([k for k in range(drawn.kind.max() + 1) if (drawn.kind == k).sum() >= 12])[:2]
    if len(kinds) < 2:
        return None
    first, second = (rng.permutation(np.flatnonzero(drawn.kind == k)) for k in kinds)
    known = np.concatenate([first[:10], rng.permutation(np.flatnonzero(drawn.y == DULL))[:40]])
    taught_at, rest = int(second[0]), np.delete(np.arange(len(drawn.y), dtype=np.int64), second[0])
    view = View.fit(drawn.x[rest], "z")
    x = view(drawn.x)
    base = ArrayPool(x[rest], rest)
    lesson = Taught(np.array([-1]), np.array([ODD]), np.ones(1), np.array([MISSED]), drawn.x[[taught_at]])
    kept = InMemory()
    found = {}
    for label, taught in (("without", None), ("with", lesson)):
        pool = base if taught is None else TaughtPool(base, taught.ids, x[[taught_at]])
        ids, past = np.sort(known), list[Query]()
        for number in range(ROUNDS):
            labels = with_taught(Labels(ids, drawn.y[ids], ("dull", "odd"), "screen"), taught)
            head = fit(Chooser("auto", drawn.tabular), pool, labels)
            state = Round(
                pool, labels, head, number=number + 5, wanted=ODD, past=past, kept=kept, tabular=drawn.tabular
            )
            past.append(screen(state, SIZE, stream(seed, "asked", name, number)))
            ids = np.union1d(ids, past[-1].ids)
        new = np.setdiff1d(ids, known)
        found[label] = int((drawn.kind[new] == kinds[1]).sum())
        found[f"{label}_odd"] = int(drawn.y[new].sum())
    return {"pool": name, "seed": seed, "of": len(second) - 1, **found}


def told(values: list[float]) -> dict[str, float]:
    found = bootstrap(np.array(values), stream(0, "told"))
    return {"mean": round(found.mean, 4), "low": round(found.low, 4), "high": round(found.high, 4), "n": len(values)}


def tables(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Means with 95 % intervals over pools and seeds, at the default weight; by weight over all; what `miss` found."""
    sources: dict[str, Any] = {}
    for row in rows["sources"]:
        if row["weight"] == DEFAULT:
            sources.setdefault(row["family"], {}).setdefault(f"{row['odd']} odd, {row['dull']} dull", []).append(row)
    told_sources = {
        family: {
            stage: {
                "without": told([row["without"] for row in part]),
                "gain_with": told([row["with"] - row["without"] for row in part]),
                "gain_decided": told([row["decided"] - row["without"] for row in part]),
                "takes_part": round(float(np.mean([row["takes_part"] for row in part])), 3),
                "judged": round(float(np.mean([row["judged"] for row in part])), 3),
            }
            for stage, part in stages.items()
        }
        for family, stages in sources.items()
    }
    by_weight = {
        str(weight): {
            name: round(float(np.mean([row[name] - row["without"] for row in part])), 4) for name in ("with", "decided")
        }
        for weight in WEIGHTS
        if (part := [row for row in rows["sources"] if row["weight"] == weight])
    }
    lessons = {
        name: {
            "without": told([row["without"] for row in part]),
            "with": told([row["with"] for row in part]),
            "gain": told([row["with"] - row["without"] for row in part]),
            "of": round(float(np.mean([row["of"] for row in part])), 1),
        }
        for name in dict.fromkeys(row["pool"] for row in rows["missed"])
        if (part := [row for row in rows["missed"] if row["pool"] == name])
    }
    return {"sources": told_sources, "weights": by_weight, "missed": lessons}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-pools")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed, for two runs side by side")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    rows: dict[str, list[dict[str, Any]]] = {"sources": [], "missed": []}
    if args.out.exists():
        rows = json.loads(args.out.read_text())["rows"]
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}

    def save() -> None:
        facts = {"machine": machine, "seeds": args.seeds, "weight": DEFAULT, "audit": AUDIT, **tables(rows)}
        lines = {name: [json.dumps(row) for row in part] for name, part in rows.items()}
        whole = json.dumps({**facts, "rows": "ROWS"}, indent=1)
        listed = ",\n".join(f'  "{name}": [\n   ' + ",\n   ".join(part) + "\n  ]" for name, part in lines.items())
        args.out.write_text(whole.replace('"ROWS"', "{\n" + listed + "\n }") + "\n")

    for seed in range(args.first, args.seeds):
        if not any(row["seed"] == seed for row in rows["sources"]):
            for family, here, there in pairs(seed, args.cache):
                rows["sources"] += tried(family, here, there, seed)
        for name in MISSED_POOLS:
            if not any((row["pool"], row["seed"]) == (name, seed) for row in rows["missed"]):
                row = missed(name, seed, args.cache)
                rows["missed"] += [row] if row else []
        save()
        print(f"seed {seed} done", flush=True)
    print(json.dumps(tables(rows), indent=1))


if __name__ == "__main__":
    main()
