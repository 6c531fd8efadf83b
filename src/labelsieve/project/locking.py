"""One process at a time: a lock on an open file, let go by the system when its process ends, however it ends.

A file that is left behind therefore locks nothing. Where a file system knows no locks, nobody is kept out.
"""

import errno
from pathlib import Path
from typing import IO

from labelsieve.core.errors import ProjectError

_HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


def locked_file(path: Path, hint: str) -> IO[bytes]:
    """The file at `path`, made where it is not there, open and locked until it is closed.

    ProjectError, with `hint`, where another process holds it; or where it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise ProjectError(f"{path} cannot be written: {error.strerror}.", "check permissions and space.") from error
    try:
        _lock(file)
    except OSError as error:
        if error.errno in _HELD:
            file.close()
            raise ProjectError(f"{path} is in use by another process.", hint) from error
    return file


def _lock(file: IO[bytes]) -> None:
    """OSError where another process holds it, or where there are no locks."""
    try:
        import fcntl
    except ImportError:  # Windows, where a locked byte cannot be written: one far behind the end
        import msvcrt

        file.seek(1 << 40)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
