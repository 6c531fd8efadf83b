"""A view, a head and its temperature as one ONNX graph: embeddings in, calibrated probabilities out."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError
from labelsieve.core.sockets import Head
from labelsieve.core.types import State
from labelsieve.heads.boosted import Boosted
from labelsieve.heads.distances import LEAST
from labelsieve.heads.forest import Forest
from labelsieve.heads.fused import BEND, Fused
from labelsieve.heads.linear import Linear
from labelsieve.heads.means import NearestMean
from labelsieve.heads.mixup import Mixup
from labelsieve.heads.temperature import FLOOR, Temperature
from labelsieve.heads.trees import Trees
from labelsieve.heads.usual import Usual
from labelsieve.heads.view import LEARNT, View

OPSET, ML_OPSET, IR = 17, 3, 8  # read by every onnxruntime since 1.12


class Graph:
    """Nodes and constants as they are added; every method gives the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype=np.float32), name))
        return name

    def add(self, kind: str, inputs: Sequence[str], output: str = "", domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], domain=domain, **attributes))
        return output


def to_onnx(view: View, head: Head, temperature: Temperature | None = None, classes: Sequence[str] = ()) -> bytes:
    """One ONNX model: `embeddings` (n, d) float32 as the engine gave them -> `probabilities` (n, c) float32.

    The names of the classes stand in its metadata ("classes", JSON). InputError for a head that is not ours:
    its code cannot leave Python.
    """
    from onnx import TensorProto, helper

    build = _BUILDERS.get(type(head))
    if build is None:
        ours = ", ".join(sorted(kind.__name__ for kind in _BUILDERS))
        raise InputError(
            f"a {type(head).__name__} head cannot be written as ONNX; expected one of {ours}.",
            "fit one of these, or refit this head from the exported labels where it shall run.",
        )
    state = head.state()  # type: ignore[attr-defined]
    n_classes = int(state["n_classes"])
    graph = Graph()
    proba = build(graph, _viewed(graph, view), state, n_classes)
    _calibrated(graph, proba, temperature or Temperature(), "rate" in state)
    rows = helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", view.dim])
    out = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", n_classes])
    made = helper.make_graph(graph.nodes, "labelsieve head", [rows], [out], graph.constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=IR, producer_name="labelsieve")
    helper.set_model_props(model, {"classes": json.dumps(list(classes), ensure_ascii=False)})
    return bytes(model.SerializeToString())


def _viewed(graph: Graph, view: View) -> str:
    x = "embeddings"
    if view.how in LEARNT:
        x = graph.add("Div", [graph.add("Sub", [x, graph.constant(view.mean)]), graph.constant(view.scale)])
    if view.how in ("unit", "zunit"):
        x = _scaled(graph, x, np.sqrt(view.dim) if view.how == "zunit" else 1.0)
    return x


def _scaled(graph: Graph, x: str, size: float) -> str:
    """Rows of norm `size`; a zero row stays zero."""
    norm = graph.add("ReduceL2", [x], axes=[1], keepdims=1)
    safe = graph.add("Max", [norm, graph.constant(np.finfo(np.float32).tiny)])
    return graph.add("Mul", [graph.add("Div", [x, safe]), graph.constant(size)])


def _calibrated(graph: Graph, proba: str, temperature: Temperature, yes_no: bool) -> None:
    if temperature.t == 1.0:
        graph.add("Identity", [proba], "probabilities")
        return
    t = graph.constant(temperature.t)
    kept = graph.add("Clip", [proba, graph.constant(FLOOR), graph.constant(1 - FLOOR)])
    if yes_no:
        odds = graph.add("Div", [kept, graph.add("Sub", [graph.constant(1), kept])])
        graph.add("Sigmoid", [graph.add("Div", [graph.add("Log", [odds]), t])], "probabilities")
        return
    power = graph.add("Exp", [graph.add("Div", [graph.add("Log", [kept]), t])])
    there = graph.add("Ceil", [graph.add("Clip", [proba, graph.constant(0), graph.constant(1)])])  # 0 stays 0
    power = graph.add("Mul", [power, there])
    total = graph.add("ReduceSum", [power, _axes(graph)], keepdims=1)
    graph.add("Div", [power, total], "probabilities")


