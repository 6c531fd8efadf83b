"""Versions of arrays on disk: whole or not there, however a write was cut short or two processes met."""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelsieve.core.errors import ProjectError
from labelsieve.project import arrayparts
from labelsieve.store.placing import STALE

NAMES = ("ids", "p")


def arrays(n: int) -> dict[str, Any]:
    return {"ids": np.arange(n), "p": np.linspace(0, 1, n, dtype=np.float32)}


def part_in(folder: Path) -> Path:
    (found,) = (path for path in folder.iterdir() if path.is_dir())
    return found


def part_named(folder: Path) -> str:
    return str(json.loads((folder / arrayparts.META).read_text())["part"])


def mark_in(folder: Path) -> Any:
    found = arrayparts.opened(folder, NAMES)
    return found and found.facts["mark"]


def test_what_was_put_is_what_is_opened(tmp_path: Path) -> None:
    assert arrayparts.opened(tmp_path / "none", NAMES) is None
    arrayparts.put(tmp_path / "of" / "main", arrays(5), {"mark": "a", "classes": ["x"]})
    found = arrayparts.opened(tmp_path / "of" / "main", NAMES)
    assert found is not None
    assert (found.facts["mark"], found.facts["classes"]) == ("a", ["x"])
    for array, (name, wanted) in zip(found.arrays, arrays(5).items(), strict=True):
        assert isinstance(array, np.memmap), name
        assert array.dtype == wanted.dtype
        assert array.tolist() == wanted.tolist()
    (only,) = arrayparts.opened(tmp_path / "of" / "main", ["p"]).arrays  # type: ignore[union-attr]
    assert only.dtype == np.float32


def test_a_new_version_takes_the_place_and_the_old_stays_readable(tmp_path: Path) -> None:
    arrayparts.put(tmp_path, arrays(3), {"mark": "a"})
    old = arrayparts.opened(tmp_path, NAMES)
    arrayparts.put(tmp_path, arrays(4), {"mark": "b"})
    assert mark_in(tmp_path) == "b"
    assert old is not None
    assert old.arrays[0].tolist() == [0, 1, 2]
    assert len(list(tmp_path.iterdir())) == 2  # one part and meta.json


@pytest.mark.parametrize("left", [0, 5, 90, 130])
def test_a_torn_array_is_none_and_can_be_put_again(tmp_path: Path, left: int) -> None:
    arrayparts.put(tmp_path, arrays(5), {"mark": "a"})
    torn = part_in(tmp_path) / "p.npy"
    torn.write_bytes(torn.read_bytes()[:left])
    assert arrayparts.opened(tmp_path, NAMES) is None
    arrayparts.put(tmp_path, arrays(5), {"mark": "a"})
    assert mark_in(tmp_path) == "a"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"mark": "a"}', '{"mark": "a", "part": 3}'])
def test_a_torn_or_foreign_meta_is_none(tmp_path: Path, text: str) -> None:
    arrayparts.put(tmp_path, arrays(5), {"mark": "a"})
    (tmp_path / arrayparts.META).write_text(text)
    assert arrayparts.opened(tmp_path, NAMES) is None


def test_a_missing_array_or_part_is_none(tmp_path: Path) -> None:
    arrayparts.put(tmp_path, arrays(5), {"mark": "a"})
    (part_in(tmp_path) / "p.npy").unlink()
    assert arrayparts.opened(tmp_path, NAMES) is None
    assert arrayparts.opened(tmp_path, ["ids"]) is not None
    part_in(tmp_path).rename(tmp_path / "elsewhere")
    assert arrayparts.opened(tmp_path, ["ids"]) is None


def test_replaced_while_it_is_read_the_newer_one_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrayparts.put(tmp_path, arrays(3), {"mark": "a"})
    load, replaced = np.load, iter(["b"])

    def meanwhile(path: Path, **options: Any) -> Any:
        for mark in replaced:  # once, between meta.json and the arrays
            arrayparts.put(tmp_path, arrays(7), {"mark": mark})
        return load(path, **options)

    monkeypatch.setattr(np, "load", meanwhile)
    found = arrayparts.opened(tmp_path, NAMES)
    assert found is not None
    assert found.facts["mark"] == "b"
    assert [len(array) for array in found.arrays] == [7, 7]


def test_what_another_process_writes_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrayparts.put(tmp_path, arrays(3), {"mark": "a"})
    save, others = np.save, iter(["b"])

    def meanwhile(path: Path, array: Any) -> None:
        for mark in others:  # once, while the folder of this version is half written
            arrayparts.put(tmp_path, arrays(7), {"mark": mark})
        save(path, array)

    monkeypatch.setattr(np, "save", meanwhile)
    arrayparts.put(tmp_path, arrays(4), {"mark": "c"})
    assert mark_in(tmp_path) == "c"
    assert len(list(tmp_path.iterdir())) == 2  # nothing is left of a and b


def test_what_a_kill_left_goes_later(tmp_path: Path) -> None:
    for name, age in (("0123456789abcdef", 2 * STALE), (".tmp-1-aa-folder", 2 * STALE), ("fedcba9876543210", 0)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    arrayparts.put(tmp_path, arrays(3), {"mark": "a"})
    assert {path.name for path in tmp_path.iterdir() if path.name != part_named(tmp_path)} == {
        arrayparts.META,
        "fedcba9876543210",
    }


@pytest.mark.parametrize("head", [b"", b"PK\x03\x04 nothing", b"\x93NUMPY\x01\x00v\x00{" + b"(" * 200])
def test_what_is_no_array_is_none(tmp_path: Path, head: bytes) -> None:
    arrayparts.put(tmp_path, arrays(3), {"mark": "a"})
    (part_in(tmp_path) / "p.npy").write_bytes(head)
    assert arrayparts.opened(tmp_path, NAMES) is None


def test_a_write_cut_short_leaves_the_old_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrayparts.put(tmp_path, arrays(3), {"mark": "a"})
    save = np.save

    def full(path: Path, array: Any) -> None:
        if path.name == "p.npy":
            raise OSError(28, "No space left on device")
        save(path, array)

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(ProjectError, match="No space left on device"):
        arrayparts.put(tmp_path, arrays(4), {"mark": "b"})
    monkeypatch.undo()
    assert mark_in(tmp_path) == "a"
    assert json.loads((tmp_path / arrayparts.META).read_text())["part"] == part_in(tmp_path).name
