"""kill -9 in the middle of an embedding run, then run again: the same digest, and nothing is done twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import labelsieve as ls
from labelsieve.project.embedding import SHARD

RUN = """
import sys, time
import labelsieve as ls
with ls.open(sys.argv[1]) as project:
    slow = float(sys.argv[2])
    report = project.embed(progress=lambda at: time.sleep(slow))
    print(report.done, report.there, report.digest)
"""


def make(folder: Path, n: int) -> Path:
    rng = np.random.default_rng(0)
    words = np.array(["invoice", "refund", "card", "lost", "broken", "late", "parcel", "login", "password", "thanks"])
    rows = [" ".join(rng.choice(words, 6)) + f" {i}" for i in range(n)]
    rows[7] = ""
    (folder / "texts.csv").write_text("text\n" + "\n".join(f'"{row}"' for row in rows), encoding="utf-8")
    ls.create(folder / "texts.sieve", folder / "texts.csv", text="text").close()
    return folder / "texts.sieve"


def run(project: Path, slow: float = 0.0) -> tuple[int, int, str]:
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(project), str(slow)], capture_output=True, text=True, check=True
    )
    n, there, digest = done.stdout.split()
    return int(n), int(there), digest


def test_killed_and_run_again_gives_the_same_bytes(tmp_path: Path) -> None:
    n = 4 * SHARD + 100
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    whole = run(make(tmp_path / "whole", n))
    project = make(tmp_path / "killed", n)
    shards = project / "cache" / "embeddings"
    finished = 0
    for wanted in (1, 2):
        worker = subprocess.Popen([sys.executable, "-c", RUN, str(project), "0.01"], stdout=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while worker.poll() is None and time.monotonic() < until and count(shards) < wanted:
            time.sleep(0.005)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        finished = count(shards)
        assert finished >= wanted, "no shard was written before the kill"
    done, there, digest = run(project)
    assert digest == whole[2]
    assert there >= min(finished * SHARD, n) - SHARD and done == whole[0] - there
    assert run(project) == (0, whole[0], digest)


def count(folder: Path) -> int:
    return len(
        [path for path in folder.rglob("*.npy") if not path.name.endswith(".ids.npy") and not path.name.startswith(".")]
    )
