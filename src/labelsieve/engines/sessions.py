"""onnxruntime, kept in one place: sessions that one thread each may use, outputs by name, errors of ours.

It is loaded with the first session: every command imports this module, and few open a model.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import EngineError


@cache
def _runtime_errors() -> tuple[type[Exception], ...]:
    """onnxruntime's errors, which have no common root but Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = (
        *("Fail", "InvalidArgument", "NoSuchFile", "NoModel", "EngineError", "RuntimeException"),
        *("InvalidProtobuf", "ModelLoaded", "NotImplemented", "InvalidGraph", "EPFail"),
    )
    return tuple(getattr(state, name) for name in names if hasattr(state, name))


class Session:
    """One model.onnx. `run` may be called from several threads at once; each call computes on one thread.

    `alone` says that things must run one at a time: a model that quantises its activations scales them by
    the largest of the whole chunk, so that a row would depend on its neighbours (cosine .94 to .99 for
    MiniLM in int8, and a third of a point of accuracy).
    """

    def __init__(self, file: Path, model: bytes | None = None) -> None:
        """`model` stands in the place of the bytes of the file: a part of it."""
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised, not printed
        try:
            self._session = ort.InferenceSession(model or str(file), options, providers=["CPUExecutionProvider"])
        except _runtime_errors() as error:
            fact = f"{file} is no model that onnxruntime can load: {short(error)}"
            raise EngineError(fact, "fetch it again.") from error
        self.file = file
        self.inputs: dict[str, Any] = {i.name: i for i in self._session.get_inputs()}
        self.outputs: dict[str, Any] = {o.name: o for o in self._session.get_outputs()}
        self.alone = _mentions(file, b"DynamicQuantize")

    def run(self, output: str, feed: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """The named output as float32. EngineError where the model does not take what it is fed."""
        try:
            return np.asarray(self._session.run([output], dict(feed))[0], dtype=np.float32)
        except _runtime_errors() as error:
            raise self._failed(error) from error

    def run_all(self, feed: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Every output by name, as it is. EngineError as of `run`."""
        try:
            return dict(zip(self.outputs, map(np.asarray, self._session.run(None, dict(feed))), strict=True))
        except _runtime_errors() as error:
            raise self._failed(error) from error

    def _failed(self, error: BaseException) -> EngineError:
        return EngineError(f"{self.file} failed: {short(error)}", "check that the files beside it belong to it.")

    def rank(self, output: str) -> int:
        """How many axes the output has; 0 where the model does not say."""
        return len(self.outputs[output].shape or ())


def _mentions(file: Path, word: bytes) -> bool:
    with file.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as view:
        return view.find(word) >= 0


def dtype_of(tensor: Any) -> Any:
    """The numpy type of an input: float16, float32, int32 or int64."""
    kinds = {"tensor(float16)": np.float16, "tensor(float)": np.float32, "tensor(int32)": np.int32}
    return kinds.get(tensor.type, np.int64)


def width_of(rows: NDArray[Any], who: str) -> int:
    """The width of rows (1, d). EngineError where they are no rows, or not finite."""
    if rows.ndim != 2:
        raise EngineError(f"{who} gives an array of shape {rows.shape}; expected one row.", "the model is no engine.")
    if not np.isfinite(rows).all():
        raise EngineError(f"{who} gives values that are not finite.", "the model is damaged: fetch it again.")
    return int(rows.shape[1])


def short(error: BaseException) -> str:
    """What onnxruntime says, on one line and without its codes."""
    line = " ".join(str(error).split()) or type(error).__name__
    return re.sub(r"^(\[ONNXRuntimeError\] : \d+ : )?([A-Z_]+ : )?", "", line).removesuffix(".")[:300] + "."


def digest_of(files: Sequence[Path]) -> str:
    """16 hex letters of all the bytes of the files: the revision of a local folder. Cost: O(bytes)."""
    total = hashlib.blake2b(digest_size=8)
    for file in sorted(files):
        total.update(f"{file.name}\0".encode())
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "blake2b").digest())
    return total.hexdigest()
