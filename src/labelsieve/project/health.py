"""`doctor`: what is well and what is not. It changes nothing."""

import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from labelsieve.core.errors import LabelsieveError, ProjectError
from labelsieve.project import events, folding, manifest, tasks
from labelsieve.project.chain import head_of, verify_chain
from labelsieve.project.context import Context
from labelsieve.project.database import RESTORE, damage
from labelsieve.project.indexfacts import index_damage
from labelsieve.project.seeing import lacking
from labelsieve.store.shards import Shards

SHOWN = 20  # faults of the event log that are named
LEAST_FREE = 2 * 1024**3  # bytes; under this a run may not end well
PACKAGES = ("labelsieve", "numpy", "scipy", "scikit-learn", "pyarrow", "pillow", "onnxruntime", "tokenizers", "torch")

Severity = Literal["ok", "note", "error"]
REPAIR = f"{RESTORE}."


@dataclass(frozen=True, slots=True)
class Health:
    """One check: `sentence` says the fact, and what to do about it where it is not well."""

    check: str
    severity: Severity
    sentence: str


def examine(context: Context) -> list[Health]:
    """All checks. Cost: one read of the database, of the embeddings and of the index."""
    kept = [*_embeddings(context), *_index(context)]
    return [*_ledger(context), *_sources(context), *kept, *_disk(context), _versions()]


def _ledger(context: Context) -> Iterator[Health]:
    found = damage(context.conn)
    if not found:
        written = context.conn.execute("SELECT COUNT(*) FROM events").fetchone()[0]
        yield Health("labels.sqlite", "ok", f"whole; {written:,} label events.")
    else:
        yield Health("labels.sqlite", "error", f"damaged: {found}. {REPAIR}")
    if not found:
        yield _chain(context)
        yield from _labels(context)
    if not context.conn.writable:
        yield Health("labels.sqlite", "note", "this user may not write it: labels cannot be saved.")
    copies = sorted((context.root / "backups").glob("*")) if (context.root / "backups").is_dir() else []
    said = f"{len(copies)}, newest {copies[-1].name}." if copies else "none yet: labelsieve backup PROJECT makes one."
    yield Health("backups", "ok" if copies else "note", said)


def _chain(context: Context) -> Health:
    faults, (length, head) = verify_chain(context.conn), head_of(context.conn)
    if not faults:
        return Health("event log", "ok", f"{length:,} links, all as written; the last: {head[:16] or 'none'}.")
    named = "; ".join(fault.sentence for fault in faults[:SHOWN]) + (", ..." if len(faults) > SHOWN else "")
    wrong = "1 link is" if len(faults) == 1 else f"{len(faults):,} links are"
    return Health("event log", "error", f"{wrong} not as written: {named}. backups/ holds the log as it was.")


def _labels(context: Context) -> Iterator[Health]:
    """The tasks whose labels cannot be read: an event was edited into what is no answer."""
    for task in tasks.listed(context.conn):
        try:
            for _ in events.history(context.conn, task.name):
                pass
            folding.answered(context.conn, task.name)
        except ProjectError as error:
            yield Health(f"labels of {task.name}", "error", f"{error.fact} {error.hint}")


def _sources(context: Context) -> Iterator[Health]:
    for source_id, row in context.rows.items():
        try:
            source = context.source(source_id)
            changed = str(source.fingerprint()) != row.fingerprint
        except LabelsieveError as error:
            yield Health(
                f"source {row.name}", "error", f"{error.fact} Labels are safe; put it back, then labelsieve sync."
            )
            continue
        said = "has changed since the last sync: labelsieve sync PROJECT." if changed else "as it was at the last sync."
        yield Health(f"source {row.name}", "note" if changed else "ok", said)
        for note in [*source.notes, *lacking(context, source_id)]:
            yield Health(f"source {row.name}", "note", note)


def _embeddings(context: Context) -> Iterator[Health]:
    home = context.cache / "embeddings"
    for folder in sorted(home.iterdir()) if home.is_dir() else []:
        if not folder.is_dir():
            continue
        shards = Shards(folder)
        damaged = shards.verify()
        if damaged:
            which = ", ".join(damaged)
            yield Health(
                f"embeddings {folder.name}", "error", f"damaged: {which}. labelsieve embed computes them again."
            )
        else:
            yield Health(f"embeddings {folder.name}", "ok", f"{len(shards.ids):,} items, digest {shards.digest[:16]}.")
    aside = len(manifest.set_asides(context.conn))
    if aside:
        yield Health("set aside", "note", f"{aside:,} in all: labelsieve status lists them with the reason.")


def _index(context: Context) -> Iterator[Health]:
    found = index_damage(context)
    if found is not None:
        name, wrong = found
        said = f"{wrong} labelsieve index builds it again." if wrong else "every byte is as it was written."
        yield Health(f"index {name}", "error" if wrong else "ok", said)


def _disk(context: Context) -> Iterator[Health]:
    free = shutil.disk_usage(context.root).free
    said = f"{free / 1024**3:.1f} GiB free."
    yield Health("disk", "ok" if free >= LEAST_FREE else "note", said)


def _versions() -> Health:
    known = []
    for name in PACKAGES:
        try:
            known.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            known.append(f"{name} -")
    return Health("versions", "ok", f"Python {platform.python_version()}, {', '.join(known)}.")
