"""Which reader opens a path: a folder, a table file, an array file, or a plug-in that claims it."""

from pathlib import Path
from typing import Any

from labelsieve.core import plugins
from labelsieve.core.errors import InputError
from labelsieve.sources.base import Source
from labelsieve.sources.options import SourceOptions

BUILT_IN = {"rows": (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"), "array": (".npy", ".npz")}


def open_source(path: Path | str, options: SourceOptions | None = None, cache: Path | None = None) -> Source:
    """The source at `path`. Nothing but names of columns is read yet; working copies go below `cache`.

    A plug-in (entry point group "labelsieve.sources") whose `accepts(path)` is true goes first.
    Errors: InputError where there is nothing, or nothing that any reader knows.
    """
    path = Path(path).absolute()
    options = options or SourceOptions()
    reader = _reader(path)
    source: Source = reader(path, options, cache)
    return source


def _reader(path: Path) -> Any:
    foreign = [name for name in plugins.names("sources") if name not in ("images", *BUILT_IN)]
    for name in foreign:
        reader = plugins.load("sources", name)
        if getattr(reader, "accepts", lambda _: False)(path):
            return reader
    if not path.exists():
        raise InputError(f"{path} is not there.", "check the path; it is relative to the folder you are in.")
    if path.is_dir():
        return plugins.load("sources", "images")
    for name, endings in BUILT_IN.items():
        if path.name.lower().endswith(endings):
            return plugins.load("sources", name)
    known = " ".join(ending for group in BUILT_IN.values() for ending in group)
    raise InputError(f"{path.name} cannot be read; expected a folder of images, or a file of {known}.", _hint(path))


def _hint(path: Path) -> str:
    if path.suffix.lower() in (".xlsx", ".xls", ".ods"):
        return "save the sheet as CSV."
    if path.suffix.lower() in (".json",):
        return "write one JSON object a line and call the file .jsonl."
    if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
        return "give the folder that holds the images."
    return "convert it to one of these."
