"""Files that appear whole or not at all, as those of the store do; what the disk refuses is a ProjectError.

whole(path)             context manager: the temporary name, which takes the place of `path` when all has gone well
whole_folder(folder)    the same for a folder, which is replaced as a whole
write_whole(path, text) the same for a text
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labelsieve.core.errors import ProjectError
from labelsieve.store.placing import placed, settle, temporary


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`. ProjectError where the disk is full or the folder may not be written;
    what stood at `path` before stays then, and nothing is left behind."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with placed(path.parent) as fresh:
            yield fresh
            settle(fresh)
            fresh.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ProjectError(
            f"{path} cannot be written: {reason}.", "check the folder's permissions and free space."
        ) from error


def write_whole(path: Path, text: str) -> Path:
    """Writes a text in UTF-8, with the line ends that it has; returns the path."""
    with whole(path) as fresh:
        fresh.write_text(text, encoding="utf-8", newline="\n")
    return path


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """An empty folder beside `folder`. ProjectError and an untouched `folder` where it cannot be written."""
    fresh = temporary(folder.parent, "folder")
    try:
        fresh.mkdir(parents=True)
        yield fresh
        _swap(fresh, folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ProjectError(f"{folder} cannot be written: {reason}.", "check its permissions and free space.") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _swap(fresh: Path, folder: Path) -> None:
    """Puts a whole folder in the place of another. Renames only: there is no moment with half of each."""
    old = temporary(folder.parent, "old")
    if folder.exists():
        folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
