"""Opening engines: names, folders, and everything that may be wrong with a folder. Models are tiny and real."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from labelsieve.core.errors import EngineError, InputError, UnknownName
from labelsieve.engines.opening import known_engines, known_names, open_engine
from labelsieve.engines.short_names import SHORT_NAMES

Shape = list[Any]
F32 = TensorProto.FLOAT


def write_model(
    file: Path,
    nodes: list[Any],
    inputs: dict[str, tuple[int, Shape]],
    outputs: dict[str, Shape],
    **weights: NDArray[Any],
) -> None:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, F32, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(file))


def image_folder(folder: Path, n: Any = "n", side: Any = "h", scale: float = 1.0, kind: int = F32) -> Path:
    """Mean colours times `scale`; sizes fixed or free."""
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=F32),
        helper.make_node("ReduceMean", ["f"], ["m"], axes=[2, 3], keepdims=0),
        helper.make_node("Mul", ["m", "scale"], ["features"]),
    ]
    outputs: dict[str, Shape] = {"features": [n, 3]}
    write_model(folder / "model.onnx", nodes, {"x": (kind, [n, 3, side, side])}, outputs, scale=np.float32([scale]))
    config = {"size": {"height": 8, "width": 8}, "do_rescale": True, "do_normalize": False}
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    return folder


def text_folder(folder: Path, words: int = 6, known: int = 6) -> Path:
    """A table of `words` rows; the tokenizer knows `known` words. Row i holds the number i."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    table = np.repeat(np.arange(words, dtype=np.float32)[:, None], 2, axis=1)
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])]
    inputs = {"input_ids": (TensorProto.INT64, ["b", "s"])}
    write_model(folder / "model.onnx", nodes, inputs, {"last_hidden_state": ["b", "s", 2]}, table=table)
    tokenizer = Tokenizer(models.WordLevel({f"w{i}": i for i in range(known)}, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def grey(level: int, size: tuple[int, int] = (9, 5)) -> Image.Image:
    return Image.new("RGB", size, (level, level, level))


def test_names_and_what_is_no_name(tmp_path: Path) -> None:
    assert {"patches", "words", "table", *SHORT_NAMES} == set(known_names())
    assert [row["name"] for row in known_engines()][-len(SHORT_NAMES) :] == list(SHORT_NAMES)
    assert all(row["about"] and row["takes"] for row in known_engines())
    with pytest.raises(UnknownName, match="Did you mean 'dinov2'"):
        open_engine("dinov22")
    with pytest.raises(EngineError, match=r"there is no folder \./nowhere"):
        open_engine("./nowhere")
    with pytest.raises(EngineError, match="it cannot be read as an engine"):
        open_engine(tmp_path)


def test_two_towers_of_a_name_share_a_space() -> None:
    for model in ("clip", "siglip"):
        one, two = SHORT_NAMES[f"{model}-image"], SHORT_NAMES[f"{model}-text"]
        assert one.space == two.space != ""
        assert one.hub_id == two.hub_id
        assert (one.modality, two.modality) == ("image", "text")


def test_a_folder_is_found_here_and_below_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_folder(tmp_path / "models" / "mean")
    engine = open_engine("models/mean", root=tmp_path)
    monkeypatch.chdir(tmp_path)
    again = open_engine("models/mean")
    assert (engine.name, engine.revision, engine.preprocess) == (again.name, again.revision, again.preprocess)
    x = engine.compute([engine.prepare(grey(51)), engine.prepare(grey(255))])
    np.testing.assert_allclose(x, [[0.2] * 3, [1.0] * 3], atol=1e-6)


def test_the_revision_is_the_digest_of_the_files(tmp_path: Path) -> None:
    engine = open_engine(image_folder(tmp_path / "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert open_engine(tmp_path / "b").revision == engine.revision
    assert open_engine(tmp_path / "b", revision=engine.revision).revision == engine.revision
    image_folder(tmp_path / "b", scale=2.0)
    with pytest.raises(EngineError, match=f"this project was made with {engine.revision}"):
        open_engine(tmp_path / "b", revision=engine.revision)


def test_weights_beside_the_model_count_in_the_digest(tmp_path: Path) -> None:
    image_folder(tmp_path)
    model = onnx.load(str(tmp_path / "model.onnx"))
    onnx.save(
        model, str(tmp_path / "model.onnx"), save_as_external_data=True, location="model.onnx_data", size_threshold=0
    )
    first = open_engine(tmp_path)
    np.testing.assert_allclose(first.compute([first.prepare(grey(255))]), [[1.0] * 3], atol=1e-6)
    (tmp_path / "model.onnx_data").write_bytes(np.float32([3.0]).tobytes())
    second = open_engine(tmp_path)
    assert second.revision != first.revision
    np.testing.assert_allclose(second.compute([second.prepare(grey(255))]), [[3.0] * 3], atol=1e-6)


def test_models_made_for_one_size_of_chunk(tmp_path: Path) -> None:
    for n in (1, 4):
        engine = open_engine(image_folder(tmp_path / str(n), n=n))
        x = engine.compute([engine.prepare(grey(level)) for level in (0, 51, 102, 153, 204, 255)])
        np.testing.assert_allclose(x[:, 0], [0, 0.2, 0.4, 0.6, 0.8, 1.0], atol=1e-6)


def test_half_precision_inputs(tmp_path: Path) -> None:
    engine = open_engine(image_folder(tmp_path, kind=TensorProto.FLOAT16))
    x = engine.compute([engine.prepare(grey(51))])
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, [[0.2] * 3], atol=1e-3)


def test_pictures_that_keep_their_shape_come_back_in_order(tmp_path: Path) -> None:
    (image_folder(tmp_path) / "preprocessor_config.json").write_text('{"do_resize": false}')
    engine = open_engine(tmp_path)
    things = [grey(51, (4, 6)), grey(102, (6, 4)), grey(153, (4, 6)), grey(204, (1, 1))]
    prepared = [engine.prepare(thing) for thing in things]
    assert {p.shape for p in prepared} == {(3, 6, 4), (3, 4, 6), (3, 1, 1)}
    np.testing.assert_allclose(engine.compute(prepared)[:, 0], [0.2, 0.4, 0.6, 0.8], atol=1e-6)


def test_a_picture_of_a_size_that_the_model_does_not_take_is_set_aside(tmp_path: Path) -> None:
    (image_folder(tmp_path, side=16) / "preprocessor_config.json").write_text('{"do_resize": false}')
    engine = open_engine(tmp_path)
    assert engine.prepare(grey(1, (16, 16))).shape == (3, 16, 16)
    with pytest.raises(InputError, match="has 9 x 5 pixels; the model takes 16 x 16"):
        engine.prepare(grey(1, (9, 5)))


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({"logits": "row", "pooler_output": "row9"}, 9.0),
        ({"last_hidden_state": "tokens"}, 1.0),  # the first token
        ({"feature_map": "map"}, 2.0),  # its mean
        ({"feature_map": "map", "out": "row"}, 5.0),
    ],
)
def test_which_output_is_the_embedding(outputs: dict[str, str], expected: float, tmp_path: Path) -> None:
    image_folder(tmp_path)
    tokens = np.repeat(np.float32([[[1], [7], [7]]]), 4, axis=2)
    values = {
        "row": np.full((1, 4), 5, np.float32),
        "row9": np.full((1, 4), 9, np.float32),
        "tokens": tokens,
        "map": np.float32([1, 2, 3, 2] * 4).reshape(1, 4, 2, 2),
    }
    nodes = [helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0), helper.make_node("Mul", ["m", "zero"], ["none"])]
    nodes += [helper.make_node("Add", [f"v_{kind}", "none"], [name]) for name, kind in outputs.items()]
    write_model(
        tmp_path / "model.onnx",
        nodes,
        {"x": (F32, ["n", 3, "h", "w"])},
        {name: list(values[kind].shape) for name, kind in outputs.items()},
        zero=np.float32(0),
        **{f"v_{kind}": values[kind] for kind in outputs.values()},
    )
    engine = open_engine(tmp_path)
    np.testing.assert_allclose(engine.compute([engine.prepare(grey(51))]), [[expected] * 4])


