"""transformers engines on tiny random models that the test saves: the library itself says what is right."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelsieve.core.errors import EngineError, InputError
from labelsieve.engines.opening import open_engine

pytestmark = pytest.mark.slow  # importing transformers alone takes seconds
torch: Any = None
transformers: Any = None

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
VISION = {**SMALL, "image_size": 32, "patch_size": 8}
TEXT = {**SMALL, "vocab_size": 40, "max_position_embeddings": 24}
WORDS = "[PAD] [UNK] [CLS] [SEP] book a flight to paris my balance please what is".split()


@pytest.fixture(autouse=True, scope="module")
def _libraries() -> None:
    """Imported once a test runs, so that `make check` does not wait for what it leaves out."""
    global torch, transformers
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")


def save_tokenizer(folder: Path, words: list[str] = WORDS) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    )
    tokenizer.enable_padding(length=20)  # like the real MiniLM's: a fixed padding that must not be followed
    tokenizer.save(str(folder / "tokenizer.json"))


def save_image_model(folder: Path, kind: str) -> Any:
    torch.manual_seed(0)
    config, maker = {
        "dinov2": lambda: (transformers.Dinov2Config(**VISION), transformers.Dinov2Model),
        "dinov3": lambda: (transformers.DINOv3ViTConfig(**VISION), transformers.DINOv3ViTModel),
        "vit": lambda: (transformers.ViTConfig(**VISION), transformers.ViTModel),
        "clip": lambda: (
            transformers.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=12),
            transformers.CLIPModel,
        ),
        "siglip": lambda: (
            transformers.SiglipConfig(text_config={**TEXT, "projection_size": 16}, vision_config=VISION),
            transformers.SiglipModel,
        ),
    }[kind]()
    model = maker(config).eval()
    model.save_pretrained(folder)
    processors = {"dinov2": "Bit", "dinov3": "DINOv3ViT", "vit": "ViT", "clip": "CLIP", "siglip": "Siglip"}
    size: dict[str, Any] = {"size": {"height": 32, "width": 32}}
    if kind in ("dinov2", "clip"):
        size = {"size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32}, "do_center_crop": True}
    written = {"image_processor_type": f"{processors[kind]}ImageProcessor", **size}
    (folder / "preprocessor_config.json").write_text(json.dumps(written))
    return model


def photos(n: int) -> list[Image.Image]:
    rng = np.random.default_rng(3)
    return [Image.fromarray(rng.integers(0, 256, (20 + 9 * i, 50, 3), dtype=np.uint8)) for i in range(n)]


@pytest.mark.parametrize("kind", ["dinov2", "dinov3", "vit", "clip", "siglip"])
def test_image_towers_give_what_the_library_gives(kind: str, tmp_path: Path) -> None:
    model = save_image_model(tmp_path, kind)
    if kind in ("clip", "siglip"):
        save_tokenizer(tmp_path)
    engine = open_engine(tmp_path)
    prepared = [engine.prepare(image) for image in photos(5)]
    got = engine.compute(prepared)
    given = torch.from_numpy(np.stack(prepared))
    with torch.inference_mode():
        if kind == "clip":
            expected = model.visual_projection(model.vision_model(pixel_values=given).pooler_output)
        elif kind == "siglip":
            expected = model.vision_model(pixel_values=given).pooler_output
        else:
            expected = model(pixel_values=given).last_hidden_state[:, 0]
    assert got.dtype == np.float32
    assert got.shape == (5, engine.dim)
    np.testing.assert_allclose(got, expected.numpy(), atol=2e-5)
    if kind != "dinov3":  # the library's own DINOv3 processor needs torchvision
        theirs = transformers.AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
        np.testing.assert_allclose(np.stack(prepared), theirs(photos(5))["pixel_values"], atol=2e-6)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_text_towers_share_the_space_of_their_images(kind: str, tmp_path: Path) -> None:
    model = save_image_model(tmp_path, kind)
    save_tokenizer(tmp_path)
    image, text = open_engine(f"{tmp_path}#image"), open_engine(f"{tmp_path}#text")
    assert image.space == text.space
    assert image.dim == text.dim
    assert image.name != text.name
    assert (image.accepts, text.accepts) == ({"image"}, {"text"})
    texts = ["book a flight", "what is my balance please", ""]
    got = text.compute([text.prepare(t) for t in texts])
    for row, words in zip(got, texts, strict=True):  # one by one, so that padding is no part of the expectation
        ids = [2, *(WORDS.index(word) for word in words.split()), 3]
        if kind == "siglip":  # trained on texts padded to their whole length
            ids += [0] * (24 - len(ids))
        with torch.inference_mode():
            out = model.text_model(input_ids=torch.tensor([ids])).pooler_output
            expected = model.text_projection(out) if kind == "clip" else out
        np.testing.assert_allclose(row, expected.numpy()[0], atol=2e-5)


@pytest.mark.parametrize("mode", ["mean_tokens", "cls_token", "max_tokens", "mean_sqrt_len_tokens", "lasttoken"])
def test_bert_is_pooled_as_its_folder_says(mode: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = transformers.BertModel(transformers.BertConfig(**TEXT)).eval()
    model.save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({f"pooling_mode_{mode}": True}))
    engine = open_engine(tmp_path)
    texts = ["book a flight to paris please", "what", "my balance", "is " * 60]
    got = engine.compute([engine.prepare(t) for t in texts])
    for row, words in zip(got, texts, strict=True):
        ids = [2, *(WORDS.index(word) for word in words.split()), 3]
        ids = ids if len(ids) <= 24 else [*ids[:23], 3]  # cut at the size of the position table
        with torch.inference_mode():
            tokens = model(input_ids=torch.tensor([ids])).last_hidden_state[0].numpy()
        expected = {
            "mean_tokens": tokens.mean(axis=0),
            "cls_token": tokens[0],
            "max_tokens": tokens.max(axis=0),
            "mean_sqrt_len_tokens": tokens.sum(axis=0) / np.sqrt(len(tokens)),
            "lasttoken": tokens[-1],
        }[mode]
        np.testing.assert_allclose(row, expected, atol=2e-5)


def test_broken_folders_say_what_is_wrong(tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.mkdir()
    save_image_model(good, "vit")
    weights = (good / "model.safetensors").read_bytes()
    (good / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(EngineError, match="cannot be loaded by transformers"):
        open_engine(good)
    (good / "model.safetensors").unlink()
    (good / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(EngineError, match="pickled weights only; those are never opened"):
        open_engine(good)


def test_the_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    transformers.BertModel(transformers.BertConfig(**{**TEXT, "vocab_size": 8})).save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    with pytest.raises(EngineError, match="knows 14 tokens, its model 8"):
        open_engine(tmp_path)


def test_pictures_of_a_size_that_the_model_does_not_take(tmp_path: Path) -> None:
    save_image_model(tmp_path, "vit")
    (tmp_path / "preprocessor_config.json").write_text('{"size": {"height": 24, "width": 24}}')
    with pytest.raises((EngineError, InputError), match="24 x 24"):
        open_engine(tmp_path)


def test_threads_and_loudness_of_the_library_are_left_as_they_were(tmp_path: Path, capfd: Any) -> None:
    save_image_model(tmp_path, "vit")
    capfd.readouterr()
    before, level = torch.get_num_threads(), transformers.utils.logging.get_verbosity()
    engine = open_engine(tmp_path)
    engine.compute([engine.prepare(photos(1)[0])])
    assert (torch.get_num_threads(), transformers.utils.logging.get_verbosity()) == (before, level)
    assert capfd.readouterr() == ("", "")
