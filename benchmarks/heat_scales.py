"""Do heat maps of `explain` find a stain on made pictures, by the engine `patches`, on each scale of its axes?

    python benchmarks/heat_scales.py [--seeds 4] [--out benchmarks/results/heat_scales.json]

Pictures of noise, 56 pixels a side; the odd ones have a light square at the top right. Two thirds are labelled. Found:
the hottest of 7 x 7 cells is one of the four of the square. z: each axis on its own scale (shipped); isotropic: one
scale for all. By chance 4 of 49. Seeds 0 and up.
"""

import argparse
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

import labelsieve as ls
from labelsieve.project import training

OUT = Path(__file__).parent / "results" / "heat_scales.json"
POOLS = ((60, 20), (120, 10))  # pictures, and of how many one is odd


def places(folder: Path, n: int, every: int, seed: int) -> list[int]:
    """By odd picture without a label (three at most): how many cells are as hot as the hottest of its stain."""
    rng = np.random.default_rng(seed)
    (folder / "parts").mkdir(parents=True)
    odd = [i % every == 3 for i in range(n)]
    for i in range(n):
        image = Image.fromarray(rng.integers(90, 110, (56, 56, 3), dtype=np.uint8))
        if odd[i]:
            image.paste((250, 250, 250), (40, 0, 56, 16))
        image.save(folder / "parts" / f"p{i:03}.png")
    with ls.create(folder / "p.sieve", folder / "parts", task="screen") as project:
        project.embed()
        known = n * 2 // 3
        keys = [f"p{i:03}.png" for i in range(n)]
        project.label(keys[:known], ["odd" if is_odd else "dull" for is_odd in odd[:known]], by="ann")
        project.fit()
        told = project.explain([keys[i] for i in range(known, n) if odd[i]][:3])
    return [int((one.heat >= one.heat[:2, 5:].max()).sum()) for one in told if one.heat is not None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for scale, meaning in (("z", "directions"), ("isotropic", "axes")):
        with mock.patch.dict(training.GIVES, patches=meaning):
            for n, every in POOLS:
                for seed in range(given.seeds):
                    with tempfile.TemporaryDirectory() as folder:
                        ranks = places(Path(folder), n, every, seed)
                    rows.append({"scale": scale, "pictures": n, "odd": every, "seed": seed, "ranks": ranks})
    found = {}
    for scale in ("z", "isotropic"):
        ranks = [rank for row in rows if row["scale"] == scale for rank in row["ranks"]]
        found[scale] = {"found": sum(rank == 1 for rank in ranks), "of": len(ranks)}
        print(scale, found[scale])
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}
    given.out.write_text(json.dumps({"machine": machine, "found": found, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
