"""The manifest: which item is which, where it is read from, and what was set aside.

    add_items(conn, source, entries) -> Ids          new items (syncing does this; tests may too)
    ids(conn, source=None, usable=False) -> Ids      all present items, ascending; usable leaves out what is set aside
    usable_of(conn, ids) -> Ids                      those of ascending ids that were not set aside
    require(conn, ids)                               UnknownName where an id was never given out
    by_key(conn, keys) -> dict[key, id]              only the keys that there are
    entries(conn, ids) -> list[Entry]                in the order asked
    keys / groups / times / digests(conn, ids)       lists, in the order asked
    locate(conn, ids) -> dict[source id, (positions, refs)]      what to read from which source
    numbered(conn, source) -> (Ids, rows)            present ids of one source, ascending, and their row numbers
    source_rows(conn) -> list[SourceRow]
    changed(conn, after=0) -> (Ids, seq)             items whose content changed under the same key since `seq`
    set_aside(conn, rows) / set_asides(conn) / clear_set_aside(conn, stage, ...)

Ids are permanent and never reused. Items of an array without keys have no row each: a range of ids
stands for a range of rows, and the row number is the key.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelsieve.core.errors import UnknownName
from labelsieve.core.idsets import without
from labelsieve.core.types import Ids
from labelsieve.project.database import now, transaction

CHUNK = 50_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of the manifest. `ref` is a row number or a path below the source; `gone` the time it was missed."""

    id: int
    source: int
    ref: int | str
    key: str
    digest: str
    group: str | None = None
    time: str | None = None
    gone: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source as the manifest knows it."""

    id: int
    name: str
    modality: str
    prefix: str
    fingerprint: str
    added: str
    synced: str | None


@dataclass(frozen=True, slots=True)
class Aside:
    """Something that was set aside, and why. `item` is None for what never became an item."""

    key: str
    reason: str
    stage: str = "sync"
    item: int | None = None
    source: int | None = None
    at: str = ""


@dataclass(frozen=True, slots=True)
class _Range:
    source: int
    first_id: int
    first_row: int
    count: int
    present: int
    prefix: str

    def entry(self, id_: int, synced: str | None) -> Entry:
        row = self.first_row + id_ - self.first_id
        gone = None if id_ - self.first_id < self.present else synced
        return Entry(id_, self.source, row, f"{self.prefix}{row}", "", gone=gone)


def _ranges(conn: sqlite3.Connection) -> list[_Range]:
    sql = """SELECT r.source, r.first_id, r.first_row, r.count, r.present, s.prefix
      FROM ranges r JOIN sources s ON s.id = r.source ORDER BY r.first_id"""
    return [_Range(*row) for row in conn.execute(sql)]


def source_rows(conn: sqlite3.Connection) -> list[SourceRow]:
    """All sources, oldest first."""
    sql = "SELECT id, name, modality, prefix, fingerprint, added, synced FROM sources ORDER BY id"
    return [SourceRow(*row) for row in conn.execute(sql)]


def ids(conn: sqlite3.Connection, source: int | None = None, usable: bool = False) -> Ids:
    """Ids (N,) of all present items (of one source), ascending; `usable` leaves out what was set aside."""
    where = "gone IS NULL" + ("" if source is None else f" AND source = {int(source)}")
    parts = [part for part in [_own(conn, where)] if len(part)]
    for part in _ranges(conn):
        if source is None or part.source == source:
            parts.append(np.arange(part.first_id, part.first_id + part.present))
    found = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.int64), *parts])
    found = np.sort(found, kind="stable") if len(parts) > 1 else found
    return usable_of(conn, found) if usable else found


def usable_of(conn: sqlite3.Connection, ids: Ids) -> Ids:
    """Those of ids (m,), ascending, that were not set aside."""
    bad = [id_ for (id_,) in conn.execute("SELECT DISTINCT item FROM set_aside WHERE item IS NOT NULL ORDER BY item")]
    return without(ids, np.array(bad, np.int64))


def present(conn: sqlite3.Connection, ids: Ids) -> Ids:
    """Those of ids (m,) that are still in their source and were not set aside, ascending. Cost: O(m)."""
    wanted = np.unique(np.asarray(ids, np.int64))
    inside = np.zeros(len(wanted), bool)
    for part in _ranges(conn):
        inside |= (wanted >= part.first_id) & (wanted < part.first_id + part.present)
    own = [id_ for id_, gone in _rows(conn, "id, gone", wanted) if gone is None]
    found = np.union1d(wanted[inside], np.array(own, np.int64))
    sql = "SELECT item FROM set_aside WHERE item IN (SELECT value FROM json_each(?))"
    bad = [id_ for (id_,) in conn.execute(sql, (json.dumps(found.tolist()),))]
    return np.setdiff1d(found, np.array(bad, np.int64))


def _own(conn: sqlite3.Connection, where: str) -> Ids:
    """Ids (m,), ascending, of the items with a row each: counted first, since they mostly have no gap."""
    first, last, count = conn.execute(f"SELECT MIN(id), MAX(id), COUNT(*) FROM items WHERE {where}").fetchone()
    if count and last - first == count - 1:
        return np.arange(first, last + 1, dtype=np.int64)
    return np.fromiter((id_ for (id_,) in conn.execute(f"SELECT id FROM items WHERE {where} ORDER BY id")), np.int64)


def numbered(conn: sqlite3.Connection, source: int) -> tuple[Ids, Ids]:
    """Ids (m,) of the present items of an array source, ascending, and the row of each. Cost: O(m), no object a row."""
    table = _numbered_rows(conn, source)
    spans = [span for span in _ranges(conn) if span.source == source]
    if len(spans) == 1 and not len(table):
        s = spans[0]
        return np.arange(s.first_id, s.first_id + s.present), np.arange(s.first_row, s.first_row + s.present)
    ids_ = np.concatenate([table[:, 0], *(np.arange(s.first_id, s.first_id + s.present) for s in spans)])
    rows = np.concatenate([table[:, 1], *(np.arange(s.first_row, s.first_row + s.present) for s in spans)])
    if np.all(ids_[1:] > ids_[:-1]):
        return ids_, rows
    order = np.argsort(ids_, kind="stable")
    return ids_[order], rows[order]


def _numbered_rows(conn: sqlite3.Connection, source: int) -> Ids:
    """(m, 2) ids and row numbers of the items with a row each: looked at together first, since they mostly have no
    gap and one distance."""
    where = "source = ? AND gone IS NULL"
    sql = f"SELECT MIN(id), MAX(id), COUNT(*), MIN(id - ref), MAX(id - ref), MAX(typeof(ref)) FROM items WHERE {where}"
    first, last, count, low, high, kind = conn.execute(sql, (source,)).fetchone()
    if count and kind == "integer" and last - first == count - 1 and low == high:
        ids_ = np.arange(first, last + 1, dtype=np.int64)
        return np.column_stack([ids_, ids_ - low])
    found = conn.execute(f"SELECT id, ref FROM items WHERE {where} ORDER BY id", (source,))
    return np.fromiter((cell for row in found for cell in row), np.int64).reshape(-1, 2)


def require(conn: sqlite3.Connection, ids: Ids) -> None:
    """UnknownName where an id was never given out. Items that have gone are fine: their labels stay."""
    wanted = np.unique(np.asarray(ids, np.int64))
    for part in _ranges(conn):
        wanted = wanted[(wanted < part.first_id) | (wanted >= part.first_id + part.count)]
    found = {row[0] for row in _rows(conn, "id", wanted)}
    absent = [id_ for id_ in wanted.tolist() if id_ not in found]
    if absent:
        hint = "labelsieve export --predictions lists the items."
        raise UnknownName("item of this project", str(absent[0]), None, hint)


def by_key(conn: sqlite3.Connection, keys: Iterable[str]) -> dict[str, int]:
    """Id of every key that there is; keys that there are not are left out."""
    wanted = list(dict.fromkeys(keys))
    out: dict[str, int] = {}
    for first in range(0, len(wanted), CHUNK):
        part = json.dumps(wanted[first : first + CHUNK])
        out |= dict(conn.execute("SELECT key, id FROM items WHERE key IN (SELECT value FROM json_each(?))", (part,)))
    for span in _ranges(conn):
        for key in wanted:
            tail = key[len(span.prefix) :]
            if key.startswith(span.prefix) and tail.isdecimal() and tail.isascii() and str(int(tail)) == tail:
                row = int(tail) - span.first_row
                if 0 <= row < span.count:
                    out.setdefault(key, span.first_id + row)
    return out


def _rows(conn: sqlite3.Connection, columns: str, ids: Ids) -> Iterator[tuple[Any, ...]]:
    """Columns of the items among `ids` that have a row of their own, in no order that counts."""
    for first in range(0, len(ids), CHUNK):
        part = json.dumps(ids[first : first + CHUNK].tolist())
        yield from conn.execute(f"SELECT {columns} FROM items WHERE id IN (SELECT value FROM json_each(?))", (part,))


def _columns(
    conn: sqlite3.Connection, columns: str, ids: Ids, of_range: Callable[[Entry], tuple[Any, ...]]
) -> list[Any]:
    """One tuple of columns for each id, in the order asked. UnknownName where there is no such item."""
    found = {row[0]: row[1:] for row in _rows(conn, f"id, {columns}", ids)}
    spans = _ranges(conn)
    if spans and len(found) < len(ids):
        synced = {source.id: source.synced for source in source_rows(conn)}
        starts = np.array([span.first_id for span in spans])
        for id_ in ids.tolist():
            span = spans[max(int(np.searchsorted(starts, id_, side="right")) - 1, 0)]
            if 0 <= id_ - span.first_id < span.count:
                found[id_] = of_range(span.entry(id_, synced[span.source]))
    try:
        return [found[id_] for id_ in ids.tolist()]
    except KeyError as error:
        raise UnknownName("item of this project", str(error.args[0]), None) from None


def entries(conn: sqlite3.Connection, ids: Ids) -> list[Entry]:
    """Everything the manifest knows of each id, in the order asked."""
    rows = _columns(
        conn, "id, source, ref, key, digest, grp, time, gone", ids,
        lambda e: (e.id, e.source, e.ref, e.key, e.digest, e.group, e.time, e.gone),
    )  # fmt: skip
    return [Entry(*row) for row in rows]


def keys(conn: sqlite3.Connection, ids: Ids) -> list[str]:
    """Key of each id."""
    return [key for (key,) in _columns(conn, "key", ids, lambda e: (e.key,))]


def in_ranges(conn: sqlite3.Connection, ids: Ids) -> Ids:
    """Those of ascending ids (m,) that a range stands for. Cost: O(ranges log m)."""
    spans = [np.searchsorted(ids, (span.first_id, span.first_id + span.count)) for span in _ranges(conn)]
    return np.concatenate([ids[:0], *(ids[first:stop] for first, stop in spans)])


def range_keys(conn: sqlite3.Connection, ids: Ids) -> list[str]:
    """Key of each id that a range stands for. Cost: as making the texts."""
    spans = _ranges(conn)
    starts = np.array([span.first_id for span in spans], np.int64)
    of = np.maximum(np.searchsorted(starts, ids, side="right") - 1, 0)
    shift = np.array([span.first_row - span.first_id for span in spans], np.int64)
    rows = (ids + shift[of]).tolist()
    prefixes = [span.prefix for span in spans]
    return [f"{prefixes[span]}{row}" for span, row in zip(of.tolist(), rows, strict=True)]


def groups(conn: sqlite3.Connection, ids: Ids) -> list[str | None]:
    """Group of each id, None where it has none."""
    return [group for (group,) in _columns(conn, "grp", ids, lambda e: (e.group,))]


def times(conn: sqlite3.Connection, ids: Ids) -> list[str | None]:
    """Time of each id, None where it has none."""
    return [time for (time,) in _columns(conn, "time", ids, lambda e: (e.time,))]


def digests(conn: sqlite3.Connection, ids: Ids) -> list[str]:
    """Digest of each id's content; empty for items of a range."""
    return [digest for (digest,) in _columns(conn, "digest", ids, lambda e: (e.digest,))]


