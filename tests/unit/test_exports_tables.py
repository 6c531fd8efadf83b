"""Labels and predictions as files: every format reads back, nothing is a formula, nothing foreign is overwritten."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from labelsieve.core.errors import InputError, ProjectError
from labelsieve.core.types import Label, Value
from labelsieve.project.exports import (
    LABEL_COLUMNS,
    PredictionTable,
    label_row,
    write_labels,
    write_predictions,
    write_table,
    write_text,
)


def label(item: int, value: Value | None, **more: object) -> Label:
    known = {"task": "main", "by": "ann", "at": "2024-05-01T10:00:00+00:00", "seconds": 1.5, "query": 7} | more
    return Label(f"uuid-{item}", item=item, value=value, **known)  # type: ignore[arg-type]


ROWS = [
    label_row(label(1, Value("class", ("=cmd()|calc",))), "+evil.png", "search"),
    label_row(label(2, Value("classes", ("joy", "love"))), 'with "quotes", and\nnewlines', "audit"),
    label_row(label(3, Value("classes", ())), "none-of-them", "audit"),
    label_row(label(4, Value("skip"), seconds=None, query=None, source="import"), "-1", None),
    label_row(label(5, Value("soft", ("cat", "dog"), (0.3, 0.7))), "ключ", "search"),
]


def read(path: Path) -> list[dict[str, object]]:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))  # type: ignore[arg-type]
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return pq.read_table(path).to_pylist()


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_every_format_holds_every_answer(tmp_path: Path, ending: str) -> None:
    path = write_labels(tmp_path / "deep" / f"labels.{ending}", ROWS)
    rows = read(path)
    assert tuple(rows[0]) == LABEL_COLUMNS
    assert [row["answer"] for row in rows] == ["class", "classes", "classes", "skip", "soft"]
    assert [row["label"] for row in rows][1:] == ["joy;love", "", "", "dog"]
    assert rows[1]["key"] == 'with "quotes", and\nnewlines'
    assert rows[4]["key"] == "ключ"
    assert rows[3]["source"] == "import"
    assert not list((tmp_path / "deep").glob(".*"))


def test_types_survive_where_the_format_has_types(tmp_path: Path) -> None:
    for ending in ("jsonl", "parquet"):
        rows = read(write_labels(tmp_path / f"labels.{ending}", ROWS))
        assert rows[0]["seconds"] == 1.5
        assert rows[0]["query"] == 7
        assert rows[3]["seconds"] is None
        assert rows[3]["query"] is None
        assert rows[0]["label"] == "=cmd()|calc"


def test_no_cell_of_a_csv_is_a_formula(tmp_path: Path) -> None:
    rows = read(write_labels(tmp_path / "labels.csv", ROWS))
    assert len(rows) == len(ROWS)
    for row in rows:
        for cell in row.values():
            assert not str(cell).startswith(("=", "+", "@"))


def test_predictions_carry_their_probabilities(tmp_path: Path) -> None:
    proba = np.array([[0.9, 0.1], [0.25, 0.75]], np.float32)
    table = PredictionTable(("a", "b"), (("cat",), ("=dog",)), ("cat", "=dog"), proba)
    for ending in ("csv", "jsonl", "parquet"):
        rows = read(write_predictions(tmp_path / f"p.{ending}", table))
        assert list(rows[0]) == ["key", "label", "probability", "p_cat", "p_=dog"]
        assert [float(str(row["probability"])) for row in rows] == [0.9, 0.75]
        assert float(str(rows[1]["p_cat"])) == 0.25


def test_multilabel_predictions_say_how_sure_the_least_sure_class_is(tmp_path: Path) -> None:
    proba = np.array([[0.9, 0.6, 0.05]])
    table = PredictionTable(("a",), (("joy", "love"),), ("joy", "love", "anger"), proba, "multilabel", "|", False)
    (row,) = read(write_predictions(tmp_path / "p.csv", table))
    assert row == {"key": "a", "label": "joy|love", "probability": "0.6"}


def test_an_empty_export_has_its_columns(tmp_path: Path) -> None:
    assert (write_labels(tmp_path / "a.csv", []).read_text()) == ",".join(LABEL_COLUMNS) + "\n"
    assert pq.read_table(write_labels(tmp_path / "a.parquet", [])).column_names == list(LABEL_COLUMNS)


def test_a_large_parquet_is_written_in_blocks(tmp_path: Path) -> None:
    rows = ((f"k{i}", "x", "ann", "", "human", None, None, "search", "class", None) for i in range(120_000))
    path = write_labels(tmp_path / "a.parquet", rows)
    assert pq.ParquetFile(path).metadata.num_row_groups == 3
    assert pq.read_table(path).num_rows == 120_000


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_only_an_export_of_the_same_kind_is_replaced(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"labels.{ending}"
    write_labels(path, ROWS)
    write_labels(path, ROWS[:1])
    assert len(read(path)) == 1
    table = PredictionTable(("a",), (("cat",),), ("cat",), np.ones((1, 1)))
    with pytest.raises(InputError, match="not overwritten"):
        write_predictions(path, table)
    write_predictions(path, table, force=True)
    assert read(path)[0]["key"] == "a"


@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl", "labels.parquet"])
def test_a_stranger_is_not_overwritten(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"key,label\nprecious,truth\n\xff\xfe")
    with pytest.raises(InputError, match="exists"):
        write_labels(path, ROWS)
    assert path.read_bytes().startswith(b"key,label\nprecious")


def test_a_folder_in_the_way_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").mkdir()
    with pytest.raises(InputError, match="a folder"):
        write_labels(tmp_path / "labels.csv", ROWS)


def test_an_empty_file_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").touch()
    assert len(read(write_labels(tmp_path / "labels.csv", ROWS))) == 5


def test_what_breaks_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "labels.csv", ROWS)
    before = path.read_bytes()

    def broken() -> object:
        yield ROWS[0]
        raise InputError("no more")

    with pytest.raises(InputError, match="no more"):
        write_labels(path, broken())  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["labels.csv"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_a_clear_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ProjectError, match="cannot be written"):
        write_labels(tmp_path / "labels.csv", ROWS)
    tmp_path.chmod(0o700)


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ProjectError, match="cannot be written"):
        write_labels(tmp_path / "file" / "labels.csv", ROWS)


@pytest.mark.parametrize("name", ["labels.xlsx", "labels", "labels.csv.gz"])
def test_another_ending_names_those_that_there_are(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"\.csv, \.jsonl, \.parquet"):
        write_table(tmp_path / name, ("key",), [])


def test_text_replaces_only_text_of_ours(tmp_path: Path) -> None:
    path = write_text(tmp_path / "card.md", "---\nlibrary_name: labelsieve\n---\n")
    write_text(path, "library_name: labelsieve, again")
    assert path.read_text() == "library_name: labelsieve, again"
    (tmp_path / "notes.md").write_text("my notes")
    with pytest.raises(InputError, match="not overwritten"):
        write_text(tmp_path / "notes.md", "x")
