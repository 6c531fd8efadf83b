"""Labels that are read and checked, kept in a temporary table until all of them are written at once.

The table is this connection's alone: filling it holds no lock of the ledger, so that others go on writing meanwhile.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from labelsieve.core.types import Label, Value

Parked: TypeAlias = tuple[Label, str | None, bool]  # a label, how many it stands for, whether it decides

_COLUMNS = "id, item, tag, names, weights, annotator, at, seconds, source, query, stands_for, decides"


class ParkedLabels:
    """The labels of one task, in the order they came. There is one such table a connection: a new one drops the old."""

    def __init__(self, conn: sqlite3.Connection, task: str) -> None:
        self._conn, self._task = conn, task
        conn.execute("DROP TABLE IF EXISTS temp.parked")
        conn.execute(f"CREATE TEMP TABLE parked (n INTEGER PRIMARY KEY, {_COLUMNS})")

    def add(self, labels: Sequence[Parked]) -> None:
        """Keeps further labels, none of which supersedes another or is about a part."""
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

    def blocks(self, size: int) -> Iterator[list[Parked]]:
        """All of them again, at most `size` at once."""
        after = 0
        sql = f"SELECT n, {_COLUMNS} FROM temp.parked WHERE n > ? ORDER BY n LIMIT {size:d}"
        while rows := self._conn.execute(sql, (after,)).fetchall():
            after = rows[-1][0]
            yield [self._parked(row) for row in rows]

    def drop(self) -> None:
        """Frees its room."""
        self._conn.execute("DROP TABLE IF EXISTS temp.parked")

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
