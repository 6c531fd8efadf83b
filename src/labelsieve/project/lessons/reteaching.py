"""Taught items follow the engine of the project: what another engine embedded is read and embedded again."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError, LabelsieveError
from labelsieve.project import config, manifest, tasks
from labelsieve.project.context import Context
from labelsieve.project.grounds import engine_mark
from labelsieve.project.lessons import taught as lessons
from labelsieve.project.lessons.outside import embedded, engine_for, outside_items
from labelsieve.project.lessons.taught import MISSED, Lesson, Row, Teaching
from labelsieve.project.lessons.teaching import Progress
from labelsieve.project.making import opened_context
from labelsieve.project.pooling import raw_pool
from labelsieve.sources.options import SourceOptions


def teach_again(context: Context, progress: Progress | None = None) -> tuple[int, tuple[str, ...]]:
    """How many taught items of all screens were embedded by the present engine, and the keys of those that cannot be:
    their file or project is gone, or holds something else now. They take no part, and `status` counts them.
    """
    done, left = 0, list[str]()
    for task in tasks.listed(context.conn):
        if task.kind == "screen":
            here = replace(context, task_name=task.name)
            more, lost = _again(here, progress)
            done, left = done + more, [*left, *lost]
    return done, tuple(left)


def _again(context: Context, progress: Progress | None) -> tuple[int, list[str]]:
    mark = engine_mark(context)
    rows = lessons.standing_lessons(context.conn, context.task)
    ready = {(row.source, row.key, row.digest) for row in rows if row.mark == mark}
    old = {(r.source, r.key, r.digest): r for r in rows if (r.source, r.key, r.digest) not in ready}
    if not old or mark == "given":
        return 0, []
    things: dict[tuple[str, str, str], Any] = {}
    for place in dict.fromkeys(row.path for row in old.values()):
        mine = [row for row in old.values() if row.path == place]
        things |= {(row.source, row.key, row.digest): thing for row, thing in _read_again(context, place, mine)}
    rows_ = [old[name] for name in things]
    made = _embedded_again(context, rows_, list(things.values()), progress)
    for source, weight, by in dict.fromkeys((row.source, row.weight, row.by) for row in rows_):
        part = [one for row, one in made if (row.source, row.weight, row.by) == (source, weight, by)]
        lessons.teach(context.conn, context.task, part, Teaching(source, weight, mark, by))
    got = {(row.source, row.key, row.digest) for row, _ in made}
    return len(got), [row.key for name, row in old.items() if name not in got]


def _read_again(context: Context, place: str, rows: Sequence[Row]) -> Iterable[tuple[Row, Any]]:
    """The data of taught items, from the file or project that they came from; what has changed is left out."""
    path = config.resolve(place, context.root)
    try:
        if rows[0].source == MISSED:
            found = {item.digest: item.thing for item in outside_items(context, [path], SourceOptions())}
            return [(row, found[row.digest]) for row in rows if row.digest in found]
        return _read_there(path, rows)
    except LabelsieveError:
        return []


def _read_there(path: Path, rows: Sequence[Row]) -> list[tuple[Row, Any]]:
    there = opened_context(path, "main")
    try:
        by_key = manifest.by_key(there.conn, (row.key for row in rows))
        known = [row for row in rows if row.key in by_key]
        ids = np.array([by_key[row.key] for row in known], np.int64)
        marks = manifest.digests(there.conn, ids)
        parts = zip(known, marks, there.things(ids), strict=True)
        return [(row, thing) for row, mark, thing in parts if mark == row.digest and not isinstance(thing, InputError)]
    finally:
        there.conn.close()


def _embedded_again(
    context: Context, rows: Sequence[Row], things: list[Any], progress: Progress | None
) -> list[tuple[Row, Lesson]]:
    if not rows:
        return []
    kinds = {context.modality(id_) for id_ in context.rows} - {"embedding"}
    made = embedded(engine_for(context, kinds, raw_pool(context)), things, progress)
    parts = ((rows[at], row) for at, row in zip(made.at.tolist(), made.rows, strict=True))
    return [(old, Lesson(old.key, old.digest, old.path, old.code, row, old.name)) for old, row in parts]
