"""Several annotators on real labels: what most say against Dawid and Skene's consensus, plain and shrunk.

    python benchmarks/consensus.py --seeds 10       -> results/consensus.json

The truth is that of CLINC150 (151 intents), GoEmotions' comments with one emotion (28), the clothing images (10).
The annotators are simulated: each is right with a rate of their own (drawn for the class too), and four in five of
their errors go to one of three classes that everybody confuses with the true one. Designs: 2, 3 or 5 people an item out
of 6; `uneven`: 3 an item, where one person answers half of everything and others next to nothing; `spam`: 3 an item,
and two of the six guess; `own habits`: 3 an item, everybody confuses other classes, some of them nearly always. Most
say: ties go to whoever answered last, as in a project.

Each row is a data set, a design and a seed: the accuracy of each way, and of the doubtful tenth that a reviewer would
see first, how many errors it holds. The same seeds give the same answers to every way.
"""

import argparse
import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv as pc
import pyarrow.parquet as pq

from labelsieve.core.randomness import stream
from labelsieve.core.statistics import bootstrap
from labelsieve.weak.answersets import Answers
from labelsieve.weak.consensus import EmSettings, dawid_skene, majority_shares

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
OUT = Path(__file__).parent / "results" / "consensus.json"
ITEMS, PEOPLE = 1000, 6
DESIGNS = {"2 an item": 2, "3 an item": 3, "5 an item": 5, "uneven": 3, "spam": 3, "own habits": 3}
SHRINKS = (0.0, 5.0, 20.0)
OURS = f"shrink {EmSettings().shrink:g}"
DATA = ("clinc150", "goemotions", "clothing")


def truth_of(name: str) -> np.ndarray:
    """The class codes (n,) of a real data set."""
    if name == "clinc150":
        labels = pq.read_table(SHARED / "text_clinc150" / "clinc150.parquet")["label"].to_pylist()
    elif name == "clothing":
        labels = pc.read_csv(SHARED / "images_clothing" / "labels.csv")["label"].to_pylist()
    else:
        rows = pq.read_table(next((SHARED / "text_goemotions").glob("*.parquet")))["labels"].to_pylist()
        lists = [row.split(";") if isinstance(row, str) else list(row) for row in rows]
        labels = [row[0] for row in lists if len(row) == 1]
    return np.unique(np.array(labels), return_inverse=True)[1]


@dataclass(frozen=True)
class Case:
    """Answers of simulated annotators (in the order given) and the truth (n,)."""

    answers: Answers
    truth: np.ndarray


def _confusable(rng: np.random.Generator, c: int) -> np.ndarray:
    """Three other classes (c, 3) for each class."""
    return np.stack([rng.choice(np.setdiff1d(np.arange(c), [k]), 3, replace=False) for k in range(c)])


def simulated(name: str, design: str, seed: int) -> Case:
    """The case of a data set, a design and a seed."""
    rng = stream(seed, "consensus", name, design)
    truth = truth_of(name)
    truth = truth[rng.choice(len(truth), min(ITEMS, len(truth)), replace=False)]
    n, c = len(truth), int(truth.max()) + 1
    own = design == "own habits"
    few = np.stack([_confusable(rng, c) for _ in range(PEOPLE if own else 1)])
    few = np.broadcast_to(few, (PEOPLE, c, 3))
    skill = rng.uniform(0.55, 0.95, PEOPLE)
    right = np.clip(skill[:, None] + rng.normal(0, 0.3 if own else 0.1, (PEOPLE, c)), 0.05, 0.99)
    if design == "spam":
        right[:2] = 1.0 / c
    share = np.array([0.5, 0.2, 0.15, 0.1, 0.03, 0.02]) if design == "uneven" else np.full(PEOPLE, 1 / PEOPLE)
    who = np.array([rng.choice(PEOPLE, DESIGNS[design], replace=False, p=share) for _ in range(n)])
    item, by = np.repeat(np.arange(n), DESIGNS[design]), who.ravel()
    order = rng.permutation(len(item))
    item, by = item[order], by[order]
    true = truth[item]
    near = few[by, true, rng.integers(0, 3, len(item))]
    far = (true + rng.integers(1, c, len(item))) % c
    guessing = (design == "spam") & (by < 2)
    wrong = np.where((rng.random(len(item)) < 0.8) & ~guessing, near, far)
    code = np.where(rng.random(len(item)) < right[by, true], true, wrong)
    return Case(Answers(item, by, code, n, PEOPLE, c), truth)


