"""Which files of a folder were hashed and found right: such a file is hashed again only when the disk says it changed.

    checked.json     {file name: [size, time of its content, time of its inode, inode]}, as they were when it was hashed

Whoever writes to a file changes the time of its inode, which nobody can set back. The stamps can be lost at any time:
what has none is hashed (docs/decisions/0006-index.md).
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock

from labelsieve.store.placing import placed

STAMPS = "checked.json"
SETTLED = 2.0  # seconds: a file that changed less than this before it was hashed is hashed again
OFTEN = 1 << 28  # bytes hashed, after which the stamps are saved

Found = dict[str, list[int]]  # file name -> size, both times, inode


class Stamps:
    """The stamps of one folder. Several threads and processes may use them; what two save at once may be lost."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = _read(folder)
        self._new: dict[str, list[int] | None] = {}  # not saved yet; None where a file was found damaged
        self._unsaved = 0  # bytes
        self._lock = Lock()

    def of(self, names: Iterable[str]) -> Found:
        """The stamps of those of the files that are there, as they are now."""
        found: Found = {}
        for name in names:
            with suppress(OSError):
                seen = os.stat(self._folder / name)
                found[name] = [seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino]
        return found

    def whole(self, found: Found, right: Callable[[], bool], thorough: bool = False) -> bool:
        """Whether files are as they were written. `right` hashes them, and is not asked where they were hashed before.

        `found` is what `of` gave before anything of them was read. Cost: O(1), else one read of the files.
        """
        now = self.of(found)
        if not thorough and found and found == now and all(self._known.get(name) == now[name] for name in now):
            return True
        began = time.time_ns()
        if not right():
            self._keep(dict.fromkeys(found))
            self.save()
            return False
        changed = max((max(stamp[1], stamp[2]) for stamp in now.values()), default=began)
        if began - changed >= SETTLED * 1e9 and found == self.of(found):
            self._keep(found)
        return True

    def _keep(self, stamps: Mapping[str, list[int] | None]) -> None:
        with self._lock:
            for name, stamp in stamps.items():
                self._known.pop(name, None)
                self._new[name] = stamp
                if stamp is not None:
                    self._known[name] = stamp
                    self._unsaved += stamp[0]
        if self._unsaved >= OFTEN:
            self.save()

    def save(self) -> None:
        """Writes what is new, whole or not at all. Where the folder may only be read, files are hashed next time."""
        with self._lock:
            new, self._new, self._unsaved = self._new, {}, 0
            if not new:
                return
            with suppress(OSError), placed(self._folder, STAMPS) as path:
                there = set(os.listdir(self._folder))
                both = _read(self._folder) | new
                stamps = {name: stamp for name, stamp in both.items() if stamp is not None and name in there}
                path.write_text(json.dumps(stamps), encoding="utf-8")
                path.replace(self._folder / STAMPS)


def _read(folder: Path) -> Found:
    try:
        found = json.loads((folder / STAMPS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
