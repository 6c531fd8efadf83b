"""A backup becomes the project again: checked first, all or nothing, and what stood there is kept aside.

    restore(backup, project) -> Restored

The copy that will stand in the project is made, brought to this version and checked there; nothing of the project is
touched before it is found whole. How the files then give way to each other is project/swapping.py.
"""

import json
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labelsieve.core.errors import InputError, LabelsieveError, ProjectError
from labelsieve.project import folding, manifest, swapping, tasks
from labelsieve.project.backups import STAMP, listed
from labelsieve.project.chain import head_of, verify_chain
from labelsieve.project.database import Ledger, connect, copied, damage
from labelsieve.project.locking import locked_file, unshared_ledger
from labelsieve.project.making import opened_context, require_finished
from labelsieve.project.swapping import LEDGER, PLAN, RESTORING, SETTINGS
from labelsieve.project.trimming import Known
from labelsieve.store.placing import settle, temporary

SHOWN = 20  # faults of the event log that are named
STOP = "stop every server and command on the project, then the same again."
ANOTHER = "take another one; labelsieve backup PROJECT makes them, below backups/."


@dataclass(frozen=True, slots=True)
class Stand:
    """How far a ledger has come: its label events, the time of the last one ("" of none), links and head of its log."""

    events: int
    last: str
    links: int
    head: str


