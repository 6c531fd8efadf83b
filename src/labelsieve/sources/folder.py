"""A folder of images, read recursively. A file is an item; its path below the folder is its ref."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.core.types import Modality
from labelsieve.sources.base import CHUNK, FOLDER, Found, Known, Ref, first_folder
from labelsieve.sources.imagefiles import hash_image, is_image_name, looks_like_image
from labelsieve.sources.options import SourceOptions


class ImageFolder:
    """All image files below `path`, in the order of their POSIX paths. Hidden files and folders are left out.

    A file is an image by its ending, or by its first bytes where the ending says nothing. Links that leave
    the folder, empty files and files that cannot be read are set aside, with the reason, in `bad`.
    """

    modality: Modality = "image"

    def __init__(self, path: Path, options: SourceOptions | None = None, cache: Path | None = None) -> None:
        self.path = path
        self.options = options or SourceOptions()
        self.bad: list[tuple[Ref, str]] = []
        self.notes: list[str] = []
        if given := self.options.array_file() or self.options.root:
            raise InputError(
                f"{path.name} is a folder of images; {given} says nothing of its names.",
                "give the table of names as the source: --image COLUMN --embeddings FILE --root FOLDER.",
            )
        for option, name in {**self.options.named(), "columns": ",".join(self.options.columns or ())}.items():
            if name and not (name == FOLDER and option in ("labels", "group")):
                raise InputError(
                    f"{path.name} is a folder of images and has no column {name!r} (--{option}).",
                    "leave the option out, use @folder, or give a table with a column of image paths (--image).",
                )

    def scan(self, known: Known | None = None) -> Iterator[Found]:
        """Chunks of files. One whose size and mtime are as `known` is not read again. Cost: one read of what is new."""
        self.bad, self.notes = [], []
        chunk: list[tuple[str, str, int, int]] = []
        for ref in self._walk():
            try:
                stat = os.stat(self.path / ref)
                before = (known or {}).get(ref)
                if before is not None and before[:2] == (stat.st_size, stat.st_mtime_ns):
                    mark = before[2]
                else:
                    mark = hash_image(self.path / ref)
            except InputError as error:
                self.bad.append((ref, error.fact))
                continue
            except OSError as error:
                self.bad.append((ref, f"the file cannot be read: {error.strerror}"))
                continue
            chunk.append((ref, mark, stat.st_size, stat.st_mtime_ns))
            if len(chunk) == CHUNK:
                yield self._found(chunk)
                chunk = []
        if chunk:
            yield self._found(chunk)

    def _found(self, chunk: list[tuple[str, str, int, int]]) -> Found:
        refs, marks, sizes, mtimes = (list(column) for column in zip(*chunk, strict=True))
        groups = [first_folder(ref) for ref in refs] if self.options.group == FOLDER else None
        return Found(refs, marks, groups=groups, sizes=sizes, mtimes=mtimes)

    def _walk(self) -> Iterator[str]:
        """Relative POSIX paths of all image files, sorted as whole strings."""
        root = self.path.resolve()
        stack: list[str] = [""]
        while stack:
            ref = stack.pop()
            if ref and not ref.endswith("/"):
                yield ref
                continue
            try:
                with os.scandir(root / ref) as entries:
                    inside = [name for entry in entries if (name := self._accept(root, ref, entry))]
            except OSError as error:
                self.bad.append((ref or ".", f"the folder cannot be read: {error.strerror}"))
                continue
            stack.extend(sorted(inside, reverse=True))

    def _accept(self, root: Path, parent: str, entry: "os.DirEntry[str]") -> str | None:
        """The ref of an entry, with a slash at the end of a folder; None for what is no image."""
        if entry.name.startswith("."):
            return None
        ref = parent + entry.name
        try:
            ref.encode("utf-8")
        except UnicodeEncodeError:
            self.bad.append((os.fsencode(ref).decode("utf-8", "replace"), "the name of the file is not valid UTF-8"))
            return None
        if entry.is_symlink() and not self._stays(root, entry, ref):
            return None
        try:
            if entry.is_dir():
                return ref + "/"
            image = entry.is_file() and (is_image_name(entry.name) or looks_like_image(Path(entry.path)))
        except OSError:
            image = is_image_name(entry.name)  # the scan will say what is wrong with it
        return ref if image else None

    def _stays(self, root: Path, entry: "os.DirEntry[str]", ref: str) -> bool:
        target = Path(os.path.realpath(entry.path))
        if not target.is_relative_to(root):
            if target.is_dir() or is_image_name(entry.name):
                self.bad.append((ref, "a link that leaves the folder of the source"))
            return False
        if not target.exists():
            if is_image_name(entry.name):
                self.bad.append((ref, "a link that leads nowhere"))
            return False
        if target.is_dir():
            self.bad.append((ref, "a link to a folder that is read at its own place"))
            return False
        return True

    def read(self, refs: Sequence[Ref]) -> Iterator[Path]:
        """The path of each ref, in order; the engine decodes it."""
        for ref in refs:
            yield self.path / str(ref)

    def metas(self, refs: Sequence[Ref]) -> list[dict[str, Any]]:
        """The first folder of each file, unless it is the truth."""
        if FOLDER in (self.options.labels, self.options.group):
            return [{} for _ in refs]
        return [{"folder": folder} if (folder := first_folder(str(ref))) else {} for ref in refs]

    def column(self, name: str, refs: Sequence[Ref] | None = None) -> list[str | None]:
        """ "@folder": the first folder below the source, None for files in none; in the order of a scan by default."""
        if name != FOLDER:
            raise UnknownName(f"column of the image folder {self.path.name}", name, [FOLDER])
        return [first_folder(str(ref)) for ref in (self._walk() if refs is None else refs)]

    def names(self) -> list[str]:
        return [FOLDER]

    def engine_columns(self) -> list[str]:
        """Nothing but the pixels: an engine never sees the name of a file."""
        return []

    def fingerprint(self) -> str:
        """Empty: a folder has no cheap mark of change, so a sync walks it."""
        return ""
