"""Files that appear whole or not at all: written under a temporary name, synced, renamed.

whole(path)             context manager: the temporary name, which takes the place of `path` when all has gone well
write_whole(path, text) the same for a text
"""

import os
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
