"""Arrays that belong together, kept on disk: a folder for each version, and meta.json that names the newest.

put(folder, arrays, facts)                   the new version in the place of the old one
opened(folder, names) -> Version | None      the newest, its arrays mapped; None where there is none that is whole
"""

import json
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from labelsieve.project.wholefiles import whole_folder, write_whole
from labelsieve.store.placing import STALE, settle

META = "meta.json"
TRIES = 3  # a newer version may take the place of the one that is being opened


@dataclass(frozen=True, slots=True)
class Version:
    """What was put at once: the facts, and the arrays in the order of the names asked for."""

    facts: dict[str, Any]
    arrays: tuple[NDArray[Any], ...]


def put(folder: Path, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> None:
    """Writes a version whole, names it in meta.json, then removes the one before. ProjectError where the disk refuses.

    Who has mapped an old version goes on reading it. Another process may put its own at the same time: what it is
    writing stays, and what a kill left goes an hour later. Cost: one write of the arrays.
    """
    part = uuid.uuid4().hex[:16]
    with whole_folder(folder / part) as fresh:
        for name, array in arrays.items():
            np.save(fresh / f"{name}.npy", array)
            settle(fresh / f"{name}.npy")
    before = _facts_in(folder)
    write_whole(folder / META, json.dumps({**facts, "part": part}))
    for other in folder.iterdir():
        if other.name != part and ((before and other.name == before["part"]) or _is_left(other)):
            shutil.rmtree(other, ignore_errors=True)


def _is_left(path: Path) -> bool:
    """Whether this is a folder that nobody is writing any more."""
    try:
        return path.is_dir() and time.time() - path.stat().st_mtime > STALE
    except OSError:  # another process was faster
        return False


def opened(folder: Path, names: Sequence[str]) -> Version | None:
    """The newest version with its arrays mapped; None where there is none that is whole."""
    for _ in range(TRIES):
        facts = _facts_in(folder)
        if facts is None:
            return None
        try:
            arrays = [np.load(folder / facts["part"] / f"{name}.npy", mmap_mode="r") for name in names]
        except (OSError, ValueError, EOFError, TokenError, BadZipFile):
            continue
        return Version(facts, tuple(arrays))
    return None


def _facts_in(folder: Path) -> dict[str, Any] | None:
    """What meta.json says; None where it is not there, or not whole."""
    try:
        found = json.loads((folder / META).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("part"), str) else None
