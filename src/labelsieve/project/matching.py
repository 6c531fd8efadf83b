"""Which of the rows found in a source is which known item: set-based SQL, so that a million rows need little memory.

    load(conn, chunks, keyed_by)                     fills the temporary table `found`
    match(conn, source_id, keyed_by)                 fills `pairs`: (pos in found, item id)
    settle_keys(conn, source_id, keyed_by)           every new row of `found` gets a key that is free
    rows_changed(name, where) -> ProjectError        the error for an array whose earlier rows changed

Identity, by what the source says:
    "key"      an explicit key: the same key is the same item, its content may change
    "path"     a file: the same content is the same item, wherever it has moved to
    "digest"   a row: the same content is the same item; of equal rows the k-th found is the k-th known
    "row"      a row of an array that cannot be a range: the same number is the same item
"""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import PurePosixPath
from typing import Any, Literal

from labelsieve.core.errors import ProjectError
from labelsieve.sources import Found

KeyedBy = Literal["key", "path", "digest", "row"]
KEY_CHARS = 16  # of a digest: 64 bits, and a repeat in them is told apart by #2


def load(conn: sqlite3.Connection, chunks: Iterable[Found], keyed_by: KeyedBy) -> None:
    """Fills the temporary table `found`. Cost: O(n) time, one chunk in memory."""
    for name in ("found", "pairs"):
        conn.execute(f"DROP TABLE IF EXISTS temp.{name}")
    conn.execute("""CREATE TEMP TABLE found (
      pos INTEGER PRIMARY KEY, ref, key TEXT, digest TEXT, grp TEXT, time TEXT, size INTEGER, mtime INTEGER)""")
    conn.execute("CREATE TEMP TABLE pairs (pos INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE)")
    for chunk in chunks:
        conn.execute("BEGIN")  # touches the temporary table only, so other processes go on writing
        conn.executemany("INSERT INTO temp.found VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", _rows(chunk, keyed_by))
        conn.execute("COMMIT")
    conn.execute("CREATE INDEX temp.found_key ON found (key)")


def _rows(chunk: Found, keyed_by: KeyedBy) -> Iterator[tuple[Any, ...]]:
    columns = [chunk.groups, chunk.times, getattr(chunk, "sizes", None), getattr(chunk, "mtimes", None)]
    given = (repeat(None, len(chunk.refs)) if column is None else column for column in columns)
    return zip(chunk.refs, _keys(chunk, keyed_by), chunk.digests, *given, strict=True)


def _keys(chunk: Found, keyed_by: KeyedBy) -> Iterable[str | None]:
    if keyed_by == "key":
        return chunk.keys or ()
    if keyed_by == "digest":
        return (digest[:KEY_CHARS] for digest in chunk.digests)
    return (str(ref) for ref in chunk.refs)


def match(conn: sqlite3.Connection, source: int, keyed_by: KeyedBy) -> None:
    """Pairs what was found with what is known; set_aside gets the rows whose key is taken."""
    if keyed_by == "key":
        _drop_unkeyed(conn, source)
        same = "SELECT f.pos, i.id FROM temp.found f JOIN items i ON i.key = f.key"
        _pair(conn, f"{same} WHERE i.source = :source", source)
        _drop_foreign(conn, source)
    elif keyed_by == "row":
        same = "f.key = CAST(i.ref AS TEXT)"
        _pair(
            conn, f"SELECT f.pos, i.id FROM items i CROSS JOIN temp.found f ON {same} WHERE i.source = :source", source
        )
        _require_same_rows(conn, source)
    elif conn.execute("SELECT 1 FROM items WHERE source = ? LIMIT 1", (source,)).fetchone():
        conn.execute("CREATE INDEX temp.found_digest ON found (digest)")
        _pair(conn, _IN_PLACE, source)
        _pair(conn, _ELSEWHERE, source)


_IN_PLACE = """
SELECT f.pos, i.id FROM items i CROSS JOIN temp.found f ON f.digest = i.digest AND f.ref = i.ref
WHERE i.source = :source ORDER BY i.gone IS NOT NULL, i.id"""

