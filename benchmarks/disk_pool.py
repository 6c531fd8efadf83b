"""A pool that a process may not hold: N x 256 on disk, full-scan rounds by margin, warm and cold. Linux only.

    python benchmarks/disk_pool.py [--items 1000000 5000000 20000000] [--folder DIR] [--keep] [--stored int8]
                                   [--runs 3] [--seed 0] [--out results/disk_pool.json]

To reach at 20M: at least 5M items a second warm, a cold round near the disk's own rate, anonymous memory (RssAnon,
sampled every 10 ms; mapped pages are not counted) below 2 GB. Shards that are there already are not written again, so
a run that was stopped goes on. The steps of a size run in processes of their own:

    open    seconds to open the pool, and to hash every shard once
    warm    rounds over a pool that the page cache holds, in items a second
    cold    the cache is dropped first: seconds to read the files and do nothing, and then a round after dropping again
    first   a new process on a cold cache opens the pool and scans in its first round: shards that nobody has hashed
            yet, and shards that were hashed before and have not changed, which are not hashed again
    index   seconds and memory to build the index of nearest neighbours, its recall@100 and its bytes
    seals   rounds by `seals(k=100) | margin`: the first looks around 200 labelled items, each later one around the
            100 of the round before; to reach: under 1 s, and at 20M at most twice what it takes at 1M. Shards were
            hashed before, as in `warm`

--stored auto chooses the type as `stored_type` does, from the memory of this machine. Points beyond those measured are
under `extrapolated`: a straight line through the last two sizes.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core import plugins
from labelsieve.core.rounds import Round
from labelsieve.core.types import Labels
from labelsieve.heads.linear import Linear
from labelsieve.selection.naming import strategy_called
from labelsieve.selection.neighbours import ItemNeighbours
from labelsieve.store.index import open_index
from labelsieve.store.indexbuild import build_index
from labelsieve.store.indexfiles import About
from labelsieve.store.rowfiles import memory_bytes, stored_type
from labelsieve.store.shards import Shards
from labelsieve.store.stamps import STAMPS

RANK = 12  # directions that rows vary along, besides a little noise: in a round cloud nothing is near to anything
DIM, CLUSTERS, CLASSES, LABELLED, ASKED, SHARD = 256, 100, 20, 200, 100, 1 << 16
OUT = Path(__file__).parent / "results" / "disk_pool.json"
ABOUT = About("disk_pool", "unit", "cosine")
BEYOND = 100_000_000


def made(ids: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit-norm rows of a shard round 100 centres, and their classes, from the seed and the first id alone."""
    centres = np.random.default_rng(seed).standard_normal((CLUSTERS, DIM), dtype=np.float32)
    rng = np.random.default_rng([seed, int(ids[0])])
    cluster = rng.integers(CLUSTERS, size=len(ids))
    ways = np.random.default_rng(seed + 1).standard_normal((RANK, DIM), dtype=np.float32) / RANK**0.5
    x = centres[cluster] + rng.standard_normal((len(ids), RANK), dtype=np.float32) @ ways
    x += 0.1 * rng.standard_normal((len(ids), DIM), dtype=np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x, cluster % CLASSES


def cuts(items: int) -> list[np.ndarray]:
    return [np.arange(first, min(first + SHARD, items)) for first in range(0, items, SHARD)]


def fill(folder: Path, items: int, seed: int, stored: Any) -> dict[str, Any]:
    """Writes what is not there yet. A larger pool begins with the shards of a smaller one."""
    shards = Shards(folder, stored)
    there = {int(name[:12]) for name in shards.names}
    began, wrote = time.perf_counter(), 0
    for ids in cuts(items):
        if int(ids[0]) not in there:
            shards.append(ids, made(ids, seed)[0])
            wrote += len(ids)
    return {"wrote": wrote, "seconds": round(time.perf_counter() - began, 1), "bytes": size_of(folder)}


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def drop_cache(folder: Path) -> None:
    """Puts the files out of the page cache; what a process maps stays, so that pools must be closed before."""
    for path in folder.iterdir():
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def read_all(folder: Path) -> float:
    """Seconds to read all files from end to end, one after the other: the disk's own rate."""
    room = bytearray(1 << 22)
    began = time.perf_counter()
    for path in sorted(folder.iterdir()):
        with path.open("rb", buffering=0) as file:
            while file.readinto(room):
                pass
    return time.perf_counter() - began


@contextmanager
def anonymous() -> Iterator[dict[str, float]]:
    """Peak of RssAnon in megabytes, while inside: {"peak": ...}."""
    found, over = {"peak": 0.0}, threading.Event()

    def look() -> None:
        while not over.is_set():
            lines = Path("/proc/self/status").read_text().splitlines()
            now = next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))
            found["peak"] = max(found["peak"], round(now, 1))
            over.wait(0.01)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def fitted(items: int, seed: int) -> tuple[Labels, Linear]:
    """Labels of 200 items spread over the pool and a head on them; nothing of the pool is read for that."""
    shards = cuts(items)
    x, y, at = [], [], []
    for k in range(0, LABELLED, 20):
        ids = shards[k * len(shards) // LABELLED]
        rows, classes = made(ids, seed)
        kept = np.random.default_rng(k).choice(len(ids), 20, replace=False)
        x.append(rows[kept])
        y.append(classes[kept])
        at.append(ids[kept])
    ids, first = np.unique(np.concatenate(at), return_index=True)
    labels = Labels(ids, np.concatenate(y)[first], tuple(map(str, range(CLASSES))))
    return labels, Linear(CLASSES).fit(np.concatenate(x)[first], labels.y)


def ask(shards: Shards, labels: Labels, head: Linear, strategy: str = "margin") -> tuple[float, Any]:
    state = Round(shards, labels, head, number=1)
    began = time.perf_counter()
    query = plugins.load("strategies", strategy)(state, ASKED, np.random.default_rng(0))
    return time.perf_counter() - began, query


def rounds(folder: Path, items: int, runs: int, seed: int) -> list[dict[str, Any]]:
    """Rows of what a round costs over the pool in `folder`. More kinds of rounds belong here, one row each."""
    labels, head = fitted(items, seed)
    rows: list[dict[str, Any]] = []

    def row(step: str, seconds: float, scored: int, peak: float, **more: Any) -> None:
        rate = {"items_per_second": round(scored / seconds)} if scored else {}
        rows.append({"step": step, "seconds": round(seconds, 4), **rate, "anonymous_mb": peak, **more})
        print(rows[-1], file=sys.stderr, flush=True)

    with anonymous() as memory:
        began = time.perf_counter()
        shards = Shards(folder)
        count = len(shards)
        row("open", time.perf_counter() - began, 0, memory["peak"], items=count)
        began = time.perf_counter()
        damaged = shards.verify()
        row("hash", time.perf_counter() - began, 0, memory["peak"], damaged=len(damaged))
    with anonymous() as memory:
        asked = [ask(shards, labels, head) for _ in range(runs + 1)][1:]
        best = sorted(seconds for seconds, _ in asked)
        row("warm margin", best[len(best) // 2], asked[0][1].scored, memory["peak"], all=[round(s, 3) for s in best])
    shards.close()
    drop_cache(folder)
    read, size = read_all(folder), size_of(folder)
    row("disk", read, 0, 0.0, megabytes_per_second=round(size / read / 1e6))
    drop_cache(folder)
    with anonymous() as memory:
        seconds, query = ask(shards, labels, head)
    more = {"megabytes_per_second": round(size / seconds / 1e6), "of_disk": round(read / seconds, 2)}
    row("cold margin", seconds, query.scored, memory["peak"], **more)
    return rows


def first_round(folder: Path, items: int, seed: int) -> list[dict[str, Any]]:
    """The first round of a process on a cold cache: of shards that are hashed then, and that were hashed before."""
    labels, head = fitted(items, seed)
    rows: list[dict[str, Any]] = []
    (folder / STAMPS).unlink(missing_ok=True)
    for step in ("first margin, cold", "first margin, cold, hashed before"):
        drop_cache(folder)
        with anonymous() as memory:
            began = time.perf_counter()
            shards = Shards(folder)
            _, query = ask(shards, labels, head)
            seconds = time.perf_counter() - began
        shards.close()
        rate = {"items_per_second": round(query.scored / seconds), "anonymous_mb": memory["peak"]}
        rows.append({"step": step, "seconds": round(seconds, 3), **rate})
    return rows


def index_folder(folder: Path) -> Path:
    return folder.with_name(folder.name + "-index")


def indexed(folder: Path, seed: int) -> dict[str, Any]:
    """What it costs to build the index, unless it is there already."""
    pool, where = Shards(folder), index_folder(folder)
    if (where / "index.json").exists():
        facts, memory = open_index(where, ABOUT, pool).facts, {"peak": None}
    else:
        with anonymous() as memory:
            facts = build_index(where, pool, ABOUT, seed).facts
    kept = {name: getattr(facts, name) for name in ("seconds", "cells", "visits", "recall", "recall_k", "held_out")}
    return {**kept, "bytes": size_of(where), "anonymous_mb": memory["peak"]}


def seals_rounds(folder: Path, items: int, runs: int, seed: int) -> list[dict[str, Any]]:
    """Rounds that look around what is labelled, in a process that has hashed the shards."""
    labels, head = fitted(items, seed)
    strategy, rows = strategy_called("seals(k=100) | margin"), []
    with anonymous() as memory:
        shards = Shards(folder)
        shards.verify()
        began = time.perf_counter()
        index = open_index(index_folder(folder), ABOUT, shards)
        opened = time.perf_counter() - began
        near = ItemNeighbours(shards, index)
        for number in range(runs + 2):
            state, before = Round(shards, labels, head, number=number, neighbours=near), near.searched
            began = time.perf_counter()
            query = strategy(state, ASKED, np.random.default_rng(number))
            seconds = time.perf_counter() - began
            rows.append({"seconds": round(seconds, 4), "searched": near.searched - before, "scored": query.scored})
            print(rows[-1], file=sys.stderr, flush=True)
            y = np.concatenate([labels.y, head.predict_proba(shards.take(query.ids)).argmax(axis=1)])
            ids = np.concatenate([labels.ids, query.ids])
            order = np.argsort(ids)
            labels = Labels(ids[order], y[order], labels.classes)
    later = sorted(rows[2:], key=lambda row: row["seconds"])  # the second touches pages that the first has not
    found = {"step": "seals margin", **later[len(later) // 2], "share_scored": later[0]["scored"] / items}
    first = {"step": "first seals margin", **rows[0], "open_seconds": round(opened, 3)}
    return [first, {**found, "anonymous_mb": memory["peak"], "all": [row["seconds"] for row in rows]}]


def alone(step: str, folder: Path, items: int, given: argparse.Namespace) -> Any:
    """What a step says, in a process of its own."""
    options = ["--items", str(items), "--folder", str(folder), "--runs", str(given.runs), "--seed", str(given.seed)]
    command = [sys.executable, __file__, *options, "--stored", given.stored, "--step", step]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def run_step(step: str, folder: Path, items: int, given: argparse.Namespace) -> Any:
    if step == "fill":
        return fill(folder, items, given.seed, given.stored)
    if step == "index":
        return indexed(folder, given.seed)
    if step == "seals":
        return seals_rounds(folder, items, given.runs, given.seed)
    return rounds(folder, items, given.runs, given.seed) if step == "rounds" else first_round(folder, items, given.seed)


def extrapolated(sizes: list[dict[str, Any]]) -> dict[str, Any]:
    """A pool of 100M by a straight line through the two largest sizes measured. An estimate, not a measurement."""
    if len(sizes) < 2:
        return {}
    low, high = sorted(sizes, key=lambda size: int(size["items"]))[-2:]

    def line(of: Any) -> float:
        slope = (of(high) - of(low)) / (high["items"] - low["items"])
        return float(of(high) + slope * (BEYOND - high["items"]))

    def step(name: str, key: str) -> Any:
        return lambda size: next(row[key] for row in size["rounds"] if row["step"] == name)

    return {
        "items": BEYOND,
        "from": [low["items"], high["items"]],
        "disk_gb": round(line(lambda size: size["bytes"]) / 1e9, 1),
        "open_seconds": round(line(step("open", "seconds")), 1),
        "hash_seconds": round(line(step("hash", "seconds"))),
        "warm_margin_seconds": round(line(step("warm margin", "seconds")), 1),
        "cold_margin_seconds": round(line(step("cold margin", "seconds")), 1),
        "anonymous_gb": round(line(step("warm margin", "anonymous_mb")) / 1024, 2),
        "index_gb": round(line(lambda size: size["index"]["bytes"]) / 1e9, 1),
        "index_hours": round(line(lambda size: size["index"]["seconds"]) / 3600, 2),
        "seals_margin_seconds": round(line(step("seals margin", "seconds")), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[1_000_000, 5_000_000, 20_000_000])
    parser.add_argument("--folder", type=Path, help="where the pools go; the temporary folder by default")
    parser.add_argument("--keep", action="store_true", help="leave the pools there")
    parser.add_argument("--stored", choices=["auto", "int8", "float32"], default="int8")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--step", choices=["fill", "rounds", "first", "index", "seals"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        print(json.dumps(run_step(given.step, given.folder, given.items[0], given)))
        return
    memory = memory_bytes()
    if given.stored == "auto":
        given.stored = stored_type(max(given.items), DIM, memory)
    root = given.folder or Path(tempfile.gettempdir()) / "labelsieve-disk-pool"
    machine = {"cores": os.cpu_count(), "memory_gb": round(memory / 2**30), "load": round(os.getloadavg()[0], 1)}
    machine |= {"python": platform.python_version(), "numpy": np.__version__}
    found: dict[str, Any] = {"machine": machine, "seed": given.seed, "dim": DIM, "classes": CLASSES}
    found |= {"labelled": LABELLED, "asked": ASKED, "rows_a_shard": SHARD, "stored": given.stored, "sizes": []}
    for items in sorted(given.items):
        folder = root / f"{items}-{given.stored}"
        wrote = alone("fill", folder, items, given)
        row = {"items": items, **wrote, "rounds": alone("rounds", folder, items, given)}
        row["rounds"] += alone("first", folder, items, given)
        row["index"] = alone("index", folder, items, given)
        row["rounds"] += alone("seals", folder, items, given)
        found["sizes"].append(row)
        found["extrapolated"] = extrapolated(found["sizes"])
        given.out.parent.mkdir(exist_ok=True)
        given.out.write_text(json.dumps(found, indent=1) + "\n")
        if not given.keep:
            shutil.rmtree(folder)
            shutil.rmtree(index_folder(folder))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
