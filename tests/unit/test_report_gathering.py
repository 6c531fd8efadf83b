"""What goes into a report: close pairs, items as exhibits, cuts of labels that came in no order."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelsieve.core.errors import InputError
from labelsieve.core.types import Item, Modality
from labelsieve.project.report.doubts import LEAST, MOST, close_pairs
from labelsieve.project.report.exhibits import SIDE, cut, exhibit_of
from labelsieve.project.report.gathering import _cuts


def item(data: object, modality: Modality) -> Item:
    return Item(1, "a/b.png", "d", modality, data)


def pixels(uri: str) -> Image.Image:
    head, _, raw = uri.partition(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    return Image.open(io.BytesIO(base64.b64decode(raw)))


def test_close_pairs_are_the_least_margins() -> None:
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(4), 500).astype(np.float32)
    found = close_pairs(proba)
    rows = np.concatenate([rows for _, rows in found])
    assert LEAST <= len(rows) == len(set(rows.tolist())) <= MOST
    top = np.sort(proba, axis=1)
    margin = top[:, -1] - top[:, -2]
    assert margin[rows].max() <= np.delete(margin, rows).min()
    for (a, b), some in found:
        assert a < b
        assert all(set(np.argsort(-proba[row])[:2].tolist()) == {a, b} for row in some)
        assert np.all(np.diff(margin[some]) >= 0)


def test_few_items_are_all_looked_at() -> None:
    assert sum(len(rows) for _, rows in close_pairs(np.full((3, 2), 0.5, np.float32))) == 3


def test_a_photograph_becomes_a_small_jpeg(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (900, 1200, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    found = exhibit_of(item(tmp_path / "a.png", "image"), "note")
    assert pixels(found.picture).size == (SIDE, SIDE * 3 // 4)
    assert len(found.picture) < 40_000
    assert not found.tiny
    assert (found.note, found.key) == ("note", "a/b.png")


def test_a_tiny_picture_stays_exact(tmp_path: Path) -> None:
    tiny = np.random.default_rng(0).integers(0, 255, (8, 8)).astype(np.uint8)
    Image.fromarray(tiny).save(tmp_path / "a.png")
    found = exhibit_of(item(tmp_path / "a.png", "image"))
    assert found.tiny
    assert np.array_equal(np.asarray(pixels(found.picture).convert("L")), tiny)


def test_what_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    assert "0 bytes" in exhibit_of(item(tmp_path / "a.png", "image")).text
    assert "gone" in exhibit_of(item(InputError("the file has gone."), "text")).text


def test_texts_rows_and_embeddings_are_cut() -> None:
    assert len(exhibit_of(item("x" * 9_000, "text")).text) < 400
    found = exhibit_of(item({f"c{i}": "y" * 500 for i in range(40)}, "row"))
    assert len(found.fields) == 6
    assert all(len(value) < 100 for _, value in found.fields)
    assert exhibit_of(item(np.arange(384.0), "embedding")).text == "384 numbers: 0, 1, 2, 3, 4, …"
    assert cut("short", 10) == "short"


@pytest.mark.parametrize("n", [1, 5, 10, 11, 5000])
def test_cuts_end_at_the_last_label(n: int) -> None:
    found = _cuts(n)
    assert found[-1] == n
    assert found[0] >= 1
    assert np.all(np.diff(found) > 0)
