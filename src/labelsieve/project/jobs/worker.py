"""The worker process of one lane: takes jobs as they come and writes how far they are.

    python -m labelsieve.project.jobs.worker PROJECT LANE PARENT [died]

It ends when the process PARENT that started it has ended, after the job that it has. One worker a lane and project: a
second one waits for the lock. A job that a killed worker left is taken up again. A job that is cancelled ends where it
next says how far it is; one that says nothing takes this process with it, and whoever started it starts another one.
"""

import faulthandler
import fcntl
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import get_args

from labelsieve.core.errors import LabelsieveError
from labelsieve.project.facade import Project
from labelsieve.project.facade import open as open_project
from labelsieve.project.jobs import joblogs, table
from labelsieve.project.jobs.kinds import kind_called
from labelsieve.project.jobs.pulse import Pace, Pulse
from labelsieve.project.jobs.table import Cancelled, Job, Lane, State

PAUSE = 0.1  # seconds between looks at the table
TELL_EVERY = 0.25  # seconds between rows of progress
SWEEP_EVERY = 100  # jobs


def work_lane(root: Path, lane: Lane, parent: int, died: bool = False) -> None:
    """Takes jobs of a lane until the process `parent` has ended. `died`: the worker before this one was killed."""
    (root / "cache").mkdir(exist_ok=True)
    lock = (root / "cache" / f"worker-{lane}.lock").open("w")
    while os.getppid() == parent:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            time.sleep(PAUSE)
    with open_project(root) as watching:
        conn, ended = watching.context.conn, 0
        table.recover(conn, lane, died)
        while os.getppid() == parent:
            if ended % SWEEP_EVERY == 0:
                joblogs.forget(root, table.sweep(conn))
                ended += 1
            job = table.claim(conn, lane)
            if job is None:
                time.sleep(PAUSE)
            else:
                do(root, watching, job)
                ended += 1


def do(root: Path, watching: Project, job: Job) -> None:
    """Runs one job, and writes how it ended: a known error as its fact and hint, a fault of ours with its log."""
    conn = watching.context.conn
    pace, told = Pace(), -TELL_EVERY

    def tell(done: int, total: int, said: str = "") -> None:
        nonlocal told
        if pulse.stop:
            raise Cancelled
        if time.monotonic() - told >= TELL_EVERY or done >= total:
            told = time.monotonic()
            table.tell(conn, job.id, done, total, said, pace.at(done, total, said, told))

    state: State = "done"
    with joblogs.kept(root, job.id), Pulse(root, job.id) as pulse:
        try:
            with open_project(root, job.task or "main") as project:
                result = kind_called(job.kind).run(project, job.args, tell)
        except Cancelled:
            state, result = "cancelled", {}
        except LabelsieveError as error:
            state, result = "failed", {"error": error.fact, "hint": error.hint}
            result |= {"remedy": error.remedy} if hasattr(error, "remedy") else {}
        except Exception as error:  # noqa: BLE001  the worker goes on; the job says what happened
            traceback.print_exc()
            state, result = "failed", {"error": f"{type(error).__name__}: {error}", "hint": "the job's log says more."}
    table.finish(conn, job.id, state, result)


if __name__ == "__main__":
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this process
    lane_ = sys.argv[2]
    if lane_ not in get_args(Lane):
        raise SystemExit(f"there is no lane {lane_!r}; there are: {', '.join(get_args(Lane))}")
    work_lane(Path(sys.argv[1]), lane_, int(sys.argv[3]), "died" in sys.argv[4:])  # type: ignore[arg-type]