# Among equal contents the k-th that is left over is the k-th known item, those still present first.
_ELSEWHERE = """
WITH left_found AS (
  SELECT pos, digest, ROW_NUMBER() OVER (PARTITION BY digest ORDER BY pos) AS k
  FROM temp.found WHERE pos NOT IN (SELECT pos FROM temp.pairs)),
left_items AS MATERIALIZED (
  SELECT id, digest, ROW_NUMBER() OVER (PARTITION BY digest ORDER BY gone IS NOT NULL, id) AS k
  FROM items WHERE source = :source AND id NOT IN (SELECT id FROM temp.pairs))
SELECT f.pos, i.id FROM left_found f JOIN left_items i ON i.digest = f.digest AND i.k = f.k"""


def _pair(conn: sqlite3.Connection, select: str, source: int) -> None:
    conn.execute(f"INSERT OR IGNORE INTO temp.pairs (pos, id) {select}", {"source": source})


def _drop_unkeyed(conn: sqlite3.Connection, source: int) -> None:
    """Rows without a key, and all but the first of those that share one, are set aside."""
    _aside(conn, source, "key IS NULL OR trim(key) = ''", "'row ' || ref", "'it has no key'")
    repeated = """pos IN (SELECT pos FROM (
      SELECT pos, ROW_NUMBER() OVER (PARTITION BY key ORDER BY pos) AS k FROM temp.found) WHERE k > 1)"""
    if conn.execute("SELECT 1 FROM temp.found GROUP BY key HAVING COUNT(*) > 1 LIMIT 1").fetchone():
        _aside(conn, source, repeated, "key", "'duplicate key, again at ' || ref")


def _drop_foreign(conn: sqlite3.Connection, source: int) -> None:
    """A key that another source holds is set aside; where it has gone from there, the item moves here."""
    if not conn.execute("SELECT 1 FROM sources WHERE id <> ? LIMIT 1", (source,)).fetchone():
        return
    held = "SELECT f.pos, i.id FROM temp.found f JOIN items i ON i.key = f.key WHERE i.source <> :source"
    _pair(conn, f"{held} AND i.gone IS NOT NULL", source)
    where = f"pos IN (SELECT pos FROM ({held} AND i.gone IS NULL))"
    _aside(conn, source, where, "key", "'the key stands in another source'")
    for prefix, first, count in conn.execute(
        "SELECT s.prefix, r.first_row, r.count FROM ranges r JOIN sources s ON s.id = r.source"
    ).fetchall():
        number = "CAST(substr(key, length(:prefix) + 1) AS INTEGER)"
        where = f"key = :prefix || {number} AND {number} BETWEEN :first AND :last"
        values = {"prefix": prefix, "first": first, "last": first + count - 1}
        _aside(conn, source, where, "key", "'the key stands for a row of an array'", values)


def _aside(
    conn: sqlite3.Connection, source: int, where: str, key: str, reason: str, values: dict[str, Any] | None = None
) -> None:
    columns = "source, key, stage, reason, at"
    now = "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"
    values = {"source": source, **(values or {})}
    sql = f"SELECT :source, {key}, 'sync', {reason}, {now} FROM temp.found WHERE {where} ORDER BY pos"
    if conn.execute(f"INSERT INTO set_aside ({columns}) {sql}", values).rowcount:
        conn.execute(f"DELETE FROM temp.found WHERE {where}", values)


def _require_same_rows(conn: sqlite3.Connection, source: int) -> None:
    row = conn.execute(
        """SELECT i.ref, s.name FROM temp.pairs p JOIN items i ON i.id = p.id JOIN temp.found f ON f.pos = p.pos
        JOIN sources s ON s.id = i.source WHERE i.digest <> f.digest AND i.source = ? ORDER BY i.ref LIMIT 1""",
        (source,),
    ).fetchone()
    if row:
        raise rows_changed(row[1], f"row {row[0]}")


def rows_changed(name: str, where: str) -> ProjectError:
    """The error for an array whose earlier rows are not what they were."""
    return ProjectError(
        f"{name}: {where} is not what it was at the last sync; without keys, rows of an array may only be appended.",
        "give the rows keys (--key ARRAY), or put the array back as it was and append.",
    )


