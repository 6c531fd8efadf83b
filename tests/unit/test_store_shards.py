"""Shards: whole or not there, checked when touched, safe to append from two processes."""

import multiprocessing
import os
import signal
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from labelsieve.core.errors import EngineError, InputError, ShapeError, UnknownName
from labelsieve.core.types import Ids, Matrix
from labelsieve.store import shards as shards_module
from labelsieve.store.rowfiles import coded, stored_type
from labelsieve.store.shards import CorruptShard, Shards


def _rows(ids: Ids, dim: int = 6) -> Matrix:
    """Rows that tell their id, so that a mix-up shows."""
    return (ids[:, None] + np.arange(dim)[None, :] / 100).astype(np.float32)


def _fill(folder: Path, cuts: list[list[int]]) -> Shards:
    shards = Shards(folder)
    for ids in cuts:
        shards.append(np.array(ids), _rows(np.array(ids)))
    return shards


def _hurt(folder: Path, name: str, where: int) -> Shards:
    """The shards of a folder, one byte of whose file `name` is flipped."""
    raw = bytearray((folder / name).read_bytes())
    raw[where] ^= 1
    (folder / name).write_bytes(raw)
    return Shards(folder)


def test_take_gives_rows_in_the_order_asked(tmp_path: Path) -> None:
    shards = _fill(tmp_path / "e", [[7, 9, 11], [1, 2, 3], [20, 4]])
    assert shards.ids.tolist() == [1, 2, 3, 4, 7, 9, 11, 20]
    assert shards.dim == 6
    assert len(shards) == 8
    rng = np.random.default_rng(0)
    for _ in range(20):
        ids = rng.choice(shards.ids, size=rng.integers(1, 12))  # repeats too
        assert np.array_equal(shards.take(ids), _rows(ids))
    assert shards.take(np.empty(0, np.int64)).shape == (0, 6)
    assert shards.take(shards.ids).dtype == np.float32


def test_an_id_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="5"):
        _fill(tmp_path / "e", [[1, 2]]).take(np.array([1, 5]))


def test_a_new_process_sees_the_same(tmp_path: Path) -> None:
    first = _fill(tmp_path / "e", [[1, 2, 3], [4, 5]])
    again = Shards(tmp_path / "e")
    assert again.digest == first.digest
    assert again.names == first.names
    assert np.array_equal(again.take(again.ids), _rows(first.ids))


def test_the_digest_does_not_depend_on_the_order_of_writing(tmp_path: Path) -> None:
    one = _fill(tmp_path / "a", [[1, 2, 3], [4, 5]])
    two = _fill(tmp_path / "b", [[4, 5], [1, 2, 3]])
    other = _fill(tmp_path / "c", [[1, 2, 3], [4, 6]])
    assert one.digest == two.digest != other.digest


def test_no_shard_is_an_empty_pool(tmp_path: Path) -> None:
    shards = Shards(tmp_path / "nothing yet")
    assert shards.ids.tolist() == []
    assert shards.dim == 0
    assert shards.verify() == []
    assert not (tmp_path / "nothing yet").exists()


def test_a_stretch_is_a_view_of_its_shard_and_may_span_several(tmp_path: Path) -> None:
    shards = _fill(tmp_path / "e", [list(range(first, first + 10)) for first in range(0, 50, 10)])
    for first, last in [(0, 10), (3, 7), (0, 50), (9, 11), (15, 45), (49, 50)]:
        ids = np.arange(first, last)
        assert np.array_equal(shards.take(ids), _rows(ids))
    inside = shards.take(np.arange(12, 18))
    assert not inside.flags.owndata
    assert not inside.flags.writeable
    assert type(inside) is np.ndarray


def test_ids_with_gaps_and_interleaved_shards_find_their_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for number, orderly in enumerate([True, False]):
        ids = np.sort(rng.choice(1000, 200, replace=False))
        parts = np.array_split(ids if orderly else rng.permutation(ids), 7)
        shards = _fill(tmp_path / str(number), [part.tolist() for part in parts])
        assert shards.ids.tolist() == ids.tolist()
        for part in (ids, ids[20:90], ids[::-1], rng.choice(ids, 300), ids[60:61]):
            assert np.array_equal(shards.take(part), _rows(part))
        for wanted in (ids[:3], ids[[5, 150]], np.array([1001])):
            there = [
                name for name, own in zip(sorted(shards.names), _by_first(parts), strict=True) if set(own) & set(wanted)
            ]
            assert shards.names_of(wanted) == there


def _by_first(parts: list[Ids]) -> list[list[int]]:
    return sorted(sorted(part.tolist()) for part in parts)


def test_more_shards_than_may_be_mapped_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards_module, "maps_at_once", lambda: 3)
    shards = _fill(tmp_path / "e", [[i, i + 1] for i in range(0, 40, 2)])
    rng = np.random.default_rng(0)
    for _ in range(10):
        ids = rng.choice(40, 25)
        assert np.array_equal(shards.take(ids), _rows(ids))
        assert np.array_equal(shards.take(shards.ids), _rows(shards.ids))
    assert len(shards._mapped) == 3


