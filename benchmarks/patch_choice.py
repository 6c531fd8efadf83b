"""Whether pictures are scored by patches or as a whole: what each reaches, and what `auto` takes.

    python benchmarks/patch_choice.py --cache /tmp/pools --seeds 10

-> results/patch_choice.json. Boards: templates are dull, test images odd. Clothing: one kind of photograph is odd among
the nine others (70 of the odd kind and of three more, 25 of each other kind), or among one other. Each seed draws 10 or
50 dull and 0 to 10 odd items as known; 60 dull and 50 odd others are told apart. All by mobilenetv2 at 448 pixels:
`head` sees one row an image, `patches` the maps, `both` is their sum on the scale of the pool (the 60 dull and 4 of the
odd), and `auto` what labelsieve takes by the known items, held out in turn. What is done is not run again.
"""

import argparse
import csv
import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from patches import BOARDS, DATA, boards, repeated, rows, save

from labelsieve.core.randomness import stream
from labelsieve.core.types import DULL, ODD, Matrix, Vector
from labelsieve.engines.maps import maps_engine
from labelsieve.engines.opening import open_engine
from labelsieve.heads.distances import Place
from labelsieve.heads.fused import Fused
from labelsieve.heads.view import View
from labelsieve.screening.choosing import choose_way, ranked_area
from labelsieve.screening.patches import PatchBank

CLOTHING = DATA / "images_clothing"
OUT = Path(__file__).parent / "results" / "patch_choice.json"
MODEL, SIZE, FOLDS = "mobilenetv2", 448, 5
DULL_KNOWN, ODD_KNOWN, JUDGED = (10, 50), (0, 1, 2, 3, 4, 5, 10), (60, 50)
MANY, SOME = ("shoes", "t-shirt", "pants", "dress"), {True: 70, False: 25}
IN_REST, IN_ONE = ("shoes", "dress", "pants"), (("dress", "t-shirt"), ("pants", "shoes"))


def tasks(cache: Path) -> Iterator[tuple[str, Matrix, Matrix, Any, Any]]:
    """(name, maps (n, h * w * c), rows (n, d), grid, y (n,)) of each task."""
    opened = open_engine(DATA / "models" / MODEL)
    engine = maps_engine(opened, SIZE)
    stem, (numbers, _) = cache / "pcb_maps", boards()
    kinds = ("template", "test")
    maps = np.concatenate([rows(engine, numbers, k, stem / f"{MODEL}-{engine.preprocess}-{k}.npy") for k in kinds])
    whole = np.concatenate([rows(opened, numbers, k, stem / f"{MODEL}-image-{k}.npy") for k in kinds])
    yield "boards", maps, whole, engine.grid, np.repeat([DULL, ODD], len(numbers))
    with (CLOTHING / "labels.csv").open(encoding="utf-8") as file:
        listed = [(row["file"], row["label"]) for row in csv.DictReader(file)]
    names = np.array([label for _, label in listed])
    rng = stream(0, "clothing")
    drawn = [rng.permutation(np.flatnonzero(names == k))[: SOME[k in MANY]] for k in sorted(set(names))]
    files, names = [listed[i][0] for i in np.concatenate(drawn)], names[np.concatenate(drawn)]
    made = []
    for what, name in ((engine, engine.preprocess), (opened, "image")):
        path = cache / "clothing_maps" / f"{MODEL}-{name}-{len(files)}.npy"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, np.concatenate([what.compute([what.prepare(CLOTHING / one)]) for one in files]))
        made.append(np.load(path))
    for odd in IN_REST:
        yield f"{odd} among other clothes", *made, engine.grid, (names == odd).astype(np.int64)
    for odd, dull in IN_ONE:
        at = np.isin(names, (odd, dull))
        yield f"{odd} among {dull}", made[0][at], made[1][at], engine.grid, (names[at] == odd).astype(np.int64)


def held_out(x: Matrix, y: Any, pool: Matrix, rng: Any) -> Vector:
    """The score (m,) of each known item by a head that did not see its fold."""
    fold, out = np.empty(len(y), np.int64), np.empty(len(y))
    for code in (DULL, ODD):
        at = rng.permutation(np.flatnonzero(y == code))
        fold[at] = np.arange(len(at)) % FOLDS
    for number in range(FOLDS):
        at = fold == number
        out[at] = Fused().among(pool).fit(x[~at], y[~at]).score(x[at])
    return out


def played(task: Any, n: int, seed: int) -> dict[str, dict[str, float]]:
    """One seed: the areas reached with n dull and each number of odd items known."""
    name, maps, x, grid, y = task
    order = [stream(seed, "choice", name, n, code).permutation(np.flatnonzero(y == code)) for code in (DULL, ODD)]
    dull, most = np.sort(order[DULL][:n]), max(ODD_KNOWN)
    judged = np.concatenate([order[DULL][n : n + JUDGED[DULL]], order[ODD][most : most + JUDGED[ODD]]])
    bank = PatchBank().fit(maps[dull], grid, stream(seed, "bank", n))
    patches, known_odd = bank.score(maps[judged]), bank.score(maps[order[ODD][:most]])
    usual = np.arange((y[judged] == DULL).sum() + 4)
    out = {}
    for k in ODD_KNOWN:
        at = np.concatenate([dull, order[ODD][:k]])
        pool = x[np.setdiff1d(np.arange(len(y)), at)]
        head = Fused().among(pool).fit(x[at], y[at]).score(x[judged])
        scores = {"head": head, "patches": patches}
        scores["both"] = Place.of(head[usual])(head) + Place.of(patches[usual])(patches)
        found = {way: ranked_area(y[judged], score) for way, score in scores.items()}
        own = np.concatenate([bank.own, known_odd[:k]])
        by_head = held_out(x[at], y[at], pool, stream(seed, "folds")) if k else np.zeros(len(at))
        choice = choose_way(y[at], by_head, own)
        better = "head" if ranked_area(y[at], by_head) > ranked_area(y[at], own) else "patches"
        told = found[better if k else "patches"]  # the same, were it compared from one odd item on
        out[str(k)] = found | {"auto": found[choice.way], "compared": told}
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    if not (BOARDS.is_dir() and CLOTHING.is_dir()):
        raise SystemExit(f"{BOARDS} or {CLOTHING} is not there: nothing to measure.")
    results: dict[str, Any] = json.loads(given.out.read_text())["results"] if given.out.is_file() else {}
    store = partial(save, given.out, results, given.seeds, "patch_choice.py")
    for name, maps, whole, grid, y in tasks(given.cache):
        task = name, maps, View.fit(whole, "z")(whole), grid, y
        for n in DULL_KNOWN:
            if (y == DULL).sum() < n + 15:
                continue
            entry = results.setdefault(name, {}).setdefault(str(n), {"runs": []})
            for k, found in repeated(entry, given.seeds, partial(played, task, n), store).items():
                print(f"{name}, {n} dull, {k} odd:", {way: value[0] for way, value in found.items()}, flush=True)
    store()


if __name__ == "__main__":
    main()
