"""The project's database: one SQLite file that several processes may write at once.

    connect(path, create=False) -> Ledger     WAL, synchronous FULL, 30 s busy timeout, migrated to this version
    transaction(conn)                         context manager, BEGIN IMMEDIATE; an inner one joins the outer one
    translated(path)                          context manager: sqlite3 errors become ProjectError with a hint
    backed_up(conn, target)                   a whole copy of the database, made while others write
    now()                                     the time as ISO 8601 text, UTC

A committed transaction survives a kill -9 and a power cut: synchronous FULL waits for the disk.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from labelsieve.core.errors import InputError, ProjectError
from labelsieve.project.swapping import require_settled
from labelsieve.store.placing import placed, settle, settle_names

BUSY_SECONDS = 30.0
RESTORE = "labelsieve restore BACKUP PROJECT puts back the newest of backups/"


def now() -> str:
    """The time as ISO 8601 text in UTC, to the microsecond, so that it sorts as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class _Rows(sqlite3.Cursor):
    """A cursor whose errors are ProjectErrors too: a damaged page shows when it is read, not when it is asked for."""

    def execute(self, *args: Any) -> Self:
        with translated(_path(self)):
            return super().execute(*args)

    def executemany(self, *args: Any) -> Self:
        with translated(_path(self)):
            return super().executemany(*args)

    def __next__(self) -> Any:
        try:  # a context manager would cost more than the row
            return super().__next__()
        except sqlite3.DatabaseError as error:
            _raise_known(error, _path(self))
            raise

    def fetchone(self) -> Any:
        with translated(_path(self)):
            return super().fetchone()

    def fetchmany(self, *args: Any) -> list[Any]:
        with translated(_path(self)):
            return super().fetchmany(*args)

    def fetchall(self) -> list[Any]:
        with translated(_path(self)):
            return super().fetchall()


class Ledger(sqlite3.Connection):
    """A connection whose errors are ProjectErrors. `path` is its file, `writable` whether that may be written."""

    path: Path = Path(":memory:")
    writable: bool = True

    def cursor(self, *args: Any) -> Any:
        """A cursor whose errors are ProjectErrors."""
        return super().cursor(_Rows)

    def execute(self, *args: Any) -> sqlite3.Cursor:
        cursor: sqlite3.Cursor = self.cursor().execute(*args)
        return cursor

    def executemany(self, *args: Any) -> sqlite3.Cursor:
        cursor: sqlite3.Cursor = self.cursor().executemany(*args)
        return cursor


def _path(cursor: sqlite3.Cursor) -> Path:
    return cursor.connection.path if isinstance(cursor.connection, Ledger) else Path(":memory:")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns sqlite3 errors into ProjectError: the file, what SQLite says, one thing to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        _raise_known(error, path)
        raise
    except UnicodeEncodeError as error:
        said = str(error.object).encode("utf-8", "backslashreplace").decode()[:80]
        raise InputError(f"'{said}' is no valid text (UTF-8).", "rename it, or write it in UTF-8.") from error


def _raise_known(error: sqlite3.DatabaseError, path: Path) -> None:
    """Raises the ProjectError that an error of SQLite stands for. Returns where it is a fault of ours."""
    said = str(error)
    if not isinstance(error, sqlite3.IntegrityError):
        for part, hint in _HINTS.items():
            if part in said:
                raise ProjectError(f"{path}: {said}.", hint) from error


_HINTS = {
    "readonly": "the folder or file may not be written by this user: change its permissions or copy the project.",
    "unable to open": "check that the folder exists and that this user may read and write it.",
    "full": "free some disk space and run the command again: what was reported as written is safe.",
    "disk I/O": "check the disk and its free space (labelsieve doctor): what was reported as written is safe.",
    "locked": f"another process has been writing for over {BUSY_SECONDS:.0f} s: wait for it, then try again.",
    "malformed": f"the database is damaged: {RESTORE}.",
    "not a database": f"this is no labelsieve database: {RESTORE}.",
}


