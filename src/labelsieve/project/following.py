"""A source that was renamed, or a project that moved away from its sources: the items stay the same items.

follow(conn, {name: source})     a new name goes on as the source, no longer named, whose items it holds
"""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import PurePosixPath

from labelsieve.project import manifest
from labelsieve.project.database import transaction
from labelsieve.project.syncing import is_range, known_files
from labelsieve.sources import Source

PROBES = 500  # items of a new source that are looked for among those of the lost one


def follow(conn: sqlite3.Connection, sources: Mapping[str, Source]) -> None:
    """Renames sources of the manifest which `sources`, all that there are, name otherwise by now.

    Content decides, not the name: a source that shares nothing with a lost one is a new source.
    Cost: nothing unless a name is new and another one lost; then one chunk of the new source.
    """
    rows = manifest.source_rows(conn)
    lost = [row for row in rows if row.name not in sources]
    for name in [name for name in sources if name not in {row.name for row in rows}]:
        alike = sorted(lost, key=lambda row: PurePosixPath(row.name).name != PurePosixPath(name).name)
        for row in alike:
            if row.modality == sources[name].modality and _continues(conn, row, sources[name]):
                with transaction(conn):
                    conn.execute("UPDATE sources SET name = ? WHERE id = ?", (name, row.id))
                lost.remove(row)
                break


def _continues(conn: sqlite3.Connection, row: manifest.SourceRow, source: Source) -> bool:
    if is_range(source):
        return _same_blocks(conn, row.id, source)
    found = next(iter(source.scan(known_files(conn, row.name))), None)
    if found is None or not len(found):
        return False
    column, marks = ("digest", found.digests) if found.keys is None else ("key", found.keys)
    probes = [mark for mark in marks[:: max(1, len(marks) // PROBES)] if mark is not None]
    sql = f"SELECT 1 FROM items WHERE source = ? AND {column} = ?"
    return any(conn.execute(sql, (row.id, mark)).fetchone() for mark in probes)


def _same_blocks(conn: sqlite3.Connection, id_: int, source: Source) -> bool:
    sql = "SELECT first_row + count, digests FROM ranges WHERE source = ? ORDER BY first_row DESC LIMIT 1"
    before = conn.execute(sql, (id_,)).fetchone()
    rows, blocks = before or (0, "[]")
    digests = getattr(source, "block_digests")  # noqa: B009  a range has it
    return 0 < rows <= len(source) and json.loads(blocks) == digests(rows)  # type: ignore[arg-type]
