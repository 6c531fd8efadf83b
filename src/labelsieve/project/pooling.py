"""The pool of a task: which engine is active, its embeddings, and what is still missing.

Everything here can be deleted (it lives under cache/) and comes back: what is missing is embedded
again when it is needed, by the engine and revision that labelsieve.toml pins.
"""

import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core import plugins
from labelsieve.core.errors import InputError, ProjectError
from labelsieve.core.idsets import common, holds, without
from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool, Pool
from labelsieve.core.sockets import Engine, Learner
from labelsieve.core.types import Ids, Modality, State
from labelsieve.engines.given import Given
from labelsieve.engines.opening import known_engines, open_engine
from labelsieve.project import manifest
from labelsieve.project.config import relative, resolve
from labelsieve.project.context import Context
from labelsieve.project.database import now, transaction
from labelsieve.project.embedding import EmbedProgress, EmbedReport, cache_folder, embed_pending
from labelsieve.store.pools import ConcatPool, SubPool
from labelsieve.store.rowfiles import memory_bytes, stored_type
from labelsieve.store.shards import Shards

DEFAULT_ENGINE: dict[Modality, str] = {"image": "patches", "text": "words", "row": "table", "embedding": "given"}
Tell = Callable[[EmbedProgress], None]
Fetch = Callable[[str, int, int], None]  # (file, bytes so far, bytes in all)


class NotEmbedded(ProjectError):
    """Nothing is embedded yet, and no engine was chosen; `remedy` is the kind of job that helps."""

    remedy = "embed"


def embed(
    context: Context,
    engine: str | None = None,
    relearn: bool = False,
    download: bool = False,
    progress: Tell | None = None,
) -> EmbedReport:
    """Embeds all that is not embedded yet by `engine` (default: the active one, else the built-in of the modality).

    Damaged shards are found, named and computed again. The engine becomes the active one.
    """
    spec = engine or active_spec(context)
    opened, shards, report = embed_with(context, spec, relearn, download, progress)
    _remember(context, spec, opened, shards)
    return report


def embed_with(
    context: Context, spec: str, relearn: bool = False, download: bool = False, progress: Tell | None = None
) -> tuple[Engine, Shards, EmbedReport]:
    """The engine, its shards and what was done; the active engine stays the active one."""
    began = time.perf_counter()
    opened = _ready(context, spec, relearn, fetching(progress) if download else None)
    shards, report = embed_by(context, opened, progress)
    return opened, shards, replace(report, seconds=time.perf_counter() - began)


def embed_by(context: Context, opened: Engine, progress: Tell | None = None) -> tuple[Shards, EmbedReport]:
    """The shards of an engine that is ready, and what was done: what has no row there yet is embedded."""
    began = time.perf_counter()
    shards = Shards(cache_folder(context.root, opened))
    damaged = [shards.drop(name) for name in shards.verify()]
    _drop_changed(context, shards)
    pending = _pending(context, opened, shards)
    if not shards.names:
        shards = Shards(shards.folder, stored_type(len(pending), opened.dim, memory_bytes()))
    aside: list[tuple[int, str]] = []
    stage = f"embed {opened.name}"

    def set_aside(bad: list[tuple[int, str]]) -> None:
        aside.extend(bad)
        keys = manifest.keys(context.conn, np.array([id_ for id_, _ in bad], np.int64))
        rows = (manifest.Aside(key, why, stage, id_) for key, (id_, why) in zip(keys, bad, strict=True))
        manifest.set_aside(context.conn, rows)

    manifest.clear_set_aside(context.conn, stage, ids=pending)
    done = embed_pending(opened, shards, pending, context.things, set_aside, progress)
    seconds = time.perf_counter() - began
    name = f"{opened.name}@{opened.revision}"
    report = EmbedReport(name, done, len(shards.ids) - done, tuple(aside), seconds, shards.digest, tuple(damaged))
    return shards, report


def active_spec(context: Context) -> str:
    """The engine that labelsieve.toml names, else the built-in one; a folder as a path from here."""
    spec = context.settings.engine
    folder = resolve(spec, context.root) if spec else None
    return str(folder) if folder is not None and folder.is_dir() else spec or default_engine(context)


def ready_engine(context: Context) -> Engine:
    """The active engine, opened, of the pinned revision; one that learns as it learnt from this pool."""
    return _ready(context, active_spec(context), relearn=False, fetch=None)


