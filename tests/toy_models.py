"""Tiny image models that a test writes to disk itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 64


def conv_folder(folder: Path, deep: int = 4, side: Any = "s", named: bool = False, stride: int = 8) -> Path:
    """A mean of `stride` x `stride` pixels, `deep` times over, then a second layer of half the side and a row."""
    rng = np.random.default_rng(0)
    first = np.repeat(np.full((1, 3, stride, stride), 1 / (3 * stride**2), np.float32), deep, axis=0)
    first *= np.arange(1, deep + 1, dtype=np.float32)[:, None, None, None]
    second = rng.normal(size=(5, deep, 2, 2)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["grey"], strides=[stride, stride]),
        helper.make_node("Relu", ["grey"], ["feature_map_s8" if named else "kept"]),
        helper.make_node("Add", ["grey", "grey"], ["sum"]),
        helper.make_node("Conv", ["sum", "b"], ["deep"], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["deep"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
    ]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, side, side])
    ends = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 5])]
    if named:
        ends.append(helper.make_tensor_value_info("feature_map_s8", TensorProto.FLOAT, ["n", deep, "h", "w"]))
    weights = [numpy_helper.from_array(first, "a"), numpy_helper.from_array(second, "b")]
    graph = helper.make_graph(nodes, "tiny", [given], ends, weights)
    folder.mkdir(parents=True, exist_ok=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / "model.onnx"))
    square = side if isinstance(side, int) else SIZE
    config = {"size": {"height": square, "width": square}, "do_rescale": True, "do_normalize": False}
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    return folder