def test_the_pooler_of_a_plain_vit_is_not_taken(tmp_path: Path) -> None:
    image_folder(tmp_path)
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0),
        helper.make_node("Mul", ["m", "zero"], ["none"]),
        helper.make_node("Add", ["a", "none"], ["pooler_output"]),
        helper.make_node("Add", ["b", "none"], ["last_hidden_state"]),
    ]
    outputs: dict[str, Shape] = {"pooler_output": [1, 2], "last_hidden_state": [1, 3, 2]}
    write_model(
        tmp_path / "model.onnx",
        nodes,
        {"x": (F32, ["n", 3, "h", "w"])},
        outputs,
        zero=np.float32(0),
        a=np.full((1, 2), 1, np.float32),
        b=np.full((1, 3, 2), 2, np.float32),
    )
    for kind, expected in (("dinov2", 1.0), ("vit", 2.0)):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
        engine = open_engine(tmp_path)
        assert engine.compute([engine.prepare(grey(1))])[0, 0] == expected


def test_texts_are_padded_to_the_longest_and_averaged_over_what_is_there(tmp_path: Path) -> None:
    engine = open_engine(text_folder(tmp_path))
    x = engine.compute([engine.prepare(text) for text in ("w1", "w5 w5 w5 w3", "w2 w4")])
    np.testing.assert_allclose(x[:, 0], [1, 4.5, 3])


