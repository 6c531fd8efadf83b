"""What is hidden, and what it was worth."""

import numpy as np
import pytest

from labelsieve.core.types import Vector
from labelsieve.project.hiding import hidden_parts
from labelsieve.screening.explain import (
    SENTENCES,
    WORDS,
    Part,
    cells_of,
    leading,
    sentences_of,
    similarities,
    usual_row,
    without,
    words_of,
)


def test_similarity_is_1_only_for_the_same_row() -> None:
    known = np.array([[3, 4], [6, 8], [-3, -4], [0, 0], [4, -3]], np.float32)
    assert similarities(np.array([3, 4]), known).tolist() == pytest.approx([1, 0.8, -1, 0, 0])
    assert similarities(np.zeros(2), np.zeros((1, 2), np.float32)).tolist() == [0]


def test_words_stand_for_all_their_places() -> None:
    text = "Lost, lost! The card's LOST."
    words = words_of(text)
    assert list(words) == ["Lost", "The", "card's"] and len(words["Lost"]) == 3
    assert without(text, words["Lost"]) == ", ! The card's ."
    assert words_of("") == {} and sentences_of("") == []


def test_a_long_text_has_bounded_parts() -> None:
    text = " ".join(f"word{i} is here." for i in range(500))
    assert len(words_of(text)) == WORDS
    spans = sentences_of(text)
    assert len(spans) == SENTENCES
    assert "".join(text[a:b] for a, b in spans) == text


def test_the_usual_row_has_values_that_some_row_has() -> None:
    rows = [{"amount": str(value), "country": land} for value, land in zip([10, 30, 9000], "AAB", strict=True)]
    assert usual_row(rows) == {"amount": "30", "country": "A"}
    assert usual_row([{"a": None}, {"a": None}, {"a": 3}]) == {"a": None}


def test_cells_cover_a_picture_once() -> None:
    for size in ((7, 7), (3, 9), (200, 113), (1, 1)):
        seen = np.zeros(size[::-1], int)
        for left, top, right, bottom in cells_of(*size, 7):
            seen[top:bottom, left:right] += 1
        assert (seen == 1).all()


def test_the_weightiest_come_first_and_the_light_ones_not_at_all() -> None:
    parts = [Part("light", 0.05), Part("against", -2.0), Part("second", 1.0), Part("first", 1.5)]
    assert [part.name for part in leading(parts)] == ["first", "second"]
    assert leading([Part("a", -1.0)]) == () and leading([]) == ()


def test_columns_that_say_the_same_both_count() -> None:
    """Each hides the other's loss when left out; put alone into a usual row, each shows what it is worth."""

    def either(rows: list[dict[str, float]]) -> Vector:
        return np.array([float(max(row["a"], row["b"]) > 5) for row in rows])

    found = hidden_parts("row", {"a": 9, "b": 9, "c": 9}, {"a": 1, "b": 1, "c": 1}, either)
    assert {part.name: part.drop for part in found.parts} == {"a": 0.5, "b": 0.5, "c": 0.0}
    assert [part.usual for part in found.parts] == ["about 1"] * 3 and found.tried == 8


def test_a_row_that_is_as_usual_has_no_parts() -> None:
    found = hidden_parts("row", {"a": 1}, {"a": 1}, lambda rows: np.zeros(len(rows)))
    assert found.parts == ()


def test_the_word_that_counts_in_a_long_text_is_found() -> None:
    text = " ".join(f"This is sentence number {i} about nothing at all." for i in range(60))
    text = text.replace("number 41 about", "number 41 theft about")
    tried: list[int] = []

    def theft(texts: list[str]) -> Vector:
        tried.append(len(texts))
        return np.array([float("theft" in one) for one in texts])

    found = hidden_parts("text", text, None, theft)
    assert [part.name for part in leading(found.parts)] == ['"theft"']
    assert sum(tried) <= 2 + SENTENCES + WORDS


def test_the_cell_that_counts_in_a_picture_is_found() -> None:
    from PIL import Image

    image = Image.new("RGB", (140, 70), (40, 40, 40))
    image.paste((255, 0, 0), (121, 1, 139, 9))

    def red(images: list[Image.Image]) -> Vector:
        return np.array([(np.asarray(one)[..., 0] > 200).sum() for one in images], float)

    found = hidden_parts("image", image, None, red)
    assert found.heat is not None and found.heat.shape == (7, 7)
    assert np.unravel_index(found.heat.argmax(), (7, 7)) == (0, 6)
    assert leading(found.parts)[0].name == "the top right"


def test_numbers_of_an_embedding_name_their_columns() -> None:
    found = hidden_parts("embedding", np.array([1.0, 8.0]), np.zeros(2), lambda rows: np.stack(rows).sum(axis=1))
    assert [(part.name, part.drop, part.value) for part in leading(found.parts)] == [
        ("column 1", 8.0, "8"),
        ("column 0", 1.0, "1"),
    ]
    assert "no names" in hidden_parts("embedding", np.ones(64), np.zeros(64), lambda rows: np.zeros(len(rows))).note
