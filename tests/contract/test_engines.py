"""What every engine promises, whatever runs it: real ONNX folders, tiny models, built-ins, and the one for tests."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from labelsieve.core.errors import InputError
from labelsieve.core.sockets import Engine, Learner
from labelsieve.engines.opening import open_engine
from labelsieve.testing import HashEngine

N = 17
WORDS = ["book", "a", "flight", "to", "paris", "my", "balance", "please", "what", "is", "the", "weather"]


def images(folder: Path) -> list[Any]:
    """Paths, bytes and Pillow images, of many sizes."""
    rng = np.random.default_rng(0)
    made: list[Any] = []
    for i in range(N):
        shape = (24 + 7 * (i % 5), 30 + 5 * (i % 3), 3)
        image = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).resize((64, 48 + i))
        file = folder / f"{i}.png"
        image.save(file)
        made.append([file, file.read_bytes(), image][i % 3])
    return made


def texts(_: Path) -> list[Any]:
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(WORDS, size=1 + 3 * i % 40)) for i in range(N)]


def rows(_: Path) -> list[Any]:
    rng = np.random.default_rng(0)
    return [
        {
            "age": float(rng.integers(18, 90)),
            "town": str(rng.choice(["Bonn", "Ulm", "Trier"])),
            "since": f"20{10 + i}-01-02",
        }
        for i in range(N)
    ]


def save_onnx_image(folder: Path) -> Path:
    """A mean of colours, and a product: (n, 3, h, w) -> (n, 5)."""
    weight = numpy_helper.from_array(np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32), "w")
    nodes = [
        helper.make_node("ReduceMean", ["pixel_values"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "w"], ["features"]),
    ]
    inputs = [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["n", 3, "h", "w"])]
    outputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 5])]
    save(folder, nodes, inputs, outputs, [weight])
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": {"shortest_edge": 20}, "do_normalize": False}))
    return folder


def save_onnx_text(folder: Path) -> Path:
    """A table of tokens: ids (b, s) -> (b, s, 6), to be averaged over the mask."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = "[PAD] [UNK] book a flight to paris my balance please what is the weather".split()
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    table = np.random.default_rng(0).normal(size=(len(words), 6)).astype(np.float32)
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])]
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["b", "s"])]
    outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["b", "s", 6])]
    save(folder, nodes, inputs, outputs, [numpy_helper.from_array(table, "table")])
    return folder


def save(folder: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: list[Any]) -> None:
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / "model.onnx"))


def save_torch_image(folder: Path) -> Path:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
    transformers.Dinov2Model(transformers.Dinov2Config(**small)).save_pretrained(folder)
    config = {"image_processor_type": "BitImageProcessor", "size": {"height": 32, "width": 32}, "do_center_crop": False}
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    return folder


def save_torch_text(folder: Path) -> Path:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    save_onnx_text(folder)
    (folder / "model.onnx").unlink()
    torch.manual_seed(0)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    transformers.BertModel(transformers.BertConfig(**small, vocab_size=14)).save_pretrained(folder)
    return folder


@dataclass
class Case:
    engine: Engine
    things: list[Any]


Things = Callable[[Path], list[Any]]
REAL: list[tuple[str, Things]] = [
    ("mobilenetv1-025-128", images),
    ("mobilenetv2", images),
    ("resnet50v2-stage3", images),
    ("minilm-l6-v2", texts),
]
SAVED: dict[str, tuple[Callable[[Path], Path], Things]] = {
    "onnx-image": (save_onnx_image, images),
    "onnx-text": (save_onnx_text, texts),
    "torch-image": (save_torch_image, images),
    "torch-text": (save_torch_text, texts),
}
BUILT_IN: dict[str, Things] = {"patches": images, "words": texts, "table": rows}
HEAVY = {"mobilenetv2", "resnet50v2-stage3", "torch-image", "torch-text"}  # a second or more each
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name in HEAVY else [])
    for name in (*(name for name, _ in REAL), *SAVED, *BUILT_IN, "hash")
]