def most_say(answers: Answers) -> tuple[np.ndarray, np.ndarray]:
    """What most say (n,), the latest in a tie, and the share of the others."""
    counts = answers.counts().astype(float)
    latest = np.full(answers.n_items, -1)
    for item, code in zip(answers.item, answers.code, strict=True):  # the last of those that have most
        if counts[item, code] == counts[item].max():
            latest[item] = code
    return latest, 1.0 - majority_shares(answers.counts()).max(axis=1)


def caught(wrong: np.ndarray, doubt: np.ndarray) -> float:
    """The share of the errors that stand in the most doubtful tenth of the items; ties in doubt share their places."""
    tenth = len(wrong) // 10
    edge = np.sort(doubt)[-tenth]
    above, at = doubt > edge, doubt == edge
    part = (tenth - above.sum()) / at.sum()
    return float((wrong[above].sum() + part * wrong[at].sum()) / max(wrong.sum(), 1))


def played(name: str, design: str, seed: int) -> dict[str, Any]:
    """One row of the results."""
    case = simulated(name, design, seed)
    code, doubt = most_say(case.answers)
    row: dict[str, Any] = {"data": name, "design": design, "seed": seed, "items": len(case.truth)}
    ways = {"most": (code, doubt)}
    for shrink in SHRINKS:
        found = dawid_skene(case.answers, EmSettings(shrink=shrink))
        ways[f"shrink {shrink:g}"] = (found.codes, found.doubt)
        row[f"steps {shrink:g}"] = found.steps
    for way, (codes, doubts) in ways.items():
        wrong = codes != case.truth
        row[way] = {
            "accuracy": float(1 - wrong.mean()), "caught": caught(wrong, doubts), "doubt": float(doubts.mean()),
        }  # fmt: skip
    return row


def means(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over seeds, and the paired gain of the default over what most say with its interval."""
    out = []
    for name, design in ((name, design) for name in DATA for design in DESIGNS):
        some = [row for row in rows if (row["data"], row["design"]) == (name, design)]
        if some:
            ways = [way for way in some[0] if isinstance(some[0][way], dict)]
            cells = {way: {k: float(np.mean([row[way][k] for row in some])) for k in some[0][way]} for way in ways}
            pairs = np.array([row[OURS]["accuracy"] - row["most"]["accuracy"] for row in some])
            gain = bootstrap(pairs, np.random.default_rng(0))
            out.append({"data": name, "design": design, "seeds": len(some), "ways": cells, "gain": asdict(gain)})
    return out


def main() -> None:
    """Runs what is not in --out yet; prints the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    found = json.loads(given.out.read_text()) if given.out.exists() else {"rows": []}
    there = {(row["data"], row["design"], row["seed"]) for row in found["rows"]}
    found["machine"] = {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()}
    for seed in range(given.seeds):
        for name in DATA:
            for design in DESIGNS:
                if (name, design, seed) not in there:
                    found["rows"].append(played(name, design, seed))
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(found, indent=1) + "\n")
        print(f"seed {seed} done", flush=True)
    found["mean"] = means(found["rows"])
    given.out.write_text(json.dumps(found, indent=1) + "\n")
    for row in found["mean"]:
        print(row["data"], row["design"], {way: round(cell["accuracy"], 3) for way, cell in row["ways"].items()})


if __name__ == "__main__":
    main()
