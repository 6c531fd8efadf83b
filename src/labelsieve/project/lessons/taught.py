"""The ledger of taught items: what is not of the pool, and trains all the same.

teach(conn, task, lessons, given) -> Counts          new, changed and known ones; one transaction
forget(conn, task, source, digests=None) -> int      takes them back; they stay in the ledger, marked as gone
standing_lessons(conn, task) -> list[Row]            all that were not taken back, without their embeddings
odd_rows(conn, task, mark, maps) -> list[bytes]      patches of missed odd pictures, by the engine of feature maps
names_of(conn, ids) -> list[str]                     how items are called, taught ones by their source and key
taking_part(conn, task, mark, dim) -> Taught | None  those that the engine `mark` embedded and the pool does not hold

An item of another engine takes no part, and neither does one whose content is in the pool by now: it would be
on both sides of an audit.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import ODD, Ids, Matrix, Task, Vector
from labelsieve.project import manifest
from labelsieve.project.database import now, transaction

MISSED = "missed"  # the source of items that were taught one by one


@dataclass(frozen=True, slots=True)
class Lesson:
    """One item that is not of the pool: what it is, its answer, and its embedding (d,) as the engine gave it.

    `path` is where it can be read again: a file, or the folder of another project. `name` is the class it was given.
    """

    key: str
    digest: str
    path: str
    code: int
    row: NDArray[np.float32]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Teaching:
    """What lessons of one call have in common: their source, weight, the engine that embedded them, who teaches."""

    source: str
    weight: float
    mark: str
    by: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many were new, were there with another answer or weight, and were there as they are."""

    added: int = 0
    changed: int = 0
    known: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.added + other.added, self.changed + other.changed, self.known + other.known)


@dataclass(frozen=True, slots=True)
class Row:
    """One taught item as the ledger has it."""

    id: int
    source: str
    key: str
    digest: str
    path: str
    code: int
    weight: float
    mark: str
    name: str
    by: str


@dataclass(frozen=True, slots=True)
class Taught:
    """Taught items (m,) that take part: negative ids ascending, codes, weights, sources, raw embeddings (m, d)."""

    ids: Ids
    y: NDArray[np.int64]
    weight: Vector
    source: NDArray[np.str_]
    rows: Matrix

    def __len__(self) -> int:
        return len(self.ids)

    def but(self, sources: Iterable[str]) -> "Taught":
        """The same without some sources."""
        keep = ~np.isin(self.source, list(sources))
        return Taught(self.ids[keep], self.y[keep], self.weight[keep], self.source[keep], self.rows[keep])


def teach(conn: sqlite3.Connection, task: Task, lessons: Sequence[Lesson], given: Teaching) -> Counts:
    """Writes lessons (m,) of one source. The same item again changes its answer and weight, and doubles nothing."""
    added = changed = known = 0
    at = now()
    sql = """SELECT id, code, weight, name, gone FROM taught
      WHERE task = ? AND source = ? AND digest = ? AND embeddings = ? AND (key = ? OR source = ?)"""
    with transaction(conn):
        for one in lessons:
            where = (task.id, given.source, one.digest, given.mark, one.key, MISSED)
            row = conn.execute(sql, where).fetchone()
            if row is None:
                _insert(conn, task, one, given, at)
                added += 1
            elif tuple(row[1:]) == (one.code, given.weight, one.name, None):
                known += 1
            else:
                values = (one.code, given.weight, one.name, one.path, given.by, at, row[0])
                sets = "code = ?, weight = ?, name = ?, path = ?, annotator = ?, at = ?, gone = NULL"
                conn.execute(f"UPDATE taught SET {sets} WHERE id = ?", values)
                added, changed = (added + 1, changed) if row[4] is not None else (added, changed + 1)
    return Counts(added, changed, known)


def _insert(conn: sqlite3.Connection, task: Task, one: Lesson, given: Teaching, at: str) -> None:
    columns = "task, source, key, digest, path, name, code, weight, embeddings, row, annotator, at"
    blob = np.ascontiguousarray(one.row, np.float32).tobytes()
    values = (task.id, given.source, one.key, one.digest, one.path, one.name, one.code, given.weight, given.mark, blob)
    conn.execute(f"INSERT INTO taught ({columns}) VALUES ({', '.join('?' * 12)})", (*values, given.by, at))


