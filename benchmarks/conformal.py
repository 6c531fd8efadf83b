"""How often dull items of a stream are escalated, against what was promised; which batches look like another domain.

    python benchmarks/conformal.py --cache /tmp/pools --seeds 10-21       -> results/conformal.json

A pool is cut at random: 60 % is the project, 40 % the stream to come. Of the project some dull items calibrate, drawn
at random; 10 odd and 100 dull others train (a third of each where there are fewer), as a project fits them. States:
`nothing` labelled (distance from the pool), `dull` labels alone, `both`; and `both, seen`, where calibration rows were
among the unlabelled rows that a head may look at, to show what that costs. Batches: 30 and 100 items of the stream with
5 in 100 odd, as many from one corner of it, and of another domain. A run is one pool and one seed; what is done is
not run again. What counts as another domain was settled on seeds 0 to 9.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from pools import SETTINGS, load
from screening_pools import draw

from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool
from labelsieve.core.statistics import bootstrap
from labelsieve.core.types import DULL, ODD, Labels, Matrix
from labelsieve.heads.gaussian import Gaussian
from labelsieve.heads.view import View
from labelsieve.project.training import Chooser, fit
from labelsieve.screening.conformal import alarm_rate, discoveries, dull_needed, p_values
from labelsieve.screening.shift import AMONG, ROWS, Side, away_from, shift_of

OUT = Path(__file__).parent / "results" / "conformal.json"
ALPHAS = (0.01, 0.05, 0.1, 0.2)
CALIBRATION, DULL_LABELS, ODD_LABELS, BATCHES, FDR = 200, 100, 10, 20, 0.2


def pools(cache: Path) -> list[str]:
    from screening_pools import names

    mvtec = [name for name in names() if name.startswith("mvtec") and not name.endswith("_5")]
    return [*mvtec, "clinc150_5", "cover_1e-2"]


def others(name: str, cache: Path, x: Matrix, rng: np.random.Generator) -> Iterator[tuple[str, Matrix]]:
    """(what, rows) of other domains, by the same engine."""
    if name.startswith("mvtec"):
        kind, engine = name.split("_")[1], name.split("_", 2)[2]
        for other in pools(cache):
            if other.startswith("mvtec") and other.endswith(engine) and other.split("_")[1] != kind:
                yield other, draw(other, 0, cache).x
    elif name.startswith("clinc150"):
        yield "goemotions", load(SETTINGS["goemotions"], cache)[0]
    else:
        inches = x.copy()
        inches[:, int(rng.integers(x.shape[1]))] *= 2.54
        yield "one column in other units", inches


class Cut:
    """One pool and seed: z-scored rows of the project and of the stream, and who calibrates and who trains."""

    def __init__(self, name: str, seed: int, cache: Path) -> None:
        drawn = draw(name, seed, cache)
        self.rng = stream(seed, "conformal", name)
        order = self.rng.permutation(len(drawn.y))
        n = round(0.6 * len(order))
        self.name, self.tabular, self.raw = name, drawn.tabular, drawn.x[order[n:]]
        self.view = View.fit(drawn.x[order[:n]], "z")
        self.pool, self.y = self.view(drawn.x[order[:n]]), drawn.y[order[:n]]
        self.stream, self.stream_y = self.view(self.raw), drawn.y[order[n:]]
        dull, odd = (self.rng.permutation(np.flatnonzero(self.y == code)) for code in (DULL, ODD))
        third = len(dull) // 3
        self.calibration = np.sort(dull[: min(CALIBRATION, third)])
        self.dull = dull[third:][: min(DULL_LABELS, third)]
        self.odd = odd[: min(ODD_LABELS, max(len(odd) // 3, 1))]

    def scorer(self, state: str) -> Any:
        """What scores rows in this state."""
        aside = np.empty(0, np.int64) if state == "both, seen" else self.calibration
        if state == "nothing":
            return Gaussian.fit([np.delete(self.pool, aside, axis=0)]).distance
        ids = np.sort(self.dull if state == "dull" else np.concatenate([self.dull, self.odd]))
        if state == "both, seen":  # as few labels as let the rows of the pool count most
            ids = np.sort(np.concatenate([self.dull[:3], self.odd]))
        labels = Labels(ids, self.y[ids], ("dull", "odd"), "screen")
        head = fit(Chooser("auto", self.tabular), ArrayPool(self.pool), labels, None, aside)
        return lambda x: np.asarray(head.predict_proba(x)[:, ODD], np.float64)

    def alarms(self, state: str) -> list[dict[str, Any]]:
        """Escalated dull and odd items of the stream, at each rate."""
        score = self.scorer(state)
        dull_scores, found = score(self.pool[self.calibration]), score(self.stream)
        p, odd = p_values(found, dull_scores), self.stream_y == ODD
        out = []
        for alpha in ALPHAS:
            rate = alarm_rate(dull_scores, alpha)
            flagged = found > rate.threshold
            out.append(self._counts(state, flagged, odd) | {
                "alpha": alpha, "attained": rate.attained, "at_most": rate.at_most, "calibration": rate.dull,
            })  # fmt: skip
        flagged = discoveries(p, FDR)
        return [*out, self._counts(state, flagged, odd) | {"fdr": FDR, "calibration": len(dull_scores)}]

    def _counts(self, state: str, flagged: np.ndarray, odd: np.ndarray) -> dict[str, Any]:
        return {
            "state": state, "dull": int((~odd).sum()), "false": int((flagged & ~odd).sum()), "odd": int(odd.sum()),
            "caught": int((flagged & odd).sum()),
        }  # fmt: skip

    def batches(self, cache: Path) -> list[dict[str, Any]]:
        """Verdicts on batches of the stream with 5 in 100 odd, and of other domains."""
        score = self.scorer("both")
        rng, out = self.rng, []
        among = self.pool[rng.permutation(len(self.pool))[:AMONG]]
        own = among[:ROWS]
        reference = Side(own, away_from(own, among, self.tabular, own=True), score(own))

        def side(x: Matrix) -> Side:
            return Side(x[:ROWS], away_from(x[:ROWS], among, self.tabular), score(x))

        dull, odd = np.flatnonzero(self.stream_y == DULL), np.flatnonzero(self.stream_y == ODD)
        for n in (30, 100):
            n_odd = min(round(0.05 * n), len(odd))
            if n - n_odd > len(dull):
                continue
            at = np.concatenate([rng.permutation(dull)[: n - n_odd], rng.permutation(odd)[:n_odd]])
            out.append(_verdict("the same", n, shift_of(side(self.stream[at]), reference, 0.01, rng)))
            corner = dull[np.argsort(((self.stream[dull] - self.stream[dull[0]]) ** 2).sum(axis=1))[:n]]
            if 3 * n <= len(dull):
                out.append(_verdict("one corner of it", n, shift_of(side(self.stream[corner]), reference, 0.01, rng)))
            for what, rows in others(self.name, cache, self.raw, rng):
                x = self.view(rows[rng.permutation(len(rows))[:n]])
                out.append(_verdict(what, n, shift_of(side(x), reference, 0.01, rng)))
        return out


def _verdict(what: str, n: int, shift: Any) -> dict[str, Any]:
    facts = {name: round(getattr(shift, name), 4) for name in ("energy", "p", "flagged", "far", "limit")}
    return {"batch": what, "n": n, "another_domain": bool(shift.another_domain)} | facts


def run(name: str, seed: int, cache: Path) -> dict[str, Any]:
    cut = Cut(name, seed, cache)
    states = ("nothing", "dull", "both", "both, seen")
    alarms = [row for state in states for row in cut.alarms(state)]
    return {"pool": name, "seed": seed, "alarms": alarms, "batches": cut.batches(cache)}


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a kind of pool, state and rate: means over runs with their 95 % intervals, runs as the unit."""
    rows, kinds = [], sorted({_kind(run["pool"]) for run in runs})
    for kind in kinds:
        mine = [run for run in runs if _kind(run["pool"]) == kind]
        for state in ("nothing", "dull", "both", "both, seen"):
            for alpha in ALPHAS:
                found = [
                    row for run in mine for row in run["alarms"]
                    if row["state"] == state and row.get("alpha") == alpha and row["attained"]
                ]  # fmt: skip
                if found:
                    rows.append({"pools": kind, "state": state, "alpha": alpha, "runs": len(found)} | _rates(found))
            found = [row for run in mine for row in run["alarms"] if row["state"] == state and "fdr" in row]
            wrong = np.array([row["false"] / max(row["false"] + row["caught"], 1) for row in found])
            mean = bootstrap(wrong, stream(0, "summary"))
            said = {"share_dull": _three(mean), "caught": round(float(np.mean([_caught(r) for r in found])), 4)}
            rows.append({"pools": kind, "state": state, "fdr": FDR, "runs": len(found)} | said)
        for n in (30, 100):
            for what in ("the same", "one corner of it", "another domain"):
                found = [b for run in mine for b in run["batches"] if b["n"] == n and _sort(b["batch"]) == what]
                if found:
                    share = round(float(np.mean([b["another_domain"] for b in found])), 4)
                    rows.append({"pools": kind, "batch": what, "n": n, "batches": len(found), "called_another": share})
    return rows


