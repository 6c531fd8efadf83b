"""Labels in and out in the formats of other tools.

export_as(context, path, format, allow_loss=False) -> Exported
import_from(context, path, wanted) -> ImportReport
format_of(path) -> str                                           what a file or folder is, where that is certain
"""

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.project import exports, importing
from labelsieve.project.context import Context
from labelsieve.project.exporting import label_rows, write_consensus
from labelsieve.project.formats import foreign
from labelsieve.project.formats.foreign import CROISSANT
from labelsieve.project.formats.gathering import Gathered, gathered
from labelsieve.project.formats.losses import Lost
from labelsieve.project.formats.matching import Matcher
from labelsieve.project.importing import Import, ImportReport
from labelsieve.project.people.settled import require_elsewhere
from labelsieve.project.safecsv import csv_text
from labelsieve.project.wholefiles import whole, whole_folder

TABLES = {"csv": (".csv", ".tsv"), "jsonl": (".jsonl", ".ndjson"), "parquet": (".parquet",)}
FOLDERS = ("hf", "folders", "croissant")
READERS = ("label-studio", *FOLDERS)
ENDINGS = {"csv": ".csv", "jsonl": ".jsonl", "parquet": ".parquet", "label-studio": ".json"}
FORMATS = (*TABLES, *READERS)
CONSENSUS = "consensus"  # a table that is written alone: what is most likely true, a row an item
PIECE = 2_000  # rows of a table that are sent at once
MARK = ".labelsieve.json"  # in every folder that we wrote: it may be replaced


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written where: items, answers, what was lost by reason, and what has to be known to use it."""

    path: Path
    format: str
    items: int
    answers: int
    lost: Mapping[str, Lost]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a file is imported: who answered where it does not say, its format where that is not plain, the column or
    control that holds the labels, and whether a single answer that cannot be a label stops all of them."""

    by: str
    format: str | None = None
    field: str | None = None
    separator: str = ";"
    strict: bool = False


def export_as(context: Context, path: Path | None, format_: str | None, allow_loss: bool = False) -> Exported:
    """Writes every standing answer of the context's task. The file or folder appears whole or not at all.

    Without `path` it goes below exports/; without `format_` the ending of `path` says it.
    Errors: InputError where the format cannot hold an answer, unless `allow_loss`; where a stranger stands at `path`.
    """
    format_ = format_ or _by_ending(path)
    require_known(format_)
    path = path or context.root / "exports" / f"{context.task_name}-{format_}{ENDINGS.get(format_, '')}"
    given = gathered(context, allow_loss)
    if format_ in TABLES:
        notes = _table(given, path, format_)
    elif format_ == "label-studio":
        notes = _studio(given, path)
    else:
        notes = _folder(given, path, format_)
    return Exported(path, format_, given.items, given.answers, given.losses.found, tuple(notes))


def _by_ending(path: Path | None) -> str:
    found = next((name for name, ending in ENDINGS.items() if path and path.suffix.lower() == ending), None)
    if found is None:
        raise InputError(f"{path or 'nothing'} does not say the format.", f"name it (--format): {', '.join(FORMATS)}.")
    return found


def _table(given: Gathered, path: Path, format_: str) -> list[str]:
    if path.suffix.lower() != f".{format_}":
        raise InputError(f"{path.name} is no name of a .{format_} file.", f"--out {path.stem or 'labels'}.{format_}")
    given.settle()
    exports.write_labels(path, _counted(given))
    return []


def _counted(given: Gathered) -> Iterator[tuple[Any, ...]]:
    last = None
    for row in label_rows(given.context):
        given.answers += 1
        given.items += row[0] != last
        last = row[0]
        yield row


def _studio(given: Gathered, path: Path) -> list[str]:
    if path.suffix.lower() != ".json":
        raise InputError(f"{path.name} is no name of a .json file.", f"--out {path.stem or 'labels'}.json")
    for place in (path, path.with_suffix(".xml")):
        ours = place.is_file() and b"labelsieve" in _head(place)
        exports.check_place(place, ours or _head(place).strip() in (b"[\n]", b"[]"), force=False)
    from labelsieve.project.formats import studio

    return studio.write(path, given)