def forget(conn: sqlite3.Connection, task: Task, source: str, digests: Sequence[str] | None = None) -> int:
    """How many items of a source were taken back, by content; all of them where no digests are given."""
    among = "" if digests is None else " AND digest IN (SELECT value FROM json_each(?))"
    where = f"task = ? AND source = ? AND gone IS NULL{among}"
    values = (task.id, source, *([] if digests is None else [json.dumps(list(digests))]))
    with transaction(conn):
        found = conn.execute(f"SELECT COUNT(DISTINCT key || char(0) || digest) FROM taught WHERE {where}", values)
        count = int(found.fetchone()[0])
        conn.execute(f"UPDATE taught SET gone = ? WHERE {where}", (now(), *values))
    return count


def standing_lessons(conn: sqlite3.Connection, task: Task) -> list[Row]:
    """Every taught item that was not taken back, oldest first; one row an engine that embedded it."""
    columns = "id, source, key, digest, path, code, weight, embeddings, name, annotator"
    rows = conn.execute(f"SELECT {columns} FROM taught WHERE task = ? AND gone IS NULL ORDER BY id", (task.id,))
    return [Row(*row) for row in rows]


def in_pool(conn: sqlite3.Connection, digests: Iterable[str]) -> dict[str, list[int]]:
    """Ids of the present items of the pool with one of these contents, by digest. Cost: one pass over the items."""
    out: dict[str, list[int]] = {}
    wanted = json.dumps([digest for digest in digests if digest])
    sql = """SELECT digest, id FROM items
      WHERE gone IS NULL AND digest IN (SELECT value FROM json_each(?)) ORDER BY id"""
    for digest, id_ in conn.execute(sql, (wanted,)):
        out.setdefault(digest, []).append(id_)
    return out


def taking_part(conn: sqlite3.Connection, task: Task, mark: str, dim: int) -> Taught | None:
    """The taught items that may train here; None where there is none. Cost: O(m d), and one pass over the items."""
    sql = """SELECT id, source, digest, code, weight, row FROM taught
      WHERE task = ? AND gone IS NULL AND embeddings = ? AND length(row) = ? ORDER BY id DESC"""
    rows = conn.execute(sql, (task.id, mark, 4 * dim)).fetchall()
    here = in_pool(conn, {row[2] for row in rows}) if rows else {}
    rows = [row for row in rows if row[2] not in here]
    if not rows:
        return None
    ids, source, _, y, weight, blobs = zip(*rows, strict=True)
    return Taught(
        -np.array(ids, np.int64),
        np.array(y, np.int64),
        np.array(weight, np.float64),
        np.array(source),
        np.frombuffer(b"".join(blobs), np.float32).reshape(len(rows), dim),
    )


def names_of(conn: sqlite3.Connection, ids: Ids) -> list[str]:
    """The key of each item of the pool (m,), and `source:key` of a taught one, whose id is below 0."""
    own = ids >= 0
    keys = iter(manifest.keys(conn, ids[own]))
    sql = "SELECT id, source || ':' || key FROM taught WHERE id IN (SELECT value FROM json_each(?))"
    taught = dict(conn.execute(sql, (json.dumps((-ids[~own]).tolist()),)))
    return [next(keys) if here else str(taught[-id_]) for id_, here in zip(ids.tolist(), own.tolist(), strict=True)]


def odd_rows(conn: sqlite3.Connection, task: Task, mark: str, maps: str) -> list[bytes]:
    """What the engine `maps` made of each missed item whose answer is odd, oldest first, without those of the pool.

    The answer is that of the row of the engine `mark`: patches are not written anew where an answer changes.
    """
    sql = """SELECT m.digest, m.row FROM taught AS m JOIN taught AS e
      ON e.task = m.task AND e.source = m.source AND e.digest = m.digest AND e.key = m.key AND e.embeddings = ?
      WHERE m.task = ? AND m.source = ? AND m.embeddings = ? AND m.gone IS NULL AND e.gone IS NULL AND e.code = ?
      ORDER BY m.id"""
    rows = conn.execute(sql, (mark, task.id, MISSED, maps, ODD)).fetchall()
    here = in_pool(conn, {row[0] for row in rows}) if rows else {}
    return [bytes(row[1]) for row in rows if row[0] not in here]
