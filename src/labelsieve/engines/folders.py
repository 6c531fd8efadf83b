"""What a folder of files holds: which model, for which modality, run by what."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from labelsieve.core.errors import EngineError
from labelsieve.core.types import Modality

IMAGE_CONFIG = "preprocessor_config.json"
ONNX_IMAGE = ("vision_model.onnx", "onnx/vision_model.onnx", "model.onnx", "onnx/model.onnx")
ONNX_TEXT = ("text_model.onnx", "onnx/text_model.onnx", "model.onnx", "onnx/model.onnx")
_MARKS: dict[Modality, str] = {"image": IMAGE_CONFIG, "text": "tokenizer.json"}
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


@dataclass(frozen=True, slots=True)
class Found:
    """A model within a folder: its file, what it takes, and what runs it."""

    file: str
    modality: Modality
    runs_in: Literal["onnxruntime", "transformers"]


def find_model(files: Iterable[str], where: str, modality: Modality | None = None) -> Found:
    """The model among the names of files, relative to the folder; ONNX before transformers, images before texts.

    Raises EngineError that says what is absent.
    """
    there = set(files)
    takes = [m for m, file in _MARKS.items() if file in there and modality in (None, m)]
    for found in takes:
        for file in ONNX_IMAGE if found == "image" else ONNX_TEXT:
            if file in there:
                return Found(file, found, "onnxruntime")
    for found in takes:
        for file in WEIGHTS:
            if file in there and "config.json" in there:
                return Found(file, found, "transformers")
    raise EngineError(
        _what_is_absent(there, where, takes, modality), "docs/reference/engines.md lists the files of an engine."
    )


def _what_is_absent(there: set[str], where: str, takes: list[Modality], modality: Modality | None) -> str:
    if not takes:
        either = f"{IMAGE_CONFIG} (images) or tokenizer.json (texts)"
        file = _MARKS.get(modality, either) if modality else either
        return f"{where} has no {file}; it cannot be read as an engine."
    if any(name.endswith((".bin", ".pt", ".pth", ".pkl")) for name in there):
        return f"{where} has pickled weights only; those are never opened: expected model.onnx or model.safetensors."
    return f"{where} has neither model.onnx nor model.safetensors with config.json."
