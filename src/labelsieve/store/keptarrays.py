"""Arrays over the pool that are computed once: kept in memory, and on disk for the next process.

They live under cache/: deleting them costs the time to make them again. Files of another pool, engine or view carry
another mark, and are removed when the first array of this one is written.
"""

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.store.placing import placed


class KeptArrays:
    """A store of arrays below `folder`; `mark` names all that they depend on but their own name.

    A damaged file is made again; where nothing can be written, arrays are kept in memory alone.
    """

    def __init__(self, folder: Path, mark: str) -> None:
        self._folder, self._mark = folder, mark
        self._known: dict[str, NDArray[Any]] = {}

    def __call__(self, name: str, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        if name not in self._known:
            found = self._read(name)
            if found is None:
                found = np.ascontiguousarray(make())
                self._write(name, found)
            found = found.view()
            found.flags.writeable = False
            self._known[name] = found
        return self._known[name]

    def _stem(self, name: str) -> str:
        return f"{self._mark}-{re.sub('[^a-z0-9]+', '-', name.lower())}-{_digest(name.encode())}"

    def _read(self, name: str) -> NDArray[Any] | None:
        with suppress(OSError, ValueError, EOFError):
            for path in self._folder.glob(f"{self._stem(name)}-*.npy"):
                array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
                if path.stem.endswith(_shape(array)):
                    return array
        return None

    def _write(self, name: str, array: NDArray[Any]) -> None:
        with suppress(OSError), placed(self._folder, "array") as temporary:
            self._folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                np.save(file, array, allow_pickle=False)
            temporary.replace(self._folder / f"{self._stem(name)}-{_shape(array)}.npy")
            for path in self._folder.glob("*.npy"):
                if not path.name.startswith(self._mark):
                    path.unlink(missing_ok=True)


def _shape(array: NDArray[Any]) -> str:
    """Shape and type in the file's name, and a digest of the bytes: half a file, or a flipped bit, is not used."""
    return f"{'x'.join(map(str, array.shape))}-{array.dtype.name}-{_digest(np.ascontiguousarray(array))}"


def _digest(data: Any) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()
