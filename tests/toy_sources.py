"""Tiny sources for tests of the manifest: what they hold is plain to see in the test."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any


def digest(content: str) -> str:
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


@dataclass
class Chunk:
    refs: Any
    keys: Any
    digests: Any
    groups: Any = None
    times: Any = None
    sizes: Any = None
    mtimes: Any = None


@dataclass
class Rows:
    """A source of rows: contents, and keys and groups where it has them."""

    contents: Sequence[str]
    keys: Sequence[str | None] | None = None
    groups: Sequence[str] | None = None
    modality: str = "text"
    bad: list[tuple[int | str, str]] = field(default_factory=list)

    def scan(self, known: Any = None) -> Iterator[Chunk]:
        for a in range(0, len(self.contents), 3):
            part = slice(a, a + 3)
            digests = [digest(content) for content in self.contents[part]]
            keys, groups = (None if c is None else list(c[part]) for c in (self.keys, self.groups))
            yield Chunk(range(a, a + len(digests)), keys, digests, groups)

    def fingerprint(self) -> str:
        return digest("\0".join(self.contents))


@dataclass
class Files:
    """A folder: path -> content."""

    files: dict[str, str]
    modality: str = "image"
    bad: list[tuple[int | str, str]] = field(default_factory=list)
    known: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    def scan(self, known: Any = None) -> Iterator[Chunk]:
        self.known = dict(known)
        paths = sorted(self.files)
        digests = [digest(self.files[path]) for path in paths]
        yield Chunk(paths, None, digests, sizes=[len(self.files[p]) for p in paths], mtimes=[1 for _ in paths])

    def fingerprint(self) -> str:
        return str(sorted(self.files))


@dataclass
class Array:
    rows: list[int]
    modality: str = "embedding"
    bad: list[tuple[int | str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    def block_digests(self, stop: int | None = None) -> list[str]:
        rows = self.rows[:stop]
        return [digest(str(rows[a : a + 4])) for a in range(0, len(rows), 4)]

    def fingerprint(self) -> str:
        return digest(str(self.rows))
