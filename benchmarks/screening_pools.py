"""Pools with odd items: rows, which are odd, and of which kind; drawn anew by each seed. Embedded once, then cached.

    from screening_pools import names, draw, viewed
    drawn = draw("clinc150_.5", seed=0, cache=Path("/tmp/pools"))
    x = viewed(drawn)                     # z-scored, as a project gives a screen its pool

`_5`, `_.5`, `_1e-3` in a name is the share of odd items that is left, in per cent or as it stands; without one it is
the share that the data came with. Dull items are thinned to what a search on two cores can be repeated on.
Kinds: what the data say (emotions, defects, grades of activity), else three clusters of the odd rows that lie far
apart (tables). What has one kind alone says nothing about a second.
"""

import argparse
import csv
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pools import SETTINGS, SHARED, _parquet, embed, goemotions, load

from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool, Maps
from labelsieve.core.types import Labels
from labelsieve.heads.view import View

EMOTIONS = ("grief", "pride", "relief")
CLUSTERS, KINDS = 8, 3
Rows = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]  # x, y, kind; kind is -1 for what is dull


@dataclass(frozen=True)
class Drawn:
    """A pool: rows x (n, d) as they came, y (n,) 1 for odd, kind (n,) from 0 on for odd and -1 for dull items."""

    name: str
    x: NDArray[np.float32]
    y: NDArray[np.int64]
    kind: NDArray[np.int64]
    tabular: bool
    maps: Maps | None = None  # feature maps of images

    @property
    def budget(self) -> int:
        """Labels of a search: min(200, a fifth of the pool)."""
        return min(200, len(self.y) // 5)


@dataclass(frozen=True)
class Plan:
    """Where the rows come from, how many dull ones at most, and which share of the pool is odd (None: as it came)."""

    rows: Callable[[Path], Rows]
    dull: int
    share: float | None = None
    tabular: bool = False
    maps: str = ""  # the model that sees images patch by patch


def mvtec(file: str) -> Callable[[Path], Rows]:
    def rows(_: Path) -> Rows:
        with np.load(SHARED / "industrial_mvtec_embeddings" / file) as part:
            y = part["y"].astype(np.int64)
            return part["X"].astype(np.float32), y, y - 1

    return rows


def out_of_scope(cache: Path) -> Rows:
    x, truth = load(SETTINGS["clinc150_oos"], cache)
    y = (truth.y == truth.classes.index("oos")).astype(np.int64)
    return x, y, y - 1


def emotions(cache: Path) -> Rows:
    path = cache / "goemotions_all.npz"
    if not path.exists():
        x, truth = goemotions(54_263)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(path, x=x, y=truth.y, classes=np.array(truth.classes), kind=truth.kind)
    with np.load(path) as part:
        x, classes, has = part["x"], part["classes"].tolist(), part["y"] > 0.5
    kind = np.full(len(x), -1, np.int64)
    for code, name in reversed(list(enumerate(EMOTIONS))):
        kind[has[:, classes.index(name)]] = code
    return x, (kind >= 0).astype(np.int64), kind


def molecules(cache: Path) -> Rows:
    x, truth = load(SETTINGS["hiv"], cache)
    grade = _parquet("active_search_molecules/HIV.parquet", "activity")[0]
    kind = np.array([{"CA": 0, "CM": 1}.get(g, -1) for g in grade], np.int64)
    return x, truth.y, np.where(truth.y == 1, kind, -1)


def table(name: str) -> Callable[[Path], Rows]:
    def rows(_: Path) -> Rows:
        with np.load(SHARED / "pool_tabular" / f"{name}.npz") as part:
            x, y = part["X"].astype(np.float32), part["y"].astype(np.int64)
        first = np.sort(np.unique(x, axis=0, return_index=True)[1])  # one of each row
        return x[first], y[first], clustered(x[first], y[first])

    return rows


def clustered(x: NDArray[np.float32], y: NDArray[np.int64]) -> NDArray[np.int64]:
    """Kinds of the odd rows: of eight clusters the three that lie farthest apart; other odd rows get -1."""
    from sklearn.cluster import KMeans

    odd = np.flatnonzero(y)
    rows = View.fit(x, "z")(x)[odd]
    found = KMeans(CLUSTERS, n_init=5, random_state=0).fit(rows)
    size = np.bincount(found.labels_)
    large = np.flatnonzero(size >= 0.04 * len(odd))
    gaps = np.linalg.norm(found.cluster_centers_[large, None] - found.cluster_centers_[None, large], axis=2)
    picked = list(np.unravel_index(gaps.argmax(), gaps.shape))
    while len(picked) < KINDS:
        picked.append(int(gaps[picked].min(axis=0).argmax()))
    kind = np.full(len(y), -1, np.int64)
    for code, at in enumerate(picked):
        kind[odd[found.labels_ == large[at]]] = code
    return kind


def boards(engine: str) -> Callable[[Path], Rows]:
    """Photographs of boards: those without a defect are dull; the kind is the defect that an image has most of."""

    def rows(cache: Path) -> Rows:
        files, kind = pictures()
        path = cache / f"pcb_{engine}.npz"
        if not path.exists():
            from labelsieve.engines.opening import open_engine

            x = embed(open_engine(SHARED / "models" / engine), files, 8)
            cache.mkdir(parents=True, exist_ok=True)
            np.savez(path, x=x)
        with np.load(path) as part:
            return part["x"], (kind >= 0).astype(np.int64), kind

    return rows


def pictures() -> tuple[list[Path], NDArray[np.int64]]:
    """Files of boards, and the kind of each: -1 for templates."""
    folder = SHARED / "industrial_pcb"
    seen: dict[str, Counter[str]] = {}
    with (folder / "boxes.csv").open(newline="") as file:
        for box in csv.DictReader(file):
            seen.setdefault(box["id"], Counter())[box["defect"]] += 1
    names = sorted({defect for counts in seen.values() for defect in counts})
    files = sorted((folder / "images").glob("*_template.jpg")) + sorted((folder / "images").glob("*_test.jpg"))
    most = {number: names.index(counts.most_common(1)[0][0]) for number, counts in seen.items()}
    return files, np.array([most[f.name.split("_")[0]] if "_test" in f.name else -1 for f in files], np.int64)


def mapped(engine: str, cache: Path, at: NDArray[np.int64]) -> Maps:
    """Feature maps of the boards at positions `at`, as a project keeps them."""
    from labelsieve.engines.maps import maps_engine
    from labelsieve.engines.opening import open_engine
    from labelsieve.project.pictures.mapped import MapPool

    path = cache / f"pcb_maps_{engine}.npy"
    made = maps_engine(open_engine(SHARED / "models" / engine))
    if not path.exists():
        rows = [made.compute([made.prepare(file)])[0].astype(np.float16) for file in pictures()[0]]
        np.save(path, np.stack(rows))
    kept = np.load(path, mmap_mode="r")[at].astype(np.float32)
    return MapPool(ArrayPool(kept), np.arange(len(at)), made.grid)


def _plans() -> dict[str, Plan]:
    out: dict[str, Plan] = {}
    for share in (None, 0.05):
        for file in sorted((SHARED / "industrial_mvtec_embeddings").glob("*/*.npz")):
            name = f"mvtec_{file.stem}_{file.parent.name}" + ("" if share is None else "_5")
            out[name] = Plan(mvtec(f"{file.parent.name}/{file.name}"), 10**9, share)
    out["clinc150_5"] = Plan(out_of_scope, 10_000, 0.05)
    out["clinc150_.5"] = Plan(out_of_scope, 20_000, 0.005)
    out["goemotions"] = Plan(emotions, 20_000)
    out["hiv"] = Plan(molecules, 10_000)
    for name in ("cover", "celeba"):
        for share, dull in ((1e-2, 20_000), (1e-3, 20_000), (1e-4, 100_000)):
            out[f"{name}_{share:.0e}".replace("e-0", "e-")] = Plan(table(name), dull, share, True)
    for engine in ("mobilenetv2", "resnet50v2-stage3"):
        out[f"pcb_{engine}_10"] = Plan(boards(engine), 10**9, 0.1, maps=engine)
    return out


PLANS = _plans()


def names() -> list[str]:
    """The names of all pools."""
    return list(PLANS)


@lru_cache(maxsize=2)
def _rows(make: Callable[[Path], Rows], cache: Path) -> Rows:
    return make(cache)


@lru_cache(maxsize=1)
def _table(name: str, cache: Path) -> Rows:
    """The rows of a table and their kinds, from the cache where they are there."""
    path = cache / f"screening_{name}.npz"
    if not path.exists():
        x, y, kind = table(name)(cache)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(path, x=x, y=y, kind=kind)
    with np.load(path) as part:
        return part["x"], part["y"], part["kind"]


def draw(name: str, seed: int, cache: Path) -> Drawn:
    """The pool of one seed: dull items thinned to the plan's number, odd ones to its share, in a random order."""
    plan = PLANS[name]
    x, y, kind = _table(name.split("_")[0], cache) if plan.tabular else _rows(plan.rows, cache)
    rng = stream(seed, "screening pool", name)
    dull = rng.permutation(np.flatnonzero(y == 0))
    share = float(y.mean()) if plan.share is None else plan.share
    kept = dull[: plan.dull]
    n_odd = round(share * len(kept) / (1 - share))
    odd = _evenly(kind, n_odd, rng) if plan.tabular else rng.permutation(np.flatnonzero(y == 1))[:n_odd]
    at = rng.permutation(np.concatenate([kept, odd]))
    maps = mapped(plan.maps, cache, at) if plan.maps else None
    return Drawn(name, x[at], y[at], kind[at], plan.tabular, maps)


def _evenly(kind: NDArray[np.int64], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Ids (n,) of odd items, as many of each kind."""
    parts = np.array_split(np.arange(n), KINDS)
    return np.concatenate([rng.permutation(np.flatnonzero(kind == k))[: len(part)] for k, part in enumerate(parts)])


def viewed(drawn: Drawn) -> NDArray[np.float32]:
    """Rows (n, d) as a project gives them to the strategy of a screen task: z-scored."""
    return View.fit(drawn.x, "z")(drawn.x)


def truth(drawn: Drawn) -> Labels:
    """All answers, as an oracle has them."""
    return Labels(np.arange(len(drawn.y)), drawn.y, ("dull", "odd"), "screen")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "labelsieve-pools")
    args = parser.parse_args()
    for name in names():
        drawn = draw(name, 0, args.cache)
        kinds = np.bincount(drawn.kind[drawn.y == 1]).tolist()
        print(f"{name:28} {drawn.x.shape!s:16} odd {int(drawn.y.sum()):5} kinds {kinds} labels {drawn.budget}")


if __name__ == "__main__":
    main()
