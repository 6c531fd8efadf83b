"""The schema, as a numbered list of steps. A database at version k has had the first k steps.

    migrate(conn)      brings a database to this version, with a backup before each step
    VERSION            the version that this labelsieve writes

Steps are only ever appended: one that has been released is never edited.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from labelsieve.core.errors import ProjectError
from labelsieve.project.database import Ledger, backed_up, transaction

_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE sources (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, modality TEXT NOT NULL, prefix TEXT NOT NULL DEFAULT '',
  spec TEXT NOT NULL DEFAULT '{}', fingerprint TEXT NOT NULL DEFAULT '', added TEXT NOT NULL, synced TEXT);

CREATE TABLE items (
  id INTEGER PRIMARY KEY AUTOINCREMENT, source INTEGER NOT NULL REFERENCES sources(id),
  ref NOT NULL, key TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, grp TEXT, time TEXT,
  size INTEGER, mtime INTEGER, gone TEXT);

CREATE TABLE ranges (
  id INTEGER PRIMARY KEY, source INTEGER NOT NULL REFERENCES sources(id), first_id INTEGER NOT NULL UNIQUE,
  first_row INTEGER NOT NULL, count INTEGER NOT NULL CHECK (count > 0), present INTEGER NOT NULL,
  digests TEXT NOT NULL);

CREATE TABLE changes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, item INTEGER NOT NULL, at TEXT NOT NULL);

CREATE TABLE set_aside (
  id INTEGER PRIMARY KEY, source INTEGER REFERENCES sources(id), item INTEGER, key TEXT NOT NULL,
  stage TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL);
CREATE INDEX set_aside_item ON set_aside (item);

CREATE TABLE tasks (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, closed INTEGER NOT NULL DEFAULT 0,
  dull TEXT NOT NULL DEFAULT 'dull', added TEXT NOT NULL);
CREATE TABLE classes (
  task INTEGER NOT NULL REFERENCES tasks(id), code INTEGER NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY (task, code), UNIQUE (task, name));

CREATE TABLE queries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, task INTEGER NOT NULL REFERENCES tasks(id), number INTEGER NOT NULL,
  strategy TEXT NOT NULL, at TEXT NOT NULL, seed INTEGER NOT NULL, scored INTEGER NOT NULL, select_seconds REAL);
CREATE INDEX queries_task ON queries (task, id);
CREATE TABLE query_items (
  query INTEGER NOT NULL REFERENCES queries(id), position INTEGER NOT NULL, item INTEGER NOT NULL,
  score REAL, propensity REAL, purpose TEXT NOT NULL, why TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (query, position)) WITHOUT ROWID;

CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, task INTEGER NOT NULL REFERENCES tasks(id),
  item INTEGER NOT NULL, part TEXT, tag TEXT, code INTEGER, detail TEXT, annotator TEXT NOT NULL, at TEXT NOT NULL,
  seconds REAL, source TEXT NOT NULL, query INTEGER REFERENCES queries(id), supersedes INTEGER REFERENCES events(seq));
CREATE INDEX events_annotator ON events (task, annotator, seq);
CREATE INDEX events_item ON events (task, item);
CREATE INDEX events_supersedes ON events (task, supersedes) WHERE supersedes IS NOT NULL;
CREATE TRIGGER events_keep BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'label events are append-only'); END;
CREATE TRIGGER events_fix BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'label events are append-only'); END;

CREATE TABLE fits (
  id INTEGER PRIMARY KEY AUTOINCREMENT, task INTEGER NOT NULL REFERENCES tasks(id), at TEXT NOT NULL,
  labels INTEGER NOT NULL, head TEXT NOT NULL, metrics TEXT NOT NULL);
CREATE INDEX fits_task ON fits (task, id);

CREATE TABLE learnt (
  engine TEXT NOT NULL, revision TEXT NOT NULL, state BLOB NOT NULL, at TEXT NOT NULL,
  PRIMARY KEY (engine, revision));
"""


def _first(conn: Ledger) -> None:
    for statement in _split(_FIRST):
        conn.execute(statement)


def _split(script: str) -> Iterator[str]:
    """Statements of a script (executescript would commit the transaction that a step runs in)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""


_SECOND = """
ALTER TABLE query_items ADD COLUMN arms TEXT NOT NULL DEFAULT '';

CREATE TABLE query_groups (
  query INTEGER NOT NULL REFERENCES queries(id), item INTEGER NOT NULL, member INTEGER NOT NULL,
  PRIMARY KEY (query, item, member)) WITHOUT ROWID;

CREATE TABLE links (
  n INTEGER PRIMARY KEY, kind TEXT NOT NULL, event INTEGER, body TEXT NOT NULL DEFAULT '',
  at TEXT NOT NULL DEFAULT '', hash TEXT NOT NULL);
CREATE TRIGGER links_keep BEFORE DELETE ON links BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;
CREATE TRIGGER links_fix BEFORE UPDATE ON links BEGIN SELECT RAISE(ABORT, 'the event log is append-only'); END;