def settle_keys(conn: sqlite3.Connection, source: int, keyed_by: KeyedBy) -> None:
    """Gives each new row of `found` a key that no item has: `#2`, `#3` for equal rows, `source:path` for files.

    Known items must have been updated before: a file that moved away has left its old path free.
    """
    if keyed_by == "key":
        return
    prefix = conn.execute("SELECT prefix FROM sources WHERE id = ?", (source,)).fetchone()[0]
    name = short_name(conn, source)
    if keyed_by == "path":
        _settle_moved(conn, source, name)
    if prefix:
        conn.execute(f"UPDATE temp.found SET key = ? || key WHERE {_FRESH}", (prefix,))
    taken = "EXISTS (SELECT 1 FROM items WHERE items.key = f.key)"
    clashes = f"SELECT key FROM temp.found f WHERE {_FRESH} GROUP BY key HAVING COUNT(*) > 1 OR {taken}"
    for (key,) in conn.execute(clashes).fetchall():
        rows = conn.execute(f"SELECT pos FROM temp.found WHERE key = ? AND {_FRESH} ORDER BY pos", (key,)).fetchall()
        if keyed_by == "digest":
            used = _highest(conn, key)
            free = [f"{key}#{number}" if number > 1 else key for number in range(used + 1, used + 1 + len(rows))]
        else:
            first = _free_path(conn, source, name, key)
            free = [first, *(f"{first}#{number}" for number in range(2, 1 + len(rows)))]
        pairs = [(new, pos) for new, (pos,) in zip(free, rows, strict=True)]
        conn.executemany("UPDATE temp.found SET key = ? WHERE pos = ?", pairs)


def short_name(conn: sqlite3.Connection, source: int) -> str:
    """What a source is called in keys: the last part of its name, all of it where an earlier source has that too."""
    names = dict(conn.execute("SELECT id, name FROM sources WHERE id <= ?", (source,)).fetchall())
    mine = str(names.pop(source))
    last = PurePosixPath(mine).name
    return mine if last in (PurePosixPath(name).name for name in names.values()) else last


_FRESH = "pos NOT IN (SELECT pos FROM temp.pairs)"


def _settle_moved(conn: sqlite3.Connection, source: int, name: str) -> None:
    """Files that moved take their new path as key. Two files may have changed places, so all let go first."""
    sql = (
        "SELECT i.id, i.ref FROM temp.pairs p JOIN items i ON i.id = p.id WHERE i.key NOT IN (i.ref, ? || ':' || i.ref)"
    )
    moved = conn.execute(sql, (name,)).fetchall()
    conn.executemany("UPDATE items SET key = char(1) || id WHERE id = ?", ((id_,) for id_, _ in moved))
    for id_, ref in moved:
        conn.execute("UPDATE items SET key = ? WHERE id = ?", (_free_path(conn, source, name, ref), id_))


def _free_path(conn: sqlite3.Connection, source: int, name: str, path: str) -> str:
    """A free key for a file. A file that has gone gives its key up and is `path@digest` from then on."""
    for key in (path, f"{name}:{path}"):
        row = conn.execute("SELECT id, source, gone, digest FROM items WHERE key = ?", (key,)).fetchone()
        if row is None:
            return key
        id_, holder, gone, digest = row
        if holder == source and gone is not None:
            aside = f"{key}@{digest[:8]}"
            aside = f"{aside}#{_highest(conn, aside) + 1}" if _highest(conn, aside) else aside
            conn.execute("UPDATE items SET key = ? WHERE id = ?", (aside, id_))
            return key
    return f"{name}:{path}#{_highest(conn, f'{name}:{path}') + 1}"


def _highest(conn: sqlite3.Connection, key: str) -> int:
    """The highest n of `key#n` among the items; 1 when only `key` itself is there, 0 when nothing is."""
    sql = """SELECT MAX(CASE WHEN key = :key THEN 1 ELSE CAST(substr(key, length(:key) + 2) AS INTEGER) END)
      FROM items WHERE key = :key OR (key >= :key || '#' AND key < :key || '$')"""
    return int(conn.execute(sql, {"key": key}).fetchone()[0] or 0)