def locate(conn: sqlite3.Connection, ids: Ids, present: bool = False) -> dict[int, tuple[Ids, list[int | str]]]:
    """For each source id: positions (m,) in `ids`, and what to read there, in that order.

    `present` leaves out what has gone from its source: in a table, another item may stand where it was.
    """
    out: dict[int, tuple[list[int], list[int | str]]] = {}
    found = _columns(conn, "source, ref, gone", ids, lambda e: (e.source, e.ref, e.gone))
    for at, (source, ref, gone) in enumerate(found):
        if present and gone is not None:
            continue
        positions, refs = out.setdefault(source, ([], []))
        positions.append(at)
        refs.append(ref)
    return {source: (np.array(positions, np.int64), refs) for source, (positions, refs) in out.items()}


def add_source(conn: sqlite3.Connection, name: str, modality: str, prefix: str = "") -> int:
    """Id of the source of that name, made where it is new."""
    with transaction(conn):
        row = conn.execute("SELECT id FROM sources WHERE name = ?", (name,)).fetchone()
        if row is None:
            values = (name, modality, prefix, now())
            sql = "INSERT INTO sources (name, modality, prefix, added) VALUES (?, ?, ?, ?) RETURNING id"
            row = conn.execute(sql, values).fetchone()
    return int(row[0])