# int8


def _uneven(n: int, dim: int = 16) -> Matrix:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(n, dim)) * 10.0 ** rng.integers(-6, 6, size=(n, 1))).astype(np.float32)


def test_int8_rows_come_back_within_half_a_step(tmp_path: Path) -> None:
    x = np.vstack([_uneven(200), np.zeros((1, 16), np.float32)])
    shards = Shards(tmp_path / "e", "int8")
    for part in np.array_split(np.arange(201), 5):
        shards.append(part, x[part])
    got = shards.take(shards.ids)
    assert got.dtype == np.float32
    assert (np.abs(got - x) <= np.abs(x).max(axis=1, keepdims=True) / 254 * 1.0001).all()
    assert (got[200] == 0).all()
    rng = np.random.default_rng(1)
    for ids in (rng.choice(201, 60), np.arange(30, 120), np.array([7])):
        assert np.array_equal(shards.take(ids), got[ids])
    again = Shards(tmp_path / "e")  # goes on as the folder began
    assert again.stored == "int8"
    again.append(np.array([300]), x[:1])
    assert again.verify() == []
    assert np.array_equal(again.take(np.array([300, 0])), got[[0, 0]])
    size = sum(path.stat().st_size for path in (tmp_path / "e").glob("*.npy") if path.name.count(".") == 1)
    assert size == 202 * 16 + 6 * 128  # one byte a number, and the head of each file


@pytest.mark.parametrize("ending", [".npy", ".ids.npy", ".scale.npy"])
@pytest.mark.parametrize("where", [-1, 130, 20])
def test_a_flipped_byte_of_int8_rows_is_named(tmp_path: Path, ending: str, where: int) -> None:
    shards = Shards(tmp_path / "e", "int8")
    for first in (0, 10, 20):
        shards.append(np.arange(first, first + 10), _uneven(10))
    name = shards.names[1]
    hurt = _hurt(tmp_path / "e", name + ending, where)
    assert hurt.verify() == [name]
    assert np.array_equal(hurt.take(np.arange(10)), shards.take(np.arange(10)))
    if 15 in hurt.ids:
        with pytest.raises(CorruptShard, match="damaged"):
            hurt.take(np.array([15, 25]))
    hurt.drop(name)
    assert not list((tmp_path / "e").glob(f"{name}*"))
    hurt.append(np.arange(10, 20), _uneven(10))
    assert hurt.digest == shards.digest


def test_int8_without_its_scales_is_damaged(tmp_path: Path) -> None:
    shards = Shards(tmp_path / "e", "int8")
    name = shards.append(np.arange(4), _uneven(4))
    (tmp_path / "e" / f"{name}.scale.npy").unlink()
    assert Shards(tmp_path / "e").verify() == [name]


def test_int8_has_no_code_for_what_is_not_finite(tmp_path: Path) -> None:
    x = _uneven(5)
    x[3, 2] = np.nan
    with pytest.raises(InputError, match="row 3 holds NaN"):
        Shards(tmp_path / "e", "int8").append(np.arange(5), x)
    with pytest.raises(UnknownName, match="float16"):
        Shards(tmp_path / "e", "float16")  # type: ignore[arg-type]


def test_the_stored_type_follows_from_size_and_memory() -> None:
    gib = 1 << 30
    assert stored_type(1_000_000, 384, 8 * gib) == "float32"
    assert stored_type(20_000_000, 256, 24 * gib) == "int8"
    assert stored_type(20_000_000, 256, 41 * gib) == "float32"
    assert coded(np.ones((2, 3), np.float64), "float32").values.dtype == np.float32


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    shards = _fill(tmp_path / "e", [[1, 2]])
    with pytest.raises(ShapeError, match=r"4 columns.*holds 6"):
        shards.append(np.array([3]), np.zeros((1, 4), np.float32))
    with pytest.raises(ShapeError):
        shards.append(np.array([3, 4]), np.zeros((1, 6), np.float32))
    with pytest.raises(InputError, match="3 is given twice"):
        shards.append(np.array([3, 3]), np.zeros((2, 6), np.float32))
    assert shards.ids.tolist() == [1, 2]


