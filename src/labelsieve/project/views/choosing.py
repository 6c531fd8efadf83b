"""What a view of a task can be filtered by, as plain data."""

from typing import Any

from labelsieve.core.errors import LabelsieveError
from labelsieve.project.context import Context
from labelsieve.project.views import foreseen
from labelsieve.project.views.glances import columns_of


def choices(context: Context, by: str | None = None) -> dict[str, Any]:
    """Sources, columns, annotators, and the classes that the head tells apart; `by` as in `create` of a view."""
    known = foreseen.read(context)
    sql = "SELECT DISTINCT annotator FROM events WHERE task = ? ORDER BY annotator"
    people = [name for (name,) in context.conn.execute(sql, (context.task.id,))] if by is None else [by]
    return {
        "sources": [row.name for row in context.rows.values()],
        "columns": _columns(context),
        "annotators": people,
        "guesses": [] if known is None else list(known.classes),
        "modalities": sorted({row.modality for row in context.rows.values()}),
        "times": context.conn.execute("SELECT 1 FROM items WHERE time IS NOT NULL LIMIT 1").fetchone() is not None,
    }


def _columns(context: Context) -> list[str]:
    names: dict[str, None] = {}
    for id_ in context.rows:
        try:
            names |= dict.fromkeys(columns_of(context, id_))
        except LabelsieveError:  # a source that is not there now: its items are still shown
            continue
    return list(names)