def test_texts_are_cut_at_the_length_of_the_model(tmp_path: Path) -> None:
    text_folder(tmp_path)
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 3}')
    engine = open_engine(tmp_path)
    assert len(engine.prepare("w1 " * 50)) == 3
    other = tmp_path / "other"
    text_folder(other)
    assert len(open_engine(other).prepare("w1 " * 900)) == 512
    assert open_engine(other).preprocess != engine.preprocess


def test_lone_surrogates_and_the_empty_text_are_texts(tmp_path: Path) -> None:
    engine = open_engine(text_folder(tmp_path))
    assert np.isfinite(engine.compute([engine.prepare(text) for text in ("", " \n", "\ud800 w1", "w1\0")])).all()
    with pytest.raises(InputError, match="a text was expected, not float"):
        engine.prepare(float("nan"))


def test_a_tokenizer_of_another_model_is_refused_when_opened(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"The tokenizer knows 9 tokens\.\nHint: is tokenizer\.json the one"):
        open_engine(text_folder(tmp_path, words=6, known=9))


def test_the_real_text_engine_does_not_mix_neighbours(shared: Path) -> None:
    """Its int8 operators scale by the largest value of a chunk: it must run one text at a time."""
    engine = open_engine(shared / "models" / "minilm-l6-v2")
    texts = ["book a flight to paris", "what is my balance", "please " * 40]
    prepared = [engine.prepare(text) for text in texts]
    alone = np.concatenate([engine.compute([one]) for one in prepared])
    assert engine.compute(prepared).tobytes() == alone.tobytes()


def test_the_real_text_engine_knows_what_is_alike(shared: Path) -> None:
    engine = open_engine(shared / "models" / "minilm-l6-v2")
    texts = ["book a flight to paris", "i need a plane ticket to france", "what is my account balance"]
    x = engine.compute([engine.prepare(text) for text in texts])
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert unit[0] @ unit[1] > unit[0] @ unit[2] + 0.2


def broken(folder: Path, what: str) -> None:
    if what == "cut short":
        data = (folder / "model.onnx").read_bytes()
        (folder / "model.onnx").write_bytes(data[: len(data) // 2])
    elif what == "empty":
        (folder / "model.onnx").write_bytes(b"")
    elif what == "no model":
        (folder / "model.onnx").unlink()
    elif what == "NaN":
        image_folder(folder, scale=float("nan"))
    elif what == "other size":
        image_folder(folder, side=16)
    elif what == "two inputs":
        nodes = [helper.make_node("ReduceMean", ["x"], ["features"], axes=[2, 3], keepdims=0)]
        inputs = {"x": (F32, ["n", 3, "h", "w"]), "input_ids": (TensorProto.INT64, ["n", "s"])}
        write_model(folder / "model.onnx", nodes, inputs, {"features": ["n", 3]})
    elif what == "config":
        (folder / "preprocessor_config.json").write_text('{"size":')


@pytest.mark.parametrize(
    ("what", "fact"),
    [
        ("cut short", "no model that onnxruntime can load"),
        ("empty", "no model that onnxruntime can load"),
        ("no model", "has neither model.onnx nor"),
        ("NaN", "values that are not finite"),
        ("other size", "failed: .*16"),
        ("two inputs", "takes x, input_ids; expected one input of images"),
        ("config", "cannot be read"),
    ],
)
def test_a_broken_folder_says_what_is_wrong_when_opened(what: str, fact: str, tmp_path: Path) -> None:
    broken(image_folder(tmp_path), what)
    with pytest.raises(EngineError, match=fact):
        open_engine(tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "fact"),
    [
        ("tokenizer.json", "{", "tokenizer.json of .* is damaged"),
        ("config.json", "{", "config.json of .* cannot be read"),
        ("1_Pooling/config.json", '{"pooling_mode": "magic"}', "pooled by 'magic'"),
        ("modules.json", '[{"type": "sentence_transformers.models.Dense"}]', "has a Dense layer"),
    ],
)
def test_a_broken_text_folder_says_what_is_wrong(file: str, text: str, fact: str, tmp_path: Path) -> None:
    text_folder(tmp_path)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    with pytest.raises(EngineError, match=fact):
        open_engine(tmp_path)


def test_opening_never_loads_torch(shared: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from labelsieve.engines.opening import open_engine; "
        f"open_engine({str(shared / 'models' / 'mobilenetv1-025-128')!r}); "
        "print([m for m in ('torch', 'transformers', 'huggingface_hub', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_lists_the_short_names_as_the_code_has_them() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "engines.md").read_text(encoding="utf-8")
    takes = {"image": "images", "text": "texts"}
    for name, short in SHORT_NAMES.items():
        space = short.space or name
        assert f"| {name} | {takes[short.modality]} | {short.hub_id} | {short.file} | {space} |" in page
