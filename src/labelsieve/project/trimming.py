"""What of cache/ still holds when a project has another ledger: the rest is moved aside, and comes back when needed.

Embeddings are kept by item id. A ledger that was restored gives the ids of later items again, to other items: their
shards must go, and so must what is known by ids and by numbers of events alone.
"""

import errno
import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from labelsieve.core.errors import LabelsieveError
from labelsieve.store.rowfiles import IDS, ROWS, SCALE
from labelsieve.store.shards import Shards

FORGOTTEN = (
    "agreement",
    "columns",
    "desk",
    "heads",
    "jobs",
    "neighbours",
    "patches",
    "predictions",
    "progress",
    "projection",
    "screening",
    "views",
    "words",
)  # known by numbers that the other ledger gives again
KNOWN_BY_CONTENT = ("thumbs", "uploads")  # right beside any ledger
TRIMMED = ("embeddings", "index")


@dataclass(frozen=True, slots=True)
class Known:
    """How far a ledger has come: the last item id it gave, and the last change of an item's content it knows."""

    items: int
    changes: int


def trim(cache: Path, aside: Path, known: Known, same_items: bool) -> None:
    """Moves to `aside` what does not hold beside a ledger that knows this much. `same_items`: the ledger before it
    had the same items, so that an index of them holds. The same again goes on where it was stopped.

    Cost: renames; the ids of the shards are read.
    """
    for name in FORGOTTEN if same_items else (*FORGOTTEN, "index"):
        _move(cache / name, aside / name)
    home = cache / "embeddings"
    for folder in sorted(home.iterdir()) if home.is_dir() else []:
        if folder.is_dir():
            _trim_shards(folder, aside / "embeddings" / folder.name, known)


def _trim_shards(folder: Path, aside: Path, known: Known) -> None:
    if _step(folder) > known.changes:  # of contents that this ledger has never seen
        _move(folder, aside)
        return
    try:
        ids = Shards(folder).ids
        later = Shards(folder).names_of(ids[ids > known.items])
    except (LabelsieveError, OSError, ValueError):  # whatever it is, it comes back
        _move(folder, aside)
        return
    for name in later:
        for ending in (ROWS, SCALE, IDS):  # the rows first: without them there is no shard
            _move(folder / (name + ending), aside / (name + ending))


def _step(folder: Path) -> int:
    with suppress(OSError, ValueError, TypeError):
        return int(json.loads((folder / "changes.json").read_text()))
    return 0


def _move(path: Path, target: Path) -> None:
    """Removed instead where the cache lies on another disk: it comes back when needed."""
    if not path.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    while target.exists():  # from before a kill
        target = target.with_name(f"{target.name}-")
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.rmtree(path) if path.is_dir() else path.unlink()
