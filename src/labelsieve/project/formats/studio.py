"""Label Studio's JSON: tasks with annotations and predictions, and beside it the labelling config that shows them.

    write(path, gathered) -> notes      PATH is a .json; the config is PATH with the ending .xml

Source: labelstud.io/guide/tasks (import) and /guide/export. An annotator stands in `labelsieve` of an annotation and
in `meta` of its results, not in `completed_by`: Label Studio refuses a file that names somebody it does not know.
"""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from labelsieve.core.errors import InputError
from labelsieve.core.types import Label, Modality
from labelsieve.project.exports import label_names
from labelsieve.project.formats.gathering import Answered, Gathered
from labelsieve.project.seeing import folder_of, kind_seen
from labelsieve.project.wholefiles import whole, write_whole

LABEL, UNSURE = "label", "unsure"  # the names of the two controls
SHOWN = {
    "image": '<Image name={name} value="$image" zoom="true" zoomControl="true"/>',
    "text": '<Text name={name} value="$text"/>',
    "row": '<Table name={name} value="$row"/>',
    "embedding": '<Text name={name} value="$key"/>',
}


def write(path: Path, given: Gathered) -> list[str]:
    """Writes tasks and config; returns what has to be known to use them."""
    kinds = given.modalities() or ["text"]
    root = _root(given) if "image" in kinds else None
    with whole(path) as temporary:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write("[")
            for number, task in enumerate(_tasks(given, kinds, root)):
                file.write(("," if number else "") + "\n" + json.dumps(task, ensure_ascii=False, default=str))
            file.write("\n]\n")
        given.settle()
        write_whole(
            path.with_suffix(".xml"), labelling_config(kinds, given.task.classes, given.task.kind == "multilabel")
        )
    notes = [
        f"the labelling config is {path.with_suffix('.xml').name}: paste it into Settings, Labeling Interface, Code."
    ]
    if root is not None:
        notes.append(
            "Label Studio shows the pictures when it runs with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and "
            f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={root}, and a local storage for the folder of the pictures."
        )
    return notes


def labelling_config(kinds: list[Modality], classes: tuple[str, ...], several: bool) -> str:
    """The labelling config: what is shown, the classes as choices, and a box for unsure."""
    for name in classes:
        if any(ord(letter) < 32 and letter not in "\t\n\r" for letter in name):
            raise InputError(
                f"the class {name!r} has a control character, which no XML can hold.", "the format jsonl holds it."
            )
    names = ["item", *(f"item{number}" for number in range(2, len(kinds) + 1))]
    shown = [SHOWN[kind].format(name=quoteattr(name)) for kind, name in zip(kinds, names, strict=True)]
    choices = [f"    <Choice value={quoteattr(name)}/>" for name in classes]
    often = "multiple" if several else "single-radio"
    return "\n".join(
        [
            "<View>",
            "  <!-- made by labelsieve -->",
            *(f"  {line}" for line in shown),
            f'  <Choices name="{LABEL}" toName="item" choice="{often}" showInline="true">',
            *choices,
            "  </Choices>",
            f'  <Choices name="{UNSURE}" toName="item" choice="multiple"><Choice value="{UNSURE}"/></Choices>',
            "</View>",
            "",
        ]
    )


def _root(given: Gathered) -> Path:
    """The folder above all folders of pictures: addresses start there."""
    rows = [row for row in given.context.rows if kind_seen(given.context, row) == "image"]
    folders = [folder_of(given.context.source(row)) for row in rows]
    return Path(os.path.commonpath([str(folder.resolve()) for folder in folders])).parent


def _tasks(given: Gathered, kinds: list[Modality], root: Path | None) -> Iterator[dict[str, Any]]:
    blanks = {name: empty for kind, name, empty in _FIELDS if kind in kinds}
    number = 0
    for block in given.blocks():
        for item in block:
            number += 1
            answers = [_annotation(label, given, item.key) for label in item.answers]
            yield {
                "id": number,
                "data": blanks | {"key": item.key} | _data(item, root, given),
                "annotations": [found for found in answers if "model_version" not in found],
                "predictions": [found for found in answers if "model_version" in found],
            }


_FIELDS: tuple[tuple[Modality, str, Any], ...] = (("image", "image", ""), ("text", "text", ""), ("row", "row", {}))


def _data(item: Answered, root: Path | None, given: Gathered) -> dict[str, Any]:
    if item.data is None or isinstance(item.data, InputError):
        given.losses.add("its item cannot be shown: it has gone or cannot be read", item.key)
        return {}
    if item.modality == "image":
        return {"image": _address(item.data, root)}
    if item.modality == "row":
        return {"row": {str(name): value for name, value in item.data.items()}}
    return {"text": str(item.data)} if item.modality == "text" else {}


def _address(picture: Any, root: Path | None) -> str:
    if isinstance(picture, bytes):
        return "data:image;base64," + base64.b64encode(picture).decode("ascii")
    below = os.path.relpath(os.path.realpath(picture), root or "/")
    return "/data/local-files/?d=" + quote(Path(below).as_posix())


def _annotation(label: Label, given: Gathered, key: str) -> dict[str, Any]:
    """An annotation; of a model's answer a prediction."""
    value = label.value
    tag = value.tag if value is not None else "skip"
    if tag == "soft":
        given.losses.add("weights of a soft answer (its heaviest class is kept)", key)
    origin = {"annotator": label.by, "at": label.at, "source": label.source}
    if given.purpose(label):
        origin["purpose"] = str(given.purpose(label))
    names = list(label_names(value)) if value is not None else []
    result = []
    if names or tag == UNSURE:
        control, chosen = (UNSURE, [UNSURE]) if tag == UNSURE else (LABEL, names)
        parts = {"from_name": control, "to_name": "item", "type": "choices", "value": {"choices": chosen}}
        result = [{"id": label.id[:10], **parts, "meta": origin}]
    if label.source == "model":
        if tag == "skip":
            given.losses.add("skip by a model", key)
        return {"model_version": label.by, "result": result, "labelsieve": origin}
    return {
        "result": result,
        "was_cancelled": tag == "skip",
        "ground_truth": False,
        "lead_time": label.seconds,
        "created_at": label.at,
        "labelsieve": origin,
    }
