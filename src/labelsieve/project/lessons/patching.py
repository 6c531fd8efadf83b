"""What taught pictures show: their patches, thinned, kept in the ledger beside their embeddings, in rows of their own.

The file of a picture that was taught is often gone by the time a cache is, so they are not kept there. Only what was
taught one by one (`miss`) is kept; sources that a pool learns from are whole projects.
"""

from dataclasses import replace

import numpy as np

from labelsieve.core.errors import LabelsieveError
from labelsieve.core.types import Matrix
from labelsieve.project import config, tasks
from labelsieve.project.context import Context
from labelsieve.project.grounds import engine_mark
from labelsieve.project.lessons import taught as lessons
from labelsieve.project.lessons.outside import Outside, embedded, outside_items
from labelsieve.project.lessons.taught import MISSED, Lesson, Row, Teaching
from labelsieve.project.pictures.mapped import map_engine
from labelsieve.screening.patches import thinned
from labelsieve.sources.options import SourceOptions


def shown_by(context: Context, items: list[Outside], answered: list[Lesson]) -> list[Lesson]:
    """Lessons whose rows are patches (k * c,) of those of the items that are pictures; none without feature maps.

    `answered` are the lessons of the same items. Where the model of the maps cannot be opened there are none: the head
    learns all the same, and `show_again` makes up for it.
    """
    if not context.settings.maps or not context.settings.map_embeddings:
        return []
    mine = [(item, one) for item, one in zip(items, answered, strict=True) if item.modality == "image"]
    if not mine:
        return []
    try:
        engine = map_engine(context)
        made = embedded(engine, [item.thing for item, _ in mine])
    except LabelsieveError:
        return []
    out = []
    for at, row in zip(made.at.tolist(), made.rows, strict=True):
        one = mine[at][1]
        patches = np.ascontiguousarray(thinned(row.reshape(-1, engine.grid[2])), np.float32)
        out.append(Lesson(one.key, one.digest, one.path, one.code, patches.ravel(), one.name))
    return out


def show_again(context: Context) -> int:
    """How many missed pictures of all screens got their patches by the present model of the maps; those whose file is
    gone, or holds something else now, are left out."""
    screens = [task.name for task in tasks.listed(context.conn) if task.kind == "screen"]
    return sum(_show_missing(replace(context, task_name=name)) for name in screens)


def _show_missing(context: Context) -> int:
    mark, done = context.settings.map_embeddings, 0
    rows = [row for row in lessons.standing_lessons(context.conn, context.task) if row.source == MISSED]
    there = {(row.key, row.digest) for row in rows if row.mark == mark}
    old = {(row.key, row.digest): row for row in rows if row.mark == engine_mark(context)}
    for place in dict.fromkeys(row.path for name, row in old.items() if name not in there):
        done += _shown(context, [row for name, row in old.items() if row.path == place and name not in there], mark)
    return done


def _shown(context: Context, rows: list[Row], mark: str) -> int:
    try:
        found = outside_items(context, [config.resolve(rows[0].path, context.root)], SourceOptions())
    except LabelsieveError:
        return 0
    items = {item.digest: item for item in found}
    rows = [row for row in rows if row.digest in items]
    answered = [Lesson(row.key, row.digest, row.path, row.code, np.empty(0, np.float32), row.name) for row in rows]
    made = shown_by(context, [items[row.digest] for row in rows], answered)
    by = {(row.key, row.digest): row.by for row in rows}
    for one in made:
        lessons.teach(context.conn, context.task, [one], Teaching(MISSED, 1.0, mark, by[one.key, one.digest]))
    return len(made)


def odd_patches(context: Context, depth: int) -> list[Matrix]:
    """The patches (p, c) of each picture that was missed and is odd, by the present model of the maps: those that the
    pool does not hold. `depth` is c. Cost: one pass over the items where there is any."""
    found = lessons.odd_rows(context.conn, context.task, engine_mark(context), context.settings.map_embeddings)
    return [np.frombuffer(row, np.float32).reshape(-1, depth) for row in found if len(row) % (4 * depth) == 0]