def fetching(progress: Tell | None) -> Fetch:
    """What to tell while files of an engine are fetched."""
    began = time.perf_counter()

    def tell(what: str, done: int, total: int) -> None:
        if progress is not None:
            rate = done / max(time.perf_counter() - began, 1e-9)
            progress(EmbedProgress(done, total, rate, (total - done) / rate if rate else float("inf"), what))

    return tell


def default_engine(context: Context) -> str:
    """The built-in engine for the modality of the first source."""
    rows = list(context.rows.values())
    if not rows:
        raise ProjectError("the project has no source yet.", "labelsieve sync PROJECT SOURCE")
    return DEFAULT_ENGINE[context.modality(rows[0].id)]


def engine_choices(context: Context) -> dict[str, Any]:
    """The active engine ("" before the first), the usual one here, and the names of those that fit the items."""
    here = {context.modality(id_) for id_ in context.rows}
    fitting = [row["name"] for row in known_engines() if here & set(row["takes"].replace(",", " ").split())]
    return {"active": context.settings.engine, "usual": default_engine(context), "names": fitting}


def _ready(context: Context, spec: str, relearn: bool, fetch: Fetch | None) -> Engine:
    """The opened engine, of the pinned revision; one that learns is restored from the ledger, or learns now."""
    if spec == "given":
        return Given()
    pinned = context.settings.revision if spec == context.settings.engine and not relearn else ""
    download = fetch is not None
    engine = open_engine(spec, root=context.root, download=download, revision=pinned or None, progress=fetch)
    if not isinstance(engine, Learner):
        return engine
    state = None if relearn else learnt(context, spec)
    if state is not None:
        return engine.restore(state)
    ids = _accepted(context, engine)
    if not len(ids):
        raise _nothing(context, engine)
    fitted = engine.fit(_stream(context, ids), stream(context.settings.seed, "learn", spec))
    _keep_learnt(context, spec, fitted)
    return fitted


def _stream(context: Context, ids: Ids) -> Iterator[Any]:
    for first in range(0, len(ids), 4096):
        yield from (thing for thing in context.things(ids[first : first + 4096]) if not isinstance(thing, InputError))


def learnt(context: Context, spec: str) -> State | None:
    """What a built-in engine learnt from this pool, as plain arrays; None before it did."""
    sql = "SELECT state FROM learnt WHERE engine = ? ORDER BY at DESC LIMIT 1"
    row = context.conn.execute(sql, (spec,)).fetchone()
    if row is None:
        return None
    with np.load(io.BytesIO(row[0]), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _keep_learnt(context: Context, spec: str, engine: Learner) -> None:
    blob = io.BytesIO()
    np.savez_compressed(blob, **engine.state())  # type: ignore[arg-type]
    with transaction(context.conn):
        sql = "INSERT OR REPLACE INTO learnt (engine, revision, state, at) VALUES (?, ?, ?, ?)"
        context.conn.execute(sql, (spec, engine.revision, blob.getvalue(), now()))


def _accepted(context: Context, engine: Engine) -> Ids:
    """Ids (m,) of present items that the engine can embed, ascending; ready arrays are used in place instead."""
    parts = [
        manifest.ids(context.conn, source=row.id)
        for row in context.rows.values()
        if context.modality(row.id) in engine.accepts and not _in_place(context, row.id)
    ]
    return np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)


def _in_place(context: Context, source_id: int) -> bool:
    return context.modality(source_id) == "embedding" and hasattr(context.source(source_id), "array")


def _nothing(context: Context, engine: Engine) -> ProjectError:
    has = sorted({row.modality for row in context.rows.values()})
    if engine.accepts & set(has):
        return ProjectError(
            "no item is left to embed: the sources are empty, or all that they hold is set aside.",
            "labelsieve status lists what was set aside; put items into the sources, then labelsieve sync.",
        )
    takes = ", ".join(sorted(engine.accepts))
    return ProjectError(
        f"{engine.name} takes {takes}; this project has {', '.join(has) or 'no items'}.",
        "choose an engine for these items: labelsieve engines list.",
    )


def _drop_changed(context: Context, shards: Shards) -> None:
    """Drops the shards of items whose content has changed under the same key since they were embedded."""
    path = shards.folder / "changes.json"
    after = int(json.loads(path.read_text())) if path.is_file() else 0
    changed, step = manifest.changed(context.conn, after)
    if step == after:
        return
    for name in shards.names_of(changed):
        shards.drop(name)
    shards.folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(step))


