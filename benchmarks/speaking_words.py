"""What it costs to find the words that speak for a guess: seconds of processor a text, and once a job.

    OMP_NUM_THREADS=1 python benchmarks/speaking_words.py [--texts 9] [--out FILE]

Needs ../shared/data for MiniLM. Texts of random common words, short (12), middle (60) and long (600); one job of the
worker looks into `--texts` of them, as the label page asks for the item on the screen and the next eight.
"""

import argparse
import csv
import json
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import labelsieve as ls
from labelsieve.project.desk import speaking
from labelsieve.project.desk.handing import hand_out
from labelsieve.project.desk.refilling import choose_more

MINILM = Path(__file__).resolve().parents[2] / "shared" / "data" / "models" / "minilm-l6-v2"
LENGTHS = {"short": 12, "middle": 60, "long": 600}
SEED, ITEMS, LABELS = 0, 60, 16


def write_texts(path: Path, words: int) -> None:
    """Sentences of eight words out of 2,000."""
    rng = np.random.default_rng(SEED)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["key", "text"])
        for i in range(ITEMS):
            drawn = [f"w{number}" for number in rng.integers(0, 2000, words)]
            sentences = [" ".join(drawn[at : at + 8]) for at in range(0, words, 8)]
            rows.writerow([f"k{i}", ". ".join([f"{('red', 'blue')[i % 2]} thing", *sentences])])


def measured(engine: str | None, words: int, texts: int) -> dict[str, Any]:
    """One job: seconds of processor and of the clock, for all of it and for nothing new to look into."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "t.csv"
        write_texts(table, words)
        with ls.create(Path(folder) / "p.sieve", table, text="text", key="key", classes=["red", "blue"]) as project:
            project.embed(engine)
            names = [("red", "blue")[i % 2] for i in range(LABELS)]
            project.label([f"k{i}" for i in range(LABELS)], names, by="ann")
            choose_more(project.context)
            ids = hand_out(project.context, "ann", texts + 1).ids.tolist()
            speaking.look_into(project.context, ids[:1], lambda *_: None)  # imports, and the engine's files
            began = time.perf_counter(), time.process_time()
            found = speaking.look_into(project.context, ids[1:], lambda *_: None)
            cpu, wall = time.process_time() - began[1], time.perf_counter() - began[0]
    return {"texts": found, "cpu": round(cpu, 3), "wall": round(wall, 3), "cpu_a_text": round(cpu / found, 4)}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--texts", type=int, default=9)
    options.add_argument("--out", type=Path)
    chosen = options.parse_args()
    engines = {"words": None} | ({"minilm": str(MINILM)} if MINILM.exists() else {})
    found: dict[str, Any] = {"machine": platform.processor() or platform.machine(), "seed": SEED}
    for name, engine in engines.items():
        for length, words in LENGTHS.items():
            found[f"{name} {length}"] = one = measured(engine, words, chosen.texts)
            print(name, length, one, flush=True)
            if chosen.out:
                chosen.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