def add_items(conn: sqlite3.Connection, source: int, items: Sequence[tuple[int | str, str, str]]) -> Ids:
    """Ids (m,) of new items, each (ref, key, digest)."""
    with transaction(conn):
        first = last_id(conn) + 1
        rows = [(first + i, source, *item) for i, item in enumerate(items)]
        conn.executemany("INSERT INTO items (id, source, ref, key, digest) VALUES (?, ?, ?, ?, ?)", rows)
    return np.arange(first, first + len(items))


def last_id(conn: sqlite3.Connection) -> int:
    """The highest id ever given out, to an item or in a range."""
    row = conn.execute("SELECT seq FROM sqlite_sequence WHERE name = 'items'").fetchone()
    return int(row[0]) if row else 0


def jump(conn: sqlite3.Connection, last: int) -> None:
    """Lets the next item come after `last`: a range has taken the ids up to it."""
    if not conn.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'items'", (last,)).rowcount:
        conn.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('items', ?)", (last,))


def changed(conn: sqlite3.Connection, after: int = 0) -> tuple[Ids, int]:
    """Ids (m,) whose content changed under the same key after step `after`, and the last step there is.

    Whoever keeps something made of the content (embeddings) keeps the step with it and asks again later.
    """
    rows = conn.execute("SELECT seq, item FROM changes WHERE seq > ? ORDER BY seq", (after,)).fetchall()
    return np.unique(np.array([item for _, item in rows], np.int64)), rows[-1][0] if rows else after


