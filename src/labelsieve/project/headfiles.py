"""Heads on disk: arrays in an .npz, the rest in JSON; nothing is ever unpickled.

A folder holds head.npz and head.json. The JSON is written last and names the digest of the arrays, so that
a half-written or damaged pair is no head at all: it is fitted again from the labels.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core import plugins
from labelsieve.core.sockets import Head

ARRAYS, FACTS = "head.npz", "head.json"


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A head that was read from disk, and the mark it was saved with."""

    head: Head
    mark: str
    facts: dict[str, Any]


def name_of(head: Head) -> str | None:
    """The plug-in name of a head that can be saved; None for a foreign one."""
    if not all(hasattr(head, name) for name in ("config", "state", "restore")):
        return None
    return plugins.name_of("heads", type(head))


def save(folder: Path, head: Head, mark: str, facts: dict[str, Any] | None = None) -> list[Path]:
    """Writes a head; a foreign one is not written, since it is refitted from the labels. Returns the files."""
    name = name_of(head)
    if name is None:
        (folder / FACTS).unlink(missing_ok=True)
        return []
    saved: Any = head
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{ARRAYS}.{os.getpid()}"
    with temporary.open("wb") as file:
        np.savez(file, **saved.state())
    digest = hashlib.blake2b(temporary.read_bytes(), digest_size=16).hexdigest()
    temporary.replace(folder / ARRAYS)
    known = {"format": 1, "name": name, "config": saved.config(), "mark": mark, "arrays": digest, **(facts or {})}
    temporary = folder / f".{FACTS}.{os.getpid()}"
    temporary.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    temporary.replace(folder / FACTS)
    return [folder / ARRAYS, folder / FACTS]


def load(folder: Path, n_classes: int | None = None) -> SavedFile | None:
    """The head of a folder; None where there is none that is whole (of as many classes)."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        data = (folder / ARRAYS).read_bytes()
        if hashlib.blake2b(data, digest_size=16).hexdigest() != facts["arrays"]:
            return None
        if n_classes is not None and facts["config"].get("n_classes") != n_classes:
            return None
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            head = plugins.load("heads", facts["name"])(**facts["config"]).restore(dict(arrays))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return SavedFile(head, str(facts["mark"]), facts)
