"""One process at a time: a lock on an open file, let go by the system when its process ends, however it ends.

    locked_file(path, hint)          a file that is there to be locked
    unshared_ledger(path, hint)      a SQLite file that nobody has open, and nobody can open meanwhile

A file that is left behind therefore locks nothing. Where a file system knows no locks, nobody is kept out.
"""

import errno
import os
from contextlib import suppress
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


_SQLITE_FIRST, _SQLITE_BYTES = 0x40000000, 512  # what SQLite locks of a database: whoever has one open shares a part


def unshared_ledger(path: Path, hint: str) -> IO[bytes]:
    """The file of a SQLite database, whole or damaged, open and locked as SQLite locks it, until it is closed.

    ProjectError, with `hint`, where this or another process has it open. Nothing in it is read or changed.
    """
    if _open_here(path):  # closing it here would let go of the locks that SQLite holds
        raise ProjectError(f"{path} is open in this process.", "close the Project first.")
    try:
        file = path.open("r+b")
    except OSError as error:
        raise ProjectError(f"{path} cannot be written: {error.strerror}.", "check its permissions.") from error
    try:
        import fcntl
    except ImportError:  # Windows moves no file that anybody has open, us among them
        file.close()
        return Path(os.devnull).open("rb")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SQLITE_BYTES, _SQLITE_FIRST)
    except OSError as error:
        file.close()
        if error.errno in _HELD:
            raise ProjectError(f"{path} is open in another process.", hint) from error
        raise ProjectError(f"{path} cannot be locked: {error.strerror}.", "put the project on a local disk.") from error
    return file


def _open_here(path: Path) -> bool:
    """Whether this process has the file open, where the system can tell."""
    with suppress(OSError):
        sought = path.stat()
        for name in os.listdir("/dev/fd"):
            with suppress(OSError, ValueError):
                found = os.fstat(int(name))
                if (found.st_dev, found.st_ino) == (sought.st_dev, sought.st_ino):
                    return True
    return False