def _head(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(1 << 20)


def _folder_writer(format_: str) -> Callable[[Path, Gathered], list[str]]:
    """What writes a folder of this format; a format is loaded when it is wanted."""
    from labelsieve.project.formats import croissant, folderout, hubout

    return {"hf": hubout.write, "folders": folderout.write, "croissant": croissant.write}[format_]


def _folder(given: Gathered, path: Path, format_: str) -> list[str]:
    mark = {"made_by": "labelsieve", "format": format_}
    there = path.is_dir() and any(path.iterdir())
    exports.check_place(path, path.is_dir() and (not there or _mark(path) == mark), force=False)
    if format_ == "folders":
        _require_outside(given, path)
    with whole_folder(path) as temporary:
        notes = _folder_writer(format_)(temporary, given)
        (temporary / MARK).write_text(json.dumps(mark), encoding="utf-8")
        given.settle()
    return notes


def _require_outside(given: Gathered, path: Path) -> None:
    """InputError where pictures would be written into a folder of pictures: the next sync would take them for new."""
    for row in given.context.rows.values():
        home = given.context.source(row.id).path
        if home.is_dir() and path.resolve().is_relative_to(home.resolve()):
            raise InputError(f"{path} lies in the source {row.name}, whose items they are.", "--out another folder.")


def _mark(folder: Path) -> Any:
    try:
        return json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def export_file(context: Context, format_: str, allow_loss: bool = False) -> Exported:
    """As `export_as` below exports/, as one file to download: what is a folder goes into a .zip. Or the consensus."""
    if format_ == CONSENSUS:
        path, items = write_consensus(context, context.root / "exports" / f"{context.task_name}-consensus.csv")
        return Exported(path, format_, items, items, {}, ("a row an item: key, label, answers, probability, basis.",))
    if format_ not in FOLDERS:
        return export_as(context, None, format_, allow_loss)
    path = context.root / "exports" / f"{context.task_name}-{format_}.zip"
    with TemporaryDirectory(dir=context.cache) as folder:
        made = export_as(context, Path(folder) / path.stem, format_, allow_loss)
        with whole(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for file in sorted(made.path.rglob("*")):
                archive.write(file, file.relative_to(folder).as_posix())
    return replace(made, path=path)


def files_of(made: Exported) -> list[Path]:
    """The files that were written: Label Studio's config lies beside its tasks."""
    return [made.path, made.path.with_suffix(".xml")] if made.format == "label-studio" else [made.path]


def require_streamed(context: Context, format_: str) -> None:
    """InputError where the format cannot be sent as it is made, or cannot hold every answer."""
    if format_ not in ("csv", "jsonl"):
        raise InputError(f"{format_} cannot be streamed; csv and jsonl can.", "POST .../export writes a file.")
    gathered(context).settle()


def download_name(task: str, format_: str) -> str:
    """A file name for a header, percent-encoded."""
    return quote(f"{task}-labels{ENDINGS[format_]}")


def streamed(context: Context, format_: str) -> Iterator[str]:
    """The table of all labels, piece by piece."""
    rows, columns = label_rows(context), exports.LABEL_COLUMNS
    head = csv_text(columns, []) if format_ == "csv" else ""
    yield head
    while block := list(islice(rows, PIECE)):
        if format_ == "csv":
            yield csv_text(columns, block)[len(head) :]
        else:
            lines = (json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) for row in block)
            yield "".join(f"{line}\n" for line in lines)


def require_known(format_: str) -> None:
    """UnknownName, with all formats, for a name that is none."""
    if format_ not in FORMATS:
        raise UnknownName("format", format_, FORMATS)


def import_from(
    context: Context, path: Path, wanted: Wanted, also: Callable[[ImportReport], None] | None = None
) -> ImportReport:
    """What a file or folder added. All of it is written in one transaction, and `also` in it, after all of it was read
    beside other writers; importing it twice doubles nothing.

    What cannot be a label (an unknown item, a class that a closed task has not, a box) is set aside by name.
    Errors: InputError where the file cannot be read; with `strict` also where anything is set aside.
    """
    format_ = wanted.format or format_of(path)
    require_known(format_)
    read = _read(context, path, format_, wanted)
    if wanted.strict and read.aside:
        fact = f"{said(ImportReport(set_aside=read.aside))}. Nothing was imported."
        raise InputError(fact, "allow the loss to import the rest.")
    return read.write(also)


def _read(context: Context, path: Path, format_: str, wanted: Wanted) -> Import:
    conn, task = context.conn, context.task
    if format_ in TABLES:
        if not path.name.lower().endswith(TABLES[format_]):
            raise InputError(f"{path.name} is no name of a {format_} file.", "leave --format out, or name another one.")
        require_elsewhere(context, path, wanted.by)
        return importing.read_file(conn, task.name, path, wanted.by, wanted.separator, context.key_columns())
    if not path.exists():
        raise InputError(f"{path} is not there.", "check the path.")
    rows = foreign.label_rows(_reader(format_)(path, wanted.field).answers(), Matcher(conn), task.kind, format_)
    return importing.read_rows(conn, task.name, rows, wanted.by, path.name)


def _reader(format_: str) -> Callable[[Path, str | None], foreign.Reading]:
    """What reads another tool's format; loaded when it is wanted."""
    from labelsieve.project.formats import croissant, folderin, hubin, studioread

    readers: dict[str, Callable[[Path, str | None], foreign.Reading]] = {
        "label-studio": studioread.StudioFile,
        "hf": hubin.HubFolder,
        "folders": folderin.ClassFolders,
        "croissant": croissant.CroissantFolder,
    }
    return readers[format_]


def said(report: ImportReport) -> str:
    """What was set aside, in words: how many, and the first."""
    total = sum(len(keys) for keys in report.set_aside.values())
    reasons = (f"{why}, {len(keys):,} (the first: {keys[0]})" for why, keys in report.set_aside.items())
    many = "1 answer cannot be a label" if total == 1 else f"{total:,} answers cannot be labels"
    return f"{many} here: {'; '.join(reasons)}"


def format_of(path: Path) -> str:
    """The format of a file or folder. InputError where it is not certain."""
    if not path.exists():
        raise InputError(f"{path} is not there.", "check the path; it is relative to the folder you are in.")
    if path.is_dir():
        if (path / CROISSANT).is_file():
            return "croissant"
        marks = ("dataset_info.json", "dataset_dict.json", "state.json")
        if any((path / name).is_file() for name in marks) or next(path.rglob("*.parquet"), None):
            return "hf"
        return "folders"
    name = path.name.lower()
    if name.endswith(".parquet"):
        from labelsieve.project.formats import hubin

        if hubin.is_hub_file(path):
            return "hf"
    if name == CROISSANT:
        return "croissant"
    if name.endswith(".json") and _head(path).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"[":
        return "label-studio"
    found = next((format_ for format_, endings in TABLES.items() if name.endswith(endings)), None)
    if found is None:
        raise InputError(f"{path.name} does not say what it is.", f"name the format (--format): {', '.join(FORMATS)}.")
    return found
