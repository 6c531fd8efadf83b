"""Image paths in a column: which file below the table's folder each row means. No path leaves that folder."""

import os
from collections.abc import Sequence
from pathlib import Path

from labelsieve.core.errors import InputError

LEAVES = "the path leaves the folder that it starts at: that of the table, or --root"


class RowPaths:
    """One ref a row: the POSIX path below `folder`; the second row with the same path is `path#2`, and so on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refs: list[str | None] = []
        self._numbers: dict[str, int] = {}  # path -> the last number given to a repeat of it
        self._repeats: dict[str, str] = {}  # ref of a repeat -> its path
        self._row_of: dict[str, int] = {}
        self._real = Path(os.path.realpath(folder))
        self._inside: dict[str, bool] = {}  # of folders

    def add(self, paths: Sequence[str | None]) -> list[str | None]:
        """The refs of further rows, None where there is no path or it leaves the folder."""
        added: list[str | None] = []
        for text in paths:
            ref = self.relative(text)
            if ref is not None:
                ref = self._once(ref)
                self._row_of[ref] = len(self.refs) + len(added)
            added.append(ref)
        self.refs += added
        return added

    def relative(self, text: str | None) -> str | None:
        """`text` as a POSIX path below the folder, by its letters alone; None where it cannot be one."""
        if text is None or "\0" in text:
            return None
        whole = os.path.normpath(os.path.join(self.folder, text.strip()))
        inside = os.path.relpath(whole, self.folder)
        return None if inside == "." or inside.split(os.sep)[0] == os.pardir else Path(inside).as_posix()

    def row(self, ref: str) -> int:
        """The row of a ref."""
        try:
            return self._row_of[ref]
        except KeyError:
            raise InputError(f"no row has the image {ref!r}.", "labelsieve sync PROJECT") from None

    def path(self, ref: str) -> Path:
        """The file of a ref. InputError where links lead out of the folder."""
        self.row(ref)
        return self.checked(self._repeats.get(ref, ref))

    def _once(self, plain: str) -> str:
        """`plain`, or with the first free number behind it."""
        ref, number = plain, self._numbers.get(plain, 1)
        while ref in self._row_of:
            number += 1
            ref = f"{plain}#{number}"
        if ref != plain:
            self._numbers[plain] = number
            self._repeats[ref] = plain
        return ref

    def checked(self, plain: str) -> Path:
        """The file of a relative path. InputError where links lead out of the folder. Cost: cached by folder."""
        path = self.folder / plain
        parent = str(path.parent)
        if parent not in self._inside:
            self._inside[parent] = Path(os.path.realpath(parent)).is_relative_to(self._real)
        inside = self._inside[parent]
        if inside and path.is_symlink():
            inside = Path(os.path.realpath(path)).is_relative_to(self._real)
        if not inside:
            raise InputError(f"{plain}: {LEAVES}", "copy the file into the folder of the table.")
        return path
