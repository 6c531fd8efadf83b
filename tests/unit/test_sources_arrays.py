"""Ready embeddings: used in place, checked block by block."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelsieve.core.errors import InputError, ShapeError, UnknownName
from labelsieve.sources import SourceOptions
from labelsieve.sources.arrays import ArrayFile
from labelsieve.sources.base import CHUNK

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6)).astype(np.float32)


def _npz(folder: Path, compressed: bool = False, **arrays: Any) -> Path:
    (np.savez_compressed if compressed else np.savez)(folder / "a.npz", **arrays)
    return folder / "a.npz"


def _npy(folder: Path, array: Any) -> Path:
    np.save(folder / "a.npy", array)
    return folder / "a.npy"


def _open(path: Path, **options: Any) -> ArrayFile:
    return ArrayFile(path, SourceOptions(**options), path.parent / "cache")


def _base(array: Any) -> Any:
    while not isinstance(array, np.memmap) and array.base is not None:
        array = array.base
    return array


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", "<f2", "<i8", "u1", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_mapped_where_they_lie(tmp_path: Path, kind: str, order: Any) -> None:
    x = np.asarray(np.abs(X * 10).astype(kind), order=order)
    for path in (_npy(tmp_path, x), _npz(tmp_path, first=np.arange(40), x=x, y=np.arange(40))):
        source = _open(path)
        assert isinstance(_base(source.array()), np.memmap)
        assert Path(str(_base(source.array()).filename)) == path
        assert np.array_equal(source.array(), x)
        assert len(source) == 40
        rows = list(source.read([3, 1]))
        assert rows[0].dtype == np.float32
        assert np.array_equal(rows[0], x[3].astype(np.float32))
    assert not (tmp_path / "cache").exists()


def test_a_compressed_array_is_unpacked_once(tmp_path: Path) -> None:
    path = _npz(tmp_path, compressed=True, X=X, y=np.arange(40))
    assert np.array_equal(_open(path).array(), X)
    (copy,) = (tmp_path / "cache" / "sources").iterdir()
    before = copy.stat().st_mtime_ns
    assert np.array_equal(_open(path).array(), X)
    assert copy.stat().st_mtime_ns == before
    _npz(tmp_path, compressed=True, X=X + 1, y=np.arange(40))
    assert np.array_equal(_open(path).array(), X + 1)
    assert len(list((tmp_path / "cache" / "sources").iterdir())) == 1


def test_which_array(tmp_path: Path) -> None:
    path = _npz(tmp_path, a=X, b=X[:, :2], y=np.arange(40))
    with pytest.raises(
        InputError, match=r"2 arrays that could be embeddings; it holds a \(40, 6\), b \(40, 2\), y \(40,\)"
    ):
        _open(path)
    assert _open(path, embeddings="b").array().shape == (40, 2)
    with pytest.raises(UnknownName, match="'c'"):
        _open(path, embeddings="c")
    with pytest.raises(ShapeError, match=r"'y' of a.npz has shape \(40,\)"):
        _open(path, embeddings="y")
    with pytest.raises(UnknownName, match="'@folder'"):
        _open(path, embeddings="a", labels="@folder")


@pytest.mark.parametrize(
    "array", [np.arange(5), np.zeros((2, 2, 2)), np.zeros((3, 0)), np.array([["a", "b"]]), np.array(3)]
)
def test_shapes_and_types_that_are_no_embeddings(tmp_path: Path, array: Any) -> None:
    with pytest.raises(ShapeError, match="expected"):
        _open(_npy(tmp_path, array))


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (print, ("unpickled",))

    objects = np.array([Bomb()], dtype=object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    with pytest.raises(InputError, match="never loaded"):
        _open(tmp_path / "a.npy")
    source = _open(_npz(tmp_path, x=X, o=objects))
    assert source.names() == []
    with pytest.raises(UnknownName):
        source.column("o")


@pytest.mark.parametrize("content", [b"junk", b"\x93NUMPY\x01\x00", b"PK\x03\x04junk"])
@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_damaged_files(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"a\.np"):
        _open(tmp_path / name)


def test_an_array_that_was_cut_short(tmp_path: Path) -> None:
    path = _npy(tmp_path, X)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="cut short"):
        _open(path).array()


@pytest.mark.parametrize("size", [40, 4000])
def test_a_flipped_byte_in_a_compressed_array(tmp_path: Path, size: int) -> None:
    path = _npz(tmp_path, compressed=True, x=RNG.normal(size=(size, 6)))
    with zipfile.ZipFile(path) as archive:
        start = archive.infolist()[0].header_offset
    raw = bytearray(path.read_bytes())
    raw[start + 400] ^= 255
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"'x' of a\.npz is damaged"):
        _open(path).array()
    assert list((tmp_path / "cache").rglob("*.npy")) == []


def test_rows_that_are_not_finite_are_set_aside(tmp_path: Path) -> None:
    x = X.astype(np.float64)
    x[3, 1], x[7, 0], x[9, 2] = np.nan, np.inf, 1e300
    source = _open(_npy(tmp_path, x))
    assert [ref for found in source.scan() for ref in found.refs] == [i for i in range(40) if i not in (3, 7, 9)]
    assert [ref for ref, _ in source.bad] == [3, 7, 9]
    source.block_digests()
    assert [ref for ref, _ in source.bad] == [3, 7, 9]
    source.block_digests(5)
    assert [ref for ref, _ in source.bad] == [3]


def test_rows_whose_numbers_drown_all_others_are_set_aside(tmp_path: Path) -> None:
    x = X.astype(np.float32)
    x[3, 1], x[7, 0], x[9, 2], x[11, 0] = 3e38, -2e16, 1e16, np.inf
    source = _open(_npy(tmp_path, x))
    assert [ref for found in source.scan() for ref in found.refs] == [i for i in range(40) if i not in (3, 7, 11)]
    assert [ref for ref, _ in source.bad] == [3, 7, 11]
    assert "beyond 1e+16" in source.bad[0][1] and source.bad[0][1] == source.bad[1][1] != source.bad[2][1]


def test_block_digests_show_what_changed_and_allow_appending(tmp_path: Path) -> None:
    x = RNG.integers(0, 9, size=(2 * CHUNK + 10, 1)).astype(np.int8)
    before = _open(_npy(tmp_path, x)).block_digests()
    assert len(before) == 3
    longer = _open(_npy(tmp_path, np.concatenate([x, x])))
    assert longer.block_digests(len(x)) == before
    assert len(longer.block_digests()) == 5
    x[CHUNK + 1] += 1
    after = _open(_npy(tmp_path, x)).block_digests()
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]
    assert _open(_npy(tmp_path, x.astype(np.int16))).block_digests()[0] != before[0]


def test_an_open_source_sees_what_was_appended(tmp_path: Path) -> None:
    source = _open(_npy(tmp_path, X))
    assert len(source) == 40
    assert source.array().shape == (40, 6)
    _npy(tmp_path, np.concatenate([X, X[:5]]))
    assert len(source) == 45
    assert source.array().shape == (45, 6)
    assert source.block_digests(40) == _open(_npy(tmp_path, X)).block_digests()


def test_columns_of_an_npz(tmp_path: Path) -> None:
    keys = np.array([f"k{i}" for i in range(40)])
    path = _npz(
        tmp_path, X=X, y=np.arange(40) % 2, score=np.arange(40) / 2, k=keys, g=np.arange(40) // 4, short=np.arange(3)
    )
    source = _open(path, key="k", group="g", labels="y")
    (found,) = source.scan()
    assert list(found.keys or ()) == keys.tolist()
    assert list(found.groups or ())[4:6] == ["1", "1"]
    assert source.column("score")[:3] == ["0", "0.5", "1"]
    assert source.column("y", [3, 2]) == ["1", "0"]
    assert source.metas([5]) == [{"score": 2.5, "k": "k5", "g": 1}]
    assert source.engine_columns() == ["X"]
    with pytest.raises(ShapeError, match=r"'short' .* expected \(40,\)"):
        _open(path, group="short")


def test_an_npy_has_no_columns(tmp_path: Path) -> None:
    source = _open(_npy(tmp_path, X))
    assert source.names() == []
    with pytest.raises(UnknownName):
        source.column("y")
    for options in ({"text": "t"}, {"columns": ("a",)}, {"key": "k"}):
        with pytest.raises(InputError):
            _open(tmp_path / "a.npy", **options)


def test_no_rows(tmp_path: Path) -> None:
    source = _open(_npy(tmp_path, np.zeros((0, 4), np.float32)))
    assert list(source.scan()) == []
    assert source.block_digests() == []
    assert source.array().shape == (0, 4)


def test_version_2_headers(tmp_path: Path) -> None:
    data = io.BytesIO()
    np.lib.format.write_array(data, X, version=(2, 0))
    (tmp_path / "a.npy").write_bytes(data.getvalue())
    assert np.array_equal(_open(tmp_path / "a.npy").array(), X)


def test_real_arrays(shared: Path, tmp_path: Path) -> None:
    source = ArrayFile(shared / "pool_tabular" / "cover.npz", SourceOptions(embeddings="X"), tmp_path)
    assert source.array().shape == (286_048, 10)
    assert source.column("y").count("1") == 2747
    source.block_digests()
    assert source.bad == []
