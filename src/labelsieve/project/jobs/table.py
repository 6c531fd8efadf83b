"""Jobs as rows of the ledger: added by anybody, done by the worker of their lane, seen by all.

add(conn, kind, task, args, by) -> Job        the job that waits already, where it would be the same one
claim(conn, lane) -> Job | None               the oldest that waits, now running
tell(conn, id, done, total, said, pace)       progress; Cancelled where somebody wants it to stop
beat(conn, id) -> bool                        the worker lives; whether somebody wants the job to stop
finish(conn, id, state, result)               done, failed or cancelled
recover(conn, lane)                           what a dead worker left running waits again
sweep(conn)                                   forgets jobs that ended long ago
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from labelsieve.core.errors import NotNow, NotThere
from labelsieve.project.database import now, transaction
from labelsieve.project.people import trail

State: TypeAlias = Literal["waiting", "running", "done", "failed", "cancelled"]
Lane: TypeAlias = Literal["rounds", "long"]
_COLUMNS = (
    "id, kind, lane, task, args, state, done, total, said, result, cancel, annotator, added, started, beat, ended"
)


KEPT = 200  # jobs of a lane that have ended and are kept
TRIES = 3  # workers that one job may take with it before it is given up


class Cancelled(Exception):
    """Raised inside a job that was cancelled; what it has done so far stays."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `done` of `total` are in its own units; `said` is one line on what it does now.

    `result` is what came of it; while it runs, its `rate` a second and the seconds `left`.
    """

    id: int
    kind: str
    lane: Lane
    task: str | None
    args: dict[str, Any]
    state: State
    done: int
    total: int
    said: str
    result: dict[str, Any] = field(default_factory=dict)
    cancel: bool = False
    by: str = ""
    added: str = ""
    started: str | None = None
    beat: str | None = None
    ended: str | None = None


def _job(row: tuple[Any, ...]) -> Job:
    id_, kind, lane, task, args, state, done, total, said, result, cancel, *rest = row
    return Job(
        id_, kind, lane, task, json.loads(args), state, done, total, said, json.loads(result), bool(cancel), *rest
    )


def _read(conn: sqlite3.Connection, where: str, *values: Any) -> list[Job]:
    return [_job(row) for row in conn.execute(f"SELECT {_COLUMNS} FROM jobs WHERE {where}", values)]


def get(conn: sqlite3.Connection, job: int) -> Job:
    """The job of that id. NotThere where there is none."""
    found = _read(conn, "id = ?", job)
    if not found:
        raise NotThere(f"there is no job {job}.", "GET /api/v1/jobs lists them.")
    return found[0]


def listed(conn: sqlite3.Connection, before: int | None = None, limit: int = 50, lane: Lane | None = None) -> list[Job]:
    """Jobs, newest first; those before an id where one is given, of one lane where that is named."""
    where = "id < ? AND lane = coalesce(?, lane) ORDER BY id DESC LIMIT ?"
    return _read(conn, where, before if before is not None else 2**62, lane, limit)


def open_jobs(conn: sqlite3.Connection) -> list[Job]:
    """Jobs that wait or run, oldest first."""
    return _read(conn, "state IN ('waiting', 'running') ORDER BY id")


def last_of(conn: sqlite3.Connection, kind: str, task: str | None, args: Mapping[str, Any]) -> Job | None:
    """The newest job of that kind, task and arguments."""
    text = json.dumps(dict(args), sort_keys=True)
    found = _read(conn, "kind = ? AND task IS ? AND args = ? ORDER BY id DESC LIMIT 1", kind, task, text)
    return found[0] if found else None


def add(
    conn: sqlite3.Connection, kind: str, lane: Lane, task: str | None, args: Mapping[str, Any], by: str = ""
) -> Job:
    """The new job; where the same one waits already, that one."""
    text = json.dumps(dict(args), sort_keys=True)
    with transaction(conn):
        same = _read(conn, "state = 'waiting' AND kind = ? AND task IS ? AND args = ? LIMIT 1", kind, task, text)
        if same:
            return same[0]
        sql = "INSERT INTO jobs (kind, lane, task, args, state, annotator, added) VALUES (?, ?, ?, ?, 'waiting', ?, ?)"
        new = conn.execute(sql, (kind, lane, task, text, by, now())).lastrowid
        if by and lane == "long":  # rounds start by themselves
            trail.put(conn, by, "job.start", {"job": new, "kind": kind, "task": task, **args})
    return get(conn, int(new or 0))


def claim(conn: sqlite3.Connection, lane: Lane) -> Job | None:
    """The oldest job of a lane that waits; it is running from now on. None where nothing waits."""
    if conn.execute("SELECT 1 FROM jobs WHERE lane = ? AND state = 'waiting' LIMIT 1", (lane,)).fetchone() is None:
        return None
    with transaction(conn):
        found = _read(conn, "lane = ? AND state = 'waiting' ORDER BY id LIMIT 1", lane)
        if not found:
            return None
        at = now()
        sql = "UPDATE jobs SET state = 'running', started = ?, beat = ?, ended = NULL WHERE id = ?"
        conn.execute(sql, (at, at, found[0].id))
    return get(conn, found[0].id)


def tell(
    conn: sqlite3.Connection, job: int, done: int, total: int, said: str = "", pace: Mapping[str, float] | None = None
) -> None:  # fmt: skip
    """Writes how far a job is, and how fast. Cancelled where somebody wants it to stop."""
    fast = {"rate": None, "left": None} | dict(pace or {})
    with transaction(conn):
        sql = """UPDATE jobs SET done = ?, total = ?, said = ?, beat = ?, result = json_patch(result, ?)
          WHERE id = ? RETURNING cancel"""
        row = conn.execute(sql, (done, total, said, now(), json.dumps(fast), job)).fetchone()
    if row is None or row[0]:
        raise Cancelled


def beat(conn: sqlite3.Connection, job: int, write: bool = True) -> bool:
    """Whether somebody wants the job to stop. With `write` it is noted that its worker lives."""
    if write:
        with transaction(conn):
            conn.execute("UPDATE jobs SET beat = ? WHERE id = ? AND state = 'running'", (now(), job))
    row = conn.execute("SELECT cancel FROM jobs WHERE id = ?", (job,)).fetchone()
    return row is None or bool(row[0])


def finish(conn: sqlite3.Connection, job: int, state: State, result: Mapping[str, Any], said: str = "") -> None:
    """Ends a job that runs; one that has ended stays as it is."""
    with transaction(conn):
        sql = "UPDATE jobs SET state = ?, result = ?, said = ?, ended = ? WHERE id = ? AND state = 'running'"
        conn.execute(sql, (state, json.dumps(dict(result)), said, now(), job))


def cancel(conn: sqlite3.Connection, job: int) -> Job:
    """The job, cancelled where it waits, asked to stop where it runs. NotNow where it has ended."""
    with transaction(conn):
        found = get(conn, job)
        if found.ended is not None:
            raise NotNow(f"job {job} has ended ({found.state}).", "only a job that waits or runs can be cancelled.")
        if found.state == "waiting":
            conn.execute("UPDATE jobs SET state = 'cancelled', ended = ? WHERE id = ?", (now(), job))
        else:
            conn.execute("UPDATE jobs SET cancel = 1 WHERE id = ?", (job,))
    return get(conn, job)


def resume(conn: sqlite3.Connection, job: int) -> Job:
    """The job, waiting again: what it had done it finds done. NotNow where it has not ended, or is done."""
    with transaction(conn):
        found = get(conn, job)
        if found.state not in ("cancelled", "failed"):
            raise NotNow(f"job {job} is {found.state}.", "only a cancelled or failed job can be resumed.")
        sql = """UPDATE jobs SET state = 'waiting', cancel = 0, ended = NULL, result = '{}', said = '', done = 0,
          total = 0 WHERE id = ?"""
        conn.execute(sql, (job,))
    return get(conn, job)


def recover(conn: sqlite3.Connection, lane: Lane, died: bool = False) -> int:
    """How many jobs of a lane waited for a worker that is no more: they wait again. Call it where no worker runs.

    With `died` the worker did not end of its own will: a job that was there when TRIES workers died is given up.
    """
    with transaction(conn):
        sql = """UPDATE jobs SET state = 'cancelled', result = '{}', ended = ?
          WHERE lane = ? AND state = 'running' AND cancel"""
        conn.execute(sql, (now(), lane))
        sql = """UPDATE jobs SET state = 'waiting', done = 0, total = 0, said = '',
          result = json_object('lost', coalesce(json_extract(result, '$.lost'), 0) + ?)
          WHERE lane = ? AND state = 'running'"""
        again = conn.execute(sql, (int(died), lane)).rowcount
        gone = {
            "error": f"{TRIES} workers ended while they did this.",
            "hint": "too little memory? The log and the system's log (dmesg) may tell; then resume it.",
        }
        sql = """UPDATE jobs SET state = 'failed', result = ?, ended = ? WHERE lane = ? AND state = 'waiting'
          AND json_extract(result, '$.lost') >= ?"""
        given_up = conn.execute(sql, (json.dumps(gone), now(), lane, TRIES)).rowcount
    return again - given_up


def sweep(conn: sqlite3.Connection, keep: int = KEPT) -> list[int]:
    """Ids of the jobs that were forgotten: all that have ended but the newest `keep` of each lane.

    The last of every kind, task and arguments stays: it says what is known already.
    """
    sql = """DELETE FROM jobs WHERE ended IS NOT NULL
      AND id NOT IN (SELECT MAX(id) FROM jobs GROUP BY kind, task, args)
      AND id < coalesce((SELECT id FROM jobs AS other WHERE other.lane = jobs.lane AND ended IS NOT NULL
        ORDER BY id DESC LIMIT 1 OFFSET ?), 0) RETURNING id"""
    with transaction(conn):
        return [int(id_) for (id_,) in conn.execute(sql, (keep - 1,)).fetchall()]
