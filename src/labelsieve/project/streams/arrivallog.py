"""A table that grows while a folder is watched, and beside it what was screened: each file once, also after a kill.

`OUT.seen` is written first, one JSON line a group of files with the rows that they give, and synced; then the rows go
to OUT; then a line says so. A kill in between leaves a line without its second one, and the next start completes it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from labelsieve.core.errors import InputError, ProjectError
from labelsieve.project import exports
from labelsieve.project.locking import locked_file
from labelsieve.project.safecsv import csv_text

Stamp = tuple[int, int]  # size and time of change of a file
ENDINGS = (".csv", ".jsonl")


class ArrivalLog:
    """What was screened so far, by path, and the table at `out`; `close` it, or use it as a context manager.

    One process at a time may have it open: ProjectError for the second one.
    """

    def __init__(self, out: Path, columns: Sequence[str]) -> None:
        self.out, self.columns = out, columns
        self.path = out.with_name(f"{out.name}.seen")
        if out.suffix.lower() not in ENDINGS:
            raise InputError(f"{out.name} cannot grow row by row; expected .csv or .jsonl.", f"--out {out.stem}.csv")
        exports.check_out(out, columns)
        self._lock = locked_file(self.path, "stop one of the two, or use another --out.")
        self.done: dict[str, Stamp] = {}
        self._recover()
        self._left = self._size()  # of the log, as this process left it

    def close(self) -> None:
        """Lets another process write."""
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def _recover(self) -> None:
        """Reads the log, drops a torn last line, and completes what a kill has left half done."""
        lines, whole = [], 0
        if self.path.is_file():
            for raw in self.path.read_bytes().splitlines(keepends=True):
                line = _parsed(raw)
                if line is None:
                    break
                lines.append(line)
                whole += len(raw)
            if whole < self.path.stat().st_size:
                with self.path.open("r+b") as file:
                    file.truncate(whole)
        for line in lines:
            self.done |= {ref: (size, changed) for ref, size, changed in line.get("files", ())}
        if lines and "files" in lines[-1]:
            self._complete(lines[-1])

    def _complete(self, line: Mapping[str, Any]) -> None:
        """Puts the rows of the last line into the table, where they are not, or not all of them."""
        text, offset = line["text"].encode(), int(line["offset"])
        there = self.out.read_bytes() if self.out.is_file() else b""
        tail = there[offset:]
        if len(there) >= offset and text.startswith(tail):
            self._append(text[len(tail) :])
        elif not there.endswith(text):  # somebody has edited the table since
            self._append(text)
        self._write({"written": len(text)})

    def add(self, files: Mapping[str, Stamp], rows: Sequence[Sequence[Any]]) -> None:
        """Keeps that these files were screened, and appends their rows. Both are on the disk when it returns.

        ProjectError where another process has written to the log since: not every file system knows locks.
        """
        if self._size() > self._left:
            raise ProjectError(
                f"{self.path} was written by another process.", "stop one of the two, or use another --out."
            )
        there = self.out.stat().st_size if self.out.is_file() else 0
        text = self._text(rows, header=not there)
        given = [[ref, *stamp] for ref, stamp in files.items()]
        self._write({"files": given, "offset": there, "text": text})
        self._append(text.encode())
        self._write({"written": len(text)})
        self.done |= dict(files)

    def _text(self, rows: Sequence[Sequence[Any]], header: bool) -> str:
        if self.out.suffix.lower() == ".jsonl":
            cells = (dict(zip(self.columns, row, strict=True)) for row in rows)
            return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in cells)
        text = csv_text(self.columns, rows)
        return text if header else text[text.index("\n") + 1 :]

    def _write(self, line: Mapping[str, Any]) -> None:
        _append_synced(self.path, (json.dumps(line, ensure_ascii=False) + "\n").encode())
        self._left = self._size()

    def _append(self, text: bytes) -> None:
        if text:
            _append_synced(self.out, text)


def _append_synced(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ProjectError(f"{path} cannot be written: {error.strerror}.", "check permissions and space.") from error


def _parsed(raw: bytes) -> dict[str, Any] | None:
    if not raw.endswith(b"\n"):
        return None
    try:
        line = json.loads(raw)
    except ValueError:
        return None
    return line if isinstance(line, dict) and ("written" in line or _whole(line)) else None


def _whole(line: dict[str, Any]) -> bool:
    """Whether a line says which files were screened, and what rows they gave."""
    files = line.get("files")
    listed = isinstance(files, list) and all(
        isinstance(file, list) and [type(cell) for cell in file] == [str, int, int] for file in files
    )
    return listed and type(line.get("offset")) is int and type(line.get("text")) is str
