"""What was hashed is hashed again only when the disk says that it has changed; and whatever is lost, is hashed."""

import json
import multiprocessing
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from labelsieve.core.types import Ids, Matrix
from labelsieve.store import shards as shards_module
from labelsieve.store import stamps as stamps_module
from labelsieve.store.rowfiles import Stored, StoredRows, digest_of
from labelsieve.store.shards import CorruptShard, Shards
from labelsieve.store.stamps import Stamps


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first id of every shard that is hashed; files count as settled at once."""
    seen: list[int] = []

    def noted(ids: Ids, rows: StoredRows) -> str:
        seen.append(int(ids[0]))
        return digest_of(ids, rows)

    monkeypatch.setattr(stamps_module, "SETTLED", 0.0)
    monkeypatch.setattr(shards_module, "digest_of", noted)
    return seen


def _rows(n: int) -> Matrix:
    return np.random.default_rng(0).normal(size=(n, 5)).astype(np.float32)


def _made(folder: Path, stored: Stored = "float32") -> list[str]:
    shards = Shards(folder, stored)
    names = [shards.append(np.arange(first, first + 4), _rows(4)) for first in (0, 10, 20)]
    shards.close()
    (folder / "checked.json").unlink(missing_ok=True)  # appending has touched the first
    return names


def _read_all(folder: Path) -> Matrix:
    """As a new process would: nothing is known but what lies in the folder."""
    shards = Shards(folder)
    found = shards.take(shards.ids)
    shards.close()
    return found


def test_a_shard_is_hashed_once_whoever_opens_the_folder(tmp_path: Path, hashed: list[int]) -> None:
    _made(tmp_path / "e")
    hashed.clear()
    first = _read_all(tmp_path / "e")
    assert sorted(hashed) == [0, 10, 20]
    hashed.clear()
    assert np.array_equal(_read_all(tmp_path / "e"), first)
    assert hashed == []
    assert Shards(tmp_path / "e").verify() == []
    assert sorted(hashed) == [0, 10, 20]  # verify trusts no stamp


@pytest.mark.parametrize("stored", ["float32", "int8"])
@pytest.mark.parametrize("ending", [".npy", ".ids.npy", ".scale.npy"])
def test_a_byte_flipped_after_it_was_hashed_is_found(
    tmp_path: Path, hashed: list[int], stored: Stored, ending: str
) -> None:
    name = _made(tmp_path / "e", stored)[1]
    _read_all(tmp_path / "e")
    path = tmp_path / "e" / (name + ending)
    if not path.exists():
        return
    seen = path.stat()
    with path.open("r+b") as file:  # in place: the inode stays
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))  # hides the time of the content, not that of the inode
    hurt = Shards(tmp_path / "e")
    if name in hurt._broken:
        return
    with pytest.raises(CorruptShard):
        hurt.take(hurt.ids)
    assert hurt.take(np.array([0, 22])).shape == (2, 5)
    with pytest.raises(CorruptShard):
        Shards(tmp_path / "e").take(np.array([10]))


def test_another_file_of_the_same_name_is_hashed(tmp_path: Path, hashed: list[int]) -> None:
    names = _made(tmp_path / "e")
    _read_all(tmp_path / "e")
    hashed.clear()
    path = tmp_path / "e" / f"{names[0]}.npy"
    (tmp_path / "e" / "copy").write_bytes(path.read_bytes())
    (tmp_path / "e" / "copy").replace(path)
    _read_all(tmp_path / "e")
    assert hashed == [0]


def test_what_has_just_been_written_is_not_trusted_by_its_times(tmp_path: Path) -> None:
    _made(tmp_path / "e")
    _read_all(tmp_path / "e")
    assert not (tmp_path / "e" / "checked.json").exists()


def test_a_file_that_changes_while_it_is_hashed_gets_no_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps_module, "SETTLED", 0.0)
    path = tmp_path / "a"
    path.write_bytes(b"one")

    def right() -> bool:
        path.write_bytes(b"other")
        return True

    stamps = Stamps(tmp_path)
    assert stamps.whole(stamps.of(["a"]), right)
    stamps.save()
    assert not (tmp_path / "checked.json").exists()
    assert not stamps.whole(stamps.of(["a"]), lambda: False)


def test_damage_that_the_disk_did_not_tell_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps_module, "SETTLED", 0.0)
    (tmp_path / "a").write_bytes(b"one")
    stamps = Stamps(tmp_path)
    found = stamps.of(["a"])
    assert stamps.whole(found, lambda: True)
    assert stamps.whole(found, lambda: False)  # not asked: nothing has changed
    assert not stamps.whole(found, lambda: False, thorough=True)
    assert not stamps.whole(found, lambda: False)
    assert not Stamps(tmp_path).whole(found, lambda: False)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"x": 3}', "\x00" * 40])
def test_stamps_that_cannot_be_read_are_no_stamps(tmp_path: Path, hashed: list[int], text: str) -> None:
    _made(tmp_path / "e")
    (tmp_path / "e" / "checked.json").write_text(text)
    hashed.clear()
    _read_all(tmp_path / "e")
    assert sorted(hashed) == [0, 10, 20]
    hashed.clear()
    _read_all(tmp_path / "e")
    assert hashed == []


def test_stamps_of_files_that_are_gone_are_dropped(tmp_path: Path, hashed: list[int]) -> None:
    names = _made(tmp_path / "e")
    _read_all(tmp_path / "e")
    shards = Shards(tmp_path / "e")
    shards.drop(names[0])
    shards.append(np.array([50]), _rows(1))
    _read_all(tmp_path / "e")
    kept = json.loads((tmp_path / "e" / "checked.json").read_text())
    assert set(kept) == {path.name for path in (tmp_path / "e").glob("*.npy")}


def test_stamps_are_saved_when_the_shards_are_let_go(tmp_path: Path, hashed: list[int]) -> None:
    _made(tmp_path / "e")
    shards = Shards(tmp_path / "e")
    shards.take(shards.ids)
    del shards
    assert len(json.loads((tmp_path / "e" / "checked.json").read_text())) == 6


def test_a_folder_that_is_gone_is_not_made_again(tmp_path: Path, hashed: list[int]) -> None:
    _made(tmp_path / "e")
    shards = Shards(tmp_path / "e")
    shards.take(shards.ids)
    (tmp_path / "e").rename(tmp_path / "away")
    shards.close()
    assert not (tmp_path / "e").exists()


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_in_a_folder_that_may_only_be_read_all_is_hashed_every_time(hashed: list[int]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        _made(folder)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            for _ in range(2):
                hashed.clear()
                assert _read_all(folder).shape == (12, 5)
                assert sorted(hashed) == [0, 10, 20]
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o700)
        assert not [path for path in folder.iterdir() if path.suffix not in (".npy",)]


def _read_often(folder: Path) -> None:
    stamps_module.SETTLED = 0.0
    for _ in range(20):
        _read_all(folder)


def test_two_processes_save_stamps_at_once(tmp_path: Path) -> None:
    _made(tmp_path / "e")
    spawn = multiprocessing.get_context("spawn")
    jobs = [spawn.Process(target=_read_often, args=(tmp_path / "e",)) for _ in range(2)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(60)
    assert [job.exitcode for job in jobs] == [0, 0]
    assert len(json.loads((tmp_path / "e" / "checked.json").read_text())) == 6
    assert not list((tmp_path / "e").glob(".tmp-*"))


def test_a_settled_file_is_trusted_without_a_test_helping(tmp_path: Path) -> None:
    """With the bound as it ships: a file whose last change is past it."""
    (tmp_path / "a").write_bytes(b"one")
    stamps = Stamps(tmp_path)
    while time.time_ns() - (tmp_path / "a").stat().st_ctime_ns < 1e9 * stamps_module.SETTLED:
        time.sleep(0.1)
    assert stamps.whole(stamps.of(["a"]), lambda: True)
    stamps.save()
    assert Stamps(tmp_path).whole(stamps.of(["a"]), lambda: False)