def set_aside(conn: sqlite3.Connection, rows: Iterable[Aside]) -> None:
    """Keeps what was set aside. An item that is set aside again at the same stage gets the new reason."""
    with transaction(conn):
        for row in rows:
            if row.item is not None:
                conn.execute("DELETE FROM set_aside WHERE item = ? AND stage = ?", (row.item, row.stage))
            values = (row.source, row.item, row.key, row.stage, row.reason, row.at or now())
            columns = "source, item, key, stage, reason, at"
            conn.execute(f"INSERT INTO set_aside ({columns}) VALUES (?, ?, ?, ?, ?, ?)", values)


def set_asides(conn: sqlite3.Connection, stage: str | None = None) -> list[Aside]:
    """All that is set aside (at a stage), oldest first."""
    where = ":stage IS NULL OR stage = :stage"
    sql = f"SELECT key, reason, stage, item, source, at FROM set_aside WHERE {where} ORDER BY id"
    return [Aside(*row) for row in conn.execute(sql, {"stage": stage})]


def clear_set_aside(conn: sqlite3.Connection, stage: str, source: int | None = None, ids: Ids | None = None) -> None:
    """Forgets what a stage set aside (of one source, or of some items), before it is tried again."""
    with transaction(conn):
        if ids is not None:
            values = ((stage, id_) for id_ in ids.tolist())
            conn.executemany("DELETE FROM set_aside WHERE stage = ? AND item = ?", values)
        else:
            sql = "DELETE FROM set_aside WHERE stage = :stage AND (:source IS NULL OR source = :source)"
            conn.execute(sql, {"stage": stage, "source": source})
