"""Teach a screen what its pool does not hold: an odd (or dull) item that was missed, and found elsewhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.core.types import DULL, ODD, Ids, Label, Task
from labelsieve.project import chain, config, events, folding, manifest
from labelsieve.project.context import Context
from labelsieve.project.current import current_of
from labelsieve.project.database import now, transaction
from labelsieve.project.embedding import EmbedProgress
from labelsieve.project.grounds import engine_mark
from labelsieve.project.labelling import Given, labels_of
from labelsieve.project.lessons import taught as lessons
from labelsieve.project.lessons.outside import Outside, embedded, engine_for, outside_items, rows_in_pool
from labelsieve.project.lessons.patching import shown_by
from labelsieve.project.lessons.taught import MISSED, Counts, Lesson, Row, Teaching
from labelsieve.project.pooling import raw_pool
from labelsieve.sources.options import SourceOptions

Progress = Callable[[EmbedProgress], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of items that were missed: dull, or odd (of a class, where one is named), and by whom."""

    by: str
    dull: bool = False
    name: str = ""
    options: SourceOptions = field(default_factory=SourceOptions)


@dataclass(frozen=True, slots=True)
class Missed:
    """What was taught: how many items beside the pool, and the keys of those that are in it and were `labelled` there.

    `known` of them had that answer already; of `contradicted` somebody had said the opposite.
    """

    taught: Counts
    labelled: tuple[str, ...] = ()
    known: int = 0
    contradicted: tuple[str, ...] = ()


def require_screen(context: Context) -> Task:
    """The task of the context. InputError where it is no screen: others do not learn from what is not of the pool."""
    task = context.task
    if task.kind != "screen":
        raise InputError(
            f"the task {task.name!r} is of kind {task.kind}; items from elsewhere can be taught to a screen alone.",
            "labelsieve sync PROJECT FILE puts them into the pool, where they can be labelled.",
        )
    return task


def miss(context: Context, paths: Sequence[Path], answer: Answer, progress: Progress | None = None) -> Missed:
    """Teaches the items of some files: they train from now on. One that is in the pool is labelled there instead.

    Errors: InputError where a file cannot be read or embedded; then nothing is written.
    """
    task = require_screen(context)
    if not answer.by.strip():
        raise InputError("it does not say who taught it (by).", "--by NAME")
    code, name = _code_and_name(task, answer)
    items = outside_items(context, paths, answer.options)
    here = _in_pool(context, items)
    beside = [item for item in items if item.digest not in here]
    taught = _lessons(context, beside, code, name, progress)
    shown = shown_by(context, beside, taught)
    given = Teaching(MISSED, 1.0, engine_mark(context), answer.by)
    ids = np.array(sorted({id_ for found in here.values() for id_ in found}), np.int64)
    with transaction(context.conn):
        counts = lessons.teach(context.conn, task, taught, given)
        lessons.teach(context.conn, task, shown, replace(given, mark=context.settings.map_embeddings))
        if counts.added or counts.changed:
            add_taught_fact(context, "taught", given, [(one.digest, one.code) for one in taught])
        labelled, known, contradicted = _label_there(context, ids, code, name, answer.by)
    return Missed(counts, labelled, known, contradicted)


def _code_and_name(task: Task, answer: Answer) -> tuple[int, str]:
    """The code of an answer, and its class; "" where none is named. UnknownName for one that a closed task has not."""
    if answer.dull:
        if answer.name and answer.name != task.dull:
            raise InputError(f"--dull and --as {answer.name} contradict each other.", f"dull is {task.dull!r} here.")
        return DULL, task.dull
    if answer.name and task.closed and answer.name not in task.classes:
        raise UnknownName("class of this task", answer.name, task.classes)
    return (DULL if answer.name == task.dull else ODD), answer.name


def _class_of(task: Task, code: int, name: str) -> str:
    """The class that an item of the pool is labelled with."""
    if name or code == DULL:
        return name or task.dull
    odd = [one for one in task.classes if one != task.dull]
    if task.closed and len(odd) != 1:
        raise InputError(
            f"the item is in the pool, and the odd classes of this task are {', '.join(odd)}.", f"--as {odd[0]}"
        )
    return odd[0] if len(odd) == 1 else "odd"


def _in_pool(context: Context, items: Sequence[Outside]) -> dict[str, list[int]]:
    """Ids of the items of the pool that are the same, by digest; ready embeddings are compared number by number."""
    found = lessons.in_pool(context.conn, (item.digest for item in items if item.modality != "embedding"))
    ready = [item for item in items if item.modality == "embedding"]
    if not ready:
        return found
    raw = raw_pool(context)
    fitting = [item for item in ready if len(item.thing) == raw.dim]  # the others are told of when they are embedded
    rows = np.stack([item.thing for item in fitting]) if fitting else np.empty((0, raw.dim), np.float32)
    return found | {fitting[at].digest: ids for at, ids in rows_in_pool(raw, rows).items()}