@pytest.fixture(scope="module", params=NAMES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("engine")
    name = request.param
    if name in SAVED:
        make, things = SAVED[name]
        return Case(open_engine(make(folder)), things(tmp_path_factory.mktemp("things")))
    if name in BUILT_IN:
        things = BUILT_IN[name](folder)
        engine = open_engine(name)
        assert isinstance(engine, Learner)
        return Case(engine.fit(iter(things), np.random.default_rng(0)), things)
    if name == "hash":
        return Case(HashEngine(), texts(folder))
    shared = request.getfixturevalue("shared")
    return Case(open_engine(shared / "models" / name), dict(REAL)[name](folder))


def test_it_says_who_it_is(case: Case) -> None:
    engine = case.engine
    assert isinstance(engine, Engine)
    assert engine.dim > 0
    assert engine.accepts <= {"image", "text", "row", "embedding"}
    for word in (engine.name, engine.revision, engine.preprocess, engine.space):
        assert isinstance(word, str)
        assert word


def test_rows_come_in_order_as_finite_float32(case: Case) -> None:
    prepared = [case.engine.prepare(thing) for thing in case.things]
    x = case.engine.compute(prepared)
    assert x.dtype == np.float32
    assert x.shape == (N, case.engine.dim)
    assert np.isfinite(x).all()
    backwards = case.engine.compute(prepared[::-1])
    np.testing.assert_allclose(backwards[::-1], x, atol=1e-5 * np.abs(x).max())


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_row_does_not_depend_on_its_neighbours(case: Case, size: int) -> None:
    prepared = [case.engine.prepare(thing) for thing in case.things]
    whole = case.engine.compute(prepared)
    parts = [case.engine.compute(prepared[i : i + size]) for i in range(0, N, size)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5 * np.abs(whole).max())


def test_twice_gives_the_same_bytes(case: Case) -> None:
    one, two = (case.engine.compute([case.engine.prepare(thing) for thing in case.things]) for _ in range(2))
    assert one.tobytes() == two.tobytes()


def test_several_threads_give_what_one_gives(case: Case) -> None:
    def run(i: int) -> np.ndarray[Any, Any]:
        return case.engine.compute([case.engine.prepare(case.things[i])])[0]

    alone = np.stack([run(i) for i in range(N)])
    with ThreadPoolExecutor(4) as crew:
        together = np.stack(list(crew.map(run, list(range(N)) * 3)))
    for part in np.split(together, 3):
        np.testing.assert_allclose(part, alone, atol=1e-5 * np.abs(alone).max())


def test_nothing_in_gives_no_rows(case: Case) -> None:
    x = case.engine.compute([])
    assert x.shape == (0, case.engine.dim)
    assert x.dtype == np.float32


def test_a_bad_thing_is_an_input_error(case: Case, tmp_path: Path) -> None:
    if "image" in case.engine.accepts and case.engine.name != "hash":
        cut = tmp_path / "cut.jpg"
        Image.effect_noise((64, 64), 90).save(cut)
        cut.write_bytes(cut.read_bytes()[:400])
        empty = tmp_path / "empty.png"
        empty.touch()
        bad: list[Any] = [cut, empty, tmp_path / "gone.png", b"no image"]
    elif case.engine.name == "hash":
        bad = [""]
    else:
        bad = [None]
    for thing in bad:
        with pytest.raises(InputError):
            case.engine.prepare(thing)


def test_a_learner_comes_back_from_its_state(case: Case) -> None:
    if not isinstance(case.engine, Learner):
        pytest.skip("this engine learns nothing")
    again = open_engine(case.engine.name)
    assert isinstance(again, Learner)
    again = again.restore(case.engine.state())
    assert (again.revision, again.dim) == (case.engine.revision, case.engine.dim)
    x = case.engine.compute([case.engine.prepare(thing) for thing in case.things])
    assert again.compute([again.prepare(thing) for thing in case.things]).tobytes() == x.tobytes()
