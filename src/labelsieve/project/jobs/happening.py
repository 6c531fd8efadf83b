"""What is going on in a project, in a few numbers that change when something happens."""

import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labelsieve.project.jobs import table
from labelsieve.project.jobs.table import Job

ENDED = 5  # jobs that have ended which are told too


def now_going_on(conn: sqlite3.Connection) -> dict[str, Any]:
    """The last label, query and fit by number, and the jobs that are open or ended last. Cost: a few index look-ups."""
    sql = """SELECT (SELECT MAX(seq) FROM events), (SELECT MAX(id) FROM queries), (SELECT MAX(id) FROM fits),
      (SELECT MAX(seq) FROM changes), (SELECT MAX(synced) FROM sources)"""
    label, query, fit, change, synced = conn.execute(sql).fetchone()
    recent = {job.id: job for job in [*table.listed(conn, limit=ENDED), *table.open_jobs(conn)]}
    return {
        "label": label or 0,
        "query": query or 0,
        "fit": fit or 0,
        "pool": [change or 0, synced],
        "jobs": [job_data(recent[id_]) for id_ in sorted(recent, reverse=True)],
    }


def job_data(job: Job) -> dict[str, Any]:
    """A job as plain data."""
    return asdict(job)


def written_files(root: Path, job: Job) -> list[Path]:
    """The files that a job has written below exports/ and reports/ and that are still there."""
    homes = [(root / name).resolve() for name in ("exports", "reports")]
    paths = [(root / str(name)).resolve() for name in job.result.get("files", ())]
    return [path for path in paths if path.is_file() and any(path.is_relative_to(home) for home in homes)]
