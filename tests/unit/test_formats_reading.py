"""Files of other tools, read: what they say, what is damaged, what tries to get out of its folder."""

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.core.types import Value
from labelsieve.project.formats import foreign, jsonstream
from labelsieve.project.formats.exchanging import format_of
from labelsieve.project.formats.folderin import ClassFolders
from labelsieve.project.formats.folderout import class_of, safe_name
from labelsieve.project.formats.foreign import Foreign
from labelsieve.project.formats.hubin import HubFolder
from labelsieve.project.formats.jsonstream import elements
from labelsieve.project.formats.matching import path_names
from labelsieve.project.formats.studioread import StudioFile
from labelsieve.sources.base import digest

# JSON arrays

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=50, deadline=None)
@example([0.5, -1e300, 10], None, 1)
@given(st.lists(JSON, max_size=6), st.sampled_from([None, 1]), st.integers(1, 9))
def test_a_stream_reads_what_json_reads(
    tmp_path_factory: Any, values: list[Any], indent: int | None, chunk: int
) -> None:
    path = tmp_path_factory.mktemp("j") / "a.json"
    path.write_text(json.dumps(values, indent=indent, ensure_ascii=False), encoding="utf-8")
    before, jsonstream.CHUNK = jsonstream.CHUNK, chunk
    try:
        assert list(elements(path)) == values
    finally:
        jsonstream.CHUNK = before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON array"),
        ('{"a": 1}', "no JSON array"),
        ('[{"a": 1}', "damaged at element 1: the file ends"),
        ('[{"a": 1}, {"b":', "damaged at element 2"),
        ('[{"a": 1} {"b": 2}]', "damaged at element 1: '{' stands after it"),
        ("[1, nul]", "damaged at element 2"),
        ("[" * 200_000, "nested too deeply|damaged"),
    ],
)
def test_a_damaged_array_says_where(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=said):
        list(elements(tmp_path / "a.json"))


