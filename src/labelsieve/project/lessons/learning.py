"""Learn from another project: its dull and odd items, as a source of their own beside this pool's labels."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError, LabelsieveError, NotEnoughLabels, UnknownName
from labelsieve.core.idsets import common
from labelsieve.core.rounds import Pool, locate
from labelsieve.core.types import DULL, ODD, Ids, Labels, Matrix, Task
from labelsieve.project import config, folding, manifest, tasks
from labelsieve.project.context import Context
from labelsieve.project.embedding import EmbedProgress
from labelsieve.project.grounds import engine_mark
from labelsieve.project.lessons import WEIGHT
from labelsieve.project.lessons import taught as lessons
from labelsieve.project.lessons.outside import embedded, engine_for, rows_in_pool
from labelsieve.project.lessons.taught import MISSED, Counts, Lesson, Teaching
from labelsieve.project.lessons.teaching import Progress, add_taught_fact, require_screen
from labelsieve.project.making import opened_context
from labelsieve.project.pooling import raw_pool
from labelsieve.sources.base import digest
from labelsieve.store.shards import Shards

BLOCK = 2048  # items embedded and written at once: what a kill costs at most


@dataclass(frozen=True, slots=True)
class Other:
    """What to learn from: a project, one of its tasks (its only screen, else its main one), the classes that are odd
    in a task that is no screen, and what an item weighs beside a label of the pool."""

    path: Path
    by: str
    task: str | None = None
    odd: tuple[str, ...] = ()
    weight: float = WEIGHT


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was taught from a source: items by code; `again` were embedded anew, since the engines differ; `in_pool`
    were left out because this pool holds them; `bad` could not be read or embedded: (key, reason)."""

    source: str
    taught: Counts
    dull: int = 0
    odd: int = 0
    again: int = 0
    in_pool: int = 0
    gone: int = 0
    bad: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def learn_from(context: Context, other: Other, progress: Progress | None = None) -> Learnt:
    """Teaches all labelled items of another project's task. Run again, it follows the labels there.

    Errors: InputError where that is this project, where its items do not fit, or where nothing there is labelled;
    ProjectError where it is no project, or cannot be read. Cost: that of embedding what another engine embedded.
    """
    task = require_screen(context)
    if not 0 < other.weight <= 1:
        raise InputError(f"the weight is {other.weight:g}; above 0, and 1 at most, was expected.", "--weight 0.03")
    if other.path.resolve() == context.root.resolve():
        raise InputError(f"{other.path} is this project itself.", "name another one.")
    with _opened(other.path, other.task) as there:
        labels = _labels(there, other.odd)
        place = config.relative(other.path, context.root)
        name = _source_name(context, task, other.path, place, there.task_name)
        given = Teaching(name, other.weight, engine_mark(context), other.by)
        return _learnt(context, _From(there, labels, place), given, progress)


@contextmanager
def _opened(path: Path, task: str | None) -> Iterator[Context]:
    """The other project, on its task: the one named, else its only screen, else its main one."""
    there = opened_context(path, "main" if task is None else task)
    try:
        screens = [one.name for one in tasks.listed(there.conn) if one.kind == "screen"]
        if task is None and len(screens) == 1:
            there.task_name = screens[0]
        yield there
    finally:
        there.conn.close()


def _labels(there: Context, odd: Sequence[str]) -> Labels:
    """The labels of the other task as dull and odd. InputError where nobody says which classes are odd."""
    task = there.task
    labels = folding.fold(there.conn, task.name)
    if task.kind == "screen":
        if odd:
            raise InputError(f"the task {task.name!r} there is a screen: it knows what is odd.", "leave out --odd.")
    elif not odd:
        raise InputError(
            f"the task {task.name!r} there has the classes {', '.join(task.classes) or 'none'}.",
            f"say which are odd, the others count as dull: --odd {task.classes[0] if task.classes else 'CLASS'}",
        )
    else:
        for name in odd:
            if name not in task.classes:
                raise UnknownName(f"class of the task {task.name!r} there", name, task.classes)
        codes = [task.classes.index(name) for name in odd]
        several = task.kind == "multilabel"
        y = (np.nan_to_num(labels.y[:, codes]) > 0.5).any(axis=1) if several else np.isin(labels.y, codes)
        labels = Labels(labels.ids, np.where(y, ODD, DULL), ("dull", "odd"), "screen")
    if not len(labels):
        raise NotEnoughLabels(f"nothing is labelled in the task {task.name!r} of {there.root}.", "choose another task.")
    return labels


