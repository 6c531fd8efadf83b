"""Arrays of ids on disk that can be deleted at any time: put whole, mapped when read, swept when old.

put(path, ids) -> ids          written whole
kept(path) -> ids | None       mapped; None where it is not there, or not whole
sweep(folder)                  removes all but the newest
"""

import os
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from labelsieve.core.types import Ids
from labelsieve.project.wholefiles import whole

MOST = 200  # files that are kept,
MOST_BYTES = 1 << 30  # how large they may be together,
OLDEST = 7 * 86_400.0  # and for how many seconds after they were last used
FRESH = 600.0  # seconds for which a file is never removed


def put(path: Path, ids: Ids) -> Ids:
    """The ids (m,), written whole."""
    with whole(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.ascontiguousarray(ids, np.int64))
    sweep(path.parent)
    return ids


def kept(path: Path) -> Ids | None:
    """The ids (m,) of a file, mapped; None where there is no whole one. The file counts as used now."""
    try:
        found: Ids = np.load(path, mmap_mode="r")
        os.utime(path)
    except (OSError, ValueError, EOFError):
        return None
    return found if found.dtype == np.int64 and found.ndim == 1 else None


def sweep(folder: Path) -> None:
    """Removes files that were not used for long, or are more than are kept. What is mapped stays readable."""
    files = []
    for path in folder.glob("*.npy"):
        with suppress(OSError):
            stat = path.stat()
            files.append((stat.st_mtime, stat.st_size, path))
    now, size = time.time(), 0
    for at, (used, bytes_, path) in enumerate(sorted(files, reverse=True, key=lambda one: one[0])):
        size += bytes_
        if now - used > FRESH and (at >= MOST or size > MOST_BYTES or now - used > OLDEST):
            with suppress(OSError):
                path.unlink()
