"""Tasks and their classes. A class keeps its code for ever; codes are never reused.

add(conn, name, kind, classes=None, dull="dull") -> Task     `classes` closes the task
get(conn, name) -> Task                                      UnknownName lists the tasks
listed(conn) -> list[Task]                                   oldest first
register(conn, task, names) -> dict[name, code]              new classes get the next codes
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import get_args

from labelsieve.core.errors import InputError, NotNow, ProjectError, UnknownName
from labelsieve.core.types import Kind, Task
from labelsieve.project.database import RESTORE, now, transaction


def add(
    conn: sqlite3.Connection, name: str, kind: Kind, classes: Sequence[str] | None = None, dull: str = "dull"
) -> Task:
    """A new task. With `classes` it is closed: a label of any other class is an error."""
    if kind not in get_args(Kind):
        raise UnknownName("kind of task", kind, get_args(Kind))
    if not name.strip():
        raise InputError("the task name is empty, expected a word.", "--task-name main")
    if not name.isprintable() or name.startswith(".") or set(name) & set('/\\:*?"<>|') or len(name.encode()) > 100:
        raise InputError(  # it names files, and none may leave its folder
            f"the task name {name[:100]!r} cannot name a file; expected letters, digits, spaces, - and _, up to 100.",
            "--task-name main",
        )
    names = list(classes or ())
    if len(set(names)) != len(names) or not all(text.strip() for text in names):
        raise InputError(f"the classes {names} repeat a name or have an empty one.", "name every class once.")
    if kind == "screen" and names and dull not in names:
        raise InputError(f"the dull class {dull!r} is not among the classes {names}.", f"--dull {names[0]}")
    with transaction(conn):
        if conn.execute("SELECT 1 FROM tasks WHERE name = ?", (name,)).fetchone():
            raise NotNow(f"there is a task {name!r} already.", "choose another --task-name.")
        row = (name, kind, bool(names), dull, now())
        task = conn.execute("INSERT INTO tasks (name, kind, closed, dull, added) VALUES (?, ?, ?, ?, ?)", row).lastrowid
        rows = [(task, code, text) for code, text in enumerate(names)]
        conn.executemany("INSERT INTO classes VALUES (?, ?, ?)", rows)
    return get(conn, name)


def get(conn: sqlite3.Connection, name: str) -> Task:
    """The task of that name, with the classes that it has by now."""
    row = conn.execute("SELECT id, name, kind, closed, dull FROM tasks WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise UnknownName("task", name, [text for (text,) in conn.execute("SELECT name FROM tasks")])
    there = conn.execute("SELECT code, name FROM classes WHERE task = ? ORDER BY code", (row[0],)).fetchall()
    if [code for code, _ in there] != list(range(len(there))):
        fact = (
            f"the classes of the task {name!r} were edited: their codes are {', '.join(str(code) for code, _ in there)}"
        )
        raise ProjectError(
            f"{fact}; expected 0 to {len(there) - 1}.",
            f"{RESTORE}.",
        )
    return Task(row[0], row[1], row[2], tuple(text for _, text in there), bool(row[3]), row[4])


def listed(conn: sqlite3.Connection) -> list[Task]:
    """All tasks, oldest first."""
    return [get(conn, name) for (name,) in conn.execute("SELECT name FROM tasks ORDER BY id").fetchall()]


def register(conn: sqlite3.Connection, task: Task, names: Iterable[str]) -> dict[str, int]:
    """Code of every class of the task, `names` among them. UnknownName for a new name in a closed task.

    Call it inside the transaction that writes the labels, so that a class never stands without its labels.
    """
    known = dict(conn.execute("SELECT name, code FROM classes WHERE task = ?", (task.id,)).fetchall())
    fresh = [name for name in dict.fromkeys(names) if name not in known]
    if fresh and task.closed:
        hint = f"correct the label, or make a task with open classes: the classes of {task.name!r} are closed."
        raise UnknownName("class", fresh[0], known, hint)
    for name in fresh:
        if not name.strip():
            raise InputError("a class name is empty, expected a word.", "use skip or unsure for no answer.")
        known[name] = len(known)
        conn.execute("INSERT INTO classes VALUES (?, ?, ?)", (task.id, known[name], name))
    return known
