"""Labels that are read and checked, kept in a temporary table until all of them are written at once.

The table is this connection's alone: filling it holds no lock of the ledger, so that others go on writing meanwhile.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from labelsieve.core.types import Label, Task, Value
from labelsieve.project import chain, events, tasks

Parked: TypeAlias = tuple[Label, str | None, bool]  # a label, how many it stands for, whether it decides

_EVENT = "seq, id, task, item, part, tag, code, detail, annotator, at, seconds, source, query, supersedes"
_PLAIN = "? + p.n, p.id, ?, item, NULL, p.tag, code, detail, annotator, at, seconds, source, query, NULL"
_SAME = "ON v.tag = p.tag AND v.names = p.names AND v.weights = p.weights"
_COLUMNS = "id, item, tag, names, weights, annotator, at, seconds, source, query, stands_for, decides"


class ParkedLabels:
    """The labels of one task, in the order they came. There is one such table a connection: a new one drops the old."""

    def __init__(self, conn: sqlite3.Connection, task: str) -> None:
        self._conn, self._task = conn, task
        conn.execute("DROP TABLE IF EXISTS temp.parked")
        conn.execute(f"CREATE TEMP TABLE parked (n INTEGER PRIMARY KEY, {_COLUMNS})")

    def add(self, labels: Sequence[Parked]) -> None:
        """Keeps further labels, none of which supersedes another or is about a part. InputError for one that no task of
        this kind can hold."""
        task = tasks.get(self._conn, self._task)
        for label, _, _ in labels:
            events.require_proper(task, label)
        marks = ", ".join("?" * len(_COLUMNS.split(",")))
        sql = f"INSERT INTO temp.parked ({_COLUMNS}) VALUES ({marks})"
        alone = not self._conn.in_transaction
        if alone:
            self._conn.execute("BEGIN")  # touches the temporary table only
        try:
            self._conn.executemany(sql, (_row(*parked) for parked in labels))
        finally:
            if alone and self._conn.in_transaction:
                self._conn.execute("COMMIT")

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
            sql = f"INSERT INTO events ({_EVENT}) SELECT {_PLAIN} FROM temp.parked p JOIN temp.parked_values v {_SAME}"
            added = conn.execute(f"{sql} ORDER BY p.n", (events.last_number(conn), task.id)).rowcount
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
        sql = "SELECT tag, names, weights FROM temp.parked GROUP BY tag, names, weights ORDER BY MIN(n)"
        values = [(row, _value(*row)) for row in conn.execute(sql).fetchall()]
        codes = tasks.register(conn, task, (name for _, value in values for name in value.names))
        conn.execute("DROP TABLE IF EXISTS temp.parked_values")
        columns = "tag, names, weights, code, detail, PRIMARY KEY (tag, names, weights)"
        conn.execute(f"CREATE TEMP TABLE parked_values ({columns}) WITHOUT ROWID")
        rows = ((*row, *events.in_codes(value, codes)[1:]) for row, value in values)
        conn.executemany("INSERT INTO temp.parked_values VALUES (?, ?, ?, ?, ?)", rows)

    def blocks(self, size: int) -> Iterator[list[Parked]]:
        """All of them again, at most `size` at once."""
        after = 0
        sql = f"SELECT n, {_COLUMNS} FROM temp.parked WHERE n > ? ORDER BY n LIMIT {size:d}"
        while rows := self._conn.execute(sql, (after,)).fetchall():
            after = rows[-1][0]
            yield [self._parked(row) for row in rows]

    def drop(self) -> None:
        """Frees its room."""
        for name in ("parked", "parked_values"):
            self._conn.execute(f"DROP TABLE IF EXISTS temp.{name}")

    def _parked(self, row: Any) -> Parked:
        _, id_, item, tag, names, weights, by, at, seconds, source, query, stands_for, decides = row
        value = _value(tag, names, weights)
        return Label(id_, self._task, item, value, by, at, seconds, source, query), stands_for, bool(decides)


def _row(label: Label, stands_for: str | None, decides: bool) -> tuple[Any, ...]:
    what = _plain(label.value or Value("skip"))  # nothing that is parked takes an answer back
    who = (label.by, label.at, label.seconds, label.source, label.query)
    return (label.id, label.item, *what, *who, stands_for, decides)


@lru_cache(4096)
def _plain(value: Value) -> tuple[str, str, str]:
    return value.tag, json.dumps(value.names), json.dumps(value.weights)


@lru_cache(4096)  # whole files have few
def _value(tag: Any, names: str, weights: str) -> Value:
    return Value(tag, tuple(json.loads(names)), tuple(json.loads(weights)))
