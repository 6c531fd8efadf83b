"""The cells of an event as a value. An event whose cells were edited by hand stops nothing without its name.

value_in(task, tag, code, detail) -> Value | None     what the cells say; ValueError where they say nothing
edited(conn, seq, why) -> ProjectError                the event by its UUID and the key of its item, and one thing to do
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

import numpy as np

from labelsieve.core.errors import ProjectError
from labelsieve.core.types import Kind, Tag, Task, Value
from labelsieve.project import manifest

HINT = (
    "labelsieve doctor names every event that was edited; labelsieve restore BACKUP PROJECT puts back the newest of "
    "backups/ from before it."
)
FITS: dict[Kind, tuple[Tag, ...]] = {
    "classes": ("class", "soft", "unsure", "skip"),
    "screen": ("class", "soft", "unsure", "skip"),
    "multilabel": ("classes", "soft", "unsure", "skip"),
}


def value_in(task: Task, tag: Any, code: Any, detail: Any) -> Value | None:
    """What the cells of an event of a task say, None for an undo.

    ValueError where they were edited: a class that there is not, JSON that is none, a weight that is no number.
    """
    if tag is None:
        return None
    names = task.classes
    if tag not in FITS[task.kind]:
        raise ValueError(f"its tag is {tag!r}; expected one of {', '.join(FITS[task.kind])}")
    if tag == "class":
        return Value(tag, (_name(code, names),))
    if tag not in ("classes", "soft"):
        return Value(tag)
    try:
        found = json.loads(detail)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"its detail is {str(detail)[:80]!r}; expected JSON") from error
    if tag == "classes" and isinstance(found, list):
        return Value(tag, tuple(_name(one, names) for one in found))
    if tag == "soft" and isinstance(found, list) and found and all(map(_is_pair, found)):
        return Value(tag, tuple(_name(one, names) for one, _ in found), tuple(weight for _, weight in found))
    raise ValueError(
        f"its detail is {str(detail)[:80]!r}; expected a list of {'codes' if tag == 'classes' else 'pairs'}"
    )


def _is_pair(pair: Any) -> bool:
    """Whether this is [code, weight] with a weight from 0 to 1."""
    return isinstance(pair, list) and len(pair) == 2 and type(pair[1]) in (int, float) and 0 <= pair[1] <= 1


def _name(code: Any, names: Sequence[str]) -> str:
    if type(code) is not int or not 0 <= code < len(names):
        there = f"0 to {len(names) - 1}" if names else "none: the task has no classes"
        raise ValueError(f"its class has the code {code!r}; there are {there}")
    return names[code]


def edited(conn: sqlite3.Connection, seq: int, why: str) -> ProjectError:
    """The error that names an event which does not say an answer any more."""
    row = conn.execute("SELECT id, item FROM events WHERE seq = ?", (seq,)).fetchone()
    uuid, item = row if row else (f"number {seq}", None)
    return ProjectError(f"event {uuid} of item {_key(conn, item)} was edited: {why}.", HINT)


def _key(conn: sqlite3.Connection, item: Any) -> str:
    try:
        return manifest.keys(conn, np.array([item], np.int64))[0]
    except (LookupError, TypeError, ValueError, OverflowError, ProjectError):
        return repr(item)