@pytest.mark.parametrize("ending", [".npy", ".ids.npy"])
@pytest.mark.parametrize("where", [-1, 130, 20])
def test_a_flipped_byte_is_named_and_the_shard_can_be_dropped(tmp_path: Path, ending: str, where: int) -> None:
    shards = _fill(tmp_path / "e", [[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    name = shards.names[1]
    hurt = _hurt(tmp_path / "e", name + ending, where)
    assert hurt.verify() == [name]
    if 5 in hurt.ids:
        with pytest.raises(CorruptShard, match="damaged") as caught:
            hurt.take(np.array([5]))
        assert caught.value.shard == name
        assert isinstance(caught.value, EngineError)
    assert np.array_equal(hurt.take(np.array([9, 1])), _rows(np.array([9, 1])))  # the others go on
    assert hurt.drop(name) == name
    assert hurt.ids.tolist() == [1, 2, 3, 7, 8, 9]
    hurt.append(np.array([4, 5, 6]), _rows(np.array([4, 5, 6])))
    assert hurt.digest == shards.digest
    assert hurt.verify() == []


@pytest.mark.parametrize("ending", [".npy", ".ids.npy"])
@pytest.mark.parametrize("size", [0, 64, 140])
def test_a_file_that_was_cut_short_is_named(tmp_path: Path, ending: str, size: int) -> None:
    shards = _fill(tmp_path / "e", [[1, 2, 3], [4, 5, 6]])
    os.truncate(tmp_path / "e" / (shards.names[0] + ending), size)
    assert Shards(tmp_path / "e").verify() == [shards.names[0]]


def test_ids_without_rows_are_no_shard(tmp_path: Path) -> None:
    """This is what a kill between the two files leaves."""
    shards = _fill(tmp_path / "e", [[1, 2], [3, 4]])
    (tmp_path / "e" / f"{shards.names[1]}.npy").unlink()
    again = Shards(tmp_path / "e")
    assert again.ids.tolist() == [1, 2]
    again.append(np.array([3, 4]), _rows(np.array([3, 4])))
    assert again.digest == shards.digest


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    _fill(tmp_path / "e", [[1, 2]])
    old, new = tmp_path / "e" / ".tmp-1-aa-x.npy", tmp_path / "e" / ".tmp-2-bb-x.npy"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    assert Shards(tmp_path / "e").ids.tolist() == [1, 2]
    assert not old.exists()
    assert new.exists()  # it may belong to a process that is writing


def test_an_id_in_two_shards_counts_once(tmp_path: Path) -> None:
    shards = _fill(tmp_path / "e", [[1, 2, 3], [3, 4]])
    assert shards.ids.tolist() == [1, 2, 3, 4]
    assert np.array_equal(shards.take(shards.ids), _rows(shards.ids))


def _append_many(folder: Path, first: int) -> None:
    shards = Shards(folder)
    for start in range(first, first + 100, 4):
        ids = np.arange(start, start + 4)
        shards.append(ids, _rows(ids))


def test_two_processes_append_without_losing_anything(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    jobs = [spawn.Process(target=_append_many, args=(tmp_path / "e", first)) for first in (0, 100, 40)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(60)
    assert [job.exitcode for job in jobs] == [0, 0, 0]
    shards = Shards(tmp_path / "e")
    assert shards.ids.tolist() == list(range(200))
    assert np.array_equal(shards.take(shards.ids), _rows(shards.ids))
    assert shards.verify() == []


def test_refresh_sees_what_another_has_written(tmp_path: Path) -> None:
    mine = _fill(tmp_path / "e", [[1, 2]])
    _fill(tmp_path / "e", [[3, 4]])
    assert mine.ids.tolist() == [1, 2]
    mine.refresh()
    assert mine.ids.tolist() == [1, 2, 3, 4]


def _append_for_ever(folder: Path) -> None:
    shards, start = Shards(folder), 0
    while True:
        ids = np.arange(start, start + 64)
        shards.append(ids, _rows(ids, 256))
        start += 64


@pytest.mark.slow
def test_kill_9_leaves_only_whole_shards(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    rng = np.random.default_rng(0)
    for number in range(8):
        folder = tmp_path / str(number)
        job = spawn.Process(target=_append_for_ever, args=(folder,))
        job.start()
        deadline = time.monotonic() + 30
        while not Shards(folder).names and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(float(rng.uniform(0, 0.1)))
        os.kill(job.pid or 0, signal.SIGKILL)
        job.join()
        shards = Shards(folder)
        assert shards.verify() == []
        assert len(shards) > 0
        assert shards.ids.tolist() == list(range(len(shards)))
        assert np.array_equal(shards.take(shards.ids), _rows(shards.ids, 256))


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_read_only_folder_is_a_clear_error() -> None:
    """As an ordinary user: root may write anywhere."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            with pytest.raises(EngineError, match="cannot be written"):
                _fill(folder, [[1]])
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o700)


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EngineError, match="cannot be written"):
        _fill(tmp_path / "file" / "e", [[1]])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_a_full_disk_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = _fill(tmp_path / "e", [[1, 2]])
    before = sorted(path.name for path in (tmp_path / "e").iterdir())
    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, mode="r", **k: opened(Path("/dev/full") if "w" in mode else self, mode, **k)
    )
    with pytest.raises(EngineError, match="No space left"):
        shards.append(np.array([3]), _rows(np.array([3])))
    monkeypatch.undo()
    assert sorted(path.name for path in (tmp_path / "e").iterdir()) == before
    assert shards.ids.tolist() == [1, 2]