def _axes(graph: Graph) -> str:
    from onnx import numpy_helper

    graph.constants.append(numpy_helper.from_array(np.array([1], dtype=np.int64), "axis_of_classes"))
    return "axis_of_classes"


def _affine(graph: Graph, x: str, matrix: NDArray[Any], shift: NDArray[Any]) -> str:
    return graph.add("Add", [graph.add("MatMul", [x, graph.constant(matrix)]), graph.constant(shift)])


def _columns(graph: Graph, logit: str, k: int, state: State, n_classes: int) -> str:
    """Logits of k columns -> probabilities (n, c)."""
    present = state["present"]
    if "rate" in state:
        return _placed(graph, graph.add("Sigmoid", [logit]), state, n_classes)
    if k == 1 and len(present) == 2:  # one question
        yes = graph.add("Sigmoid", [logit])
        both = graph.add("Concat", [graph.add("Sub", [graph.constant(1), yes]), yes], axis=1)
        return _placed(graph, both, state, n_classes)
    return _placed(graph, graph.add("Softmax", [logit], axis=1), state, n_classes)


def _placed(graph: Graph, proba: str, state: State, n_classes: int) -> str:
    """(n, k) -> (n, c): classes without a column have probability 0, or their rate (multilabel)."""
    present, rate = state["present"], state.get("rate")
    place = np.zeros((len(present), n_classes))
    place[np.arange(len(present)), present] = 1
    rest = np.zeros(n_classes) if rate is None else np.where(np.isin(np.arange(n_classes), present), 0, rate)
    return _affine(graph, proba, place, rest)


def _constant_head(graph: Graph, x: str, dim: int, state: State, n_classes: int) -> str:
    """A head with no column to compute: one class, or every question has one answer only."""
    value = np.zeros(n_classes)
    if "rate" in state:
        value = state["rate"]
    else:
        value[state["present"]] = 1
    return _affine(graph, x, np.zeros((dim, n_classes)), value)


def _linear(graph: Graph, x: str, state: State, n_classes: int) -> str:
    dim, k = state["coef"].shape
    if len(state["present"]) < (1 if "rate" in state else 2):
        return _constant_head(graph, x, dim, state, n_classes)
    return _columns(graph, _affine(graph, x, state["coef"], state["bias"]), k, state, n_classes)


def _means(graph: Graph, x: str, state: State, n_classes: int) -> str:
    means, sharpness = state["means"], float(state["sharpness"])
    if len(state["present"]) < (1 if "rate" in state else 2):
        return _constant_head(graph, x, means.shape[1], state, n_classes)
    coef, shift = 2 * sharpness * means.T, -sharpness * (means**2).sum(axis=1)
    if "rate" in state:  # yes against no, with the odds that the class has
        k, rate = len(state["present"]), state["rate"][state["present"]]
        coef, shift = coef[:, :k] - coef[:, k:], shift[:k] - shift[k:] + np.log(rate / (1 - rate))
    return _columns(graph, _affine(graph, x, coef, shift), coef.shape[1], state, n_classes)


def _usual(graph: Graph, x: str, state: State, n_classes: int) -> str:
    distance = _distance(graph, x, state)
    odd = graph.add("Div", [distance, graph.add("Add", [distance, graph.constant(float(state["edge"]))])])
    return graph.add("Concat", [graph.add("Sub", [graph.constant(1), odd]), odd], axis=1)


def _distance(graph: Graph, x: str, state: State) -> str:
    """Squared Mahalanobis distances (n, 1) by the state of a Gaussian."""
    away = graph.add("Sub", [x, graph.constant(state["mean"])])
    if not state["whiten"].shape[1]:
        return graph.add("Mul", [_square(graph, away), graph.constant(float(state["rest"]))])
    own = _square(graph, graph.add("MatMul", [away, graph.constant(state["whiten"])]))
    if not float(state["rest"]):
        return own
    whole = graph.add("Mul", [_square(graph, away), graph.constant(float(state["rest"]))])
    return graph.add("Max", [graph.add("Sub", [whole, own]), graph.constant(0)])


def _square(graph: Graph, x: str) -> str:
    return graph.add("ReduceSumSquare", [x], axes=[1], keepdims=1)


