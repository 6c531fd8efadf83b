"""Working copies below cache/: written under a temporary name, synced, renamed; deletable at any time."""

import _thread
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import IO
from weakref import finalize

from labelsieve.core.errors import InputError
from labelsieve.sources.base import digest


def working_folder(cache: Path | None, owner: object) -> Path:
    """cache/sources, or a folder that goes when `owner` does."""
    if cache is not None:
        return cache / "sources"
    folder = Path(mkdtemp(prefix="labelsieve-"))
    finalize(owner, _remove, folder)
    return folder


def _remove(folder: Path) -> None:
    try:
        rmtree(folder)
    except KeyboardInterrupt:  # Python drops what is raised while an object goes: Ctrl-C is sent again after that
        rmtree(folder, ignore_errors=True)
        again = threading.Timer(0.1, _thread.interrupt_main)
        again.daemon = True
        again.start()


def copy_name(path: Path, folder: Path, mark: str, what: str) -> str:
    """A file name, yet without ending, that says the source, and changes when the source or `mark` does."""
    return f"{copy_stem(path, folder, what)}-{digest(mark.encode())[:12]}"


def copy_stem(path: Path, folder: Path, what: str) -> str:
    """What the names of all copies of one source have in common: the same from wherever the project is opened."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "-", path.name)[:60]
    whole = digest(f"{_from(path, folder)}\0{what}".encode())[:8]
    return f"{plain}-{whole}"


def _from(path: Path, folder: Path) -> str:
    """The path as seen from `folder`, so that a project can move together with its sources."""
    try:
        return Path(os.path.relpath(os.path.realpath(path), os.path.realpath(folder))).as_posix()
    except ValueError:  # another drive
        return str(path.resolve())


@contextmanager
def copying(path: Path) -> Iterator[IO[bytes]]:
    """A file to fill, which becomes `path` whole or not at all; copies of earlier states of the source then go.

    Written here and not by store/placing.py: rooms of one floor do not know one another.
    """
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise InputError(
            f"the working copy {path} cannot be written: {error.strerror or error}.",
            "check free space and permissions of the project folder.",
        ) from error
    finally:
        _discard(temporary)  # gone already when all went well
    _drop_outdated(path)


def _discard(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # another process maps it, or the folder is not ours: harmless, the next scan tries again
        return


def _drop_outdated(path: Path) -> None:
    """Removes the copies that differ from `path` in nothing but the state of the source."""
    stem = path.name[: -len(path.suffix)].rpartition("-")[0]
    for old in path.parent.glob(f"{stem}-*{path.suffix}"):
        if old.name != path.name:
            _discard(old)
