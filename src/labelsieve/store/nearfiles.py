"""Neighbours that an index has found, kept for the next process: a later round searches for what is newly labelled.

    near-7a61...0c-100-5f2c...e1.npy     (m, 1 + k) int64: the id of an item, then its k nearest, -1 where fewer

The name holds a mark of what they were found in, k, and a digest of all numbers: neighbours of an index that has
changed, or a file that is not as it was written, are not used. The file can be deleted at any time.
"""

import hashlib
from contextlib import suppress
from pathlib import Path

import numpy as np

from labelsieve.core.sockets import Neighbours
from labelsieve.core.types import Ids
from labelsieve.store.placing import placed


class KeptNeighbours:
    """`search` gives neighbours (m, k) of items; what it gave for the same k before, to any process, is kept.

    `mark` (hex digits) changes whenever the answers could.
    """

    def __init__(self, folder: Path, mark: str, search: Neighbours) -> None:
        self._folder, self._mark, self._search = folder, mark, search
        self._known: dict[int, Ids] = {}  # by k, since an index may look further for more neighbours

    def __call__(self, ids: Ids, k: int) -> Ids:
        """Ids (m, k) of the nearest other items, best first; -1 where there are fewer. Cost: a search of the new ones.

        Errors are those of `search`. Where the folder cannot be written, nothing is kept.
        """
        ids = np.asarray(ids, np.int64)
        known = self._known[k] if k in self._known else _read(self._folder, self._mark, k)
        row = {id_: at for at, id_ in enumerate(known[:, 0].tolist())}
        new = np.array([id_ for id_ in np.unique(ids).tolist() if id_ not in row], np.int64)
        if len(new) or not len(ids):
            near = self._search(new, k)
            row.update(zip(new.tolist(), range(len(known), len(known) + len(new)), strict=True))
            known = np.concatenate([known, np.column_stack([new, near])])
        self._known[k] = known
        if len(new):
            self._save(k)
        found: Ids = known[np.array([row[id_] for id_ in ids.tolist()], np.int64), 1:]
        return found

    def _save(self, k: int) -> None:
        name = f"near-{self._mark}-{k}-{_digest(self._known[k])}.npy"
        with suppress(OSError), placed(self._folder, name) as temporary:
            self._folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                np.save(file, self._known[k], allow_pickle=False)
            temporary.replace(self._folder / name)
            for path in self._folder.glob("near-*.npy"):
                older = not path.name.startswith(f"near-{self._mark}-")
                if older or (path.name != name and path.name.startswith(f"near-{self._mark}-{k}-")):
                    path.unlink(missing_ok=True)


def _read(folder: Path, mark: str, k: int) -> Ids:
    """What is kept under this mark (m, 1 + k); no row where nothing is, or not as it was written."""
    for path in sorted(folder.glob(f"near-{mark}-{k}-*.npy")):
        with suppress(OSError, ValueError, EOFError):
            found: Ids = np.load(path, allow_pickle=False)
            right = path.stem.rpartition("-")[2] == _digest(found)
            if right and found.dtype == np.int64 and found.ndim == 2 and found.shape[1] == 1 + k:
                return found
    return np.empty((0, 1 + max(k, 0)), np.int64)


def _digest(known: Ids) -> str:
    mark = hashlib.blake2b(f"{known.shape}\n".encode(), digest_size=16)
    mark.update(np.ascontiguousarray(known).data)
    return mark.hexdigest()
