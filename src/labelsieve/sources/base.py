"""What a source is: one door for the manifest (`scan`), one for engines (`read`), one for people (`metas`)."""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.core.types import Modality
from labelsieve.sources.classcells import joined_names
from labelsieve.sources.options import SEPARATOR, SourceOptions

CHUNK = 65_536  # rows a chunk of a scan holds at most
FOLDER = "@folder"  # stands for the first folder below the source

Ref: TypeAlias = int | str  # where an item lies in its source: a row number, or a path below it
Known: TypeAlias = Mapping[Any, tuple[int, int, str]]  # ref -> (size, mtime in ns, digest) at the last scan


@dataclass(frozen=True, slots=True)
class Found:
    """A chunk of what a scan found. The lists are parallel; those that a source has not are None."""

    refs: Sequence[Ref]
    digests: Sequence[str]  # 32 hex digits (blake2b, 128 bits) of the content
    keys: Sequence[str | None] | None = None
    groups: Sequence[str | None] | None = None
    times: Sequence[str | None] | None = None
    sizes: Sequence[int] | None = None
    mtimes: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.refs)

    def only(self, positions: Sequence[int]) -> "Found":
        """The same for some positions."""
        lists: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        chosen: dict[str, Any] = {k: None if v is None else [v[at] for at in positions] for k, v in lists.items()}
        return Found(**chosen)


@runtime_checkable
class Source(Protocol):
    """Where items come from. `bad` and `notes` are filled by `scan` and hold for the last one."""

    path: Path
    options: SourceOptions
    modality: Modality
    bad: list[tuple[Ref, str]]  # what cannot be an item, and why
    notes: list[str]  # what else a person should know of how the source was read

    def scan(self, known: Known | None = None) -> Iterator[Found]: ...
    def read(self, refs: Sequence[Ref]) -> Iterator[Any]: ...
    def metas(self, refs: Sequence[Ref]) -> list[dict[str, Any]]: ...
    def column(self, name: str, refs: Sequence[Ref] | None = None) -> list[str | None]: ...
    def names(self) -> list[str]: ...
    def engine_columns(self) -> list[str]: ...
    def fingerprint(self) -> str: ...


@runtime_checkable
class Showing(Protocol):
    """A source whose items can show people something else than engines read."""

    shows: Modality | None  # "image" or "text"; None where it shows what it reads
    root: Path  # the folder that paths of images start at

    def __len__(self) -> int: ...  # rows
    def seen(
        self, refs: Sequence[Ref]
    ) -> Iterator[Any]: ...  # text or path, or an InputError that says what is missing


def digest(data: bytes) -> str:
    """32 hex digits of blake2b over `data`. Cost: about 1 s a gigabyte."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


_INTEGRAL = re.compile(r"([+-]?\d+)\.0+")


def class_text(value: Any, separator: str = SEPARATOR) -> str | None:
    """A value as the name of a class: integral numbers without decimals, lists joined; None where there is none.

    >>> class_text(7.0), class_text("7.0"), class_text("007"), class_text(" cat "), class_text(float("nan"))
    ('7', '7', '007', 'cat', None)
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return None if math.isnan(value) else str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, (list, tuple)):
        parts = [class_text(part, separator) for part in value]
        return joined_names([part for part in parts if part], separator, several=True) or None
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    text = text.strip()
    whole = _INTEGRAL.fullmatch(text)
    return (whole.group(1) if whole else text) or None


def first_folder(path: str) -> str | None:
    """The first folder of a relative POSIX path, None for a file that lies in none.

    >>> first_folder("cats/old/1.png"), first_folder("1.png")
    ('cats', None)
    """
    head, found, _ = path.partition("/")
    return head if found else None


def stat_of(path: Path) -> tuple[int, int]:
    """(size, mtime in ns) of a source. InputError where it is not there."""
    try:
        stat = path.stat()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", "check the path and its permissions.") from error
    return stat.st_size, stat.st_mtime_ns


def require_names(options: SourceOptions, names: Sequence[str], path: Path, folders: bool = False) -> None:
    """UnknownName for a column that an option names and the source has not. `folders`: @folder is one here."""
    wanted = [*options.named().items(), *(("columns", name) for name in options.columns or ())]
    for option, name in wanted:
        if name not in names and not (folders and name == FOLDER and option in ("labels", "group")):
            raise UnknownName(f"column of {path.name}", name, names, f"correct --{option} {name}.")


def require_one_kind(options: SourceOptions) -> None:
    """InputError where more than one of text, image, embeddings and columns is given, but for embeddings and what
    people see of them."""
    given = [*options.data(), *(["columns"] if options.columns else [])]
    if len(given) > 1 and set(given) not in ({"embeddings", "text"}, {"embeddings", "image"}):
        raise InputError(
            f"a source holds one kind of item; --{given[0]} and --{given[1]} were both given.",
            "keep the one that a person would look at to answer; --embeddings goes with --image or with --text.",
        )
