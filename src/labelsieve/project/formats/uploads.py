"""Files that somebody sends to be imported: kept below cache/uploads until they are, unpacked where they are archives.

    prepare(context, name) -> Path               where to write what comes, in a folder of its own
    take(context, path, upload) -> id            what is to be done with it, written beside it
    import_upload(context, id) -> ImportReport   does it, and removes the file

Only the server writes what is to be done: whoever starts a job names no path and nobody else's name.
"""

import json
import re
import shutil
import stat
import time
import uuid
import zipfile
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from errno import EEXIST, EISDIR, ENAMETOOLONG, ENOTDIR
from pathlib import Path, PurePosixPath
from typing import Any

from labelsieve.core.errors import InputError, ProjectError
from labelsieve.project.context import Context
from labelsieve.project.formats.exchanging import Wanted, import_from
from labelsieve.project.formats.folderout import safe_name
from labelsieve.project.importing import ImportReport
from labelsieve.project.people import trail

try:
    from lzma import LZMAError
except ImportError:  # a Python without it reads no such archives
    LZMAError = zlib.error  # type: ignore[misc, assignment]

LIMIT = 100 << 20  # bytes of an upload
UNPACKED = 4 << 30  # bytes of all files of an archive
FILES = 1_000_000  # in an archive
KEPT = 24 * 3600  # seconds that a file which nobody imports is kept
NOTE = "upload.json"
FIRST = 5  # keys of what was set aside that are told
_ID = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Upload:
    """What to do with a file: who sent it, what it is, and whether one misfit stops all."""

    by: str
    name: str
    format: str | None = None
    field: str | None = None
    strict: bool = True


def prepare(context: Context, name: str) -> Path:
    """A path for a file of that name, in a new folder. What was sent long ago and never imported is removed."""
    home = context.cache / "uploads"
    home.mkdir(parents=True, exist_ok=True)
    for old in home.iterdir():
        with suppress(FileNotFoundError):  # its import has just ended
            if time.time() - old.stat().st_mtime > KEPT:
                shutil.rmtree(old, ignore_errors=True)
    place = home / uuid.uuid4().hex
    (place / "file").mkdir(mode=0o700, parents=True)
    last = PurePosixPath(name.replace("\\", "/")).name
    return place / "file" / (safe_name(last)[-120:].lstrip(".") or "upload")


def take(path: Path, upload: Upload) -> str:
    """The id under which `import_upload` finds the file."""
    place = path.parent.parent
    (place / NOTE).write_text(json.dumps(asdict(upload)), encoding="utf-8")
    return place.name


def drop(path: Path) -> None:
    """Removes a file that will not be imported."""
    shutil.rmtree(path.parent.parent, ignore_errors=True)


def import_upload(context: Context, id_: str) -> ImportReport:
    """What the file added; it is removed, whether it could be imported or not. The trail says who sent it."""
    place = context.cache / "uploads" / id_
    if not _ID.fullmatch(id_) or not (place / NOTE).is_file():
        raise InputError("the file that was sent is not there any more.", "send it again.")
    upload = Upload(**json.loads((place / NOTE).read_text(encoding="utf-8")))
    try:
        (path,) = (place / "file").iterdir()
        path = unpacked(path, place / "unpacked") if path.suffix.lower() == ".zip" else path
        wanted = Wanted(upload.by, upload.format, upload.field, strict=upload.strict)

        def note(report: ImportReport) -> None:
            aside = sum(len(keys) for keys in report.set_aside.values())
            said = {"file": upload.name, "task": context.task_name, "added": report.added, "set_aside": aside}
            trail.put(context.conn, upload.by, "labels.import", said)

        return import_from(context, path, wanted, note)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def told(report: ImportReport) -> dict[str, Any]:
    """A report as plain data, with no more than the first keys of each reason."""
    lost = sum(len(keys) for keys in report.set_aside.values())
    return asdict(report) | {"set_aside": {why: keys[:FIRST] for why, keys in report.set_aside.items()}, "lost": lost}


def unpacked(archive: Path, into: Path) -> Path:
    """The folder of what a .zip holds: the only folder in it, if there is no other. No file leaves it.

    InputError for paths that lead out, links, and archives that unpack to more than UNPACKED bytes; ProjectError where
    the disk refuses them.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            if len(entries) > FILES or sum(entry.file_size for entry in entries) > UNPACKED:
                raise InputError(f"{archive.name} unpacks to more than {UNPACKED >> 30} GB.", "import it in parts.")
            for entry in entries:
                _require_inside(entry, archive.name)
            for entry in entries:
                opened.extract(entry, into)  # reads no more than the size that the entry says
    except (zipfile.BadZipFile, zlib.error, LZMAError, NotImplementedError, RuntimeError, EOFError) as error:
        raise InputError(f"{archive.name} is no archive that can be read: {error}.", "pack it again.") from error
    except OSError as error:
        raise _refused(archive.name, error) from error
    into.mkdir(exist_ok=True)
    inside = [path for path in into.iterdir() if path.name not in ("__MACOSX", ".DS_Store")]
    if not inside:
        raise InputError(f"{archive.name} holds no file.", "pack the folder with its pictures in it.")
    alone = inside[0] if len(inside) == 1 else into
    return alone if alone.is_dir() or len(inside) == 1 else into


def _refused(archive: str, error: OSError) -> InputError | ProjectError:
    """Why a file was not unpacked: by the archive's fault (without a number: bzip2's own), or the disk's."""
    said = error.strerror or str(error)
    if error.errno in (None, ENAMETOOLONG, ENOTDIR, EISDIR, EEXIST):
        return InputError(f"{archive} is no archive that can be unpacked here: {said}.", "pack it again.")
    return ProjectError(f"{archive} cannot be unpacked: {said}.", "check the free space of the project's disk.")


def _require_inside(entry: zipfile.ZipInfo, archive: str) -> None:
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    kind = stat.S_IFMT(entry.external_attr >> 16)
    leaves = path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1])
    if leaves or kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputError(f"{archive} holds {entry.filename[:80]!r}, which leads out of it.", "do not trust it.")
