"""A folder of pictures by class: CLASS/file, hard links where the disk is the same.

    write(folder, gathered) -> notes
    safe_name(text) -> a name of a folder or file        class_of(name) -> the text that it stands for

Names are percent-encoded where a file system or a loader would not take them, so that every class name comes back.
"""

import errno
import os
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from labelsieve.core.errors import InputError
from labelsieve.project.formats.gathering import Answered, Gathered
from labelsieve.project.formats.matching import file_name
from labelsieve.sources.imagefiles import is_image_name

LONGEST = 200  # bytes of a name
_UNSAFE = re.compile(r"""[\x00-\x1f\x7f/\\:*?"<>|%]|^[. ]|[. ]$""")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe_name(text: str) -> str:
    """A name for a folder or file; `class_of` gives the text back.

    >>> safe_name("a/b"), safe_name("../up"), safe_name("50%"), safe_name("tea")
    ('a%2Fb', '%2E.%2Fup', '50%25', 'tea')
    """
    encoded = _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found.group().encode()), text)
    return f"%{ord(encoded[0]):02X}{encoded[1:]}" if _DEVICES.fullmatch(encoded) else encoded


def class_of(name: str) -> str:
    """The class that a folder stands for: decoded where `safe_name` wrote it, else as it is.

    >>> class_of("a%2Fb"), class_of("50%"), class_of("%41")
    ('a/b', '50%', '%41')
    """
    text = unquote(name, errors="surrogateescape")
    return text if safe_name(text) == name else name


def write(folder: Path, given: Gathered) -> list[str]:
    """Fills an empty folder: one file an item with an agreed class. Returns what has to be known to use it."""
    taken: set[Path] = set()
    for block in given.blocks():
        for item in block:
            name = _class(item, given)
            if not name:
                continue
            place = folder / _folder_name(name)
            place.mkdir(exist_ok=True)
            try:
                _put(item.data, _free(place, _called(item), taken))
            except OSError as error:
                if error.errno in _FULL:
                    raise
                given.losses.add("its picture cannot be read", item.key)
    return ["who answered, when and how long it took are not in it."]


def _called(item: Answered) -> str:
    """The name of an item's file; its key need not be one, where a column names the picture."""
    name = file_name(item.key)
    return name if is_image_name(name) or not isinstance(item.data, Path) else name + item.data.suffix


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def _class(item: Answered, given: Gathered) -> str:
    """The class of the folder that an item goes to, empty for none; what the folder cannot hold is counted."""
    add, tags = given.losses.add, [label.value.tag for label in item.answers if label.value is not None]
    for tag in ("skip", "unsure"):
        if tag in tags:
            add(tag, item.key, tags.count(tag))
    if "soft" in tags:
        add("weights of a soft answer (its heaviest class is kept)", item.key, tags.count("soft"))
    hard = len(tags) - tags.count("skip") - tags.count("unsure")
    if not hard:
        return ""
    if hard > 1:
        add("answers of further annotators (the agreed one is kept)", item.key, hard - 1)
    if item.agreed is None or len(item.agreed) != 1:
        add("no class is agreed on" if not item.agreed else "several classes", item.key)
    elif item.modality != "image" or item.data is None or isinstance(item.data, InputError):
        add("no picture that can be read", item.key)
    else:
        return item.agreed[0]
    return ""


def _folder_name(text: str) -> str:
    name = safe_name(text)
    if len(name.encode()) > LONGEST:
        raise InputError(
            f"the class {text[:40]!r}... needs {len(name.encode())} bytes as the name of a folder; {LONGEST} fit.",
            "the format hf holds any name.",
        )
    return name


def _free(place: Path, called: str, taken: set[Path]) -> Path:
    """A place for a file that no other one has, also where letters of both cases are one."""
    stem, dot, ending = safe_name(called or "file").rpartition(".")
    stem, ending = (stem, dot + ending) if stem else (ending, "")
    stem = stem.encode()[: LONGEST - len(ending)].decode(errors="ignore")
    target, number = place / f"{stem}{ending}", 1
    while Path(str(target).casefold()) in taken:
        number += 1
        target = place / f"{stem}-{number}{ending}"
    taken.add(Path(str(target).casefold()))
    return target


def _put(picture: Any, target: Path) -> None:
    """A hard link to a file, a copy where none can be made; bytes are written."""
    if isinstance(picture, bytes):
        target.write_bytes(picture)
        return
    real = Path(os.path.realpath(picture))  # a link to a link would hang in the air elsewhere
    try:
        os.link(real, target)
    except OSError:
        shutil.copyfile(real, target)