def _source_name(context: Context, task: Task, path: Path, place: str, task_name: str) -> str:
    """The name of the source: that of the folder (and of its task), with a number where another one has that name."""
    stem = path.resolve().name.removesuffix(".sieve") + ("" if task_name == "main" else f":{task_name}")
    taken = {row.source: row.path for row in lessons.standing_lessons(context.conn, task)}
    names = (stem if n == 1 else f"{stem}-{n}" for n in range(1, len(taken) + 3))
    return next(name for name in names if name != MISSED and taken.get(name, place) == place)


@dataclass(frozen=True, slots=True)
class _From:
    there: Context
    labels: Labels
    place: str


def _learnt(context: Context, source: _From, given: Teaching, progress: Progress | None) -> Learnt:
    raw, task = raw_pool(context), context.task
    ready = _same_engine(context, source.there, source.labels.ids, given.mark)
    done = Learnt(given.source, Counts())
    seen: set[tuple[str, str]] = set()
    began, total = 0, len(source.labels)
    for first in range(0, total, BLOCK):
        ids = source.labels.ids[first : first + BLOCK]
        part, made = _block(context, source, ids, ready, raw, _counting(progress, began, total))
        counts = lessons.teach(context.conn, task, made, given)
        seen |= {(one.key, one.digest) for one in made}
        began += len(ids)
        done = replace(
            done,
            taught=done.taught + counts,
            dull=done.dull + sum(one.code == DULL for one in made),
            odd=done.odd + sum(one.code == ODD for one in made),
            again=done.again + part.again,
            in_pool=done.in_pool + part.in_pool,
            bad=done.bad + part.bad,
        )
    return _finished(context, source, given, done, seen)


def _finished(context: Context, source: _From, given: Teaching, done: Learnt, seen: set[tuple[str, str]]) -> Learnt:
    """Takes back what has no label there any more. InputError where nothing at all could be taught."""
    total = len(source.labels)
    if not seen:
        key, why = done.bad[0] if done.bad else ("", "")
        raise InputError(
            f"none of the {total:,} labelled items of {source.there.root} can be taught here: "
            + (f"{done.in_pool:,} are in this pool" if done.in_pool else f"the first, {key}: {why.rstrip('.')}")
            + ".",
            "labelsieve export --labels there and labelsieve import here, for items of this pool."
            if done.in_pool
            else "",
        )
    task = context.task
    rows = [row for row in lessons.standing_lessons(context.conn, task) if row.source == given.source]
    stale = {row.digest for row in rows if (row.key, row.digest) not in seen}
    failed = {key for key, _ in done.bad}  # could not be read now: what was taught of it before stays
    stale -= {row.digest for row in rows if row.key in failed} | {digest_ for _, digest_ in seen}
    gone = lessons.forget(context.conn, task, given.source, sorted(stale)) if stale else 0
    if done.taught.added or done.taught.changed or gone:
        add_taught_fact(context, "taught", given, [(row.digest, row.code) for row in rows if row.digest not in stale])
    note = (
        f"Both projects have ready embeddings of {raw_pool(context).dim} columns; that one engine made both is assumed."
    )
    return replace(done, gone=gone, notes=(note,) if given.mark == "given" else ())


def _counting(progress: Progress | None, began: int, total: int) -> Progress | None:
    if progress is None:
        return None
    return lambda at: progress(EmbedProgress(began + at.done, total, at.rate, at.left, at.what))


def _same_engine(context: Context, there: Context, ids: Ids, mark: str) -> tuple[Ids, Shards] | None:
    """Those of `ids` (m,) whose embeddings the other project has by this project's engine, and where they are."""
    folder = there.cache / "embeddings" / mark
    if mark == "given" or not folder.is_dir():
        return None
    shards = Shards(folder)
    return common(shards.ids, ids), shards