CREATE TABLE taught (
  id INTEGER PRIMARY KEY AUTOINCREMENT, task INTEGER NOT NULL REFERENCES tasks(id), source TEXT NOT NULL,
  key TEXT NOT NULL, digest TEXT NOT NULL, path TEXT NOT NULL DEFAULT '', name TEXT NOT NULL DEFAULT '',
  code INTEGER NOT NULL, weight REAL NOT NULL, embeddings TEXT NOT NULL, row BLOB NOT NULL,
  annotator TEXT NOT NULL, at TEXT NOT NULL, gone TEXT, UNIQUE (task, source, key, digest, embeddings));
"""


def _second(conn: Ledger) -> None:
    from labelsieve.project.chain import link_events

    for statement in _split(_SECOND):
        conn.execute(statement)
    link_events(conn)  # what was written before there was a chain


_THIRD = """
CREATE TABLE people (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, role TEXT NOT NULL, secret TEXT NOT NULL,
  added TEXT NOT NULL, gone TEXT);
CREATE TABLE sessions (
  hash TEXT PRIMARY KEY, person INTEGER NOT NULL REFERENCES people(id), csrf TEXT NOT NULL,
  added TEXT NOT NULL, until TEXT NOT NULL);
CREATE TABLE tokens (
  id INTEGER PRIMARY KEY, person INTEGER NOT NULL REFERENCES people(id), name TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE, added TEXT NOT NULL, until TEXT, used TEXT, gone TEXT);

CREATE TABLE trail (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
  detail TEXT NOT NULL DEFAULT '{}');
CREATE TRIGGER trail_keep BEFORE DELETE ON trail BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END;
CREATE TRIGGER trail_fix BEFORE UPDATE ON trail BEGIN SELECT RAISE(ABORT, 'the trail is append-only'); END;

CREATE TABLE leases (
  task INTEGER NOT NULL REFERENCES tasks(id), item INTEGER NOT NULL, annotator TEXT NOT NULL,
  query INTEGER, until TEXT NOT NULL, PRIMARY KEY (task, item, annotator)) WITHOUT ROWID;

CREATE TABLE flags (
  id INTEGER PRIMARY KEY AUTOINCREMENT, task INTEGER NOT NULL REFERENCES tasks(id), item INTEGER NOT NULL,
  annotator TEXT NOT NULL, note TEXT NOT NULL DEFAULT '', at TEXT NOT NULL, gone TEXT);
CREATE INDEX flags_item ON flags (task, item) WHERE gone IS NULL;

CREATE TABLE guides (
  task INTEGER NOT NULL REFERENCES tasks(id), class TEXT NOT NULL, key TEXT NOT NULL DEFAULT '',
  text TEXT NOT NULL DEFAULT '', shown TEXT NOT NULL DEFAULT '[]', PRIMARY KEY (task, class)) WITHOUT ROWID;

CREATE TABLE jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, lane TEXT NOT NULL, task TEXT,
  args TEXT NOT NULL DEFAULT '{}',
  state TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,
  said TEXT NOT NULL DEFAULT '',
  result TEXT NOT NULL DEFAULT '{}', cancel INTEGER NOT NULL DEFAULT 0, annotator TEXT NOT NULL DEFAULT '',
  added TEXT NOT NULL, started TEXT, beat TEXT, ended TEXT);
CREATE INDEX jobs_kind ON jobs (kind, id);
CREATE INDEX jobs_open ON jobs (lane, id) WHERE state IN ('waiting', 'running');
"""


def _third(conn: Ledger) -> None:
    for statement in _split(_THIRD):
        conn.execute(statement)


STEPS: list[Callable[[Ledger], None]] = [_first, _second, _third]
VERSION = len(STEPS)


def migrate(conn: Ledger, steps: Sequence[Callable[[Ledger], None]] | None = None) -> list[Path]:
    """Backups made on the way to the newest version, none when there was nothing to do.

    Each step is one transaction. ProjectError where a newer labelsieve made the database.
    """
    steps = STEPS if steps is None else steps
    backups = []
    made = not _version(conn)  # just now: nothing is in it yet
    while (version := _version(conn)) < len(steps):
        if not conn.writable:
            raise ProjectError(
                f"{conn.path} has version {version}, this labelsieve needs {len(steps)}, and it may not be written.",
                "open it once as a user who may write to the folder.",
            )
        with transaction(conn):
            version = _version(conn)  # another process may have been faster
            if version < len(steps):
                if version and not made:
                    backups.append(_backup_before(conn, version + 1))
                steps[version](conn)
                conn.execute(f"PRAGMA user_version = {version + 1}")
    if version > len(steps):
        raise ProjectError(
            f"{conn.path} has version {version}, made by a newer labelsieve; this one knows up to {len(steps)}.",
            "pip install --upgrade labelsieve",
        )
    return backups


def _version(conn: Ledger) -> int:
    return int(conn.execute("PRAGMA user_version").fetchone()[0])


def _backup_before(conn: Ledger, version: int) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return backed_up(conn, conn.path.parent / "backups" / f"{conn.path.stem}-{stamp}-before-{version}.sqlite")
