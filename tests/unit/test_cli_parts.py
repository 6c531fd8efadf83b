"""Parts of the command line that need no project: keys, screens, curves, text."""

import json
import math
import os
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from labelsieve.cli.curve import plot
from labelsieve.cli.drawing import CLASS_KEYS, View, class_keys, draw
from labelsieve.cli.keys import BACKSPACE, END, ENTER, ESCAPE, Keyboard
from labelsieve.cli.options import source_options
from labelsieve.cli.output import as_json, printable
from labelsieve.core.types import Item, Task


def _typed(raw: bytes) -> list[str]:
    reader, writer = os.pipe()
    os.write(writer, raw)
    os.close(writer)
    board, found = Keyboard(reader), []
    while (key := board.read()) != END:
        found.append(key)
    os.close(reader)
    return found


def test_keys_have_names_and_letters_are_whole() -> None:
    assert _typed("1é\r\x7f猫".encode()) == ["1", "é", ENTER, BACKSPACE, "猫"]
    assert _typed(b"a\x1b[A\x1b[1;5Cb") == ["a", "", "", "b"], "arrows are no keys here, and swallow no other key"
    assert _typed(b"\x1b") == [ESCAPE]


def test_keys_never_clash_with_commands() -> None:
    names = tuple(f"class {i}" for i in range(200))
    keys = class_keys(Task(1, "main", "classes", names))
    assert len(keys) == len(CLASS_KEYS) == len(set(CLASS_KEYS))
    assert not set(keys) & set("qumns ?")
    assert list(keys.values()) == list(names[: len(keys)])
    screen = class_keys(Task(1, "main", "screen", ("ok", "scratch", "dent"), dull="ok"))
    assert screen == {"d": "ok", "o": "scratch", "1": "dent"}


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        (Item(1, "k", "", "text", "evil \x1b[2J [red]markup[/]\nnext"), ["evil \ufffd[2J [red]markup[/]", "next"]),
        (Item(1, "k", "", "row", {"age": 3, "[b]": None}), ["age", "3", "[b]"]),
        (Item(1, "a/b.png", "", "image", "pictures/a/b.png", {"size": "8x8"}), ["a/b.png", "pictures", "size: 8x8"]),
        (Item(1, "17", "", "embedding", np.zeros(5)), ["17", "5 numbers"]),
    ],
)
def test_items_are_data_and_never_markup(item: Item, shown: list[str]) -> None:
    out = StringIO()
    draw(Console(file=out, width=80), item, View("main", {"1": "[red]cat"}))
    for text in [*shown, "[1] [red]cat"]:
        assert text in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_a_long_text_is_cut_and_m_shows_all() -> None:
    item = Item(1, "k", "", "text", "\n".join(f"line {i}" for i in range(500)))
    for whole in (False, True):
        out = StringIO()
        draw(Console(file=out, width=80, height=30), item, View("main", {}, whole=whole))
        assert ("line 499" in out.getvalue()) == whole
        assert ("more lines" in out.getvalue()) == (not whole)


def test_a_curve_rises_from_left_to_right() -> None:
    lines = plot({"auto": [(10, 0.1), (50, 0.9)]}, width=20, height=5).splitlines()
    assert "[cyan]" not in lines[0].split("│")[1][:20]
    assert "50 labels" in lines[-2]
    assert "auto 0.900" in lines[-1]
    assert plot({"one": [(10, 0.5)]}, width=20, height=5)


def test_json_is_valid_whatever_comes_in() -> None:
    value = {"a": np.float32(0.5), "b": math.nan, "c": np.arange(2), "d": {3, 1}, "e": np.array([np.inf])}
    assert json.loads(as_json(value)) == {"a": 0.5, "b": None, "c": [0, 1], "d": [1, 3], "e": [None]}


def test_what_was_not_given_is_left_out() -> None:
    assert source_options("a, b", text="t", key=None) == {"columns": ("a", "b"), "text": "t"}
    assert printable("tab\there") == "tab here"
