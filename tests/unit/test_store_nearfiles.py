"""Neighbours that were found are not searched again, in any process, and never come from another index."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.core.rounds import ArrayPool
from labelsieve.core.types import Ids
from labelsieve.selection.neighbours import exact_neighbours
from labelsieve.store.nearfiles import KeptNeighbours

POOL = ArrayPool(np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32))
EXACT = exact_neighbours(POOL)


class Asked:
    """The exact neighbours, and what they were asked for."""

    def __init__(self) -> None:
        self.ids: list[int] = []

    def __call__(self, ids: Ids, k: int) -> Ids:
        self.ids += ids.tolist()
        return exact_neighbours(POOL)(ids, k)


def test_what_was_found_is_not_searched_again(tmp_path: Path) -> None:
    asked = Asked()
    near = KeptNeighbours(tmp_path / "n", "aa", asked)
    assert_array_equal(near(np.array([5, 3, 5]), 7), EXACT(np.array([5, 3, 5]), 7))
    assert sorted(asked.ids) == [3, 5]
    again = KeptNeighbours(tmp_path / "n", "aa", asked)
    assert_array_equal(again(np.array([9, 3, 5]), 7), EXACT(np.array([9, 3, 5]), 7))
    assert_array_equal(again(np.array([9]), 7), EXACT(np.array([9]), 7))
    assert asked.ids[2:] == [9]
    for k in (4, 70):  # another k: all anew
        assert_array_equal(again(np.array([3, 9]), k), EXACT(np.array([3, 9]), k))
    assert asked.ids[3:] == [3, 9, 3, 9]
    third = KeptNeighbours(tmp_path / "n", "aa", asked)
    for k in (4, 7, 70):
        assert_array_equal(third(np.array([9, 3]), k), EXACT(np.array([9, 3]), k))
    assert asked.ids[7:] == []
    assert len(list((tmp_path / "n").iterdir())) == 3


def test_another_index_starts_anew(tmp_path: Path) -> None:
    asked = Asked()
    KeptNeighbours(tmp_path, "aa", asked)(np.array([1]), 3)
    KeptNeighbours(tmp_path, "bb", asked)(np.array([1]), 3)
    assert asked.ids == [1, 1]
    assert [path.name.split("-")[1] for path in tmp_path.iterdir()] == ["bb"]


def test_a_file_that_is_not_as_it_was_written_is_not_used(tmp_path: Path) -> None:
    ids = np.array([1, 2, 30])
    KeptNeighbours(tmp_path, "aa", EXACT)(ids, 5)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert_array_equal(KeptNeighbours(tmp_path, "aa", EXACT)(ids, 5), EXACT(ids, 5))
    for size in (0, 50, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert_array_equal(KeptNeighbours(tmp_path, "aa", EXACT)(ids, 5), EXACT(ids, 5))


def test_errors_are_those_of_the_search(tmp_path: Path) -> None:
    near = KeptNeighbours(tmp_path, "aa", EXACT)
    with pytest.raises(InputError, match="0 neighbours"):
        near(np.array([1]), 0)
    with pytest.raises(UnknownName, match="77"):
        near(np.array([1, 77]), 3)
    assert_array_equal(near(np.array([1]), 3), EXACT(np.array([1]), 3))
    assert near(np.empty(0, np.int64), 3).shape == (0, 3)
    with pytest.raises(InputError, match="0 neighbours"):
        near(np.array([1]), 0)


def test_a_folder_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    near = KeptNeighbours(tmp_path / "file" / "n", "aa", EXACT)
    assert_array_equal(near(np.array([1, 2]), 3), EXACT(np.array([1, 2]), 3))
    assert os.listdir(tmp_path) == ["file"]