def _lessons(
    context: Context, items: Sequence[Outside], code: int, name: str, progress: Progress | None
) -> list[Lesson]:
    """One lesson an item. InputError where one cannot be embedded."""
    if not items:
        return []
    engine = engine_for(context, {item.modality for item in items}, raw_pool(context))
    made = embedded(engine, [item.thing for item in items], progress)
    if made.bad:
        at = min(made.bad)
        raise InputError(f"{items[at].key}: {made.bad[at]}", "nothing was taught; leave that one out, or mend it.")
    places = [config.relative(item.path, context.root) for item in items]
    parts = zip(items, places, made.rows, strict=True)
    return [Lesson(item.key, item.digest, place, code, row, name) for item, place, row in parts]


def _label_there(
    context: Context, ids: Ids, code: int, name: str, by: str
) -> tuple[tuple[str, ...], int, tuple[str, ...]]:
    """Keys of the items of the pool, how many had this answer by `by` already, keys of those that somebody gainsays."""
    if not len(ids):
        return (), 0, ()
    task = context.task
    class_ = _class_of(task, code, name)
    said = folding.fold(context.conn, task.name)
    other = np.intersect1d(ids, said.ids[said.y != code])
    mine = current_of(context.conn, task.name, ids, by)
    known = [id_ for id_ in ids.tolist() if id_ in mine and _names(context, id_, mine[id_]) == (class_,)]
    fresh = np.setdiff1d(ids, np.array(known, np.int64))
    events.write(context.conn, labels_of(context, fresh, [class_] * len(fresh), Given(by)))
    keys = manifest.keys(context.conn, ids)
    return tuple(keys), len(known), tuple(manifest.keys(context.conn, other))


def _names(context: Context, item: int, uuid: str) -> tuple[str, ...]:
    for label in events.history(context.conn, context.task_name, item):
        if label.id == uuid and label.value is not None:
            return label.value.names
    return ()


def unmiss(context: Context, paths: Sequence[Path], answer: Answer) -> Missed:
    """Takes back what `miss` did with these files: taught items by content (by path where the file is gone), and the
    current answers of `answer.by` to those that are in the pool."""
    task = require_screen(context)
    places = {config.relative(path, context.root) for path in paths if not path.exists()}
    standing = lessons.standing_lessons(context.conn, task)
    digests = {row.digest for row in standing if row.source == MISSED and row.path in places}
    items = outside_items(context, [path for path in paths if path.exists()], answer.options)
    here = _in_pool(context, items)
    digests |= {item.digest for item in items}
    ids = np.array(sorted({id_ for found in here.values() for id_ in found}), np.int64)
    with transaction(context.conn):
        count = lessons.forget(context.conn, task, MISSED, sorted(digests))
        if count:
            given = Teaching(MISSED, 1.0, engine_mark(context), answer.by)
            add_taught_fact(context, "untaught", given, [(one, -1) for one in sorted(digests)])
        mine = current_of(context.conn, task.name, ids, answer.by)
        undos = [
            Label(events.new_id(), task.name, item, None, answer.by, now(), supersedes=uuid)
            for item, uuid in mine.items()
        ]
        events.write(context.conn, undos)
    return Missed(Counts(added=count), tuple(manifest.keys(context.conn, np.array(sorted(mine), np.int64))))


def add_taught_fact(context: Context, what: str, given: Teaching, items: Sequence[tuple[str, int]]) -> None:
    """Chains that items were taught, or taken back: their contents and answers as one digest."""
    from hashlib import blake2b

    mark = blake2b(repr(sorted(items)).encode(), digest_size=16).hexdigest()
    facts: dict[str, Any] = {"task": context.task_name, "source": given.source, "weight": given.weight, "by": given.by}
    chain.add_fact(context.conn, what, {**facts, "items": len(items), "digest": mark})


def taught_state(context: Context, verdicts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry a source, as `status` shows it: dull, odd, weight, whether it takes part, and why; `left_out` counts
    items of another engine, and `in_pool` those that the pool holds by now. `verdicts` are those of the last fit."""
    task = context.task
    if task.kind != "screen":
        return []
    mark = engine_mark(context)
    said = {one["source"]: one for one in verdicts}
    rows = lessons.standing_lessons(context.conn, task)
    here = lessons.in_pool(context.conn, {row.digest for row in rows})
    return [
        _source_state(name, [row for row in rows if row.source == name], mark, set(here), said.get(name))
        for name in dict.fromkeys(row.source for row in rows)
    ]


def _source_state(
    name: str, rows: Sequence[Row], mark: str, here: set[str], said: dict[str, Any] | None
) -> dict[str, Any]:
    items = {(row.key, row.digest): row for row in rows}
    ready = {(row.key, row.digest) for row in rows if row.mark == mark}
    codes = [row.code for row in items.values()]
    return {
        "source": name,
        "dull": codes.count(DULL),
        "odd": codes.count(ODD),
        "weight": rows[-1].weight,
        "takes_part": said["takes_part"] if said else None,
        "why": said["why"] if said else "the head has not been fitted since",
        "gain": said["gain"] if said else None,
        "left_out": len(items) - len(ready),
        "in_pool": sum(digest in here for _, digest in items),
    }
