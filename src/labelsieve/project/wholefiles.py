"""Files that appear whole or not at all: written under a temporary name, synced, renamed.

whole(path)             context manager: the temporary name, which takes the place of `path` when all has gone well
whole_folder(folder)    the same for a folder, which is replaced as a whole
write_whole(path, text) the same for a text
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from labelsieve.core.errors import ProjectError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`. ProjectError where the disk is full or the folder may not be written;
    what stood at `path` before stays then, and nothing is left behind."""
    temporary = path.with_name(f".{path.name[-200:]}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ProjectError(
            f"{path} cannot be written: {reason}.", "check the folder's permissions and free space."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_whole(path: Path, text: str) -> Path:
    """Writes a text in UTF-8, with the line ends that it has; returns the path."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return path


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """An empty folder beside `folder`. ProjectError and an untouched `folder` where it cannot be written."""
    temporary = folder.with_name(f".{folder.name[-200:]}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        _swap(temporary, folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ProjectError(f"{folder} cannot be written: {reason}.", "check its permissions and free space.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap(fresh: Path, folder: Path) -> None:
    """Puts a whole folder in the place of another. Renames only: there is no moment with half of each."""
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