def _rates(found: list[dict[str, Any]]) -> dict[str, Any]:
    false = np.array([row["false"] / row["dull"] for row in found])
    promised = np.array([row["attained"] for row in found])
    beyond = np.mean([row["false"] / row["dull"] > row["at_most"] for row in found])
    return {
        "promised": round(float(promised.mean()), 4),
        "false_alarms": _three(bootstrap(false, stream(0, "summary"))),
        "above_at_most": round(float(beyond), 4),
        "caught": round(float(np.mean([_caught(row) for row in found])), 4),
    }


def _caught(row: dict[str, Any]) -> float:
    return row["caught"] / max(row["odd"], 1)


def _three(interval: Any) -> list[float]:
    return [round(float(v), 4) for v in (interval.mean, interval.low, interval.high)]


def _sort(batch: str) -> str:
    return batch if batch in ("the same", "one corner of it") else "another domain"


def _kind(pool: str) -> str:
    return pool.split("_")[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-pools")
    parser.add_argument("--seeds", default="10-21")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    low, _, high = args.seeds.partition("-")
    runs = json.loads(args.out.read_text())["runs"] if args.out.exists() else []
    done = {(run["pool"], run["seed"]) for run in runs}
    for seed in range(int(low), int(high or low) + 1):
        for name in pools(args.cache):
            if (name, seed) in done:
                continue
            runs.append(run(name, seed, args.cache))
            print(name, seed, flush=True)
            machine = {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
            needed = {str(alpha): dull_needed(alpha) for alpha in ALPHAS}
            told = {"machine": machine, "dull_needed": needed, "summary": summary(runs), "runs": runs}
            args.out.write_text(json.dumps(told) + "\n")
    for row in summary(runs):
        print(row)


if __name__ == "__main__":
    main()
