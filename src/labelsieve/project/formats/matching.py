"""Which item of the pool a thing of a foreign file is: by its key, by the end of a path, or by its content."""

import sqlite3
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from labelsieve.project import manifest
from labelsieve.sources.base import digest

# Number of the thing in its file, keys (best first), its digest (or the bytes of its text), file name.
Wanted = tuple[int, tuple[str, ...], str | bytes, str]

MANY = 100  # items with one content: taken in their order, whatever their names


class Matcher:
    """Finds keys. The pool's paths and digests are read once, and only when a key alone does not find an item.

    Equal contents go to equal items in their order: the second row with a content is the second item that has it.
    """

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn
        self._tails: dict[str, str | None] | None = None  # file name -> key, None where several items have it
        self._contents: dict[str, list[str]] | None = None
        self._used: dict[str, dict[int, str]] = {}  # digest -> thing -> key

    def keys(self, wanted: Sequence[Wanted]) -> list[tuple[str | None, int | None]]:
        """The key of each thing, None where it is no item, and its id where the key was its name. A content counts only
        where no name is a key."""
        known = manifest.by_key(self._conn, (name for _, names, _, _ in wanted for name in names))
        return [
            next(((name, known[name]) for name in names if name in known), None)
            or (self._by_content(thing, content, called) or self._by_file_name(names), None)
            for thing, names, content, called in wanted
        ]

    def _by_content(self, thing: int, given: str | bytes, called: str) -> str | None:
        content = given if isinstance(given, str) else digest(given)
        keys = self._digests().get(content, []) if given else []
        if len(keys) < 2:
            return keys[0] if keys else None
        used = self._used.setdefault(content, {})
        if thing not in used:
            used[thing] = keys[min(len(used), len(keys) - 1)] if len(keys) > MANY else _alike(keys, used, called)
        return used[thing]

    def _by_file_name(self, names: tuple[str, ...]) -> str | None:
        """For a name without folders: the only item whose path ends so."""
        if not names or "/" in names[0]:
            return None
        if self._tails is None:
            self._tails = {}
            for (key,) in self._every("key"):
                tail = file_name(key)
                self._tails[tail] = None if tail in self._tails else key
        return self._tails.get(names[0])

    def _digests(self) -> dict[str, list[str]]:
        if self._contents is None:
            self._contents = {}
            for key, mark in self._every("key, digest"):
                self._contents.setdefault(mark, []).append(key)
        return self._contents

    def _every(self, columns: str) -> "sqlite3.Cursor":
        return self._conn.execute(f"SELECT {columns} FROM items WHERE gone IS NULL ORDER BY id")


def _alike(keys: list[str], used: dict[int, str], called: str) -> str:
    """The first free key, better one with the same file name."""
    free = [key for key in keys if key not in used.values()]
    alike = [key for key in free if called and file_name(key) == called]
    return (alike or free or keys)[0]


def file_name(path: str) -> str:
    """The last part of a path.

    >>> file_name("a/b/c.png")
    'c.png'
    """
    return path.replace("\\", "/").rpartition("/")[2]


def path_names(address: str) -> tuple[str, ...]:
    """What the item behind a path or address may be called: its path with fewer and fewer folders in front.

    >>> path_names("/data/local-files/?d=cats%2F1.png")
    ('cats/1.png', '1.png')
    """
    parts = urlsplit(address) if "://" in address or address.startswith("/data/") else None
    if parts is not None:
        query = dict(piece.partition("=")[::2] for piece in parts.query.split("&"))
        address = unquote(query.get("d") or parts.path)
    pieces = [piece for piece in address.replace("\\", "/").split("/") if piece not in ("", ".", "..")]
    return tuple("/".join(pieces[first:]) for first in range(len(pieces)))