@dataclass(frozen=True, slots=True)
class Restored:
    """What the project is now: `labels` are items with an answer, by task; `before` is what stood there, None where
    that cannot be read. `aside` keeps it. `faults` are those of the event log, `finished` says that this went on with
    a restore that had been cut short.
    """

    project: str
    backup: str
    made: str
    stand: Stand
    labels: Mapping[str, int]
    before: Stand | None
    aside: str
    settings: bool  # whether labelsieve.toml was another one
    faults: tuple[str, ...] = ()
    finished: bool = False


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the ledger that stands in the project says of itself."""

    first_task: tuple[str, str]
    known: Known
    stand: Stand | None


def restore(backup: Path, project: Path, edited: bool = False) -> Restored:
    """The project as the backup has it; all that stood there lies in replaced/ then.

    ProjectError, and an untouched project, where the backup is damaged or of another project, where its event log was
    edited (unless `edited`), where anybody has the project open, or where the disk is full. After a kill the old files
    stand there whole, or the same call finishes. Cost: a copy of the backup and one pass over its events.
    """
    if not project.is_dir():
        raise ProjectError(f"{project} does not exist.", "name the project folder; an empty one will do.")
    with ExitStack() as held:
        held.enter_context(locked_file(project / "cache" / "restore.lock", "another restore runs: wait for it."))
        if (project / RESTORING).exists():
            with ExitStack() as others:
                _keep_out(project, others)
                done = _told(project, swapping.finish(project))
            if done.backup == _name(backup):
                return replace(done, finished=True)
        require_finished(project)
        source = _source(backup, project)
        seen = _seen(project)
        _keep_out(project, held)
        with _stage(project) as stage:
            plan = _checked(source, project, stage, seen, edited)
            (stage / PLAN).write_text(json.dumps(plan, indent=2), encoding="utf-8")
            for path in stage.iterdir():
                settle(path)
            swapping.decide(stage, project)
        return _told(project, swapping.finish(project))


def _source(backup: Path, project: Path) -> Path:
    """The database of a backup: of a folder, or the file itself."""
    source = backup / LEDGER if backup.is_dir() else backup
    if not source.is_file():
        newest = [str(path) for path in listed(project)[-1:]]
        fact = f"{backup} holds no {LEDGER}." if backup.is_dir() else f"{backup} does not exist."
        raise InputError(fact, f"the newest of this project is {newest[0]}." if newest else ANOTHER)
    if (project / LEDGER).exists() and source.samefile(project / LEDGER):
        raise InputError(f"{backup} is the ledger of the project itself.", "name one of its backups/.")
    return source


def _name(backup: Path) -> str:
    return str((backup.parent if backup.name == LEDGER else backup).absolute())


def _made(backup: Path, source: Path) -> str:
    """When a backup was made: its folder says, else the time of the file."""
    with suppress(ValueError):
        return datetime.strptime(backup.name, STAMP).replace(tzinfo=UTC).isoformat(timespec="seconds")
    return datetime.fromtimestamp(source.stat().st_mtime, UTC).isoformat(timespec="seconds")


def _keep_out(project: Path, held: ExitStack) -> None:
    """Locks out everybody else, until `held` ends. ProjectError where somebody has the project open."""
    for path in sorted((project / "cache").glob("worker-*.lock")):  # of a server whose ledger was taken away too
        held.enter_context(locked_file(path, STOP))
    if (project / LEDGER).exists():
        held.enter_context(unshared_ledger(project / LEDGER, STOP))


@contextmanager
def _stage(project: Path) -> Iterator[Path]:
    """A folder to make things ready in, gone afterwards unless it was given another name."""
    for path in project.glob(".tmp-*-restore"):  # of a restore that was killed: nobody else makes one now
        shutil.rmtree(path, ignore_errors=True)
    stage = temporary(project, "restore")
    try:
        stage.mkdir()
        yield stage
    except OSError as error:
        fact = f"{stage} cannot be written: {error.strerror or error}."
        raise ProjectError(fact, "check permissions and free space; the project is as it was.") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _checked(source: Path, project: Path, stage: Path, seen: _Seen | None, edited: bool) -> dict[str, Any]:
    """Makes both files ready in `stage`, and gives what will be said of them; ProjectError where one is not whole."""
    copied(source, stage / LEDGER)
    with closing(sqlite3.connect(stage / LEDGER)) as copy:
        _require(copy, source)
    beside, there = source.parent / SETTINGS, project / SETTINGS
    settings = beside if beside.is_file() else there
    if not settings.is_file():
        raise ProjectError(f"there is no {SETTINGS}, neither beside {source} nor in {project}.", ANOTHER)
    shutil.copyfile(settings, stage / SETTINGS)
    with _named(stage, source, settings):
        context = opened_context(stage, "main")  # migrates, and reads the settings as any verb will
    with closing(context.conn):
        _require_same(context.conn, source, project, seen)
        faults = [fault.sentence for fault in verify_chain(context.conn)]
        if faults and not edited:
            named = "; ".join(faults[:SHOWN]) + (", ..." if len(faults) > SHOWN else "")
            raise ProjectError(f"the event log of {source} was edited: {named}.", f"{ANOTHER} Or --edited.")
        known = _known(context.conn)
        same = there.is_file() and there.read_bytes() == (stage / SETTINGS).read_bytes()
        plan = {
            "backup": _name(source),
            "made": _made(Path(_name(source)), source),
            "stand": asdict(_stand(context.conn)),
            "labels": {
                task.name: len(folding.answered(context.conn, task.name)) for task in tasks.listed(context.conn)
            },
            "before": asdict(seen.stand) if seen and seen.stand else None,
            "aside": datetime.now(UTC).strftime(STAMP),
            "settings": not same,
            "faults": faults[:SHOWN],
            "known": asdict(known),
            "same_items": seen is not None and seen.known == known,
        }
        context.conn.execute("PRAGMA journal_mode = DELETE")  # one file
    if same:
        (stage / SETTINGS).unlink()
    shutil.rmtree(stage / "backups", ignore_errors=True)  # before a migration: the backup itself is that
    return plan


@contextmanager
def _named(stage: Path, source: Path, settings: Path) -> Iterator[None]:
    """Errors name what was copied, not the copy."""
    try:
        yield
    except LabelsieveError as error:
        fact = error.fact.replace(str(stage / LEDGER), str(source)).replace(str(stage / SETTINGS), str(settings))
        raise ProjectError(fact, error.hint) from error


def _require(copy: sqlite3.Connection, source: Path) -> None:
    """ProjectError where the copy is no ledger, or damaged."""
    try:
        found = damage(copy)
        tables = {name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError as error:
        raise ProjectError(f"{source} is damaged: {error}.", ANOTHER) from error
    if found:
        raise ProjectError(f"{source} is damaged: {found}.", ANOTHER)
    if lacking := {"items", "tasks", "events", "queries"} - tables:
        raise ProjectError(f"{source} is no ledger: it has no table {', '.join(sorted(lacking))}.", ANOTHER)


def _require_same(conn: Ledger, source: Path, project: Path, seen: _Seen | None) -> None:
    """ProjectError where the backup was made of another project. A project that cannot be read is told by its backups.

    A task is made once, at a time of its own to the microsecond: the first one names the project.
    """
    own = _first_task(conn)
    known = [seen.first_task] if seen else []
    for path in reversed(listed(project)) if not known else ():
        if (other := _read(path / LEDGER if path.is_dir() else path, _first_task)) is not None:
            known = [other]
            break
    if known and known[0] != own:
        fact = f"{source} is of another project: its task {own[0]!r} was made at {own[1]}, here {known[0][0]!r} was"
        raise ProjectError(f"{fact} at {known[0][1]}.", "restore it into an empty folder instead.")


def _read(path: Path, what: Any) -> Any:
    """What `what` finds in a ledger, which is opened for reading only; None where it cannot be read."""
    try:
        with closing(connect(path, readonly=True)) as conn:
            return what(conn)
    except (ProjectError, sqlite3.Error, LookupError, TypeError, ValueError):
        return None


def _seen(project: Path) -> _Seen | None:
    def found(conn: Ledger) -> _Seen:
        return _Seen(_first_task(conn), _known(conn), _stand(conn))

    return _read(project / LEDGER, found)  # type: ignore[no-any-return]


def _first_task(conn: Ledger) -> tuple[str, str]:
    name, added = conn.execute("SELECT name, added FROM tasks ORDER BY id LIMIT 1").fetchone()
    return str(name), str(added)


def _known(conn: Ledger) -> Known:
    return Known(manifest.last_id(conn), manifest.changed(conn)[1])


def _stand(conn: Ledger) -> Stand:
    events, last = conn.execute("SELECT COUNT(*), COALESCE(MAX(at), '') FROM events").fetchone()
    return Stand(int(events), str(last), *head_of(conn))


def _labels(conn: Ledger) -> dict[str, int]:
    return {task.name: len(folding.answered(conn, task.name)) for task in tasks.listed(conn)}


def _told(root: Path, plan: Mapping[str, Any]) -> Restored:
    """What is said of a plan that was carried out."""
    before = None if plan["before"] is None else Stand(**plan["before"])
    return Restored(
        str(root),
        plan["backup"],
        plan["made"],
        Stand(**plan["stand"]),
        plan["labels"],
        before,
        str(swapping.asides(root) / plan["aside"]),
        bool(plan["settings"]),
        tuple(plan["faults"]),
    )