def test_other_encodings_and_absent_files_are_errors(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes('["ü"]'.encode("latin-1"))
    for name, said in (("a.json", "UTF-8"), ("b.json", "cannot be read")):
        with pytest.raises(InputError, match=said):
            list(elements(tmp_path / name))
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        (tmp_path / "a.json").write_text('[{"a": 1}]', encoding=encoding)
        with pytest.raises(InputError, match="a.json is text in UTF-16"):
            list(elements(tmp_path / "a.json"))
    (tmp_path / "a.json").write_bytes(bytes(100))
    with pytest.raises(InputError, match="no JSON array"):
        list(elements(tmp_path / "a.json"))
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf [ "bom" ]')
    assert list(elements(tmp_path / "a.json")) == ["bom"]


# Names of folders


@given(st.text(min_size=1))
def test_every_class_name_comes_back_from_a_safe_one(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    name = safe_name(text)
    assert class_of(name) == text
    assert "/" not in name and "\\" not in name and name not in (".", "..") and not name.startswith(".")
    assert all(ord(letter) >= 32 for letter in name)


@pytest.mark.parametrize("name", ["50%", "a%zz", "%", "%41", "tea cup", "100%25x%"])
def test_a_folder_of_others_keeps_its_name(name: str) -> None:
    assert class_of(name) == name


def test_folders_are_read_without_leaving_them(tmp_path: Path) -> None:
    (tmp_path / "in" / "a%2Fb").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "a%2Fb" / "1.png").write_bytes(b"one")
    (tmp_path / "in" / "stray.png").write_bytes(b"two")
    (tmp_path / "out" / "secret.png").write_bytes(b"three")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    found = list(ClassFolders(tmp_path / "in").answers())
    assert [(one.value, one.content, one.why[:9]) for one in found] == [
        (Value("class", ("a/b",)), digest(b"one"), ""),
        (None, digest(b"two"), "a picture"),
        (None, "", "a link th"),
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no pictures"):
        list(ClassFolders(tmp_path / "empty").answers())


# Label Studio


def studio(tmp_path: Path, *tasks: Any, field: str | None = None) -> list[Foreign]:
    path = tmp_path / "l.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return list(StudioFile(path, field).answers())


def choice(*names: str, control: str = "sentiment") -> dict[str, Any]:
    return {"from_name": control, "to_name": "text", "type": "choices", "value": {"choices": list(names)}}


def test_an_export_of_label_studio(tmp_path: Path) -> None:
    person = {"id": 4, "email": "ann@x.org", "first_name": "Ann", "last_name": ""}
    first = {"result": [choice("good")], "completed_by": person, "created_at": "2026-01-02T03:04:05.5Z", "lead_time": 3}
    second = {
        "result": [choice("bad")],
        "completed_by": 2,
        "created_at": "2026-01-01T00:00:00Z",
        "was_cancelled": False,
    }
    task = {
        "id": 1,
        "data": {"text": "fine <b>tea</b>"},
        "annotations": [first, second, {"result": [], "was_cancelled": True, "completed_by": 2}],
        "predictions": [{"result": [choice("good")], "model_version": "v3", "score": 0.9}],
    }
    found = studio(tmp_path, task, {"id": 2, "data": {"text": "x"}, "annotations": [{"result": [choice("a", "b")]}]})
    assert [(one.value, one.by, one.source) for one in found] == [
        (Value("skip"), "label-studio 2", "human"),
        (Value("classes", ("bad",)), "label-studio 2", "human"),
        (Value("classes", ("good",)), "ann@x.org", "human"),
        (Value("classes", ("good",)), "v3", "model"),
        (Value("classes", ("a", "b")), None, "human"),
    ]
    assert found[2].at == "2026-01-02T03:04:05.500000+00:00" and found[2].seconds == 3.0
    assert {one.content for one in found[:4]} == {b"fine <b>tea</b>"}  # its digest is taken where no key is known
    assert [one.thing for one in found] == [0, 0, 0, 0, 1]


def test_what_is_no_class_says_why(tmp_path: Path) -> None:
    box = {"from_name": "box", "type": "rectanglelabels", "value": {"x": 1, "rectanglelabels": ["cat"]}}
    data = {"data": {"image": "/data/upload/3/0a1b2c3d-cat.png"}}
    two = [choice("a", control="q1"), choice("b", control="q2")]
    found = studio(tmp_path, *({**data, "annotations": [{"result": r}]} for r in ([box], [choice("a"), box], two)))
    assert [one.value for one in found] == [None, None, None]
    assert "rectanglelabels" in found[0].why and "rectanglelabels" in found[1].why and "q1, q2" in found[2].why
    assert found[0].names == ("cat.png",)
    (both,) = studio(tmp_path, {"data": {"key": "k", "image": "s3://b/1.png"}, "annotations": [{"result": two}]})
    assert both.names == ("k", "1.png")
    (one,) = studio(tmp_path, {**data, "annotations": [{"result": two}]}, field="q2")
    assert one.value == Value("classes", ("b",))


@pytest.mark.parametrize(
    "odd",
    [
        {"result": "choices"},
        {"result": [1, None, {"type": "choices"}]},
        {"result": [{"type": "choices", "value": 3, "from_name": ["x"]}], "completed_by": [1], "lead_time": "long"},
        {"created_at": 17, "result": None, "labelsieve": "x", "completed_by": {"email": None}},
    ],
)
def test_odd_annotations_stop_nothing(tmp_path: Path, odd: dict[str, Any]) -> None:
    found = studio(tmp_path, {"data": {"text": "x"}, "annotations": [odd, 3, {"result": [choice("a")]}]})
    assert Value("classes", ("a",)) in [one.value for one in found] and len(found) == 2


@settings(max_examples=60, deadline=None)
@given(JSON, JSON, JSON)
def test_nothing_in_an_annotation_breaks_the_reader(tmp_path_factory: Any, a: Any, b: Any, c: Any) -> None:
    result = {"from_name": a, "type": "choices", "value": {"choices": b}, "meta": c}
    one = {"result": [result, c], "completed_by": a, "lead_time": b, "created_at": c, "labelsieve": b}
    task = {
        "data": {"text": a, "key": b, "x": c},
        "annotations": [one, a],
        "predictions": [{**one, "model_version": c}, b],
    }
    rows = foreign.label_rows(iter(studio(tmp_path_factory.mktemp("s"), task)), Nobody(), "classes", "x")  # type: ignore[arg-type]
    assert len(list(rows)) >= 2


class Nobody:
    """A matcher of a pool without items."""

    def keys(self, wanted: list[Any]) -> list[tuple[None, None]]:
        return [(None, None) for _ in wanted]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Value("classes", ("a", "a")), "twice"),
        (Value("class", (" ",)), "without a name"),
        (Value("class", ("\ud800",)), "no valid text"),
        (Value("soft", ("a", "b"), (0.5,)), "one a class"),
        (Value("soft", ("a",), (float("nan"),)), "one a class"),
        (Value("soft"), "one a class"),
        (Value("skip", ("a",)), "beside a class"),
        (Value("class", ("a",), (1.0,)), "not soft"),
        (Value("class", ("ü",)), ""),
    ],
)
def test_what_no_task_could_hold_is_set_aside(value: Value, why: str) -> None:
    assert why in foreign.unsound(value) and bool(why) == bool(foreign.unsound(value))


def test_another_export_of_label_studio_says_which_to_take(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="element 1 of l.json is no task") as raised:
        studio(tmp_path, {"id": 1, "image": "x.png", "choice": "cat"})
    assert "JSON-MIN" in raised.value.hint


@pytest.mark.parametrize(
    ("address", "last"),
    [
        ("s3://bucket/a/b.png", ("a/b.png", "b.png")),
        ("https://x.org/a%20b.png?sig=1", ("a b.png",)),
        ("/data/local-files/?d=..%2F..%2Fetc%2Fpasswd", ("etc/passwd", "passwd")),
        ("C:\\pics\\1.png", ("C:/pics/1.png", "pics/1.png", "1.png")),
    ],
)
def test_paths_lose_their_folders_one_by_one(address: str, last: tuple[str, ...]) -> None:
    assert path_names(address) == last


# Hugging Face

