"""Ready embeddings beside what people see of them: a picture or a text that a column names, an array beside a table."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.sources import Showing, SourceOptions, open_source

X = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Four rows with embeddings; the pictures of the second and the fourth are not where they should be."""
    (tmp_path / "in" / "pics").mkdir(parents=True)
    for name in ("in/pics/a.png", "secret.png"):
        Image.new("RGB", (4, 4), "red").save(tmp_path / name)
    (tmp_path / "in" / "pics" / "link.png").symlink_to(tmp_path / "secret.png")
    files = ["pics/a.png", "pics/none.png", "../secret.png", "pics/link.png"]
    columns = {"id": list("wxyz"), "vec": list(X), "file": files, "said": ["one", "", " ", None], "n": [1, 2, 3, 4]}
    pq.write_table(pa.table(columns), tmp_path / "in" / "t.parquet")
    return tmp_path / "in" / "t.parquet"


def _open(path: Path, **options: Any) -> Any:
    source = open_source(path, SourceOptions(**options), path.parent / "cache")
    list(source.scan())
    return source


def _said(things: Any) -> list[Any]:
    return [thing.fact if isinstance(thing, InputError) else thing for thing in things]


def test_a_picture_is_seen_and_its_embedding_is_read(table: Path) -> None:
    source = _open(table, embeddings="vec", image="file", key="id")
    assert isinstance(source, Showing)
    assert (source.modality, source.shows, source.bad) == ("embedding", "image", [])
    assert np.array_equal(list(source.read(range(4))), X)
    assert source.metas([0]) == [{"id": "w", "n": 1, "said": "one"}]
    seen = _said(source.seen([3, 0]))
    assert seen[1] == table.parent / "pics" / "a.png"
    assert "leaves the folder" in seen[0]


def test_no_picture_outside_the_folder_is_ever_seen(table: Path) -> None:
    seen = _said(_open(table, embeddings="vec", image="file", key="id").seen(range(4)))
    assert seen[1] == "the picture pics/none.png is missing."
    assert ["leaves the folder" in str(one) for one in seen] == [False, False, True, True]


@pytest.mark.parametrize("path", ["/etc/passwd", "..", ".", "pics", "pics/../../secret.png", "\0", "a" * 5000])
def test_what_is_no_file_below_the_folder_is_missing(table: Path, path: str) -> None:
    pq.write_table(pa.table({"vec": list(X[:1]), "file": [path]}), table)
    assert all(isinstance(thing, InputError) for thing in _open(table, embeddings="vec", image="file").seen([0]))


def test_paths_start_at_the_root_that_was_named(table: Path) -> None:
    root = table.parent / "pics"
    pq.write_table(pa.table({"vec": list(X[:2]), "file": ["a.png", str(root / "a.png")]}), table)
    source = _open(table, embeddings="vec", image="file", root=str(root))
    assert list(source.seen([0, 1])) == [root / "a.png"] * 2
    images = _open(table, image="file", root=str(root))  # the items are the pictures themselves
    assert [str(path) for path in images.read(["a.png"])] == [str(root / "a.png")]
    with pytest.raises(InputError, match="is not there"):
        _open(table, embeddings="vec", image="file", root=str(root / "no"))
    with pytest.raises(InputError, match="--root was given"):
        _open(table, embeddings="vec", root=str(root))


def test_a_text_is_seen(table: Path) -> None:
    source = _open(table, embeddings="vec", text="said", key="id")
    assert (source.modality, source.shows) == ("embedding", "text")
    assert _said(source.seen(range(4))) == ["one", *["its text is empty."] * 3]
    assert "said" not in source.metas([0])[0]


def test_the_embedding_alone_is_the_content(table: Path) -> None:
    """So a column that is named later, and a text that is corrected, move no label."""
    plain, shown = (_open(table, embeddings="vec", **more) for more in ({}, {"image": "file"}))
    assert [f.digests for f in plain.scan()] == [f.digests for f in shown.scan()]


def test_one_thing_is_seen(table: Path) -> None:
    for wrong in ({"image": "file", "text": "said"}, {"columns": ("n",)}):
        with pytest.raises(InputError, match="one kind of item"):
            _open(table, embeddings="vec", **wrong)
    with pytest.raises(UnknownName, match="flie"):
        _open(table, embeddings="vec", image="flie")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_with_names_of_pictures(table: Path, save: Any) -> None:
    path = table.parent / "t.npz"
    save(path, x=X, name=np.array(["a.png", "b.png", "7.0", ""]), spare=np.arange(4))
    source = _open(path, embeddings="x", image="name", root=str(table.parent / "pics"))
    assert source.shows == "image"
    seen = _said(source.seen([0, 1, 2, 3]))
    assert seen[0] == table.parent / "pics" / "a.png"
    assert seen[1:] == [
        "the picture b.png is missing.",
        "the picture 7.0 is missing.",
        "the path of its picture is empty.",
    ]
    assert source.metas([1]) == [{"spare": 1}]
    with pytest.raises(InputError, match="expected text"):
        _open(path, embeddings="x", image="spare")
    np.save(table.parent / "t.npy", X)
    with pytest.raises(UnknownName):
        _open(table.parent / "t.npy", image="name")


def _beside(folder: Path, rows: int, x: Any) -> Path:
    lines = "".join(f"{i},{i}.png\n" for i in range(rows))
    (folder / "t.csv").write_text("id,file\n" + lines)
    np.save(folder / "x.npy", x)
    return folder / "t.csv"


def test_an_array_beside_a_table(tmp_path: Path) -> None:
    x = X.astype(np.float16).copy()
    x[2, 0] = np.nan
    source = _open(_beside(tmp_path, 4, x), embeddings="x.npy", image="file", key="id")
    assert source.modality == "embedding"
    assert source.bad == [("2", "the embedding holds a value that is not finite (NaN or infinite)")]
    assert np.array_equal(list(source.read([3, 0])), X[[3, 0]])
    assert source.metas([1]) == [{"id": "1"}]
    (tmp_path / "cache").rename(tmp_path / "gone")  # the working copy comes back by itself
    again = open_source(tmp_path / "t.csv", source.options, tmp_path / "cache")
    assert np.array_equal(list(again.read([1])), X[[1]])


def test_an_array_beside_a_table_that_changed_is_a_change(tmp_path: Path) -> None:
    path = _beside(tmp_path, 4, X)
    before = _open(path, embeddings="x.npy").fingerprint()
    np.save(tmp_path / "x.npy", np.vstack([X, X]))
    assert _refused(path) == "t.csv has 4 rows and x.npy has 8; row i of the one belongs to row i of the other."
    assert open_source(path, SourceOptions(embeddings="x.npy")).fingerprint() != before
    np.save(tmp_path / "x.npy", X[:3])
    assert _refused(path).startswith("t.csv has more than 3 rows")


def test_no_row_is_left_out_beside_an_array(tmp_path: Path) -> None:
    path = _beside(tmp_path, 4, X)
    path.write_text("id,file\n0,a\n1,b,c\n2,d\n3,e\n4,f\n")
    assert "line 3: 3 fields; the header has 2; no row can be left out" in _refused(path)


def _refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        _open(path, embeddings="x.npy")
    return error.value.fact


def test_a_folder_of_images_says_how(tmp_path: Path) -> None:
    for options in ({"embeddings": "x.npy"}, {"root": "."}):
        with pytest.raises(InputError, match="is a folder of images"):
            open_source(tmp_path, SourceOptions(**options))
