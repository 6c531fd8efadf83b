"""Syncing: the manifest follows the sources. Items are added, found again or marked as gone, never deleted.

    sync(conn, {name: source}) -> SyncReport

A label belongs to an item's id, and an id belongs to a content (or to the user's own key), not to a place:
see matching.py. Other processes may label meanwhile; the scan holds no lock.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from labelsieve.core.errors import ProjectError
from labelsieve.project import manifest, matching
from labelsieve.project.database import RESTORE, now, transaction
from labelsieve.project.matching import KeyedBy
from labelsieve.sources import Found, Source


@dataclass(frozen=True, slots=True)
class SyncReport:
    """How many items were added, `moved` to another path, `changed` in content under the same key, `returned`,
    have `gone`, or are `unchanged`; and how many rows or files are `set_aside` now."""

    added: int = 0
    unchanged: int = 0
    moved: int = 0
    changed: int = 0
    returned: int = 0
    gone: int = 0
    set_aside: int = 0

    def __add__(self, other: "SyncReport") -> "SyncReport":
        return SyncReport(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def sync(conn: sqlite3.Connection, sources: Mapping[str, Source]) -> SyncReport:
    """What changed, over all of `sources` (name -> opened source); sources not named are left as they are.

    Each source is one transaction: after an error the ones before it are synced. Cost: one scan of each,
    O(n log n) in SQLite with one chunk of rows in memory.
    """
    total = SyncReport()
    for name, source in sources.items():
        try:
            total += _sync_one(conn, name, source)
        except sqlite3.IntegrityError as error:  # what is paired cannot clash: an index tells something else
            hint = f"labelsieve doctor PROJECT says more; {RESTORE}."
            raise ProjectError(f"the ledger contradicts itself: {error}.", hint) from error
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return total


def _sync_one(conn: sqlite3.Connection, name: str, source: Source) -> SyncReport:
    if is_range(source):
        return _sync_range(conn, name, source)
    chunks = iter(source.scan(known_files(conn, name)))
    first = next(chunks, None)
    keyed_by = _keyed_by(source, first)
    matching.load(conn, _chain(first, chunks), keyed_by)
    with transaction(conn):
        id_ = _source_id(conn, name, source.modality, keyed_by)
        manifest.clear_set_aside(conn, "sync", id_)
        matching.match(conn, id_, keyed_by)
        report = _apply(conn, id_, keyed_by)
        _keep_bad(conn, id_, source)
        _stamp(conn, id_, source)
        aside = conn.execute("SELECT COUNT(*) FROM set_aside WHERE source = ? AND stage = 'sync'", (id_,)).fetchone()[0]
    for table in ("found", "pairs", "drift"):
        conn.execute(f"DROP TABLE temp.{table}")
    return report + SyncReport(set_aside=aside)


def _chain(first: Found | None, rest: Iterator[Found]) -> Iterator[Found]:
    if first is not None:
        yield first
        yield from rest


def _keyed_by(source: Source, first: Found | None) -> KeyedBy:
    if first is not None and first.keys is not None:
        return "key"
    if hasattr(source, "block_digests"):
        return "row"
    return "path" if first is not None and len(first.refs) and isinstance(first.refs[0], str) else "digest"


def known_files(conn: sqlite3.Connection, name: str) -> dict[str, tuple[int, int, str]]:
    """(size, mtime, digest) of the files known at each path: one that has not changed need not be read again."""
    sql = """SELECT i.ref, i.size, i.mtime, i.digest FROM items i JOIN sources s ON s.id = i.source
      WHERE s.name = ? AND i.mtime IS NOT NULL AND i.gone IS NULL"""
    return {ref: (size, mtime, digest) for ref, size, mtime, digest in conn.execute(sql, (name,))}


def _source_id(conn: sqlite3.Connection, name: str, modality: str, keyed_by: KeyedBy) -> int:
    """Row numbers are keys as they are in the first source of a project, and say their source in any other."""
    new = not any(row.name == name for row in manifest.source_rows(conn))
    id_ = manifest.add_source(conn, name, modality)
    if new and id_ > 1 and keyed_by == "row":
        conn.execute("UPDATE sources SET prefix = ? WHERE id = ?", (f"{matching.short_name(conn, id_)}:", id_))
    return id_


_CARRIED = ("ref", "digest", "grp", "time", "size", "mtime")


def _apply(conn: sqlite3.Connection, source: int, keyed_by: KeyedBy) -> SyncReport:
    """Writes what `match` found out into the manifest."""
    at, names = now(), ", ".join(_CARRIED)
    paired = conn.execute("SELECT COUNT(*) FROM temp.pairs").fetchone()[0]
    moved, changed, returned, touched = _drift(conn, source, keyed_by)
    conn.execute("INSERT INTO changes (item, at) SELECT item, ? FROM temp.drift WHERE changed", (at,))
    carried = ", ".join(f"{name} = d.{name}" for name in _CARRIED)
    conn.execute(f"UPDATE items SET source = ?, gone = NULL, {carried} FROM temp.drift d WHERE id = d.item", (source,))
    missed = "source = ? AND gone IS NULL AND id NOT IN (SELECT id FROM temp.pairs)"
    gone = conn.execute(f"UPDATE items SET gone = ? WHERE {missed}", (at, source)).rowcount
    matching.settle_keys(conn, source, keyed_by)
    new = f"SELECT ?, key, {names} FROM temp.found WHERE pos NOT IN (SELECT pos FROM temp.pairs) ORDER BY pos"
    added = conn.execute(f"INSERT INTO items (source, key, {names}) {new}", (source,)).rowcount
    return SyncReport(added, paired - touched, moved, changed, returned, gone)


def _drift(conn: sqlite3.Connection, source: int, keyed_by: KeyedBy) -> tuple[int, int, int, int]:
    """Fills the temporary table `drift` with the items whose row is no longer as the manifest has it, and counts
    those that moved, changed or returned, and all of these. A row of a table that stands elsewhere has not moved."""
    conn.execute("DROP TABLE IF EXISTS temp.drift")
    differs = " OR ".join(f"i.{name} IS NOT f.{name}" for name in _CARRIED)
    new = ", ".join(f"f.{name}" for name in _CARRIED)
    moved = "i.ref <> f.ref AND i.gone IS NULL" if keyed_by == "path" else "0"
    conn.execute(
        f"""CREATE TEMP TABLE drift AS SELECT i.id AS item, {new}, {moved} AS moved, i.digest <> f.digest AS changed,
        i.gone IS NOT NULL AS returned
        FROM temp.pairs p CROSS JOIN items i ON i.id = p.id CROSS JOIN temp.found f ON f.pos = p.pos
        WHERE i.gone IS NOT NULL OR i.source <> {source:d} OR {differs} ORDER BY i.id"""
    )
    sums = ", ".join(
        f"COALESCE(SUM({flag}), 0)" for flag in ("moved", "changed", "returned", "moved OR changed OR returned")
    )
    counts: tuple[int, int, int, int] = conn.execute(f"SELECT {sums} FROM temp.drift").fetchone()
    return counts


def _keep_bad(conn: sqlite3.Connection, source: int, opened: Source) -> None:
    """Rows and files that the source itself set aside; an item that they once were has gone by now."""
    rows = (manifest.Aside(_said(ref), reason, source=source) for ref, reason in opened.bad)
    manifest.set_aside(conn, rows)


def _said(ref: int | str) -> str:
    return f"row {ref}" if isinstance(ref, int) else ref


def _stamp(conn: sqlite3.Connection, source: int, opened: Source) -> None:
    values = (str(opened.fingerprint()), now(), source)
    conn.execute("UPDATE sources SET fingerprint = ?, synced = ? WHERE id = ?", values)


def is_range(source: Source) -> bool:
    """Whether rows need no row each in the manifest: an array without keys, groups and times."""
    options = getattr(source, "options", None)
    return hasattr(source, "block_digests") and not any(getattr(options, k, None) for k in ("key", "group", "time"))


def _sync_range(conn: sqlite3.Connection, name: str, source: Any) -> SyncReport:
    """Appends a range of ids for the rows that are new. The digests of all earlier rows must be the same."""
    n = len(source)
    with transaction(conn):
        id_ = _source_id(conn, name, source.modality, "row")
        known = conn.execute("SELECT COALESCE(SUM(count), 0) FROM ranges WHERE source = ?", (id_,)).fetchone()[0]
        if known > n:
            raise matching.rows_changed(name, f"an array of {known} rows (now {n})")
        sql = "SELECT digests FROM ranges WHERE source = ? ORDER BY first_row DESC LIMIT 1"
        before = conn.execute(sql, (id_,)).fetchone()
        if before and (said := _first_difference(json.loads(before[0]), source.block_digests(known))):
            raise matching.rows_changed(name, said)
        if n > known:
            first = manifest.last_id(conn) + 1
            values = (id_, first, known, n - known, n - known, json.dumps(source.block_digests(n)))
            columns = "source, first_id, first_row, count, present, digests"
            conn.execute(f"INSERT INTO ranges ({columns}) VALUES (?, ?, ?, ?, ?, ?)", values)
            manifest.jump(conn, first + n - known - 1)
        aside = _keep_bad_rows(conn, id_, source)
        _stamp(conn, id_, source)
    return SyncReport(added=n - known, unchanged=known, set_aside=aside)


def _keep_bad_rows(conn: sqlite3.Connection, source: int, opened: Source) -> int:
    """How many rows of an array are set aside: they are items, so that the numbers of the others stay."""
    manifest.clear_set_aside(conn, "sync", source)
    sql = "SELECT first_row, count, first_id FROM ranges WHERE source = ?"
    spans = conn.execute(sql, (source,)).fetchall()
    rows = [
        (first_id + int(row) - first, why)
        for row, why in opened.bad
        for first, count, first_id in spans
        if 0 <= int(row) - first < count
    ]
    keys = manifest.keys(conn, np.array([item for item, _ in rows], np.int64))
    asides = (manifest.Aside(key, why, item=item, source=source) for key, (item, why) in zip(keys, rows, strict=True))
    manifest.set_aside(conn, asides)
    return len(rows)


def _first_difference(before: list[str], after: list[str]) -> str:
    """Which part of an array changed, as text; empty when none did."""
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        if old != new:
            return f"block {number} of {len(before)}"
    return ""