INFO = {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}, "text": {"dtype": "string", "_type": "Value"}}
TABLE = pa.table({"text": ["a", "b", "c", "d", "e"], "label": pa.array([0, 1, -1, None, 7], pa.int64())})


def saved(folder: Path, table: pa.Table, state: dict[str, Any] | None = None, name: str = "data.arrow") -> Path:
    """What `save_to_disk` writes."""
    folder.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(folder / "data.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    (folder / "state.json").write_text(json.dumps(state or {"_data_files": [{"filename": name}]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": INFO}))
    return folder


def read(path: Path, field: str | None = None) -> list[tuple[tuple[str, ...] | None, str]]:
    return [(one.value.names if one.value else None, one.why[:7]) for one in HubFolder(path, field).answers()]


WANTED = [(("neg",), ""), (("pos",), ""), (None, ""), (None, ""), (None, "class 7")]


def test_what_save_to_disk_wrote(tmp_path: Path) -> None:
    saved(tmp_path / "one", TABLE)
    assert read(tmp_path / "one") == WANTED and format_of(tmp_path / "one") == "hf"
    saved(tmp_path / "two" / "train", TABLE.slice(0, 2))
    saved(tmp_path / "two" / "test", TABLE.slice(2))
    (tmp_path / "two" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert read(tmp_path / "two") == WANTED
    contents = [one.content for one in HubFolder(tmp_path / "two").answers()]
    assert contents == [text.encode() for text in "abcde"]  # their digests are taken where no key is known


def test_parquet_with_its_features_in_the_schema(tmp_path: Path) -> None:
    mark = {b"huggingface": json.dumps({"info": {"features": INFO}}).encode()}
    pq.write_table(TABLE.replace_schema_metadata(mark), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == WANTED and format_of(tmp_path / "a.parquet") == "hf"
    pq.write_table(TABLE, tmp_path / "b.parquet")
    assert format_of(tmp_path / "b.parquet") == "parquet"
    (tmp_path / "a.parquet").write_bytes((tmp_path / "b.parquet").read_bytes()[:100])
    with pytest.raises(InputError, match="damaged"):
        read(tmp_path / "a.parquet")


def test_lists_of_classes_and_old_features(tmp_path: Path) -> None:
    table = pa.table({"tags": [[0, 1], [], None, [5]], "text": list("abcd")})
    for feature in ([INFO["label"]], {"feature": INFO["label"], "_type": "Sequence"}):
        saved(tmp_path / "x", table)
        (tmp_path / "x" / "dataset_info.json").write_text(json.dumps({"features": {"tags": feature}}))
        assert read(tmp_path / "x") == [(("neg", "pos"), ""), ((), ""), (None, ""), (None, "class 5")]


def test_the_column_of_labels_is_named_or_alone(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"], "mood": ["glad"], "topic": ["tea"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="0 columns of labels among text, mood, topic") as raised:
        read(tmp_path / "a.parquet")
    assert "--field" in raised.value.hint
    assert read(tmp_path / "a.parquet", "mood") == [(("glad",), "")]
    with pytest.raises(UnknownName, match="'moot'"):
        read(tmp_path / "a.parquet", "moot")


def test_a_column_called_answers_need_not_be_ours(tmp_path: Path) -> None:
    for answers in (["A", "B"], [[{"answer": 1}], []], [[{"text": ["x"]}], []]):
        pq.write_table(pa.table({"answers": answers, "label": ["a", "b"]}), tmp_path / "a.parquet")
        assert read(tmp_path / "a.parquet") == [(("a",), ""), (("b",), "")]


@pytest.mark.parametrize("name", ["../secret.arrow", "/etc/passwd", "link.arrow", 7, None, ""])
def test_no_path_leaves_the_folder_of_a_data_set(tmp_path: Path, name: Any) -> None:
    saved(tmp_path / "secret", TABLE)
    (tmp_path / "secret" / "data.arrow").rename(tmp_path / "secret.arrow")
    folder = saved(tmp_path / "set", TABLE, {"_data_files": [{"filename": name}]})
    (folder / "link.arrow").symlink_to(tmp_path / "secret.arrow")
    with pytest.raises(InputError, match="outside of it"):
        read(folder)


@pytest.mark.parametrize("splits", [["."], ["../set"], ["a/../../x"], "train", [["x"]], None])
def test_splits_that_lead_nowhere_are_errors(tmp_path: Path, splits: Any) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "dataset_dict.json").write_text(json.dumps({"splits": splits}))
    with pytest.raises(InputError):
        read(tmp_path / "set")


def test_damaged_json_is_an_error(tmp_path: Path) -> None:
    folder = saved(tmp_path / "set", TABLE)
    for text in ("{", "[" * sys.getrecursionlimit() * 100):
        (folder / "state.json").write_text(text)
        with pytest.raises(InputError, match="state.json"):
            read(folder)
    (folder / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    (folder / "data.arrow").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="damaged"):
        read(folder)


def test_what_is_not_certain_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}')
    for name, said in (("x.json", "does not say what it is"), ("absent", "is not there")):
        with pytest.raises(InputError, match=said):
            format_of(tmp_path / name)
