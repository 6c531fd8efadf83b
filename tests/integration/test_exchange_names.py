"""Class names that no separator survives go out in a table and come in again; files that are none stop whole."""

import codecs
import json
from pathlib import Path

import pytest

import labelsieve as ls
from labelsieve.core.errors import InputError

NAMES = ["a;b", ";", '"', "a,b", "two\nlines", "=1+1", "'=1+1", "-x", '["a"]', "[", "c]", "日本;語", "plain", "1;2"]
ROWS = len(NAMES) * 3


def pool(folder: Path, name: str, several: bool = True) -> ls.Project:
    texts = folder / "t.jsonl"
    texts.write_text("".join(json.dumps({"id": f"k{at}", "text": f"text {at}"}) + "\n" for at in range(ROWS)))
    return ls.create(folder / name, texts, text="text", key="id", task="multilabel" if several else "classes")


def answers(project: ls.Project, file: Path) -> dict[str, tuple[str, set[str]]]:
    project.export_as(file.with_suffix(".json"), "label-studio")  # holds names as a list
    found = {}
    for task in json.loads(file.with_suffix(".json").read_text()):
        (one,) = task["annotations"]
        chosen = {name for result in one["result"] for name in result["value"]["choices"]}
        found[task["data"]["key"]] = (one["labelsieve"]["annotator"], chosen)
    return found


@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_hostile_names_come_back(tmp_path: Path, ending: str, several: bool) -> None:
    file = tmp_path / f"labels.{ending}"
    with pool(tmp_path, "one.sieve", several) as project:
        keys = [f"k{at}" for at in range(ROWS)]
        said = [sorted({NAMES[at % len(NAMES)], NAMES[at * 5 % 11]})[: 2 if several else 1] for at in range(ROWS)]
        project.label(keys, said if several else [names[0] for names in said], by="ann")
        project.export_as(file, ending)
        given = answers(project, tmp_path / "given")
    assert {key: chosen for key, (_, chosen) in given.items()} == dict(zip(keys, map(set, said), strict=True))
    with pool(tmp_path, "two.sieve", several) as project:
        report = project.import_labels(file, "nobody", strict=True)
        assert (report.added, report.set_aside) == (ROWS, {})
        assert answers(project, tmp_path / "back") == given
        again = project.import_labels(file, "nobody", strict=True)
        assert (again.added, again.known) == (0, ROWS)


@pytest.mark.parametrize("head", ["", "key,label\n", "\ufeffkey,label\n"])
def test_a_table_without_rows(tmp_path: Path, head: str) -> None:
    file = tmp_path / "l.csv"
    file.write_text(head, encoding="utf-8")
    with pool(tmp_path, "p.sieve") as project:
        if head:
            assert project.import_labels(file, "ann").added == 0
        else:
            with pytest.raises(InputError):
                project.import_labels(file, "ann")
        assert project.import_labels(_written(tmp_path, "k0,plain\n"), "ann").added == 1


def _written(folder: Path, rows: str, start: str = "") -> Path:
    file = folder / "more.csv"
    file.write_text(f"{start}key,label\n{rows}", encoding="utf-8")
    return file


def test_one_bad_row_is_set_aside_alone(tmp_path: Path) -> None:
    rows = "".join(f"k{at},plain\n" if at != 7 else "nowhere,plain\n" for at in range(ROWS))
    with pool(tmp_path, "p.sieve") as project:
        with pytest.raises(InputError, match="unknown key"):
            project.import_labels(_written(tmp_path, rows, "\ufeff"), "ann", strict=True)
        report = project.import_labels(_written(tmp_path, rows, "\ufeff"), "ann")
        assert (report.added, report.set_aside) == (ROWS - 1, {"unknown key": ["nowhere"]})


@pytest.mark.parametrize("text", ["[", '[{"data": {"key": "k0"}, "annotations": [{"resu', '[{"data": {"key": "k0"}}'])
def test_half_a_label_studio_file_stops_whole(tmp_path: Path, text: str) -> None:
    file = tmp_path / "half.json"
    with pool(tmp_path, "p.sieve") as project:
        file.write_text(text)
        with pytest.raises(InputError, match="damaged"):
            project.import_labels(file, "ann")
        file.write_bytes(codecs.BOM_UTF16_LE + "[]".encode("utf-16-le"))
        with pytest.raises(InputError, match="UTF-8|does not say"):
            project.import_labels(file, "ann")
        assert project.export_as(tmp_path / "l.csv", "csv").answers == 0
