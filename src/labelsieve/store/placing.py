"""Files of the store appear whole or not at all: a temporary name, fsync, rename; what a kill left is swept later."""

import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STALE = 3600  # seconds after which a temporary file belongs to a process that was killed


def temporary(folder: Path, what: str) -> Path:
    """A name that no other process uses; swept an hour after a kill."""
    return folder / f".tmp-{os.getpid()}-{os.urandom(4).hex()}-{what}"


@contextmanager
def placed(folder: Path, what: str = "file") -> Iterator[Path]:
    """A temporary name in the folder, gone afterwards unless it was renamed. OSError where the disk refuses."""
    path = temporary(folder, what)
    try:
        yield path
    finally:
        with suppress(OSError):  # a folder that may only be read: the error itself says more
            path.unlink(missing_ok=True)


def settle(path: Path) -> None:
    """Makes the bytes of a file last through a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def settle_names(folder: Path) -> None:
    """Makes the renames of a folder last through a power cut, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sweep(folder: Path, stale: Callable[[str], bool] | None = None, keep: Collection[str] = ()) -> None:
    """Removes what killed processes left: old files that `stale` names (temporary ones), but those to keep."""
    stale = stale or (lambda name: name.startswith(".tmp-"))
    for path in folder.glob("*") if folder.is_dir() else ():
        try:
            if stale(path.name) and path.name not in keep and time.time() - path.stat().st_mtime > STALE:
                path.unlink()
        except OSError:  # another process was faster, or the folder is read-only: harmless either way
            continue
