"""The layer of an ONNX image model that serves as feature map: found by running it once, and cut out of the model."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import EngineError
from labelsieve.core.types import Matrix
from labelsieve.engines.sessions import Session, dtype_of

STRIDES = (8, 16, 14, 32, 4)  # pixels a patch, best first
NAMED = "feature_map"  # outputs that a model offers as such are taken before inner ones
_SHAPED = ("Conv", "Add", "Relu", "Clip", "LeakyRelu", "HardSwish", "Mul", "BatchNormalization", "Concat", "PRelu")


@dataclass(frozen=True, slots=True)
class Inner:
    """A tensor of the model: its session, which ends there, and the `cells` (h, w) of `depth` columns inside `pad`."""

    session: Session
    name: str
    size: int  # pixels a side without the padding
    pad: int
    edge: int  # cells on each side that show padding
    cells: tuple[int, int]
    depth: int

    def inside(self, found: Matrix) -> Matrix:
        """Patches (h * w, depth) of what the session gave: (1, depth, h, w), or tokens (1, t, depth)."""
        if found.ndim == 3:
            return found[0, found.shape[1] - self.cells[0] * self.cells[1] :]
        height, width = self.cells
        kept = found[0, :, self.edge : self.edge + height, self.edge : self.edge + width]
        return np.ascontiguousarray(kept.reshape(self.depth, height * width).T)


def inner_map(file: Path, feed: str, size: int, pad: int, fixed: int = 0) -> Inner:
    """The layer of `file` with one patch for 8 x 8 pixels, else 16, 14, 32 or 4; `feed` is the name of its input.

    A model of `fixed` size is fed just that, without padding, and so is one that gives tokens. Of several layers a
    named output goes first, then the last sum of a residual block, then the last. EngineError where there is none.
    """
    tokens = _tokens(file, feed, fixed or size)
    if tokens is not None:
        return tokens
    pad = 0 if fixed else pad
    size = fixed or max(32, size // 32 * 32)
    whole = size + 2 * pad
    model = _read(file)
    names = [node.output[0] for node in model.graph.node if node.op_type in _SHAPED]
    sums = {node.output[0] for node in model.graph.node if node.op_type == "Add"}
    ends = [output.name for output in model.graph.output]
    order = dict.fromkeys([*names, *ends])
    shapes = _shapes(file, model, feed, list(order), whole)
    for stride in STRIDES:
        side = whole // stride
        fits = [name for name, shape in shapes.items() if shape[0] == 1 and shape[2:] == (side, side)]
        if not fits or side * stride != whole or pad % stride:
            continue
        named = [name for name in fits if name in ends and name.startswith(NAMED)]
        name = (named or [name for name in fits if name in sums] or fits)[-1]
        cells = side - 2 * (pad // stride)
        cut = Session(file, _cut(model, [name]))
        return Inner(cut, name, size, pad, pad // stride, (cells, cells), shapes[name][1])
    raise EngineError(
        f"{file} has no layer of patches: of {whole} x {whole} pixels none leaves one for 4 to 32 of them.",
        "choose a convolutional image model, or a vision transformer with last_hidden_state.",
    )


def _tokens(file: Path, feed: str, size: int) -> Inner | None:
    """The tokens of a vision transformer, without those in front that belong to no place; None for other models."""
    session = Session(file)
    name = next((name for name in session.outputs if session.rank(name) == 3), None)
    if name is None:
        return None
    grey = np.zeros((1, 3, size, size), dtype_of(session.inputs[feed]))
    found = session.run(name, {feed: grey})
    side = isqrt(found.shape[1])
    return Inner(session, name, size, 0, 0, (side, side), found.shape[2])


def _read(file: Path) -> Any:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return onnx.load(str(file))
    except (DecodeError, OSError, ValueError) as error:
        raise EngineError(f"{file} cannot be read: {error}.", "fetch it again.") from error


def _shapes(file: Path, model: Any, feed: str, names: list[str], side: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the named tensors for one grey picture, those with four axes, in the order of the model."""
    session = Session(file, _cut(model, names))
    first, kind = session.inputs[feed].shape[0], dtype_of(session.inputs[feed])
    grey = np.zeros((first if isinstance(first, int) else 1, 3, side, side), kind)
    found = session.run_all({feed: grey})
    return {name: (1, *value.shape[1:]) for name, value in found.items() if value.ndim == 4}


def _cut(model: Any, names: list[str]) -> bytes:
    """The model without all that the named tensors do not need, as bytes."""
    import onnx

    cut = onnx.ModelProto()
    cut.CopyFrom(model)
    nodes, wanted = [], set(names)
    for node in reversed(model.graph.node):
        if wanted & set(node.output):
            nodes.append(node)
            wanted |= set(node.input)
    del cut.graph.node[:]
    del cut.graph.output[:]
    cut.graph.node.extend(reversed(nodes))
    cut.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    _keep(cut.graph.initializer, wanted)
    data: bytes = cut.SerializeToString()
    return data


def _keep(initializers: Any, wanted: Iterable[str]) -> None:
    kept = [value for value in initializers if value.name in wanted]
    del initializers[:]
    initializers.extend(kept)