def _fused(graph: Graph, x: str, state: State, n_classes: int) -> str:
    dim, edge = int(state["dim"]), float(state["edge"])
    if "far_places" not in state:
        value = np.array([1 / (1 + np.exp(-edge)), 1 / (1 + np.exp(edge))])
        return _affine(graph, x, np.zeros((dim, n_classes)), value)
    *places, whole = state["far_places"]
    views = [x] if state["tabular"] else [x, _scaled(graph, x, np.sqrt(dim))]
    far = [_placed_in(graph, _log_distance(graph, views[at], at, state), place) for at, place in enumerate(places)]
    score = _placed_in(graph, far[0] if len(far) == 1 else graph.add("Add", far), whole)
    if "place" in state:
        like = _affine(graph, views[-1], state["linear_coef"], state["linear_bias"])
        shares = np.array([state["like"], BEND * state["weight"]]) / (state["like"] + 1)
        bent = graph.add("Tanh", [graph.add("Div", [score, graph.constant(BEND)])])
        parts = zip((_placed_in(graph, like, state["place"]), bent), shares, strict=True)
        score = graph.add("Add", [graph.add("Mul", [part, graph.constant(share)]) for part, share in parts])
    odd = graph.add("Sub", [score, graph.constant(edge)])
    return graph.add("Concat", [graph.add("Sigmoid", [graph.add("Neg", [odd])]), graph.add("Sigmoid", [odd])], axis=1)


def _log_distance(graph: Graph, x: str, at: int, state: State) -> str:
    names = ("mean", "whiten", "rest")
    distance = _distance(graph, x, {name: state[f"far_{at}_{name}"] for name in names})
    share = graph.add("Div", [distance, graph.constant(float(state["dim"]))])
    return graph.add("Log", [graph.add("Max", [share, graph.constant(LEAST)])])


def _placed_in(graph: Graph, score: str, place: NDArray[Any]) -> str:
    return graph.add("Div", [graph.add("Sub", [score, graph.constant(place[0])]), graph.constant(place[1])])


def _forest(graph: Graph, x: str, state: State, n_classes: int) -> str:
    if "root" not in state:
        return _constant_head(graph, x, int(state["dim"]), state, n_classes)
    share = _trees(graph, x, Trees.restore(state), np.zeros(len(state["present"])))
    return _placed(graph, share, state, n_classes)


def _boosted(graph: Graph, x: str, state: State, n_classes: int) -> str:
    if "root" not in state:
        return _constant_head(graph, x, int(state["dim"]), state, n_classes)
    k = len(state["base"])
    return _columns(graph, _trees(graph, x, Trees.restore(state), state["base"]), k, state, n_classes)


def _trees(graph: Graph, x: str, trees: Trees, base: NDArray[Any]) -> str:
    tree = np.searchsorted(trees.root, np.arange(len(trees.left)), side="right") - 1
    own = np.arange(len(trees.left)) - trees.root[tree]
    leaf = np.flatnonzero(trees.leaf)
    width = trees.value.shape[1]
    column = trees.column[tree[leaf]][:, None] + np.arange(width)
    mode = np.where(trees.leaf, "LEAF", "BRANCH_LEQ")
    return graph.add(
        "TreeEnsembleRegressor",
        [x],
        domain="ai.onnx.ml",
        n_targets=len(base),
        base_values=[float(value) for value in base],
        nodes_treeids=tree.tolist(),
        nodes_nodeids=own.tolist(),
        nodes_featureids=trees.feature.tolist(),
        nodes_values=trees.threshold.tolist(),
        nodes_modes=mode.tolist(),
        nodes_truenodeids=np.where(trees.leaf, 0, trees.left - trees.root[tree]).tolist(),
        nodes_falsenodeids=np.where(trees.leaf, 0, trees.right - trees.root[tree]).tolist(),
        target_treeids=np.repeat(tree[leaf], width).tolist(),
        target_nodeids=np.repeat(own[leaf], width).tolist(),
        target_ids=column.ravel().tolist(),
        target_weights=trees.value[leaf].ravel().tolist(),
    )


_BUILDERS: dict[type, Callable[[Graph, str, State, int], str]] = {
    NearestMean: _means,
    Linear: _linear,
    Mixup: _linear,
    Usual: _usual,
    Fused: _fused,
    Forest: _forest,
    Boosted: _boosted,
}
