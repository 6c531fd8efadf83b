"""Patch heads on printed circuit boards: which images have a defect, and where. -> results/patches.json

    python benchmarks/patches.py --cache /tmp/pools --seeds 10

160 pairs of a test image (with 1 to 12 defects in boxes) and its defect-free template. Each seed draws 10 or 50
templates, all that is known to be dull, and 60 of the other pairs, whose test images are to be told from their
templates. `bank`: nearest patches of the drawn templates. `image`: the Mahalanobis distance of one row an image, as
the same model gives it to a project, from the rows of the drawn templates. `pair`: each test image against its own
template; there is no second scan without a defect, so that images are cut into 16 tiles, and tiles with the middle of
a box are to be told from those that touch none. Pixels: area under the ROC curve of patches inside and outside boxes,
the mean over images. Hit: the share of images whose oddest patch touches a box. What is done is not run again.
"""

import argparse
import csv
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sklearn.metrics import roc_auc_score

from labelsieve.core.randomness import stream
from labelsieve.core.statistics import bootstrap
from labelsieve.core.types import Matrix
from labelsieve.engines.maps import maps_engine
from labelsieve.engines.opening import open_engine
from labelsieve.screening.anomaly import mahalanobis
from labelsieve.screening.patches import PatchBank, heat_score, pair_heat

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BOARDS = DATA / "industrial_pcb"
OUT = Path(__file__).parent / "results" / "patches.json"
MODELS, SIZES, DULL = ("resnet50v2-stage3", "mobilenetv2"), (448, 224, 640), (10, 50)
PIXELS, TILES, JUDGED = 640, 4, 60

Boxes = dict[str, np.ndarray]


