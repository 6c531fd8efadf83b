"""What stands for a few items now, without folding the whole task: who answered what, and what was taken back."""

import sqlite3
from collections import defaultdict

import numpy as np

from labelsieve.core.types import Ids, Label, Task
from labelsieve.project import events


def standing_answers(conn: sqlite3.Connection, task: Task, ids: Ids, by: str | None = None) -> dict[int, list[Label]]:
    """Item -> each annotator's current answer to the whole item, in the order given; items with none are left out.

    The same rules as the fold (project/folding.py), for the events of these items alone. `by` names one person whose
    answers alone are wanted: those to hidden items are there like all others. Of many items the UUIDs of
    one annotator's answers, without the labels themselves, are `events.current_of`. Cost: O(their events).
    """
    found: dict[int, list[Label]] = defaultdict(list)
    for label in events.of_items(conn, task, ids, by):
        found[label.item].append(label)
    return {item: kept for item, labels in found.items() if (kept := _current(labels))}


def own_answer(conn: sqlite3.Connection, task: Task, item: int, query: int, by: str) -> str | None:
    """UUID of the last answer that a person gave to an item of this query and that stands, to a hidden one too."""
    own = list(events.of_items(conn, task, np.array([item], np.int64), by))
    to_query = {label.id for label in own if label.query == query}
    standing = _current([label for label in own if label.id in to_query or label.supersedes in to_query])
    return standing[-1].id if standing else None


def _current(labels: list[Label]) -> list[Label]:
    """Of the events of one item, in the order they were written."""
    taken: set[str] = set()
    for label in reversed(labels):
        if label.value is None and label.id not in taken and label.supersedes is not None:
            taken.add(label.supersedes)
    replaced = {label.supersedes for label in labels if label.value is not None and label.id not in taken}
    live: dict[str, Label] = {}
    for label in labels:
        if label.value is not None and label.part is None and label.id not in taken and label.id not in replaced:
            live.pop(label.by, None)  # the order of the last answers
            live[label.by] = label
    return list(live.values())
