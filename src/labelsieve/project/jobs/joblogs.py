"""What a job wrote to stderr, kept below cache/jobs: tracebacks, warnings, what a crash left behind.

kept(root, job)        context manager: stderr goes into the job's log for its time; an empty log is removed
tail(root, job)        the last lines
forget(root, jobs)     removes logs
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

LONGEST = 65_536  # bytes that `tail` reads


def _path(root: Path, job: int) -> Path:
    return root / "cache" / "jobs" / f"{job}.log"


@contextmanager
def kept(root: Path, job: int) -> Iterator[None]:
    """Stderr of this process, C code and crashes too, goes to the job's log."""
    path = _path(root, job)
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    before = os.dup(2)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 2)
    os.close(log)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(before, 2)
        os.close(before)
        with suppress(OSError):  # somebody may delete the cache meanwhile
            if path.stat().st_size == 0:
                path.unlink()


def tail(root: Path, job: int) -> str:
    """The last lines of a job's log; empty where it wrote nothing."""
    return tail_of(_path(root, job))


def tail_of(path: Path, most: int = LONGEST) -> str:
    """The last lines of a file, of at most so many bytes; empty where there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - most, 0))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return text if size <= most else text.partition("\n")[2]


def forget(root: Path, jobs: Sequence[int]) -> None:
    """Removes the logs of these jobs."""
    for job in jobs:
        _path(root, job).unlink(missing_ok=True)
