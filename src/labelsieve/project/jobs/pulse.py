"""The pulse of a running job: its worker lives, somebody may want it to stop; and how fast it goes.

A thread looks every LOOK seconds whether the job is cancelled. Where the job does not stop by itself within GRACE
seconds (a fit, an export say nothing on their way), the whole process ends: the disk and the ledger hold only what is
whole, and a new worker takes its place.
"""

import os
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from labelsieve.project.database import connect
from labelsieve.project.jobs import table
from labelsieve.project.making import LEDGER

LOOK = 0.25  # seconds
GRACE = 1.25  # seconds that a cancelled job has to stop by itself
NOTE = 10.0  # seconds between notes that the worker lives
WINDOW = 20.0  # seconds over which the rate is taken
ENDED = 75  # exit code of a worker that ended with a cancelled job


class Pulse:
    """`stop` turns true when the job is cancelled. Use it as a context manager, for the time of one job."""

    def __init__(self, root: Path, job: int) -> None:
        self.stop = False
        self._root, self._job = root, job
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        conn = connect(self._root / LEDGER)
        try:
            noted, since = time.monotonic(), 0.0
            while not self._over.wait(LOOK):
                at = time.monotonic()
                write = at - noted >= NOTE
                noted = at if write else noted
                if not self.stop and table.beat(conn, self._job, write):
                    self.stop, since = True, at
                if self.stop and at - since >= GRACE:
                    self._end_process()
        finally:
            conn.close()

    def _end_process(self) -> None:
        conn = connect(self._root / LEDGER)
        conn.execute("PRAGMA busy_timeout = 200")
        try:
            table.finish(conn, self._job, "cancelled", {})
        finally:  # where the job itself holds the ledger, the next worker writes that it was cancelled
            os._exit(ENDED)


class Pace:
    """How fast a job goes, by what it said over the last WINDOW seconds."""

    def __init__(self) -> None:
        self._said: tuple[int, str] | None = None
        self._seen: deque[tuple[float, int]] = deque()

    def at(self, done: int, total: int, said: str, clock: float) -> dict[str, float]:
        """`rate` a second and the seconds `left`; empty before there are two points of one kind of work."""
        if self._said != (total, said) or (self._seen and done < self._seen[-1][1]):
            self._said = total, said
            self._seen.clear()
        self._seen.append((clock, done))
        while len(self._seen) > 2 and clock - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        (first, before), (last, now) = self._seen[0], self._seen[-1]
        if last - first < 0.2 or now <= before:
            return {}
        rate = (now - before) / (last - first)
        return {"rate": round(rate, 3), "left": round(max(total - done, 0) / rate, 1)}
