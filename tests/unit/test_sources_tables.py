"""Table files as people really have them: every encoding, broken lines, paths that lead astray."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.sources import Source, SourceOptions, open_source


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """256 rows a chunk, so that small files have several."""
    monkeypatch.setattr("labelsieve.sources.parquet.CHUNK_BYTES", 1)


def _open(path: Path, **options: Any) -> Source:
    return open_source(path, SourceOptions(**options), path.parent / "cache")


def _file(folder: Path, content: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _refs(source: Source) -> list[Any]:
    return [ref for found in source.scan() for ref in found.refs]


def _texts(source: Source) -> list[Any]:
    return list(source.read(_refs(source)))


# CSV


def test_a_bom_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = _file(tmp_path, b"\xef\xbb\xbftext,label\r\nhello,a\r\n")
    assert _open(path, text="text").names() == ["text", "label"]
    assert _texts(_open(path, text="text")) == ["hello"]


def test_excel_unicode_text(tmp_path: Path) -> None:
    path = _file(tmp_path, "text\tlabel\r\ngrün\ta\r\n".encode("utf-16"))
    assert _texts(_open(path, text="text")) == ["grün"]


def test_utf_16_that_is_cut_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = _file(tmp_path, "text\ngrün\nblau\n".encode("utf-16")[:-1])
    assert _texts(_open(path, text="text"))[0] == "grün"


def test_a_quote_that_never_closes_is_named(tmp_path: Path) -> None:
    source = _open(_file(tmp_path, 'text,n\na,1\n"b\nb",2\n"c,3\nd,4\n'), text="text")
    assert _texts(source) == ["a", "b\nb"]
    assert source.bad == [("line 5", "a quote opens in this row and never closes")]


def test_mixed_encodings_are_told_apart_cell_by_cell(tmp_path: Path) -> None:
    cells = ["grün".encode(), "grün".encode("cp1252"), "€ 5".encode("cp1252"), b"\x81 odd"]
    source = _open(_file(tmp_path, b"text\n" + b"\n".join(cells) + b"\n"), text="text")
    assert _texts(source) == ["grün", "grün", "€ 5", "\x81 odd"]
    assert source.notes == ["3 cells are not UTF-8 and read as Windows-1252, first in row 1, column text"]
    list(source.scan())
    assert len(source.notes) == 1  # a second scan says it once more, not twice
    assert source.bad == []


def test_quotes_and_line_breaks_in_fields(tmp_path: Path) -> None:
    content = 'text,label\r\n"a ""quoted"" word, and\r\na line",x\r\n"",y\r\nplain,z\r\n'
    source = _open(_file(tmp_path, content), text="text", labels="label")
    assert _texts(source) == ['a "quoted" word, and\r\na line', "plain"]
    assert source.column("label") == ["x", "y", "z"]
    assert source.bad == [(1, "the text is empty")]


def test_rows_of_another_width_are_set_aside_by_line(tmp_path: Path) -> None:
    source = _open(_file(tmp_path, 'text,label\n"two\nlines",x\nshort\nfine,y\nlong,y,z\n\nlast,z\n'), text="text")
    assert _texts(source) == ["two\nlines", "fine", "last"]
    assert source.bad == [("line 4", "1 fields; the header has 2"), ("line 6", "3 fields; the header has 2")]


@pytest.mark.parametrize(("mark", "name"), [(";", "a.csv"), ("\t", "a.csv"), ("\t", "a.tsv"), (",", "a.csv")])
def test_separators_of_columns(tmp_path: Path, mark: str, name: str) -> None:
    source = _open(_file(tmp_path, f"text{mark}label\nhello{mark}a\n", name), text="text")
    assert source.names() == ["text", "label"]


def test_a_comma_in_a_tsv_is_text(tmp_path: Path) -> None:
    source = _open(_file(tmp_path, "text, all of it\tlabel\na, b\tc\n", "a.tsv"), text="text, all of it")
    assert _texts(source) == ["a, b"]


def test_a_missing_column_lists_those_there_are(tmp_path: Path) -> None:
    path = _file(tmp_path, "texts,label\nhello,a\n")
    with pytest.raises(UnknownName, match=r"no column of a.csv is named 'text'. Did you mean 'texts'\? .*label, texts"):
        _open(path, text="text")
    with pytest.raises(UnknownName, match="'nope'"):
        _open(path, text="texts", columns=None, key="nope")
    with pytest.raises(UnknownName, match="'@folder'"):
        _open(path, text="texts", labels="@folder")


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.npy", "a.npz"])
def test_a_file_of_0_bytes_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"{name} is empty"):
        _open(_file(tmp_path, b"", name))


def test_a_header_alone_is_a_source_without_items(tmp_path: Path) -> None:
    source = _open(_file(tmp_path, "text,label\n"), text="text", labels="label")
    assert _refs(source) == []
    assert source.column("label") == []


def test_names_that_repeat_or_are_missing(tmp_path: Path) -> None:
    source = _open(_file(tmp_path, "a,a, b ,\n1,2,3,4\n"))
    assert source.names() == ["a", "a#2", "b", "column 4"]
    assert _texts(source) == [{"a": "1", "a#2": "2", "b": "3", "column 4": "4"}]
    assert source.notes == ["the header has 'a' again: that column is called a#2"]


def test_csv_cells_are_text_and_empty_ones_are_none(tmp_path: Path) -> None:
    source = _open(_file(tmp_path, "n,code,label\n1.50,007,1.0\n,,0\n"), labels="label")
    assert _texts(source) == [{"n": "1.50", "code": "007"}, {"n": None, "code": None}]
    assert source.column("label") == ["1", "0"]
    assert source.column("code") == ["007", None]


def test_a_field_of_a_megabyte(tmp_path: Path) -> None:
    text = "word " * 300_000
    assert _texts(_open(_file(tmp_path, f"text\n{text}\nb\n"), text="text")) == [text, "b"]


def test_equal_rows_have_equal_digests_and_others_never(tmp_path: Path) -> None:
    """Cells that only read the same when they are put one after the other are different rows."""
    source = _open(_file(tmp_path, 'a,b,label\nx,y,1\nxy,,2\n,xy,3\nx,y,4\n"1:x","",5\n"-",-,6\n,,7\n'), labels="label")
    marks = [mark for found in source.scan() for mark in found.digests]
    assert marks[0] == marks[3]
    assert len(set(marks)) == 6


# JSON lines


def test_bad_lines_are_set_aside_and_named(tmp_path: Path) -> None:
    lines = [
        '{"text": "a"}',
        "{broken",
        "",
        "[1, 2]",
        '{"text": null}',
        '{"text": "b", "late": 3}',
        '{"text": "c'.strip(),
    ]
    source = _open(_file(tmp_path, "\ufeff" + "\n".join(lines), "a.jsonl"), text="text")
    assert _texts(source) == ["a", "b"]
    assert [ref for ref, _ in source.bad] == ["line 2", "line 4", "line 7", 1]
    assert source.bad[1][1] == "expected an object, found list"
    assert source.names() == ["text", "late"]
    assert source.column("late") == [None, None, "3"]


def test_json_values_become_text(tmp_path: Path) -> None:
    row = {"i": 7, "f": 7.0, "s": "007", "b": True, "n": None, "l": ["a", "b"], "o": {"k": 1}, "x": float("nan")}
    source = _open(_file(tmp_path, json.dumps(row) + "\n", "a.ndjson"), columns=("i", "f", "s", "b", "n", "x"))
    assert _texts(source) == [{"i": "7", "f": "7.0", "s": "007", "b": "true", "n": None, "x": None}]
    assert [source.column(name) for name in "ifs"] == [["7"], ["7"], ["007"]]
    assert source.metas([0]) == [{"l": '["a", "b"]', "o": '{"k": 1}'}]


def test_json_with_lone_surrogates_and_other_bytes(tmp_path: Path) -> None:
    source = _open(_file(tmp_path, b'{"text": "a\\ud800b"}\n{"text": "gr\xfcn"}\n', "a.jsonl"), text="text")
    assert _texts(source) == ["a?b", "grün"]
    assert len(source.notes) == 1


def test_no_object_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no line that is a JSON object"):
        _open(_file(tmp_path, "nothing\nhere\n", "a.jsonl"), text="text")
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        with pytest.raises(InputError, match="a.jsonl is text in UTF-16; expected UTF-8"):
            _open(_file(tmp_path, '{"text": "grün"}\n'.encode(encoding), "a.jsonl"), text="text")


# Parquet


def _parquet(folder: Path, columns: dict[str, Any], **how: Any) -> Path:
    pq.write_table(pa.table(columns), folder / "a.parquet", **how)
    return folder / "a.parquet"


def test_parquet_types(tmp_path: Path) -> None:
    columns = {
        "cat": pa.array(["x", "y", "x"]).dictionary_encode(),
        "day": pa.array([date(2024, 1, 2), None, date(2024, 3, 4)]),
        "n": pa.array([1.0, 2.5, None]),
        "list": pa.array([["a", "b"], [], None]),
        "flag": pa.array([True, False, None]),
        "raw": pa.array([b"ab", b"", None]),
        "__index_level_0__": pa.array([9, 8, 7]),
    }
    source = _open(_parquet(tmp_path, columns, row_group_size=2), time="day")
    assert source.engine_columns() == ["cat", "n", "flag"]
    assert _texts(source)[1] == {"cat": "y", "n": 2.5, "flag": False}
    assert source.column("n") == ["1", "2.5", None]
    assert source.column("list") == ["a;b", None, None]
    assert source.column("flag") == ["true", "false", None]
    assert source.column("day") == ["2024-01-02", None, "2024-03-04"]
    assert [time for found in source.scan() for time in found.times or ()] == source.column("day")


def test_a_row_digest_covers_every_type(tmp_path: Path) -> None:
    days = pa.array([1, 2, 1], pa.duration("s"))
    source = _open(_parquet(tmp_path, {"d": days, "i": pa.array([1, 1, 1])}))
    marks = [mark for found in source.scan() for mark in found.digests]
    assert marks[0] == marks[2] != marks[1]


@pytest.mark.parametrize("content", [b"PAR1 but not really", b"PAR1" + bytes(200) + b"PAR1"])
def test_what_is_no_parquet(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="no Parquet file"):
        _open(_file(tmp_path, content, "a.parquet"), text="text")


def test_damaged_parquet_is_an_error_not_a_crash(tmp_path: Path) -> None:
    path = _parquet(tmp_path, {"text": [f"{i} " * 50 for i in range(2000)]}, compression="snappy")
    raw = bytearray(path.read_bytes())
    raw[40:4000] = bytes(3960)
    path.write_bytes(raw)
    with pytest.raises(InputError, match="damaged"):
        _texts(_open(path, text="text"))


# Embeddings in a column


def test_embeddings_that_cannot_be_used_are_set_aside(tmp_path: Path) -> None:
    rows = [None, [1.0, 2.0], [1.0], [float("nan"), 0.0], [3.0, 4.0], [], [1e300, 0.0], [None, 1.0]]
    source = _open(
        _parquet(tmp_path, {"x": pa.array(rows, pa.list_(pa.float64())), "n": list("abcdefgh")}), embeddings="x"
    )
    assert _refs(source) == [1, 4]
    assert [np.asarray(row).tolist() for row in source.read([4, 1])] == [[3.0, 4.0], [1.0, 2.0]]
    reasons = dict(source.bad)
    assert reasons[0] == "the embedding is missing"
    assert reasons[2] == "the embedding has 1 numbers; the others have 2"
    assert "not finite" in reasons[3]
    assert sorted(reasons) == [0, 2, 3, 5, 6, 7]
    assert source.array().shape == (8, 2)  # type: ignore[attr-defined]
    assert source.column("n", [4]) == ["e"]


@pytest.mark.parametrize("kind", [pa.list_(pa.float16(), 3), pa.large_list(pa.float32()), pa.list_(pa.int64())])
def test_embedding_types(tmp_path: Path, kind: pa.DataType) -> None:
    rows = [np.array([1, 2, 3], np.float16), np.array([4, 5, 6], np.float16)] * 2
    values = pa.array([row.astype(int).tolist() for row in rows], pa.list_(pa.int64())).cast(kind)
    source = _open(_parquet(tmp_path, {"x": values}), embeddings="x")
    assert _refs(source) == [0, 1, 2, 3]
    assert source.array().tolist() == [row.tolist() for row in rows]  # type: ignore[attr-defined]
    assert source.metas([1]) == [{}]


def test_embeddings_as_text(tmp_path: Path) -> None:
    source = _open(_file(tmp_path, 'x;y\n"[1.5, -2]";a\n1e3 4;b\nwords;c\n;d\n'), embeddings="x")
    assert [row.tolist() for row in _texts(source)] == [[1.5, -2.0], [1000.0, 4.0]]
    assert source.bad == [(2, "the embedding is no list of numbers"), (3, "the embedding is missing")]


def test_no_embedding_at_all(tmp_path: Path) -> None:
    source = _open(_file(tmp_path, "x,y\nwords,a\n"), embeddings="x")
    assert _refs(source) == []
    assert source.array().shape == (1, 0)  # type: ignore[attr-defined]


def test_embeddings_that_begin_late(tmp_path: Path, small_chunks: None) -> None:
    rows = [None] * 300 + [[float(i), 1.0] for i in range(300)]
    path = _parquet(tmp_path, {"x": pa.array(rows, pa.list_(pa.float32()))})
    source = _open(path, embeddings="x")
    assert _refs(source) == list(range(300, 600))
    assert source.array()[450].tolist() == [150.0, 1.0]  # type: ignore[attr-defined]
    assert np.isnan(source.array()[:300]).all()  # type: ignore[attr-defined]


# Paths of images


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    folder = tmp_path / "table"
    (folder / "cats").mkdir(parents=True)
    for name in ("cats/1.png", "2.png"):
        Image.new("L", (3, 3), len(name)).save(folder / name)
    (folder / "empty.png").write_bytes(b"")
    Image.new("L", (3, 3)).save(tmp_path / "secret.png")
    return folder


def test_no_path_leaves_the_folder_of_the_table(gallery: Path) -> None:
    (gallery / "link.png").symlink_to(gallery.parent / "secret.png")
    (gallery / "out").symlink_to(gallery.parent)
    astray = ["../secret.png", str(gallery.parent / "secret.png"), "link.png", "out/secret.png", "/etc/passwd", "."]
    paths = ["cats/1.png", *astray, "cats/../2.png", str(gallery / "cats/1.png")]
    source = _open(_file(gallery, "file\n" + "\n".join(paths) + "\n"), image="file")
    assert _refs(source) == ["cats/1.png", "2.png", "cats/1.png#2"]
    assert len(source.bad) == len(astray)
    assert all("leaves the folder" in why for _, why in source.bad)
    assert list(source.read(["cats/1.png#2"])) == [gallery / "cats/1.png"]


def test_missing_and_empty_images_are_set_aside(gallery: Path) -> None:
    (gallery / "page.jpg").write_text("<!DOCTYPE html><p>404")
    rows = ["k1,cats/1.png", "k2,nope.png", "k3,empty.png", "k4,", "k5,page.jpg", "k6,cats", "k7,a\0b"]
    source = _open(_file(gallery, "key,file\n" + "\n".join(rows) + "\n"), image="file", key="key")
    assert [key for found in source.scan() for key in found.keys or ()] == ["k1"]
    reasons = dict(source.bad)
    assert sorted(reasons) == ["k2", "k3", "k4", "k5", "k6", "k7"]
    assert reasons["k2"] == "nope.png: no such file; paths start at the folder of the table"
    assert reasons["k3"] == "empty.png: the file is empty (0 bytes)"
    assert "holds no image" in reasons["k5"]


def test_repeats_of_an_image_are_items_of_their_own(gallery: Path) -> None:
    Image.new("L", (3, 3), 9).save(gallery / "2.png#2", "PNG")
    source = _open(_file(gallery, "file,n\n2.png,a\n2.png,b\n2.png#2,c\n2.png,d\n"), image="file", group="@folder")
    refs = _refs(source)
    assert refs == ["2.png", "2.png#2", "2.png#2#2", "2.png#3"]
    assert [meta["n"] for meta in source.metas(refs)] == ["a", "b", "c", "d"]
    assert [path.name for path in source.read(refs)] == ["2.png", "2.png", "2.png#2", "2.png"]
    assert source.column("@folder", refs) == [None] * 4


# What an engine may see


def test_truth_never_feeds_an_engine(tmp_path: Path) -> None:
    path = _file(tmp_path, "id,text,label,who,when,n\n1,a,x,w,t,3\n")
    source = _open(path, key="id", labels="label", group="who", time="when")
    assert source.engine_columns() == ["text", "n"]
    for options in ({"text": "label", "labels": "label"}, {"columns": ("n", "label"), "labels": "label"}):
        with pytest.raises(InputError, match=r"'label' of a\.csv is --labels, so no engine may see it"):
            _open(path, **options)
    with pytest.raises(InputError, match="no column that the engine for rows can read"):
        _open(_file(tmp_path, "id,label\n1,x\n", "b.csv"), key="id", labels="label")


def test_one_kind_of_item_a_source(tmp_path: Path) -> None:
    path = _file(tmp_path, "text,n\na,3\n")
    with pytest.raises(InputError, match="--text and --columns were both given"):
        _open(path, text="text", columns=("n",))


def test_keys_stay_as_they_were_written(tmp_path: Path) -> None:
    source = _open(_file(tmp_path, "id,text\n007,a\n1.0,b\n,c\n"), key="id", text="text")
    assert [key for found in source.scan() for key in found.keys or ()] == ["007", "1.0", None]
    source = _open(_parquet(tmp_path, {"id": [7.0, 8.0], "text": ["a", "b"]}), key="id", text="text")
    assert [key for found in source.scan() for key in found.keys or ()] == ["7", "8"]


# Working copies


def test_reading_stays_with_the_last_scan(tmp_path: Path) -> None:
    """A row that somebody put first must not move texts under the ids that have labels."""
    path = _file(tmp_path, "text,label\na,x\nb,y\n")
    source = _open(path, text="text", labels="label")
    assert _texts(source) == ["a", "b"]
    path.write_text("text,label,more\nnew,z,1\na,x,2\nb,y,3\n")
    for reader in (source, _open(path, text="text", labels="label")):
        assert list(reader.read([0, 1])) == ["a", "b"]
        assert reader.column("label", [1]) == ["y"]
    with pytest.raises(InputError, match=r"'more' of a\.csv is new since the last sync"):
        _open(path, text="text", labels="label").column("more")
    other = _open(path, text="text", labels="label")
    assert _texts(other) == ["new", "a", "b"]
    assert list(source.read([0])) == ["new"]  # the copy that another reader's scan has left
    assert len(list((tmp_path / "cache" / "sources").iterdir())) == 1


def test_without_a_copy_the_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = _file(tmp_path, "text\na\n")
    assert _texts(_open(path, text="text")) == ["a"]
    path.write_text("text\nb\n")
    shutil.rmtree(tmp_path / "cache")
    assert list(_open(path, text="text").read([0])) == ["b"]


@pytest.mark.parametrize("ending", [".arrow", ".npy"])
def test_a_damaged_copy_comes_back(tmp_path: Path, ending: str) -> None:
    path = _parquet(tmp_path, {"x": pa.array([[1.0, 2.0], [3.0, 4.0]]), "n": ["a", "b"]})
    assert _refs(_open(path, embeddings="x")) == [0, 1]
    (copy,) = (tmp_path / "cache" / "sources").glob(f"*{ending}")
    copy.write_bytes(copy.read_bytes()[:100])
    source = _open(path, embeddings="x")
    assert next(iter(source.read([1]))).tolist() == [3.0, 4.0]
    assert source.column("n", [1]) == ["b"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_a_full_disk_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _parquet(tmp_path, {"x": pa.array([[1.0, 2.0], [3.0, 4.0]]), "n": ["a", "b"]})
    source = _open(path, embeddings="x")
    opened = Path.open
    full = lambda self, mode="r", **k: opened(Path("/dev/full") if "w" in mode else self, mode, **k)  # noqa: E731
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(InputError, match="No space left"):
        _refs(source)
    monkeypatch.undo()
    assert _refs(source) == [0, 1]


def test_two_files_of_one_name_have_two_copies(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        path = _file(tmp_path / name, f"text\n{name}\n")
        source = open_source(path, SourceOptions(text="text"), tmp_path / "cache")
        assert _texts(source) == [name]
    assert len(list((tmp_path / "cache" / "sources").iterdir())) == 2


def test_a_scan_that_stops_leaves_no_half_copy(tmp_path: Path, small_chunks: None) -> None:
    path = _parquet(tmp_path, {"text": [f"text {i}" for i in range(600)]})
    source = _open(path, text="text")
    scan = source.scan()
    next(iter(scan))
    scan.close()  # type: ignore[attr-defined]
    assert list((tmp_path / "cache" / "sources").iterdir()) == []
    assert next(iter(source.read([599]))) == "text 599"


def test_a_cache_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(InputError, match=r"working copy .* cannot be written"):
        _texts(_open(_file(tmp_path, "text\na\n"), text="text"))


def test_a_flipped_byte_is_never_followed(tmp_path: Path) -> None:
    path = _file(tmp_path, "text\n" + "".join(f"text {i}\n" for i in range(99)))
    texts = _texts(_open(path, text="text"))
    (copy,) = (tmp_path / "cache" / "sources").iterdir()
    whole = copy.read_bytes()
    for at in range(0, len(whole), 61):
        copy.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        assert list(_open(path, text="text").read(range(99))) == texts


def test_a_damaged_copy_of_an_edited_file_is_never_guessed(tmp_path: Path) -> None:
    path = _file(tmp_path, "text\na\nb\n")
    _refs(_open(path, text="text"))
    (copy,) = (tmp_path / "cache" / "sources").iterdir()
    copy.write_bytes(copy.read_bytes()[:-1])
    path.write_text("text\nnew\na\nb\n")
    with pytest.raises(InputError, match="changed since the last sync"):
        list(_open(path, text="text").read([0]))


def test_a_moved_project_keeps_its_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    _refs(_open(_file(tmp_path / "here", "text\na\n"), text="text"))
    (tmp_path / "here").rename(tmp_path / "there")
    path = tmp_path / "there" / "a.csv"
    path.write_text("text\nb\n")
    monkeypatch.chdir(tmp_path)
    for seen in (path, path.relative_to(tmp_path)):
        assert list(_open(seen, text="text").read([0])) == ["a"]


# Paths that are no source


@pytest.mark.parametrize(
    ("name", "hint"), [("a.xlsx", "CSV"), ("a.json", "jsonl"), ("a.png", "folder"), ("a", "convert")]
)
def test_other_files_are_refused_with_a_way_out(tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        _open(_file(tmp_path, "x", name))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there"):
        _open(tmp_path / "gone.csv")
