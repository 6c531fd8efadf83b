"""What odd pictures teach about odd places: patches with and without 1 to 10 of them. -> results/taught_patches.json

    python benchmarks/taught_patches.py --cache /tmp/pools --seeds 10

Boards as in patches.py, maps of 448 pixels. Each seed draws 10 or 50 templates, dull, and 1, 2, 5 or 10 test images,
odd, and judges 60 other pairs, none of them a partner of a known picture. `without` is the bank of dull patches alone,
`with` what it makes of the odd pictures too, `thin` the same where 256 patches of each are left, as of a picture that
`labelsieve miss` was given. Gains are paired by seed. `known` says how honest the scores of known pictures are: area
under the ROC curve of the dull and the odd ones, each scored by what the others teach; `above`: the share of judged
dull pictures that score above 1. Pixels and hit as in patches.py. The method was chosen on seeds 0 to 5 of the draws of
patches.py. What is done is not run again.
"""

import argparse
import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from patches import BOARDS, DATA, boards, inside, repeated, rows, save

from labelsieve.core.randomness import stream
from labelsieve.core.types import DULL, ODD, Matrix
from labelsieve.engines.maps import maps_engine
from labelsieve.engines.opening import open_engine
from labelsieve.heads.metrics import average_precision
from labelsieve.screening.choosing import ranked_area
from labelsieve.screening.patches import PatchBank, heat_score, thinned

OUT = Path(__file__).parent / "results" / "taught_patches.json"
MODELS, SIZE, DULL_KNOWN, ODD_KNOWN, JUDGED = ("resnet50v2-stage3", "mobilenetv2"), 448, (10, 50), (1, 2, 5, 10), 60


class Bank(PatchBank):
    """A bank that is taught several times, without being made or compared anew."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[int, Any] = {}

    def _distances(self, patches: Matrix, item: int | None = None) -> Any:
        if item is not None:
            return super()._distances(patches, item)
        where = patches.ctypes.data
        if where not in self.found:
            self.found[where] = super()._distances(patches)
        return self.found[where]

    def _teach(self, dull: Matrix, far: Any, odd: Any, rng: Any) -> Any:
        self.parts = dull, far
        return super()._teach(dull, far, odd, rng)

    def taught(self, odd: list[Matrix], seed: int) -> "Bank":
        self.own = super()._teach(*self.parts, odd, stream(seed, "usual"))
        return self


def settings(cache: Path) -> Iterator[tuple[str, Matrix, Any, Any, Any]]:
    """(name, maps (n, h * w * c), grid, y (n,), pair (n,))."""
    numbers, _ = boards()
    for model in MODELS:
        engine = maps_engine(open_engine(DATA / "models" / model), SIZE)
        stem = cache / "pcb_maps"
        kinds = ("template", "test")
        maps = [rows(engine, numbers, k, stem / f"{model}-{engine.preprocess}-{k}.npy") for k in kinds]
        y, pair = np.repeat([DULL, ODD], len(numbers)), np.tile(np.arange(len(numbers)), 2)
        yield f"boards {model}", np.concatenate(maps), engine.grid, y, pair


def drawn(name: str, pair: Any, n: int, seed: int) -> tuple[Any, Any, Any]:
    """Rows of known dull pictures, of known odd ones, and of those that are judged."""
    rng, most = stream(seed, "taught patches", name, n), max(ODD_KNOWN)
    order, count = rng.permutation(len(pair) // 2), len(pair) // 2
    judged = order[n + most : n + most + JUDGED]
    return np.sort(order[:n]), count + order[n : n + most], np.concatenate([judged, count + judged])


def played(task: Any, n: int, seed: int) -> dict[str, dict[str, float]]:
    """One seed: what is reached with each number of odd pictures known."""
    name, maps, grid, y, pair = task
    dull, odd, judged = drawn(name, pair, n, seed)
    full = [maps[i].reshape(-1, grid[2]) for i in odd]
    bank = Bank().fit(maps[dull], grid, stream(seed, "bank", n), full)
    patches = maps[judged].reshape(len(judged), -1, grid[2])
    far = np.stack([bank._distances(one) for one in patches])
    plain = far.reshape(len(judged), *grid[:2])
    truth, where = y[judged], Boxes(pair[judged], y[judged])
    thin, out, before = [thinned(one) for one in full], {}, told("without", plain, truth, where)
    for k in ODD_KNOWN:
        row = dict(before)
        for way, known in (("with", full[:k]), ("thin", thin[:k])):
            bank.taught(known, seed)
            factor = np.stack([bank._like.factor(one) for one in patches])
            heat = (far * factor / bank._most).reshape(plain.shape)
            row |= told(way, heat, truth, where)
            if way == "with":
                both = np.concatenate([bank.own, bank.seen])
                row["known"] = ranked_area(np.repeat([DULL, ODD], [len(bank.own), k]), both)
                row["above"] = float((heat_score(heat)[truth == DULL] > 1).mean())
        for way in ("with", "thin"):
            row |= {f"{way}_{m}_gain": row[f"{way}_{m}"] - row[f"without_{m}"] for m in ("auroc", "ap")}
        row["above_without"] = float((heat_score(plain)[truth == DULL] > 1).mean())
        out[str(k)] = row
    return out


class Boxes:
    """Where judged boards have their defects."""

    def __init__(self, pair: Any, truth: Any) -> None:
        numbers, boxes = boards()
        self.odd = truth == ODD
        self.given = [boxes[numbers[i]] for i in pair[self.odd]]


def told(way: str, heat: Matrix, y: Any, where: Boxes) -> dict[str, float]:
    score = heat_score(heat)
    out = {f"{way}_auroc": ranked_area(y, score), f"{way}_ap": float(average_precision(y, score))}
    pairs = [
        (inside(box, *one.shape).ravel(), one.ravel()) for box, one in zip(where.given, heat[where.odd], strict=True)
    ]
    out[f"{way}_pixels"] = float(np.mean([ranked_area(mask.astype(int), one) for mask, one in pairs]))
    out[f"{way}_hit"] = float(np.mean([mask[one.argmax()] for mask, one in pairs]))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    if not BOARDS.is_dir():
        raise SystemExit(f"{BOARDS} is not there: nothing to measure.")
    results: dict[str, Any] = json.loads(given.out.read_text())["results"] if given.out.is_file() else {}
    store = partial(save, given.out, results, given.seeds, "taught_patches.py")
    todo = [(n, task) for n in DULL_KNOWN for task in settings(given.cache)]
    for n, task in todo:
        entry = results.setdefault(task[0], {}).setdefault(str(n), {"runs": []})
        for k, found in repeated(entry, given.seeds, partial(played, task, n), store).items():
            print(f"{task[0]}, {n} dull, {k} odd:", {key: value[0] for key, value in found.items()}, flush=True)
    store()


if __name__ == "__main__":
    main()