@dataclass(frozen=True, slots=True)
class _Part:
    again: int
    in_pool: int
    bad: tuple[tuple[str, str], ...]


def _block(
    context: Context, source: _From, ids: Ids, ready: tuple[Ids, Shards] | None, raw: Pool, progress: Progress | None
) -> tuple[_Part, list[Lesson]]:
    """The lessons of some labelled items (m,) of the other project: what this pool holds is left out."""
    entries = {entry.id: entry for entry in manifest.entries(source.there.conn, ids)}
    codes = dict(zip(ids.tolist(), source.labels.y[locate(source.labels.ids, ids)].tolist(), strict=True))
    rows, bad = _taken(ready, ids), dict[int, str]()
    missing = np.setdiff1d(ids, np.array(sorted(rows), np.int64))
    if len(missing):
        more, bad = _embedded_here(context, source.there, missing, raw, progress)
        rows |= more
    plain = {id_ for id_ in rows if source.there.modality(entries[id_].source) == "embedding"}
    marks = {id_: digest(row.tobytes()) if id_ in plain else entries[id_].digest for id_, row in rows.items()}
    here = set(lessons.in_pool(context.conn, (marks[id_] for id_ in rows if id_ not in plain)))
    order = sorted(plain)
    if order:
        here |= {marks[order[at]] for at in rows_in_pool(raw, np.stack([rows[id_] for id_ in order]))}
    made = [
        Lesson(entries[id_].key, marks[id_], source.place, int(codes[id_]), row)
        for id_, row in rows.items()
        if marks[id_] not in here
    ]
    wrong = tuple((entries[id_].key, why) for id_, why in bad.items())
    return _Part(len(missing) - len(bad), len(rows) - len(made), wrong), made


def _taken(ready: tuple[Ids, Shards] | None, ids: Ids) -> dict[int, Matrix]:
    """The embeddings that the other project has by the same engine, by id."""
    if ready is None:
        return {}
    there, shards = common(ready[0], ids), ready[1]
    return dict(zip(there.tolist(), shards.take(there), strict=True)) if len(there) else {}


def _embedded_here(
    context: Context, there: Context, ids: Ids, raw: Pool, progress: Progress | None
) -> tuple[dict[int, Matrix], dict[int, str]]:
    """The embeddings of other items by this project's engine, and why some have none, by id."""
    things: list[Any] = []
    try:
        things = list(there.things(ids))
    except LabelsieveError as error:
        return {}, dict.fromkeys(ids.tolist(), error.fact)
    kinds = {there.modality(entry.source) for entry in manifest.entries(there.conn, ids)}
    made = embedded(engine_for(context, kinds, raw), things, progress)
    at = ids[made.at].tolist()
    rows = {id_: np.ascontiguousarray(row, np.float32) for id_, row in zip(at, made.rows, strict=True)}
    return rows, {int(ids[position]): why for position, why in made.bad.items()}


def unlearn(context: Context, path: Path, task_name: str | None = None) -> Learnt:
    """Takes back all that was taught from another project, which may be gone by now; of one of its tasks if named."""
    task = require_screen(context)
    place = config.relative(path, context.root)
    rows = lessons.standing_lessons(context.conn, task)
    names = {row.source for row in rows if row.source != MISSED and (row.path == place or row.source == str(path))}
    if task_name is not None:
        tail = "" if task_name == "main" else f":{task_name}"
        names = {name for name in names if name.partition(":")[2] == tail[1:]}
    if not names:
        taught = sorted({row.source for row in rows} - {MISSED})
        raise UnknownName("source that was learnt from", str(path), taught, "labelsieve status lists them.")
    gone = 0
    for name in sorted(names):
        gone += lessons.forget(context.conn, task, name)
        given = Teaching(name, 0.0, engine_mark(context), "")
        add_taught_fact(context, "untaught", given, [(row.digest, row.code) for row in rows if row.source == name])
    return Learnt(", ".join(sorted(names)), Counts(), gone=gone)
