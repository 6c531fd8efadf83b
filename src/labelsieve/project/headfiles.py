"""Heads on disk: arrays in an .npz, the rest in JSON; nothing is ever unpickled.

A folder holds head.npz and head.json. The JSON is written last and names the digest of the arrays, so that
a half-written or damaged pair is no head at all: it is fitted again from the labels.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core import plugins
from labelsieve.core.sockets import Head
from labelsieve.project.wholefiles import whole, write_whole

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
    arrays = io.BytesIO()
    np.savez(arrays, **saved.state())
    digest = hashlib.blake2b(arrays.getvalue(), digest_size=16).hexdigest()
    with whole(folder / ARRAYS) as temporary:
        temporary.write_bytes(arrays.getvalue())
    known = {"format": 1, "name": name, "config": saved.config(), "mark": mark, "arrays": digest, **(facts or {})}
    write_whole(folder / FACTS, json.dumps(known, indent=2) + "\n")
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
