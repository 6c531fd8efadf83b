"""Pixels are those of the models' own processors (their Pillow backend), for every family and many sizes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelsieve.core.errors import EngineError, InputError
from labelsieve.engines.preprocess import pixels, read_recipe, recipe_of

SIZES = [(64, 48), (48, 64), (300, 200), (31, 97), (224, 224), (1, 1), (500, 37)]  # (width, height)


def photo(size: tuple[int, int], seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    noise = rng.integers(-20, 20, (size[1], size[0], 3))
    return Image.fromarray(np.clip(np.asarray(coarse).astype(int) + noise, 0, 255).astype(np.uint8))


FAMILIES: list[tuple[str, dict[str, Any]]] = [
    ("ViTImageProcessor", {}),
    ("ViTImageProcessor", {"size": {"height": 32, "width": 48}, "resample": 3}),
    ("BitImageProcessor", {}),
    ("BitImageProcessor", {"size": {"shortest_edge": 256}, "image_mean": [0.485, 0.456, 0.406]}),  # DINOv2
    ("BitImageProcessor", {"size": {"shortest_edge": 50}, "crop_size": {"height": 31, "width": 77}}),
    ("BitImageProcessor", {"size": {"shortest_edge": 60, "longest_edge": 100}, "do_center_crop": False}),
    ("CLIPImageProcessor", {}),
    ("CLIPImageProcessor", {"size": 40, "crop_size": 40}),
    ("SiglipImageProcessor", {}),
    ("SiglipImageProcessor", {"size": {"height": 48, "width": 48}, "do_normalize": False}),
    ("SiglipImageProcessor", {"do_rescale": False, "do_normalize": False}),
    ("DeiTImageProcessor", {}),
    ("ConvNextImageProcessor", {"size": {"shortest_edge": 224}}),
    ("ConvNextImageProcessor", {"size": {"shortest_edge": 100}, "crop_pct": 0.95}),
    ("ConvNextImageProcessor", {"size": {"shortest_edge": 384}}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "more"), FAMILIES)
def test_pixels_are_those_of_the_library(kind: str, more: dict[str, Any], tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = getattr(transformers, kind + "Pil")(**more)
    theirs.save_pretrained(tmp_path)
    written, sparse = read_recipe(tmp_path), recipe_of({"image_processor_type": kind, **more})
    for size in SIZES:
        image = photo(size)
        expected = np.asarray(theirs(image)["pixel_values"][0], dtype=np.float32)
        for recipe in (written, sparse):
            got = pixels(image, recipe)
            assert got.dtype == np.float32
            assert got.shape == expected.shape
            np.testing.assert_allclose(got, expected, rtol=0, atol=2e-6)


def test_dinov3_resizes_numbers_and_not_bytes() -> None:
    torch = pytest.importorskip("torch")
    recipe = recipe_of({"image_processor_type": "DINOv3ViTImageProcessorFast", "size": {"height": 32, "width": 48}})
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    for size in SIZES:
        image = photo(size)
        scaled = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float()[None] / 255
        resized = torch.nn.functional.interpolate(scaled, (32, 48), mode="bilinear", antialias=True)[0]
        np.testing.assert_allclose(pixels(image, recipe), ((resized - mean) / std).numpy(), rtol=0, atol=1e-4)


def test_the_id_follows_what_decides_the_pixels() -> None:
    base = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    same = recipe_of({**base, "_comment": "x", "do_reduce_labels": False})
    assert recipe_of(base).id == same.id
    others = [{"size": {"height": 32, "width": 33}}, {"resample": 3}, {"rescale_factor": 1.0}, {"image_std": [0.4] * 3}]
    assert len({recipe_of({**base, **other}).id for other in others} | {same.id}) == 5


def test_longest_edge_and_padding() -> None:
    recipe = recipe_of({"size": {"longest_edge": 20}, "do_pad": True, "pad_size": {"height": 20, "width": 20}})
    got = pixels(Image.new("RGB", (40, 20), "white"), recipe)
    assert got.shape == (3, 20, 20)
    np.testing.assert_allclose(got[:, :10], 1.0)
    assert not got[:, 10:].any()


def test_a_long_thin_image_is_refused_and_does_not_eat_the_memory() -> None:
    recipe = recipe_of({"image_processor_type": "CLIPImageProcessor"})
    with pytest.raises(InputError, match="resized for this engine it would be 4480000 x 224"):
        pixels(Image.new("RGB", (20_000, 1)), recipe)


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("{", "cannot be read"),
        ("[]", "no JSON object"),
        ('{"do_flip_channel_order": true, "size": 4}', "asks for do_flip_channel_order"),
        ('{"size": {"max_height": 4, "max_width": 4}}', "expected height and width"),
        ('{"size": {"height": "a", "width": 3}}', "makes no sense"),
        ('{"size": 4, "do_normalize": true}', "makes no sense"),
    ],
)
def test_a_config_that_cannot_be_followed_says_why(text: str, fact: str, tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(EngineError, match=fact):
        read_recipe(tmp_path)


def test_no_config_is_an_engine_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"has no preprocessor_config\.json"):
        read_recipe(tmp_path)


def test_the_real_engines_say_what_they_want(shared: Path) -> None:
    recipe = read_recipe(shared / "models" / "mobilenetv2")
    assert (recipe.fit, recipe.size, recipe.crop) == ("shortest", (256, 0), (224, 224))
    small = read_recipe(shared / "models" / "mobilenetv1-025-128")
    assert (small.fit, small.size, small.factor) == ("exact", (128, 128), 1.0)  # it wants bytes, 0 to 255
    config = json.loads((shared / "models" / "mobilenetv1-025-128" / "preprocessor_config.json").read_text())
    assert config["do_rescale"] is False
