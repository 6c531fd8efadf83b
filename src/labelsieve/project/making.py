"""Making a project folder, adding sources and tasks to it, and bringing it up to date with its sources."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labelsieve.core.errors import InputError, ProjectError
from labelsieve.core.types import Kind
from labelsieve.project import config, following, manifest, syncing, tasks
from labelsieve.project.config import Settings, SourceSpec, TaskSettings
from labelsieve.project.context import Context
from labelsieve.project.database import connect, transaction
from labelsieve.project.swapping import require_settled
from labelsieve.project.syncing import SyncReport
from labelsieve.sources import Source, open_source
from labelsieve.sources.options import ARRAYS, SourceOptions

LEDGER = "labels.sqlite"
UNFINISHED = ".unfinished"  # stands in a folder until its init is through
FOLDERS = ("cache", "reports", "exports", "backups")

Paths = Sequence[str | os.PathLike[str]]


@dataclass(frozen=True, slots=True)
class Start:
    """What a project starts with beside its sources."""

    seed: int
    task_name: str
    task: TaskSettings


def create(root: Path, sources: Paths, options: Mapping[str, Any], start: Start) -> Context:
    """A new project folder, synced. Where anything fails nothing is left behind."""
    if _was_killed(root / UNFINISHED):  # nothing of such an init can hold a label
        _remove(root, keep_folder=True)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ProjectError(f"{root} exists already and is not an empty folder.", _instead(root))
    if not sources:
        raise InputError(
            "no source was given.", "name a folder of images, or a .csv, .jsonl, .parquet, .npy or .npz file."
        )
    for source in map(Path, sources):
        _require_outside(source, root)
    existed = root.exists()
    try:
        root.mkdir(parents=True, exist_ok=True)
        (root / UNFINISHED).write_text(str(os.getpid()))
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _remove(root, existed)
        raise ProjectError(f"{root} cannot be made: {error.strerror}.", "check permissions and free space.") from error
    context = None
    try:
        settings = Settings(seed=start.seed, tasks={start.task_name: start.task})
        context = Context(root, settings, connect(root / LEDGER, create=True), start.task_name)
        ensure_tasks(context)
        config.write(root, settings)
        sync(context, sources, options)
        _require_items(context)
        (root / UNFINISHED).unlink()
    except BaseException:
        if context is not None:
            context.conn.close()
        _remove(root, existed)
        raise
    return context


def _require_items(context: Context) -> None:
    """InputError where all that the sources hold is set aside. An empty folder is fine: it may fill."""
    bad = manifest.set_asides(context.conn)
    if bad and not len(manifest.ids(context.conn)):
        raise InputError(f"nothing here can be an item, {len(bad):,} are set aside. The first: {bad[0].reason}.")


def _instead(root: Path) -> str:
    """What to do where a folder is taken: nobody is told to remove a project, it may hold labels."""
    if (root / config.NAME).exists():
        return f"it is a project: labelsieve sync {root} brings it up to date; else choose another name."
    return "choose another name."


def _remove(root: Path, keep_folder: bool) -> None:
    """Removes what `create` made, and the folder itself unless it stood before."""
    for name in (*FOLDERS, config.NAME, LEDGER, f"{LEDGER}-wal", f"{LEDGER}-shm", UNFINISHED):
        path = root / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if not keep_folder and root.exists():
        shutil.rmtree(root, ignore_errors=True)


def _was_killed(mark: Path) -> bool:
    """Whether the init that left the mark is no longer running. Unknown, and so False, where the system cannot tell."""
    if not mark.exists() or os.name != "posix":
        return False
    try:
        os.kill(int(mark.read_text() or "0") or os.getpid(), 0)
    except (ProcessLookupError, ValueError):
        return True
    except PermissionError:  # it runs, as another user
        return False
    return mark.read_text() in ("", str(os.getpid()))


def require_finished(root: Path) -> None:
    """ProjectError for a folder in which an init or a restore is under way, or was killed."""
    require_settled(root)
    if (root / UNFINISHED).exists():
        raise ProjectError(
            f"{root} is not ready: an init is under way there, or was stopped.",
            "wait for it; if none is running, the same labelsieve init makes it anew.",
        )


def ensure_tasks(context: Context) -> None:
    """Makes the tasks of labelsieve.toml that the ledger does not have yet."""
    known = {task.name: task for task in tasks.listed(context.conn)}
    for name, settings in context.settings.tasks.items():
        task = known.get(name)
        if task is None:
            tasks.add(context.conn, name, settings.kind, settings.classes or None, settings.dull)
        elif task.kind != settings.kind:
            raise ProjectError(
                f"{config.NAME} says that task {name!r} is of kind {settings.kind!r}; it was made as {task.kind!r}.",
                f'write kind = "{task.kind}" there, or give the new task another name.',
            )


def add_task(context: Context, name: str, kind: Kind, classes: Sequence[str] | None, dull: str) -> None:
    """A further task over the same pool, in the ledger and in labelsieve.toml."""
    settings = TaskSettings(kind=kind, classes=tuple(classes or ()), dull=dull)
    with transaction(context.conn):  # both or neither
        tasks.add(context.conn, name, kind, classes or None, dull)
        context.change(tasks={**context.settings.tasks, name: settings})


def sync(context: Context, new: Paths, options: Mapping[str, Any]) -> SyncReport:
    """Adds `new` sources, scans all of them, and imports the labels of those that name some."""
    specs = [_spec(context, Path(path), options) for path in new]
    known = {spec.path for spec in context.settings.sources}
    every = (*context.settings.sources, *(spec for spec in specs if spec.path not in known))
    opened = {spec.path: _opened(context, spec) for spec in every}
    following.follow(context.conn, opened)
    report = syncing.sync(context.conn, opened)
    if every != context.settings.sources:
        context.change(sources=every)
    context.forget()
    if labelled := [spec for spec in every if spec.options.labels]:
        from labelsieve.project.importing import import_column

        for spec in labelled:
            import_column(context, spec, opened[spec.path])
    return report


def _require_outside(path: Path, root: Path) -> None:
    """InputError where a source is not there, or is the project folder itself."""
    if not path.exists():
        raise InputError(f"the source {path} does not exist.", "check the path.")
    if path.resolve() == root.resolve():
        raise InputError(f"the source {path} is the project folder itself.", "name the folder that holds the items.")


def _spec(context: Context, path: Path, options: Mapping[str, Any]) -> SourceSpec:
    _require_outside(path, context.root)
    given = SourceOptions(**options)
    if given.root is not None:
        given = replace(given, root=config.relative(Path(given.root), context.root))
    beside = given.array_file()
    if beside is not None and not path.name.lower().endswith(ARRAYS):
        found = next((place for place in (Path(beside), path.parent / beside) if place.is_file()), None)
        if found is None:
            raise InputError(f"the array file {beside} is not there.", "correct --embeddings: a column or a file.")
        given = replace(given, embeddings=config.relative(found, context.root))
    return SourceSpec(config.relative(path, context.root), given)


def _opened(context: Context, spec: SourceSpec) -> Source:
    path = config.resolve(spec.path, context.root)
    if not path.exists():
        raise config.source_gone(spec, path)
    return open_source(path, spec.read_options(context.root), context.cache)


def opened_context(root: Path, task_name: str, shared: bool = False) -> Context:
    """The project of a folder, on one of its tasks; without a task `main` on its first. ProjectError for no project.

    A `shared` one may go from thread to thread, one at a time.
    """
    require_finished(root)
    settings = config.read(root)
    context = Context(root, settings, connect(root / LEDGER, shared=shared), task_name)
    try:
        ensure_tasks(context)
        names = [task.name for task in tasks.listed(context.conn)]
        if task_name == "main" and names and "main" not in names:
            context = replace(context, task_name=names[0])
        tasks.get(context.conn, context.task_name)
    except BaseException:
        context.conn.close()
        raise
    return context