def boards() -> tuple[list[str], Boxes]:
    """Numbers of all pairs, and the boxes (k, 4) of each: x1, y1, x2, y2."""
    found: dict[str, list[list[int]]] = {}
    with (BOARDS / "boxes.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["id"], []).append([int(row[name]) for name in ("x1", "y1", "x2", "y2")])
    return sorted(found), {number: np.array(boxes) for number, boxes in found.items()}


def picture(number: str, kind: str) -> Path:
    return BOARDS / "images" / f"{number}_{kind}.jpg"


def rows(engine: Any, numbers: list[str], kind: str, file: Path) -> Matrix:
    """What the engine gives for all pictures of a kind (n, d), kept in `file`."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        found = np.concatenate([engine.compute([engine.prepare(picture(number, kind))]) for number in numbers])
        np.save(file, found)
    return np.load(file)


def inside(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Patches (h, w) that a box touches."""
    out = np.zeros((height, width), bool)
    for x1, y1, x2, y2 in boxes:
        out[y1 * height // PIXELS : -(-y2 * height // PIXELS), x1 * width // PIXELS : -(-x2 * width // PIXELS)] = True
    return out


def places(heat: Matrix, boxes: list[np.ndarray]) -> dict[str, float]:
    """How well heat maps (n, h, w) of test images show where the boxes are."""
    area, hit = [], []
    for one, given in zip(heat, boxes, strict=True):
        mask = inside(given, *one.shape)
        area.append(roc_auc_score(mask.ravel(), one.ravel()))
        hit.append(mask.ravel()[one.argmax()])
    return {"pixels": float(np.mean(area)), "hit": float(np.mean(hit)), "tiles": tiles(heat, boxes)}


def tiles(heat: Matrix, boxes: list[np.ndarray]) -> float:
    """Area under the ROC curve of tiles with the middle of a box, among those and tiles that no box touches."""
    score, odd = [], []
    side, count = PIXELS // TILES, heat.shape[1] // TILES
    for one, given in zip(heat, boxes, strict=True):
        middle = (given[:, :2] + given[:, 2:]) / 2 // side
        for row in range(TILES):
            for column in range(TILES):
                x, y = column * side, row * side
                clear = (given[:, 0] >= x + side) | (given[:, 2] <= x) | (given[:, 1] >= y + side) | (given[:, 3] <= y)
                has = bool(((middle[:, 0] == column) & (middle[:, 1] == row)).any())
                if has or clear.all():
                    part = one[row * count : (row + 1) * count, column * count : (column + 1) * count]
                    score.append(float(heat_score(part[None])[0]))
                    odd.append(has)
    return float(roc_auc_score(odd, score))


def played(maps: dict[str, Matrix], images: dict[str, Matrix], grid: Any, pairs: Any, n: int, seed: int) -> Any:
    """One seed: bank and whole-image head from n templates, on 60 pairs that they do not come from."""
    numbers, boxes = pairs
    order = stream(seed, "patches", n).permutation(len(numbers))
    dull, judged = np.sort(order[:n]), np.sort(order[n : n + JUDGED])
    began = time.perf_counter()
    bank = PatchBank().fit(maps["template"][dull], grid, stream(seed, "bank", n))
    fitted = time.perf_counter()
    heat = {kind: bank.heat(maps[kind][judged]) for kind in ("template", "test")}
    scored = time.perf_counter()
    score = np.concatenate([heat_score(heat["template"]), heat_score(heat["test"])])
    odd = np.repeat([0, 1], len(judged))
    known = images["template"][dull]
    middle, scale = known.mean(axis=0), known.std(axis=0) + 1e-6
    rows = np.concatenate([images["template"][judged], images["test"][judged]])
    far = mahalanobis((rows - middle) / scale, (known - middle) / scale)
    return {
        "bank": float(roc_auc_score(odd, score)),
        "image": float(roc_auc_score(odd, far)),
        **places(heat["test"], [boxes[numbers[i]] for i in judged]),
        "fit_seconds": round(fitted - began, 3),
        "seconds_an_image": round((scored - fitted) / 2 / len(judged), 4),
    }


def summed(runs: list[dict[str, float]]) -> dict[str, Any]:
    """Mean and interval over seeds."""
    out = {}
    for name in runs[0]:
        found = bootstrap(np.array([run[name] for run in runs]), stream(0, "summary"))
        out[name] = [round(value, 4) for value in (found.mean, found.low, found.high)]
    return out


def repeated(
    entry: dict[str, Any], seeds: int, play: Callable[[int], Any], store: Callable[[], None]
) -> dict[str, Any]:
    """The means of an entry by number of odd items, after its runs of further seeds; each is stored when it ends."""
    for seed in range(len(entry["runs"]), seeds):
        entry["runs"].append(play(seed))
        store()
    entry["mean"] = {k: summed([run[k] for run in entry["runs"]]) for k in entry["runs"][0]}
    return entry["mean"]


def save(out: Path, results: dict[str, Any], seeds: int, script: str = "patches.py") -> None:
    machine = {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    text = json.dumps({"script": script, "seeds": seeds, "machine": machine, "results": results}, indent=1)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    given = parser.parse_args()
    if not BOARDS.is_dir():
        raise SystemExit(f"{BOARDS} is not there: nothing to measure.")
    results: dict[str, Any] = json.loads(given.out.read_text())["results"] if given.out.is_file() else {}
    numbers, boxes = boards()
    for size in map(int, given.sizes.split(",")):
        for model in given.models.split(","):
            opened = open_engine(DATA / "models" / model)
            engine = maps_engine(opened, size)
            name = f"{model} {size}"
            entry = results.setdefault(name, {"grid": list(engine.grid), "dull": {}})
            stem = given.cache / "pcb_maps"
            maps: dict[str, Matrix] = {}
            images: dict[str, Matrix] = {}
            for kind in ("template", "test"):
                maps[kind] = rows(engine, numbers, kind, stem / f"{model}-{engine.preprocess}-{kind}.npy")
                images[kind] = rows(opened, numbers, kind, stem / f"{model}-image-{kind}.npy")
            if "pair" not in entry:
                heat = pair_heat(maps["test"], maps["template"], engine.grid)
                entry["pair"] = places(heat, [boxes[number] for number in numbers])
                print(name, "pair", entry["pair"], flush=True)
            for n in DULL:
                runs = entry["dull"].setdefault(str(n), {"runs": []})["runs"]
                for seed in range(len(runs), given.seeds):
                    runs.append(played(maps, images, engine.grid, (numbers, boxes), n, seed))
                    save(given.out, results, given.seeds)
                entry["dull"][str(n)]["mean"] = summed(runs)
                print(name, n, entry["dull"][str(n)]["mean"], flush=True)
            save(given.out, results, given.seeds)


if __name__ == "__main__":
    main()
