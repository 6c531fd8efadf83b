"""The worker processes: one a lane of jobs, started again where it dies, and what is wrong where it will not start."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from labelsieve.core.errors import ProjectError
from labelsieve.project.jobs.joblogs import tail_of
from labelsieve.project.jobs.pulse import ENDED
from labelsieve.project.jobs.table import Lane

LOOK = 0.2  # seconds between looks at the workers
PAUSES = (0.0, 0.5, 2.0, 10.0)  # seconds before a worker that died soon after its start is started again
SOON = 20.0  # seconds
SAID = 2000  # characters of what a dead worker wrote


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    started: float
    soon: int = 0  # deaths soon after the start, one after another
    due: float | None = None  # when to start it again
    trouble: str = ""


class Workers:
    """A worker process a lane. They end by themselves when this process does."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._stopping = threading.Event()
        self._running: dict[Lane, _Worker] = {}
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Workers":
        try:
            for lane in get_args(Lane):
                self._running[lane] = _Worker(self._started(lane), time.monotonic())
        except OSError as error:
            fact = f"the workers of the project cannot start: {error}."
            raise ProjectError(
                fact, "serve a project whose folder can be written, on a disk that is not full."
            ) from error
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        for worker in self._running.values():
            worker.process.terminate()
        for worker in self._running.values():
            try:
                worker.process.wait(5)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()

    def state(self) -> list[dict[str, Any]]:
        """Each lane: whether its worker runs, its process id, and what it said where it died."""
        return [
            {
                "lane": lane,
                "alive": worker.process.poll() is None,
                "pid": worker.process.pid,
                "trouble": worker.trouble if worker.soon else "",
            }
            for lane, worker in self._running.items()
        ]

    def trouble(self, lane: Lane) -> str:
        """What keeps the worker of a lane from starting; empty while it runs, or died only once."""
        worker = self._running[lane]
        return worker.trouble if worker.soon > 1 and worker.process.poll() is not None else ""

    def _log(self, lane: Lane) -> Path:
        return self._root / "cache" / "jobs" / f"worker-{lane}.log"

    def _started(self, lane: Lane, died: bool = False) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "labelsieve.project.jobs.worker", str(self._root), lane, str(os.getpid())]
        log = self._log(lane)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as said:
            return subprocess.Popen(command + ["died"] * died, stdin=subprocess.DEVNULL, stderr=said)

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK):
            for lane, worker in self._running.items():
                self._look(lane, worker, time.monotonic())

    def _look(self, lane: Lane, worker: _Worker, now: float) -> None:
        code = worker.process.poll()
        if code is None:
            if now - worker.started > SOON:
                worker.soon = 0
            return
        if worker.due is None:
            worker.soon = 0 if code == ENDED else worker.soon + 1 if now - worker.started < SOON else 1
            worker.trouble = "" if code == ENDED else _death(lane, code, tail_of(self._log(lane), SAID))
            worker.due = now + PAUSES[min(worker.soon, len(PAUSES) - 1)]
        if now >= worker.due and not self._stopping.is_set():
            try:
                worker.process = self._started(lane, code != ENDED)
                worker.due = None
            except OSError as error:  # no memory, no disk: try again later
                worker.trouble, worker.due = f"the worker for {lane} does not start: {error}.", now + PAUSES[-1]
            worker.started = now


def _death(lane: Lane, code: int, said: str) -> str:
    last = said.strip().rpartition("\n")[2]
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    return f"the worker for {lane} {how}{f': {last}' if last else ''}; it is started again."
