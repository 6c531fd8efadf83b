"""kill -9 while an index is built, grown and merged: afterwards it is whole, as it was before or as it became."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from labelsieve.core.errors import ProjectError
from labelsieve.store.index import open_index
from labelsieve.store.indexfiles import About, DamagedIndex

WRITER = """
import sys
from pathlib import Path
import numpy as np
from labelsieve.core.rounds import ArrayPool
from labelsieve.store.indexbuild import IndexSettings, build_index
from labelsieve.store.indexfiles import About
folder, listed = Path(sys.argv[1]), sys.argv[2] == "lists"
x = np.load(folder.parent / "x.npy")
settings = IndexSettings(flat_rows=0 if listed else 10**6, held_out=10, recall_k=5, part_bytes=20_000)
print("ready", flush=True)
while True:
    index = build_index(folder, ArrayPool(x[:2000]), About("toy"), settings=settings)
    print("whole", flush=True)
    for i in range(2000, 4000, 200):
        index.add(np.arange(i, i + 200), x[i : i + 200])
        index.remove(np.arange(i, i + 100))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["flat", "lists"])
def test_killed_at_any_moment(tmp_path, kind):
    x = np.random.default_rng(0).normal(size=(4000, 16)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    np.save(tmp_path / "x.npy", x)
    folder = tmp_path / "index"
    states = [list(range(2000))]  # after each step of the writer
    for i in range(2000, 4000, 200):
        states.append([*states[-1], *range(i, i + 200)])
        states.append([id_ for id_ in states[-1] if not i <= id_ < i + 100])
    whole = 0
    for attempt in range(12):
        command = [sys.executable, "-c", WRITER, str(folder), kind]
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
            if attempt:
                writer.stdout.readline()  # the first kill is in the first build, the others after a whole one
            time.sleep(0.013 * attempt)
            writer.send_signal(signal.SIGKILL)
        try:
            index = open_index(folder, About("toy"))
        except DamagedIndex as error:
            pytest.fail(f"a kill left a damaged index: {error}")
        except ProjectError:
            assert attempt == 0 and not (folder / "index.json").exists()
            continue
        whole += 1
        ids = np.asarray(index.ids)
        assert ids.tolist() in states
        found, _ = index.search(x[ids[::97]], 1)
        assert np.array_equal(found[:, 0], ids[::97])
    assert whole >= 11
