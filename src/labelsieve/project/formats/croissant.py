"""Croissant: the folder that `hubout` writes, described by croissant.json (JSON-LD, version 1.0).

    write(folder, gathered) -> notes
    CroissantFolder(path)              reads one: every file that it describes must have the digest that it says

Source: docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labelsieve.core.errors import InputError
from labelsieve.project.formats import hubout
from labelsieve.project.formats.foreign import CROISSANT, Foreign
from labelsieve.project.formats.gathering import Gathered
from labelsieve.project.formats.hubin import HubFolder, inside, json_object

VERSION = "http://mlcommons.org/croissant/1.0"
PARQUET = "application/x-parquet"
_TERMS = """column equivalentProperty extract field fileProperty fileObject fileSet format includes isLiveDataset
  jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source subField
  transform"""
_ODD: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "dct": "http://purl.org/dc/terms/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "citeAs": "cr:citeAs",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
}
CONTEXT = _ODD | {name: f"cr:{name}" for name in _TERMS.split()}


def write(folder: Path, given: Gathered) -> list[str]:
    """Fills an empty folder."""
    notes = hubout.write(folder, given)
    files = sorted((folder / "data").glob("*.parquet"))
    facts = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": f"{given.context.root.stem}-{given.task.name}",
        "description": f"{given.items:,} labelled items of the task {given.task.name} ({given.task.kind}).",
        "version": "1.0.0",
        "distribution": [_file(path, folder) for path in files],
        "recordSet": [_classes(given.task.classes), *(_rows(path, given.task.classes) for path in files)],
    }
    (folder / CROISSANT).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return [
        *notes,
        f"{CROISSANT} names no licence: add license, creator, url and datePublished before it is published.",
    ]


def sha256(path: Path) -> str:
    """64 hex digits over the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file(path: Path, folder: Path) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path.stem,
        "name": path.name,
        "contentUrl": path.relative_to(folder).as_posix(),
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": PARQUET,
        "sha256": sha256(path),
    }


def _classes(names: tuple[str, ...]) -> dict[str, Any]:
    """The classes with their codes, in the file itself."""
    fields = {"code": "sc:Integer", "name": "sc:Text"}
    return {
        "@type": "cr:RecordSet",
        "@id": "classes",
        "key": {"@id": "classes/code"},
        "field": [{"@type": "cr:Field", "@id": f"classes/{name}", "dataType": kind} for name, kind in fields.items()],
        "data": [{"classes/code": code, "classes/name": name} for code, name in enumerate(names)],
    }


def _rows(path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """The items of one file: a field a column."""
    name = path.stem.partition("-")[0]
    fields = [_field(name, path.stem, column) for column in pq.read_schema(path) if column.name != "answers"]
    return {"@type": "cr:RecordSet", "@id": name, "key": {"@id": f"{name}/key"}, "field": fields} | (
        {} if names else {"description": "no class was ever named"}
    )


def _field(name: str, file: str, column: pa.Field) -> dict[str, Any]:
    source: dict[str, Any] = {"fileObject": {"@id": file}, "extract": {"column": column.name}}
    if column.name == "image":
        source["transform"] = {"jsonPath": "bytes"}
    kind = column.type.value_type if pa.types.is_list(column.type) else column.type
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{name}/{column.name}",
        "dataType": _type(kind),
        "source": source,
    }
    if pa.types.is_list(column.type):
        field["repeated"] = True
    if column.name == "label":  # readers join no lists
        field["references"] = {"field": {"@id": "classes/code"}}
    return field


_TYPES = (
    (pa.types.is_struct, "sc:ImageObject"),
    (pa.types.is_boolean, "sc:Boolean"),
    (pa.types.is_integer, "sc:Integer"),
    (pa.types.is_floating, "sc:Float"),
    (pa.types.is_decimal, "sc:Float"),
    (pa.types.is_date, "sc:Date"),
    (pa.types.is_timestamp, "sc:DateTime"),
    (pa.types.is_time, "sc:Time"),
)


def _type(kind: pa.DataType) -> str:
    return next((name for holds, name in _TYPES if holds(kind)), "sc:Text")


class CroissantFolder:
    """A folder of ours, or any other whose Croissant describes Parquet files of `datasets` in it."""

    def __init__(self, path: Path, field: str | None = None) -> None:
        self._folder = path if path.is_dir() else path.parent
        for one in _described(json_object(path / CROISSANT if path.is_dir() else path)):
            self._require_whole(one)
        self._data = HubFolder(self._folder, field)

    def _require_whole(self, one: Mapping[str, Any]) -> None:
        file = inside(self._folder, one.get("contentUrl"))
        if not file.is_file():
            raise InputError(
                f"{file.name}, which {CROISSANT} describes, is not in its folder.", "copy the whole folder."
            )
        said = one.get("sha256")
        found = sha256(file)
        if said is not None and said != found:
            raise InputError(
                f"{file.name} has changed: its sha256 is {found[:12]}..., {CROISSANT} says {str(said)[:12]}....",
                "copy or export it again.",
            )

    def answers(self) -> Iterator[Foreign]:
        """Answers in the order of the files."""
        return self._data.answers()


def _described(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The files that lie beside croissant.json."""
    found = facts.get("distribution")
    files = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [one for one in files if "FileObject" in str(one.get("@type")) and "://" not in str(one.get("contentUrl"))]