def connect(path: Path | str, *, create: bool = False, readonly: bool = False, shared: bool = False) -> Ledger:
    """A connection to the database file at `path`, migrated to this version; with `readonly` nothing can be written,
    a `shared` one may go from thread to thread, one at a time.

    A folder that this user may not write is opened for reading only. Errors: ProjectError where there is
    no database (unless `create`), where it is damaged, or where a newer version of labelsieve made it.
    """
    from labelsieve.project.migrations import migrate

    path = Path(path)
    require_settled(path.parent)
    if not create and not path.exists():
        raise ProjectError(f"{path} does not exist.", "labelsieve init FOLDER SOURCE makes a project.")
    if not create and not any(_size(path.with_name(path.name + end)) for end in ("", "-wal")):
        raise ProjectError(f"{path} is empty (0 bytes); expected a database.", f"{RESTORE}.")
    before = _inode(path)
    with translated(path):
        conn = _open(path, readonly, shared, create)
        try:
            _configure(conn)
            migrate(conn)
            require_settled(path.parent)  # one that began while this waited
        except BaseException:
            conn.close()
            raise
    if before in (None, _inode(path)):
        return conn
    conn.close()  # restored in this moment: it is another file by now
    return connect(path, readonly=readonly, shared=shared)


def _inode(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        return path.stat().st_dev, path.stat().st_ino
    return None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _open(path: Path, readonly: bool = False, shared: bool = False, create: bool = False) -> Ledger:
    writable = not readonly and os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))
    uri = path.absolute().as_uri()
    if not writable:
        # A log that somebody else holds open must be read too; without one the file alone is whole.
        log = path.with_name(path.name + "-wal")
        uri += "?mode=ro" if log.exists() and log.stat().st_size else "?immutable=1"
    elif not create:
        uri += "?mode=rw"
    conn = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, factory=Ledger, check_same_thread=not shared
    )
    conn.path, conn.writable = path, writable
    return conn


def _configure(conn: Ledger) -> None:
    conn.execute("PRAGMA foreign_keys = ON")
    conn.execute("PRAGMA synchronous = FULL")
    conn.execute("PRAGMA cache_size = -65536")  # KiB: the key index of a million items fits
    conn.execute("PRAGMA temp.cache_size = -65536")  # syncing sorts there
    if conn.writable and conn.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        _switch_to_wal(conn)


def _switch_to_wal(conn: Ledger) -> None:
    """SQLite does not wait for others when the journal mode changes, so this does."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            mode = conn.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except ProjectError as error:
            if "locked" not in error.fact or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
            continue
        if mode != "wal":
            raise ProjectError(
                f"{conn.path}: this file system gives journal mode {mode!r}, expected 'wal'.",
                "put the project on a local disk: network folders cannot be shared safely between processes.",
            )
        return


@contextmanager
def transaction(conn: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, written to disk at the end. An inner transaction is part of the outer one."""
    if conn.in_transaction:
        yield
        return
    conn.execute("BEGIN IMMEDIATE")
    try:
        yield
        conn.execute("COMMIT")
    except BaseException:
        _roll_back(conn)
        raise


def _roll_back(conn: sqlite3.Connection) -> None:
    if conn.in_transaction:  # a full disk has rolled back by itself
        conn.execute("ROLLBACK")


def backed_up(conn: Ledger, target: Path) -> Path:
    """A whole copy of the database at `target`, under its final name only when it is complete and sound.

    Cost: one read of the database, and one of the copy. It runs beside writers, also inside a transaction of `conn`
    (then without what that transaction has changed).
    """
    with translated(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with placed(target.parent, "backup") as partial:
            with closing(_open(conn.path)) as source, closing(sqlite3.connect(partial)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
                _require_sound(copy, conn.path)
            settle(partial)
            partial.replace(target)
            settle_names(target.parent)
    return target


def copied(path: Path, target: Path) -> None:
    """A copy of the database at `path` as it stands there, its log included, at `target`. Nothing of it is judged.

    ProjectError where it cannot be read as a database, or the disk is full.
    """
    with translated(target), closing(sqlite3.connect(target)) as copy:
        try:
            with closing(_open(path, readonly=True)) as source:
                source.backup(copy)
        except sqlite3.OperationalError:  # of the disk
            raise
        except sqlite3.DatabaseError as error:
            raise ProjectError(f"{path} is damaged: {error}.", "restore another one.") from error


def damage(conn: sqlite3.Connection) -> str:
    """What SQLite finds wrong with the database, in its words; empty where it is sound. Cost: one read of it."""
    found = str(conn.execute("PRAGMA integrity_check(1)").fetchone()[0])
    return "" if found == "ok" else " ".join(found.split())


def _require_sound(copy: sqlite3.Connection, path: Path) -> None:
    """A damaged copy would be the newest backup, and so the one that somebody restores."""
    if found := damage(copy):
        raise ProjectError(f"{path} is damaged: {found}.", _HINTS["malformed"])