def _pending(context: Context, engine: Engine, shards: Shards) -> Ids:
    """What has to be embedded: not in a shard, and not set aside before the last shard was written."""
    ids = _accepted(context, engine)
    if not len(ids) and engine.name != "given":
        raise _nothing(context, engine)
    have = shards.ids
    last = int(have[-1]) if len(have) else -1
    rows = manifest.set_asides(context.conn, f"embed {engine.name}")
    aside = np.array([row.item for row in rows if row.item is not None and row.item <= last], np.int64)
    return np.setdiff1d(ids, np.union1d(have, aside), assume_unique=False)


def _remember(context: Context, spec: str, engine: Engine, shards: Shards) -> None:
    """Pins the engine, its revision and the folder of its embeddings in labelsieve.toml."""
    if spec not in plugins.names("engines") and Path(spec).is_dir():
        spec = relative(Path(spec), context.root)
    values = {"engine": spec, "revision": engine.revision, "embeddings": shards.folder.name}
    if any(getattr(context.settings, name) != value for name, value in values.items()):
        context.change(**values)


def raw_pool(context: Context, progress: Tell | None = None) -> Pool:
    """The embeddings of all usable items, ids ascending. What is missing is embedded first."""
    parts: list[Pool] = list(_arrays(context))
    if any(not _in_place(context, row.id) for row in context.rows.values()):
        folder = context.cache / "embeddings" / (context.settings.embeddings or "-")
        shards = Shards(folder) if folder.is_dir() else None
        present = manifest.ids(context.conn)
        if shards is None or _missing(context, shards, present):
            _require_engine(context)
            embed(context, progress=progress)
            shards = Shards(context.cache / "embeddings" / context.settings.embeddings)
        parts.append(SubPool(shards, common(shards.ids, present)))
    parts = [part for part in parts if len(part.ids)]
    if not parts:
        raise ProjectError("no item of this project has embeddings.", "labelsieve status shows what was set aside.")
    widths = sorted({part.dim for part in parts})
    if len(widths) > 1:
        raise InputError(
            f"the sources give embeddings of two widths: {widths[0]} and {widths[1]} columns.",
            "put embeddings of different engines into different projects.",
        )
    return parts[0] if len(parts) == 1 else ConcatPool(parts)


def lacks_rows(context: Context) -> bool:
    """Whether an engine is active and some usable items have no embeddings by it yet. Cost: O(N) of ids."""
    if not context.settings.embeddings or all(_in_place(context, row.id) for row in context.rows.values()):
        return False
    folder = context.cache / "embeddings" / context.settings.embeddings
    return not folder.is_dir() or _missing(context, Shards(folder), manifest.ids(context.conn))


def _require_engine(context: Context) -> None:
    if not context.settings.engine and default_engine(context) != "given":
        raise NotEmbedded(
            "this project has no embeddings yet.",
            f"labelsieve embed {context.root} (the built-in engine: {default_engine(context)}).",
        )


def _missing(context: Context, shards: Shards, present: Ids) -> bool:
    """Whether present items lack embeddings. An engine is not opened to find that out."""
    for row in context.rows.values():
        if _in_place(context, row.id):
            present = without(present, manifest.ids(context.conn, source=row.id))
    return not holds(shards.ids, manifest.usable_of(context.conn, present))


def _arrays(context: Context) -> Iterator[Pool]:
    """Ready embeddings that are used where they lie; rows that were set aside are left out."""
    for source_id in context.rows:
        if _in_place(context, source_id):
            opened: Any = context.source(source_id)
            ids, rows = manifest.numbered(context.conn, source_id)
            array = opened.array()
            in_order = len(rows) == 0 or (
                rows[0] == 0 and rows[-1] == len(rows) - 1 and bool(np.all(rows[1:] > rows[:-1]))
            )
            pool = ArrayPool(array[: len(rows)] if in_order else Rows(array, rows), ids)
            usable = manifest.usable_of(context.conn, ids)
            yield pool if len(usable) == len(ids) else SubPool(pool, usable)


class Rows:
    """Some rows of a mapped array, in an order of their own: nothing is read before it is asked for."""

    def __init__(self, array: Any, rows: Ids) -> None:
        self._array, self._rows = array, rows
        self.shape = (len(rows), array.shape[1])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, at: Any) -> Any:
        return self._array[self._rows[at]]
