"""Several classes in one cell: what is written is read back, whatever the names are."""

import csv
import io
from itertools import combinations

import pytest

from labelsieve.project.safecsv import csv_text, plain_cell
from labelsieve.sources.base import class_text
from labelsieve.sources.classcells import joined_names, split_names

HOSTILE = [
    "a;b", ";", "; ", " a", "a ", '"', '"a"', "a,b", "two\nlines", "\r\n", "=1+1", "'=1+1", "-x", "@", "'", "[", "]",
    "[]", '["a"]', '["a", "b"]', "[1]", "{}", "null", "\\", "\\;", "日本;語", "\u2028", "7.0", "tea",
]  # fmt: skip
NAMES = [name for name in HOSTILE if name.strip()]


@pytest.mark.parametrize("separator", [";", "|", ",", " "])
def test_what_is_joined_is_split_again(separator: str) -> None:
    for names in [*((name,) for name in NAMES), *combinations(NAMES, 2), tuple(NAMES)]:
        cell = joined_names(names, separator, several=True)
        assert split_names(cell, separator) == names
        (_, (read,)) = csv.reader(io.StringIO(csv_text(["label"], [[cell]]), newline=""))
        assert split_names(plain_cell(read), separator) == names


def test_plain_names_stand_as_ever() -> None:
    assert joined_names(("joy", "love")) == "joy;love"
    assert joined_names(("a;b",)) == "a;b"  # one class, which nobody splits
    assert joined_names(("a;b", "c"), "|") == "a;b|c"
    assert joined_names(()) == joined_names((), several=True) == ""
    assert joined_names(("a", "a"), several=True) == "a;a"


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("joy; love;joy;", ("joy", "love")),
        ("", ()),
        (" ; ", ()),
        ("[x];[y]", ("[x]", "[y]")),
        ("[1, 2]", ("[1, 2]",)),
        ("[]", ("[]",)),
        ('["a", ""]', ('["a", ""]',)),
        ('["a", 1]', ('["a", 1]',)),
        (r'["\ud800"]', (r'["\ud800"]',)),
        ('["a"; "b"]', ('["a"', '"b"]')),
        ("[" * 100_000 + "]", ("[" * 100_000 + "]",)),
        (' ["a", "a;b"] ', ("a", "a;b")),
    ],
)
def test_only_a_json_list_of_texts_is_one(cell: str, names: tuple[str, ...]) -> None:
    assert split_names(cell) == names


def test_lists_of_other_files_are_cells() -> None:
    assert class_text(["joy", "love"]) == "joy;love"
    assert split_names(class_text(["a;b", "c"]) or "") == ("a;b", "c")
    assert split_names(class_text(["a;b"]) or "") == ("a;b",)
