"""A folder of pictures by class, read: the first folder is the class, the content says which item a file is."""

from collections.abc import Iterator
from pathlib import Path

from labelsieve.core.errors import InputError
from labelsieve.core.types import Value
from labelsieve.project.formats.folderout import class_of
from labelsieve.project.formats.foreign import Foreign
from labelsieve.project.formats.matching import file_name
from labelsieve.sources.base import first_folder
from labelsieve.sources.folder import ImageFolder


class ClassFolders:
    """Folders named after classes. No link that leaves the folder is followed."""

    def __init__(self, path: Path, field: str | None = None) -> None:
        self._source = ImageFolder(path)

    def answers(self) -> Iterator[Foreign]:
        """One answer a picture. InputError where no picture lies in a folder of its class."""
        row = 0
        for found in self._source.scan():
            for ref, mark in zip(found.refs, found.digests, strict=True):
                row += 1
                name = first_folder(str(ref))
                value = Value("class", (class_of(name),)) if name else None
                why = "" if name else "a picture in no folder of a class"
                yield Foreign(row, row, (), mark, file_name(str(ref)), value, why=why)
        for ref, why in self._source.bad:
            row += 1
            yield Foreign(row, row, (), "", str(ref), None, why=why)
        if not row:
            raise InputError("the folder holds no pictures.", "take the folder above the class folders.")
