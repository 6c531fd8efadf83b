"""How often each bound of a screening holds: summed exactly, else in repetitions. -> results/bounds.json

    python benchmarks/bounds.py

A bound holds when it is not above the truth. A pool of a million items; the search has found part of the odd ones, the
audit is drawn from the rest. `below` says whether coverage is significantly below .95: exactly summed, below it at all;
in repetitions, a one-sided binomial test at .001. Settings marked `shown_to_fail` are what not to do.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.stats import binomtest

import labelsieve as ls
from labelsieve.core.randomness import stream
from labelsieve.core.types import Label, Value
from labelsieve.project import chain, events, manifest, tasks
from labelsieve.project.claims.certifying import Wish, draw_audit
from labelsieve.project.claims.claiming import certify
from labelsieve.project.config import Settings, TaskSettings
from labelsieve.project.context import Context
from labelsieve.project.database import connect, now
from labelsieve.screening.draws import odd_drawn
from labelsieve.screening.promising import look_confidence

OUT = Path(__file__).parent / "results" / "bounds.json"
POOL, SURE, SEED, TESTED = 1_000_000, 0.95, 0, 0.001
PREVALENCE = (1e-2, 1e-3, 1e-4)
AUDITS = (300, 3_000, 30_000, 300_000)
MISSED = (0.02, 0.1, 0.3, 0.9)  # share of the odd ones that the search did not find
Row = dict[str, Any]
plain = cache(lambda *counts: ls.recall_bound(*counts).bound)


def parted(prevalence: float, missed: float) -> tuple[int, int]:
    """Odd items found, and odd items left, of a pool of that prevalence."""
    odd = round(POOL * prevalence)
    left = max(1, round(odd * missed))
    return odd - left, left


def exact(kind: str, coverage: float, fails: bool = False, **what: Any) -> Row:
    below = coverage < SURE - 1e-9
    return {"kind": kind, **what, "coverage": round(coverage, 5), "exact": True, "below": below, "shown_to_fail": fails}


def repeated(kind: str, held: int, n: int, fails: bool = False, **what: Any) -> Row:
    p = binomtest(held, n, SURE, alternative="less").pvalue
    row = {
        "kind": kind,
        **what,
        "coverage": round(held / n, 5),
        "exact": False,
        "repetitions": n,
        "p": float(f"{p:.3g}"),
    }
    return row | {"below": bool(p < TESTED), "shown_to_fail": fails}


def first_that_holds(found: int, left: int, unreviewed: int, audit: int, sure: float) -> int:
    """The smallest number of odd items in the audit with which the bound holds; with more it holds as well."""
    low, high = 0, min(left, audit)
    while low < high:
        middle = (low + high) // 2
        holds = plain(found, unreviewed, audit, middle, sure) <= found / (found + left)
        low, high = (low, middle) if holds else (middle + 1, high)
    return low


def one_look() -> list[Row]:
    rows = []
    for prevalence in PREVALENCE:
        for missed in MISSED:
            found, left = parted(prevalence, missed)
            unreviewed = POOL - 2 * found
            for audit in AUDITS:
                first, chance = odd_drawn(unreviewed, left, audit)
                edge = first_that_holds(found, left, unreviewed, audit, SURE)
                what = {"prevalence": prevalence, "missed": missed, "audit": audit}
                rows.append(exact("recall, one look", float(chance[max(edge - first, 0) :].sum()), **what))
    return rows


def drawn_again(n: int) -> list[Row]:
    """The same, drawn by numpy and asked of the public functions: nothing of the sum is shared."""
    rows = []
    for prevalence in PREVALENCE:
        for audit in AUDITS[1:]:
            found, left = parted(prevalence, 0.1)
            unreviewed = POOL - 2 * found
            seen = stream(SEED, "again", str(prevalence), audit).hypergeometric(left, unreviewed - left, audit, n)
            truth, rest = found / (found + left), unreviewed - audit
            held = sum(plain(found, unreviewed, audit, int(k), SURE) <= truth for k in seen)
            both = sum((found + int(k)) / (found + left) >= with_audit(found, unreviewed, audit, int(k)) for k in seen)
            little = sum(rest_share(unreviewed, audit, int(k)) >= (left - int(k)) / rest - 1e-15 for k in seen)
            point = sum(found / (found + k * unreviewed / audit) <= truth for k in seen)
            what = {"prevalence": prevalence, "missed": 0.1, "audit": audit}
            rows.append(repeated("recall, one look", held, n, **what))
            rows.append(repeated("recall with the odd items of the audit", both, n, **what))
            rows.append(repeated("what is left", little, n, **what))
            rows.append(repeated("recall, the point estimate read as a bound", int(point), n, True, **what))
    return rows


@cache
def with_audit(*counts: int) -> float:
    return ls.recall_bound(*counts).checked["with_audit"]


@cache
def rest_share(*counts: int) -> float:
    return ls.rest_bound(*counts).bound


def all_hold(found: int, left: int, unreviewed: int, sizes: list[int], sure: list[float]) -> float:
    """The exact chance that the bounds of all looks at one growing audit hold, by what was drawn so far."""
    state, before = {0: 1.0}, 0
    for size, confidence in zip(sizes, sure, strict=True):
        edge = first_that_holds(found, left, unreviewed, size, confidence)
        after: dict[int, float] = {}
        for seen, chance in state.items():
            first, more = odd_drawn(unreviewed - before, left - seen, size - before)
            for x, p in enumerate((chance * more).tolist(), seen + first):
                if x >= edge and p > 1e-14:
                    after[x] = after.get(x, 0.0) + p
        state, before = after, size
    return sum(state.values())


def several_looks() -> list[Row]:
    rows = []
    for prevalence in PREVALENCE:
        for missed in (0.1, 0.3):
            found, left = parted(prevalence, missed)
            for n, audit in ((2, 30_000), (5, 30_000), (10, 30_000), (10, 300_000)):
                if prevalence == 1e-2 and audit > 30_000:
                    continue
                sizes = [audit * (i + 1) // n for i in range(n)]
                what = {"prevalence": prevalence, "missed": missed, "audit": audit, "looks": n}
                for kind, sure in (("split over looks", list(ls.looks(n))), ("peeking", [SURE] * n)):
                    coverage = all_hold(found, left, POOL - 2 * found, sizes, sure)
                    rows.append(exact(f"recall, {kind}", coverage, kind == "peeking", **what))
    return rows


def open_ended() -> list[Row]:
    """Looks nobody declared, each at twice the audit: what `labelsieve certify` spends by itself."""
    rows = []
    for prevalence in PREVALENCE:
        for missed in (0.1, 0.3):
            found, left = parted(prevalence, missed)
            for n, audit in ((2, 3_000), (4, 3_000), (4, 30_000), (7, 30_000)):
                sizes = [audit // 2 ** (n - 1 - i) for i in range(n)]
                what = {"prevalence": prevalence, "missed": missed, "audit": audit, "looks": n}
                for kind, sure in (
                    ("open-ended looks", [look_confidence(i + 1) for i in range(n)]),
                    ("open-ended, peeking", [SURE] * n),
                ):
                    coverage = all_hold(found, left, POOL - 2 * found, sizes, sure)
                    rows.append(exact(f"recall, {kind}", coverage, kind.endswith("peeking"), **what))
    return rows


def whole_path(n: int) -> list[Row]:
    """Projects of 2,000 rows: labelled, drawn by the committed seed, answered, certified; drawn further where the claim
    is not good enough, and once more. All claims of a project have to be true."""
    rows = []
    for odd, looked_at, declared in ((20, 300, None), (200, 500, None), (200, 500, 3)):
        held = kept = 0
        for i in range(n):
            rng = stream(SEED, "path", odd, str(declared), i)
            claims = _claims(rng, odd, looked_at, declared)
            held += all(claim <= truth for claim, truth in claims)
            kept += len(claims) // 2
        what = {"items": 2000, "odd": odd, "reviewed": looked_at, "declared": declared or 0}
        mean = {"mean_looks": round(kept / n, 3)}
        rows.append(repeated("the whole path of certify, all its claims", held, n, **what, **mean))
    return rows


def _claims(rng: np.random.Generator, odd: int, looked_at: int, declared: int | None) -> list[tuple[float, float]]:
    """(claimed, true) of every look at one project; the search prefers odd items, and misses some."""
    n, audits = 2000, (100, 200, 400)
    y = np.zeros(n, bool)
    y[rng.choice(n, odd, replace=False)] = True
    order = np.argsort(-(2.0 * y + rng.normal(size=n)))[:looked_at] + 1
    out: list[tuple[float, float]] = []
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        context = _project(Path(folder), rng, n)
        _answer(context, order, y)
        found = float(y[order - 1].sum()) / odd
        for m in audits:
            audit = draw_audit(context, Wish(m, declared if m == audits[0] else None))
            _answer(context, np.setdiff1d(audit.drawn, order), y)
            claim = certify(context)
            known = np.union1d(audit.drawn, order)
            out += [(claim.promises["found"].bound, found), (claim.promises["known"].bound, y[known - 1].sum() / odd)]
            if claim.bound >= 0.7:
                break
        context.conn.close()
    return out


def _project(folder: Path, rng: np.random.Generator, n: int) -> Context:
    conn = connect(folder / "labels.sqlite", create=True)
    tasks.add(conn, "main", "screen", ["dull", "odd"])
    source = manifest.add_source(conn, "rows", "embedding")
    columns = "source, first_id, first_row, count, present, digests"
    conn.execute(f"INSERT INTO ranges ({columns}) VALUES (?, 1, 0, ?, ?, '')", (source, n, n))
    secret = rng.bytes(16).hex()  # a project takes it from the system; here it can be repeated
    conn.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (chain.SECRET, json.dumps(secret)))
    chain.add_fact(conn, "seed", {"commitment": chain.commitment_of(secret)})
    return Context(folder, Settings(tasks={"main": TaskSettings(kind="screen")}), conn)


def _answer(context: Context, ids: np.ndarray, y: np.ndarray) -> None:
    events.write(
        context.conn,
        [
            Label(events.new_id(), "main", int(i), Value("class", (("dull", "odd")[int(y[i - 1])],)), "ann", now())
            for i in ids
        ],
    )


@cache
def corrected(found: int, unreviewed: int, audit: int, odd: int, hidden: tuple[int, int]) -> float:
    return ls.reviewed_recall_bound(found, unreviewed, audit, odd, {"hidden": hidden}).bound


def reviewers(n: int) -> list[Row]:
    """The reviewer misses 5 %, in the search and in the audit; recall is of all odd items, the overlooked included."""
    rows = []
    for prevalence in PREVALENCE:
        odd = round(POOL * prevalence)
        shown = odd - max(1, round(0.1 * odd))
        unreviewed = POOL - 2 * shown
        for audit in (30_000, 300_000):
            for size in (20, 60, 200):
                rows += _reviewer(n, (odd, shown, unreviewed, audit), size, (0.95, 0.95))
        rows += _reviewer(n, (odd, shown, unreviewed, 300_000), 60, (0.8, 0.95))
    return rows


def _reviewer(n: int, counts: tuple[int, int, int, int], size: int, catches: tuple[float, float]) -> list[Row]:
    odd, shown, unreviewed, audit = counts
    rng = stream(SEED, "reviewer", *counts, size, str(catches))
    found = rng.binomial(shown, catches[0], n)
    seen = rng.binomial(rng.hypergeometric(odd - shown, unreviewed - odd + shown, audit, n), catches[0])
    caught = rng.binomial(size, catches[1], n)
    bare = with_ = 0
    bounds = []
    for f, k, c in zip(found.tolist(), seen.tolist(), caught.tolist(), strict=True):
        bare += plain(f, unreviewed, audit, k, SURE) <= f / odd
        bounds.append(corrected(f, unreviewed, audit, k, (size, c)))
        with_ += bounds[-1] <= f / odd
    what = {"prevalence": odd / POOL, "audit": audit, "hidden": size, "catches": catches[0]}
    fails = catches[0] != catches[1]
    what |= {"catches_hidden": catches[1]} if fails else {}
    name = "hidden items easier than the others" if fails else "corrected"
    kind = f"a reviewer who misses {100 * (1 - catches[0]):.0f} %"
    mean = {"mean_bound": round(float(np.mean(bounds)), 4), "mean_recall": round(float(found.mean() / odd), 4)}
    return [
        repeated(f"{kind}, plain", bare, n, True, **what),
        repeated(f"{kind}, {name}", with_, n, fails, **what, **mean),
    ]


def steered(n: int) -> list[Row]:
    """Odd items lie in groups of ten; the search follows a group until one is overlooked, and never returns."""
    rows, size, catches = [], 60, 0.95
    for prevalence in PREVALENCE:
        odd = round(POOL * prevalence)
        rng = stream(SEED, "steered", odd)
        run = np.minimum(rng.geometric(1 - catches, (n, odd // 10)) - 1, 10)
        found, missed = run.sum(axis=1), (run < 10).sum(axis=1)
        unreviewed = POOL - odd - found - missed  # as many dull items as odd ones were shown
        left = odd - found - missed
        for audit in (30_000, 300_000):
            seen = rng.binomial(rng.hypergeometric(left, unreviewed - left, audit), catches)
            caught = rng.binomial(size, catches, n)
            draws = list(zip(found.tolist(), unreviewed.tolist(), seen.tolist(), caught.tolist(), strict=True))
            bare = sum(plain(f, u, audit, k, SURE) <= f / odd for f, u, k, _ in draws)
            bounds = [corrected(f, u, audit, k, (size, c)) for f, u, k, c in draws]
            held = sum(bound <= f / odd for bound, (f, *_) in zip(bounds, draws, strict=True))
            what = {"prevalence": prevalence, "audit": audit, "hidden": size, "catches": catches}
            mean = {"mean_bound": round(float(np.mean(bounds)), 4), "mean_recall": round(float(found.mean() / odd), 4)}
            kind = "a reviewer who misses 5 %, and each miss ends a group"
            rows.append(repeated(f"{kind}, plain", bare, n, True, **what))
            rows.append(repeated(f"{kind}, corrected", held, n, **what, **mean))
    return rows


STRATA = ((0.02, 0.6, 0.25), (0.08, 0.25, 0.1), (0.9, 0.15, 0.02))  # share of items, of odd ones, of it audited


def thresholds(n: int) -> list[Row]:
    rows = []
    size = 100_000
    sizes = [round(size * s[0]) for s in STRATA]
    audited = [round(size * s[0] * s[2]) for s in STRATA]
    for prevalence in PREVALENCE:
        odd = [round(size * prevalence * s[1]) for s in STRATA]
        for later in (False, True):
            rng = stream(SEED, "thresholds", str(prevalence), int(later))
            draws = [
                rng.binomial(m, k / s, n) if later else rng.hypergeometric(k, s - k, m, n)
                for s, m, k in zip(sizes, audited, odd, strict=True)
            ]
            held = sum(_flagged(sizes, audited, seen, later) <= odd[0] / sum(odd) for seen in zip(*draws, strict=True))
            kind = f"sensitivity at a threshold, {'the stream to come' if later else 'this stream'}"
            rows.append(repeated(kind, held, n, prevalence=prevalence, audit=sum(audited)))
    return rows


def _flagged(sizes: list[int], audited: list[int], seen: tuple[int, ...], later: bool) -> float:
    strata = [ls.Stratum(i == 0, s, m, int(k)) for i, (s, m, k) in enumerate(zip(sizes, audited, seen, strict=True))]
    return ls.sensitivity_bound(strata, later=later).bound


def spikes() -> list[Row]:
    from scipy.stats import binom

    rows = []
    for n in (14, 29, 59, 200):
        bounds = np.array([ls.spiked_bound(n, c).bound for c in range(n + 1)])
        grid = np.unique(np.concatenate([np.linspace(0.3, 0.995, 200), bounds[1:] - 1e-9]))
        worst = min(float(binom.pmf(np.arange(n + 1), n, s)[bounds <= s].sum()) for s in grid)
        rows.append(exact("spiked items, the worst sensitivity", worst, spiked=n))
    return rows


def told(rows: list[Row]) -> dict[str, Row]:
    """For each kind the number of settings, the lowest and highest coverage, and how many are below .95."""
    out = {}
    for kind in sorted({row["kind"] for row in rows}):
        those = [row for row in rows if row["kind"] == kind]
        coverage = [row["coverage"] for row in those]
        out[kind] = {
            "settings": len(those),
            "lowest": min(coverage),
            "highest": max(coverage),
            "below": sum(row["below"] for row in those),
            "shown_to_fail": those[0]["shown_to_fail"],
        }
    return out


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument(
        "--repetitions", type=int, default=2000, help="of the slow settings; others take ten times that"
    )
    parser.add_argument("--only", action="append", help="of these parts; other rows of --out stay as they are")
    args = parser.parse_args()
    n = args.repetitions
    parts: dict[str, Callable[[], list[Row]]] = {
        "one look": one_look,
        "drawn again": lambda: drawn_again(10 * n),
        "several looks": several_looks,
        "open-ended looks": open_ended,
        "whole path": lambda: whole_path(n),
        "reviewers": lambda: reviewers(n),
        "steered": lambda: steered(n),
        "thresholds": lambda: thresholds(2 * n),
        "spikes": spikes,
    }
    rows: list[Row] = []
    for name, part in parts.items():
        if not args.only or name in args.only:
            rows += part()
            print(name, len(rows), flush=True)
    if args.only:
        fresh = {row["kind"] for row in rows}
        before = json.loads(args.out.read_text(encoding="utf-8"))["settings"]
        rows = [*(row for row in before if row["kind"] not in fresh), *rows]
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    broken = [row for row in rows if row["below"] and not row["shown_to_fail"]]
    found = {"machine": machine, "seed": SEED, "pool": POOL, "confidence": SURE, "tested_at": TESTED}
    found |= {"broken": len(broken), "kinds": told(rows), "settings": rows}
    args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for kind, row in found["kinds"].items():
        print(f"{row['lowest']:.3f} .. {row['highest']:.3f}  below {row['below']}/{row['settings']}  {kind}")
    print("broken:", len(broken))


if __name__ == "__main__":
    main()
