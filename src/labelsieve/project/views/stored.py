"""Views of the pool: stored arrays of ids, whose pages are slices. Equal views are one file.

create(context, asked, by) -> View           filtered and ordered, stored below cache/views
open_view(context, view) -> (task, ids)      mapped; GoneView where it was swept
selected(context, items, view, ranges)       the ids of a selection: by id, or by positions in a view
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.core.types import Ids
from labelsieve.project import tasks
from labelsieve.project.context import Context
from labelsieve.project.views import foreseen, similar
from labelsieve.project.views.arrayfiles import kept, put
from labelsieve.project.views.filtering import All, Filter, Sort, Uses, uses
from labelsieve.project.views.glances import Glance, pool_state
from labelsieve.project.views.masks import chosen, in_order

_NAME = re.compile("([0-9]{1,18})-([0-9a-f]{32})")


class GoneView(UnknownName):
    """A view that is not there any more."""

    def __init__(self, view: str) -> None:
        super().__init__("view", view[:60], None, "ask for it anew: POST /api/v1/tasks/TASK/views.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a view shows: a filter, an order, some items alone, or what is like one item (then nearest first).

    Without an order of their own, some items stay in the order in which they are named.
    """

    filter: Filter = field(default_factory=lambda: All("all"))
    sort: Sort = field(default_factory=Sort)
    near: int | None = None
    ids: Ids | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A stored view. `total` is None where a worker has to look for what is like an item first."""

    id: str
    total: int | None


def create(context: Context, wanted: Wanted, by: str | None = None) -> View:
    """The view, stored. `by` names one annotator whose answers alone count and are seen; None counts all.

    Cost: nothing where the same view is stored; else O(N) for each condition, and an order of the m items found.
    """
    near = None if wanted.near is None else similar.known_near(context, wanted.near)
    id_ = f"{context.task.id}-{_digest(context, wanted, by)}"
    if wanted.near is not None and near is None:
        return View(id_, None)
    path = _path(context, id_)
    found = kept(path)
    if found is None:
        found = put(path, _made(Glance(context, by), wanted, near))
    return View(id_, len(found))


def _made(glance: Glance, wanted: Wanted, near: Ids | None) -> Ids:
    ids = chosen(glance, wanted.filter, wanted.ids)
    if near is not None:
        return near[np.isin(near, ids)]
    if wanted.ids is not None and wanted.sort == Sort():
        _, first = np.unique(wanted.ids, return_index=True)
        named = wanted.ids[np.sort(first)]
        return named[np.isin(named, ids)]
    return in_order(glance, ids, wanted.sort)


def _digest(context: Context, wanted: Wanted, by: str | None) -> str:
    own = None if wanted.ids is None else hashlib.blake2b(np.asarray(wanted.ids, np.int64).tobytes()).hexdigest()
    sort = asdict(wanted.sort) if wanted.near is None else None
    needs = uses(wanted.filter, wanted.sort)
    if "guess" in needs and context.task.kind == "screen":  # audits veil guesses, for reviewers until they are answered
        needs = needs | ({"asked"} if by is not None else {"asked", "labels"})
    state = _state(context, needs)
    text = json.dumps([asdict(wanted.filter), sort, wanted.near, own, by, state], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _state(context: Context, needs: set[Uses]) -> dict[str, Any]:
    """What the view depends on, as it is now. Cost: a few look-ups."""
    conn, task = context.conn, context.task
    state: dict[str, Any] = {"pool": pool_state(context)}
    if "labels" in needs:
        state["labels"] = conn.execute("SELECT MAX(seq) FROM events").fetchone()[0]
    if "flags" in needs:
        sql = "SELECT MAX(id), COUNT(gone) FROM flags WHERE task = ?"
        state["flags"] = list(conn.execute(sql, (task.id,)).fetchone())
    if "asked" in needs:
        state["asked"] = conn.execute("SELECT MAX(id) FROM queries WHERE task = ?", (task.id,)).fetchone()[0]
    if "guess" in needs:
        known = foreseen.read(context)
        state["guess"] = None if known is None else [known.mark, len(known.ids)]
    return state


def open_view(context: Context, view: str) -> tuple[str, Ids]:
    """(name of its task, ids (m,) mapped) of a stored view. GoneView where there is none of that name."""
    match = _NAME.fullmatch(view)
    names = {str(task.id): task.name for task in tasks.listed(context.conn)}
    if match is None or match.group(1) not in names:
        raise GoneView(view)
    ids = kept(_path(context, view))
    if ids is None:
        raise GoneView(view)
    return names[match.group(1)], ids


def _path(context: Context, view: str) -> Path:
    return context.cache / "views" / f"{view}.npy"


def within_ranges(ids: Ids, ranges: Sequence[tuple[int, int]]) -> Ids:
    """Ids (k,) at the positions [start, stop) of a view, each once, in its order. InputError outside of it."""
    mask = np.zeros(len(ids), bool)
    for start, stop in ranges:
        if not 0 <= start <= stop <= len(ids):
            fact = f"the view has {len(ids):,} items; [{start:,}, {stop:,}) does not lie in it."
            raise InputError(fact, "send ranges as [start, stop), 0 being the first.")
        mask[start:stop] = True
    return np.asarray(ids[mask])


def selected(
    context: Context, items: Sequence[int] | None, view: str | None, ranges: Sequence[tuple[int, int]] | None
) -> Ids:
    """Ids (k,) of a selection: `items` by id, or positions in a view. InputError where it is neither or both."""
    if (items is None) == (view is None):
        raise InputError("a selection is either `items` or a `view` with `ranges`.", "send one of the two.")
    if items is not None:
        return np.array(list(dict.fromkeys(items)), np.int64)
    task, ids = open_view(context, str(view))
    if task != context.task_name:
        raise InputError(f"the view is of the task {task!r}, not of {context.task_name!r}.", "ask for a view of it.")
    return within_ranges(ids, [(0, len(ids))] if ranges is None else ranges)
