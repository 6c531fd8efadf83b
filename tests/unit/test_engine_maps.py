"""Feature maps: which layer is taken, what a patch holds, and what the edge of a picture does. Models are tiny."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from toy_models import SIZE, conv_folder

from labelsieve.core.errors import EngineError, InputError
from labelsieve.engines.maps import COLUMNS, maps_engine
from labelsieve.engines.opening import open_engine


def halves() -> Image.Image:
    """Black on the left, white on the right."""
    image = Image.new("L", (SIZE, SIZE), 0)
    image.paste(255, (SIZE // 2, 0, SIZE, SIZE))
    return image


def mapped(folder: Path, image: Image.Image, size: int = SIZE) -> tuple[Any, Any]:
    engine = maps_engine(open_engine(folder), size)
    return engine, engine.compute([engine.prepare(image)]).reshape(engine.grid)


def test_patches_stand_where_they_lie_in_the_picture(tmp_path: Path) -> None:
    engine, patches = mapped(conv_folder(tmp_path / "m"), halves())
    assert engine.grid == (8, 8, 4) and engine.dim == 256
    length = np.linalg.norm(patches, axis=2)
    assert np.allclose(length[:, :4], 0, atol=1e-4) and (length[:, 4:] > 1).all()
    white = np.array([1, 2, 3, 4]) * 2  # the sum of a residual block, before the layer of half the side
    assert np.allclose(patches[0, 7], white / np.sqrt(np.linalg.norm(white)), rtol=1e-5)


def test_edges_are_mirrored_and_give_what_the_inside_gives(tmp_path: Path) -> None:
    _, patches = mapped(conv_folder(tmp_path / "m"), Image.new("L", (40, 90), 200))
    assert np.ptp(patches, axis=(0, 1)).max() < 1e-5


def test_a_named_output_goes_first_and_no_layer_behind_it_is_run(tmp_path: Path) -> None:
    engine, patches = mapped(conv_folder(tmp_path / "m", named=True), halves())
    white = np.array([1, 2, 3, 4])
    assert np.allclose(patches[0, 7], white / np.sqrt(np.linalg.norm(white)), rtol=1e-5)
    assert list(engine._session.outputs) == ["feature_map_s8"]


def test_many_columns_are_projected_and_distances_stay(tmp_path: Path) -> None:
    engine, patches = mapped(conv_folder(tmp_path / "m", deep=300), halves())
    assert engine.grid[2] == COLUMNS
    before = np.sqrt(np.linalg.norm(np.arange(1, 301) * 2.0))  # the length of a white patch, by its root
    assert 0.7 * before < np.linalg.norm(patches[0, 7] - patches[0, 0]) < 1.3 * before


def test_coarser_layers_serve_where_there_is_no_finer_one(tmp_path: Path) -> None:
    engine, _ = mapped(conv_folder(tmp_path / "m", stride=16), halves())
    assert engine.grid[:2] == (4, 4)


def test_a_model_of_one_size_is_fed_that_size(tmp_path: Path) -> None:
    engine, patches = mapped(conv_folder(tmp_path / "m", side=96), halves(), 512)
    assert engine.grid[:2] == (12, 12) and np.isfinite(patches).all()


def test_tokens_of_a_transformer_are_patches_too(tmp_path: Path) -> None:
    folder = conv_folder(tmp_path / "m")
    model = onnx.load(str(folder / "model.onnx"))
    shape = numpy_helper.from_array(np.array([0, 4, -1], np.int64), "shape")
    model.graph.initializer.append(shape)
    cls = numpy_helper.from_array(np.zeros((1, 1, 4), np.float32), "cls")
    model.graph.initializer.append(cls)
    model.graph.node.extend(
        [
            helper.make_node("Reshape", ["grey", "shape"], ["flat"]),
            helper.make_node("Transpose", ["flat"], ["tokens"], perm=[0, 2, 1]),
            helper.make_node("Concat", ["cls", "tokens"], ["last_hidden_state"], axis=1),
        ]
    )
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["n", "t", 4]))
    onnx.save(model, str(folder / "model.onnx"))
    engine, patches = mapped(folder, halves())
    assert engine.grid == (8, 8, 4)
    assert np.allclose(patches[:, :4], 0) and (np.linalg.norm(patches[:, 4:], axis=2) > 1).all()


def test_size_and_model_stand_in_the_name_of_the_folder(tmp_path: Path) -> None:
    opened = open_engine(conv_folder(tmp_path / "m"))
    small, large = maps_engine(opened, 64), maps_engine(opened, 128)
    assert small.preprocess != large.preprocess and small.preprocess == maps_engine(opened, 64).preprocess
    assert small.name == "maps-m" and small.revision == opened.revision


def test_what_has_no_maps_says_so(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="gives no feature maps; expected an image model in ONNX"):
        maps_engine(open_engine("patches"))
    with pytest.raises(EngineError, match="has no layer of patches"):
        maps_engine(open_engine(conv_folder(tmp_path / "m", stride=1, deep=1)), 64)
    with pytest.raises(InputError):
        maps_engine(open_engine(conv_folder(tmp_path / "n")), 64).prepare(7)


def test_a_real_model_of_one_size_gives_a_map_of_its_inside(shared: Path) -> None:
    engine = maps_engine(open_engine(shared / "models" / "mobilenetv1-025-128"))
    assert engine.grid == (16, 16, 64) and engine.shard == 1024
    image, spotted = Image.new("L", (200, 100), 90), Image.new("L", (200, 100), 90)
    spotted.paste(255, (150, 20, 170, 40))  # a fifth from the top, four fifths from the left
    plain, odd = (engine.compute([engine.prepare(one)]).reshape(engine.grid) for one in (image, spotted))
    apart = np.linalg.norm(odd - plain, axis=2)
    row, column = divmod(int(apart.argmax()), 16)
    assert abs(row - 0.3 * 16) <= 2 and abs(column - 0.8 * 16) <= 2
