"""What mixtures as extra training rows do to a linear head, and what the audit slice makes of it. -> results/mixup.json

    python benchmarks/mixup.py --cache /tmp/pools --pools digits,clothing

The same labels, with and without mixtures; labels drawn at random, and chosen by `auto`. Measured on items that nobody
was asked about; the audit slice is as large as a project's: 5 % of the labels, at least 30. Resumable: a seed of a pool
that is in the file is not played again.
"""

import argparse
import json
import os
import platform
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from pools import SETTINGS, load

from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.statistics import bootstrap
from labelsieve.core.types import Labels
from labelsieve.heads.choose import choose_head
from labelsieve.heads.linear import Linear
from labelsieve.heads.mixup import ALPHA, SHARE, TIMES, Mixup, audit_gain
from labelsieve.heads.view import View
from labelsieve.selection.automatic import auto

OUT = Path(__file__).parent / "results" / "mixup.json"
COUNTS = {"digits": (50, 100, 300), "clothing": (100, 200, 500), "clinc150": (770, 1500)}


def chosen_by_auto(x: np.ndarray, truth: Labels, free: np.ndarray, n: int, seed: int) -> np.ndarray:
    """n items of `free`, asked by `auto` in queries of a tenth."""
    known = np.empty(0, np.int64)
    pool = ArrayPool(x[free], free)
    head: Any = None
    for number in range(10):
        labels = Labels(known, truth.y[known], truth.classes)
        query = auto(Round(pool, labels, head, number=number), n // 10, stream(seed, "auto", number))
        known = np.union1d(known, query.ids)
        labels = Labels(known, truth.y[known], truth.classes)
        head = choose_head(labels, previous=head).fit(x[known], labels.y)
    return known


def one_seed(name: str, seed: int, cache: Path) -> list[dict[str, Any]]:
    """One row for each number of labels and way of choosing them."""
    setting = SETTINGS[name]
    x, truth = load(setting, cache)
    x = View.fit(x, "unit")(x)
    order = stream(seed, "mixup").permutation(len(x))[: 8000 if setting.sample else len(x)]
    test, free = np.array_split(order, [len(order) * 3 // 10])
    rows = []
    for n in COUNTS[name]:
        audit, rest = np.array_split(free, [max(30, n // 20)])
        for way in ("random", "auto"):
            known = np.sort(rest[:n]) if way == "random" else chosen_by_auto(x, truth, np.sort(rest), n, seed)
            plain, other = (h(len(truth.classes)).fit(x[known], truth.y[known]) for h in (Linear, Mixup))
            right = [float((h.predict_proba(x[test]).argmax(axis=1) == truth.y[test]).mean()) for h in (plain, other)]
            gain = audit_gain(plain.predict_proba(x[audit]), other.predict_proba(x[audit]), truth.y[audit])
            row = {"pool": name, "seed": seed, "labels": n, "chosen": way, "audit": len(audit)}
            row |= {"linear": round(right[0], 4), "mixup": round(right[1], 4), "kept": gain.low > 0}
            rows.append(row | {"audit_gain": [round(v, 4) for v in (gain.mean, gain.low, gain.high)]})
    return rows


def told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over seeds with 95 % intervals, one entry a setting."""
    keys = dict.fromkeys((row["pool"], row["labels"], row["chosen"]) for row in rows)
    out = []
    for key in keys:
        mine = [row for row in rows if (row["pool"], row["labels"], row["chosen"]) == key]
        gains = np.array([row["mixup"] - row["linear"] for row in mine])
        found = {k: round(v, 4) for k, v in asdict(bootstrap(gains, stream(0, "gain"))).items()}
        ruled = float(np.mean([g if row["kept"] else 0.0 for g, row in zip(gains, mine, strict=True)]))
        entry = dict(zip(("pool", "labels", "chosen"), key, strict=True)) | {"seeds": len(mine)}
        entry |= {"linear": round(float(np.mean([row["linear"] for row in mine])), 4), "gain": found}
        out.append(entry | {"kept": sum(row["kept"] for row in mine), "gain_with_rule": round(ruled, 4)})
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pools", default=",".join(COUNTS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-pools")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    rows = json.loads(args.out.read_text())["rows"] if args.out.exists() else []
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    for name in args.pools.split(","):
        for seed in range(args.seeds):
            if any(row["pool"] == name and row["seed"] == seed for row in rows):
                continue
            rows += one_seed(name, seed, args.cache)
            kept = {"alpha": ALPHA, "times": TIMES, "share": SHARE}
            found = {"machine": machine, "settings": kept, "summary": told(rows), "rows": rows}
            args.out.parent.mkdir(exist_ok=True)
            args.out.write_text(json.dumps(found, indent=1) + "\n")
            print(name, seed, flush=True)
    for entry in told(rows):
        gain = entry["gain"]
        print(
            f"{entry['pool']:10s} {entry['labels']:5d} {entry['chosen']:7s} linear {entry['linear']:.3f}  mixup "
            f"{gain['mean']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]  kept {entry['kept']} of {entry['seeds']}, "
            f"then {entry['gain_with_rule']:+.4f}"
        )


if __name__ == "__main__":
    main()
