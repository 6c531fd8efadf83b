"""Labels that are read and checked, kept in a temporary table until all of them are written at once.

The table is this connection's alone: filling it holds no lock of the ledger, so that others go on writing meanwhile.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from labelsieve.core.types import Label, Origin, Task, Value
from labelsieve.project import chain, events, tasks

_EVENT = "seq, id, task, item, part, tag, code, detail, annotator, at, seconds, source, query, supersedes"
_PLAIN = "? + p.n, p.id, ?, p.item, NULL, v.tag, v.code, v.detail, annotator, at, seconds, source, query, NULL"
_COLUMNS = "id, item, value, annotator, at, seconds, source, query, stands_for, decides"


class Parked(NamedTuple):
    """A label that waits to be written: with how many items it stands for, and whether it decides."""

    id: str
    item: int
    value: Value
    by: str
    at: str
    seconds: float | None
    source: Origin
    query: int | None
    stands_for: str | None = None
    decides: bool = False

    def label(self, task: str) -> Label:
        """The same as a label of a task."""
        return Label(self.id, task, *self[1:8])


class ParkedLabels:
    """The labels of one task, in the order they came. There is one such table a connection: a new one drops the old."""

    def __init__(self, conn: sqlite3.Connection, task: str) -> None:
        self._conn, self._task = conn, task
        self._values: dict[Value, int] = {}  # every distinct answer and its number: the table holds numbers
        self._proper: set[tuple[int, str, str]] = set()
        self.drop()
        conn.execute(f"CREATE TEMP TABLE parked (n INTEGER PRIMARY KEY, {_COLUMNS})")

    def add(self, labels: Sequence[Parked]) -> None:
        """Keeps further labels; their ids, times and seconds are in order. InputError for one that no task of this kind
        can hold."""
        task = tasks.get(self._conn, self._task)
        rows = [(*label[:2], self._number(task, label), *label[3:]) for label in labels]
        marks = ", ".join("?" * len(_COLUMNS.split(",")))
        sql = f"INSERT INTO temp.parked ({_COLUMNS}) VALUES ({marks})"
        alone = not self._conn.in_transaction
        if alone:
            self._conn.execute("BEGIN")  # touches the temporary table only
        try:
            self._conn.executemany(sql, rows)
        finally:
            if alone and self._conn.in_transaction:
                self._conn.execute("COMMIT")

    def _number(self, task: Task, label: Parked) -> int:
        """The number of a label's answer. What many labels share is checked once."""
        number = self._values.setdefault(label.value, len(self._values))
        said = (number, label.by, label.source)
        if said not in self._proper:
            events.require_proper(task, label.label(task.name))
            self._proper.add(said)
        return number

    def write_plainly(self) -> int | None:
        """How many labels were written: all of them by one statement, in a tenth of the time. None, and nothing is
        written, where one is known already, decides, or stands for others: then `blocks` tells them one by one.

        Call it in a transaction; it does what `events.write` does of labels that are all new. Cost: 7 us a label.
        """
        conn = self._conn
        if conn.execute("SELECT 1 FROM temp.parked WHERE decides OR stands_for IS NOT NULL LIMIT 1").fetchone():
            return None
        task = tasks.get(conn, self._task)
        if task.kind == "screen":
            chain.commit_seed(conn)
        asked = conn.execute("SELECT DISTINCT query FROM temp.parked WHERE query IS NOT NULL")
        events.require_queries(conn, task, {query for (query,) in asked})
        conn.execute("SAVEPOINT plainly")
        try:
            self._number_values(task)
            rows = "temp.parked p CROSS JOIN temp.parked_values v ON v.value = p.value ORDER BY p.n"
            sql = f"INSERT INTO events ({_EVENT}) SELECT {_PLAIN} FROM {rows}"
            added = conn.execute(sql, (events.last_number(conn), task.id)).rowcount
            chain.link_events(conn)
        except sqlite3.IntegrityError:  # an id is known, or twice in the file
            conn.execute("ROLLBACK TO plainly")
            conn.execute("RELEASE plainly")
            return None
        conn.execute("RELEASE plainly")
        return int(added)

    def _number_values(self, task: Task) -> None:
        """Gives every distinct answer its codes, new classes in the order in which they came."""
        conn = self._conn
        codes = tasks.register(conn, task, (name for value in self._values for name in value.names))
        conn.execute("DROP TABLE IF EXISTS temp.parked_values")
        conn.execute("CREATE TEMP TABLE parked_values (value INTEGER PRIMARY KEY, tag, code, detail)")
        rows = ((number, *events.in_codes(value, codes)) for value, number in self._values.items())
        conn.executemany("INSERT INTO temp.parked_values VALUES (?, ?, ?, ?)", rows)

    def blocks(self, size: int) -> Iterator[list[Parked]]:
        """All of them again, at most `size` at once."""
        after, values = 0, list(self._values)
        sql = f"SELECT n, {_COLUMNS} FROM temp.parked WHERE n > ? ORDER BY n LIMIT {size:d}"
        while rows := self._conn.execute(sql, (after,)).fetchall():
            after = rows[-1][0]
            yield [
                Parked._make((id_, item, values[value], *rest, bool(decides)))
                for _, id_, item, value, *rest, decides in rows
            ]

    def drop(self) -> None:
        """Frees its room."""
        for name in ("parked", "parked_values"):
            self._conn.execute(f"DROP TABLE IF EXISTS temp.{name}")
