"""The worker process of one lane: takes jobs as they come and writes how far they are.

    python -m labelsieve.project.jobs.worker PROJECT LANE

It ends when the process that started it has ended, after the job that it has. One worker a lane and project: a second
one waits for the lock. A job that a killed worker left is taken up again.
"""

import fcntl
import os
import sys
import time
import traceback
from pathlib import Path
from typing import get_args

from labelsieve.core.errors import LabelsieveError
from labelsieve.project.facade import Project
from labelsieve.project.facade import open as open_project
from labelsieve.project.jobs import table
from labelsieve.project.jobs.kinds import kind_called
from labelsieve.project.jobs.table import Cancelled, Job, Lane

PAUSE = 0.1  # seconds between looks at the table
TELL_EVERY = 0.25  # seconds between rows of progress


def work_lane(root: Path, lane: Lane) -> None:
    """Takes jobs of a lane until the process that started this one has ended."""
    parent = os.getppid()
    lock = (root / "cache" / f"worker-{lane}.lock").open("w")
    while os.getppid() == parent:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            time.sleep(PAUSE)
    with open_project(root) as watching:
        table.recover(watching.context.conn, lane)
        while os.getppid() == parent:
            job = table.claim(watching.context.conn, lane)
            if job is None:
                time.sleep(PAUSE)
            else:
                do(root, watching, job)


def do(root: Path, watching: Project, job: Job) -> None:
    """Runs one job, and writes how it ended: a known error as its fact and hint, a fault of ours with its traceback."""
    conn = watching.context.conn
    told = -TELL_EVERY

    def tell(done: int, total: int, said: str = "") -> None:
        nonlocal told
        if time.monotonic() - told >= TELL_EVERY or done >= total:
            told = time.monotonic()
            table.tell(conn, job.id, done, total, said)

    try:
        with open_project(root, job.task or "main") as project:
            result = kind_called(job.kind).run(project, job.args, tell)
        table.finish(conn, job.id, "done", result)
    except Cancelled:
        table.finish(conn, job.id, "cancelled", {})
    except LabelsieveError as error:
        table.finish(conn, job.id, "failed", {"error": error.fact, "hint": error.hint})
    except Exception as error:  # noqa: BLE001  the worker goes on; the job says what happened
        traceback.print_exc()
        table.finish(
            conn, job.id, "failed", {"error": f"{type(error).__name__}: {error}", "hint": "see the server's log"}
        )


if __name__ == "__main__":
    lane_ = sys.argv[2]
    if lane_ not in get_args(Lane):
        raise SystemExit(f"there is no lane {lane_!r}; there are: {', '.join(get_args(Lane))}")
    work_lane(Path(sys.argv[1]), lane_)  # type: ignore[arg-type]
