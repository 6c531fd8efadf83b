"""Labels out of a project and into a fresh one, in every format: what comes back, what is lost and says so."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import labelsieve as ls
from labelsieve.core.types import Label, Value
from labelsieve.project import deciding, events, folding, manifest
from labelsieve.project.formats.exchanging import FORMATS, Wanted, format_of, import_from
from labelsieve.project.labelling import SKIP, UNSURE

NAMES = {"csv": "l.csv", "jsonl": "l.jsonl", "parquet": "l.parquet", "label-studio": "l.json"}
WHOLE = [name for name in FORMATS if name not in ("label-studio", "folders")]  # these hold every answer
HOSTILE = ["a/b", "../up", "=cmd()|calc", "<script>alert(1)</script>", "50%", "CON", ".hidden", 'quo"te', "日本"]


def pictures(folder: Path, n: int = 12) -> Path:
    rng = np.random.default_rng(3)
    for i in range(n):
        place = folder / "ab"[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (5, 5, 3), dtype=np.uint8)).save(place / f"{i // 2}.png")
    return folder


def texts(path: Path) -> Path:
    lines = ["same text", "same text", "<b>html</b> & more", "=1+1", "two\nlines", "7"]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in lines), encoding="utf-8")
    return path


def standing(project: ls.Project) -> list[tuple[Any, ...]]:
    """Every standing answer, as far as it does not name the project."""
    labels = list(folding.answers(project.context.conn, project.task.name))
    keys = manifest.keys(project.context.conn, np.array([label.item for label in labels], np.int64))
    return sorted(
        (key, one.by, one.at, one.seconds, one.source, said(one)) for key, one in zip(keys, labels, strict=True)
    )


def said(label: Label) -> tuple[Any, ...]:
    assert label.value is not None
    return label.value.tag, sorted(label.value.names), label.value.weights


def folded(project: ls.Project) -> dict[str, Any]:
    """What trains: the agreed classes of each item by key."""
    found = folding.agreed(project.context.conn, project.task.name)
    keys = manifest.keys(project.context.conn, np.array(list(found), np.int64))
    return {key: set(names) for key, names in zip(keys, found.values(), strict=True)}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictures(tmp_path_factory.mktemp("pool") / "pics")


@pytest.fixture(scope="module")
def project(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ls.Project]:
    """Classes with hostile names, several annotators, a decision, skip, unsure, a soft answer, an undo, a model."""
    with ls.create(tmp_path_factory.mktemp("p") / "p.sieve", source) as made:
        keys = manifest.keys(made.context.conn, manifest.ids(made.context.conn))
        made.label(keys[:9], HOSTILE, by="ann", seconds=1.25)
        made.label(keys[:3], ["a/b", "50%", "50%"], by="bob, the 2nd")
        made.label(keys[9:11], [SKIP, UNSURE], by="ann")
        made.label([keys[11]], [Value("soft", ("50%", "a/b"), (0.25, 0.75))], by="bob, the 2nd")
        made.label([keys[9]], ["wrong"], by="zoe")
        made.undo("zoe")
        made.label([keys[3]], ["日本"], by="net@3", source="model")
        item = int(made.context.ids_of([keys[4]])[0])
        query = deciding.decision_query(made.context.conn, made.task, [item])
        at = "2026-02-03T04:05:06+00:00"
        chosen = [Label(events.new_id(), "main", item, Value("class", (name,)), by, at) for name, by in
                  [("a/b", "bob, the 2nd"), ("a/b", "zoe")]]  # fmt: skip
        made.write(chosen)
        made.write([Label(events.new_id(), "main", item, Value("class", ("CON",)), "chief", at, query=query)])
        yield made


def fresh(tmp_path: Path, source: Path, **options: Any) -> ls.Project:
    return ls.create(tmp_path / f"new{len(list(tmp_path.iterdir()))}.sieve", source, **options)


@pytest.mark.parametrize("name", WHOLE)
def test_every_answer_comes_back(project: ls.Project, source: Path, tmp_path: Path, name: str) -> None:
    made = project.export_as(tmp_path / NAMES.get(name, name), name)
    assert (made.items, made.answers, made.lost) == (12, len(standing(project)), {})
    assert format_of(made.path) == name
    with fresh(tmp_path, source) as other:
        assert other.import_labels(made.path, by="nobody", strict=True).added == made.answers
        assert standing(other) == standing(project)
        assert folded(other) == folded(project)  # the decision still decides
        before = len(list(events.history(other.context.conn, "main")))
        again = project.export_as(tmp_path / "again" / NAMES.get(name, name), name).path
        for path in (made.path, again):
            assert other.import_labels(path, by="nobody").added == 0
        assert len(list(events.history(other.context.conn, "main"))) == before


def test_label_studio_loses_weights_alone(project: ls.Project, source: Path, tmp_path: Path) -> None:
    with pytest.raises(ls.InputError, match="would lose 1 answer: weights of a soft answer"):
        project.export_as(tmp_path / "l.json")
    assert list(tmp_path.iterdir()) == []  # nothing half-written, not even the config
    made = project.export_as(tmp_path / "l.json", allow_loss=True)
    assert [(why.split(" (")[0], lost.count) for why, lost in made.lost.items()] == [("weights of a soft answer", 1)]
    soft = [row for row in standing(project) if row[-1][0] == "soft"]
    with fresh(tmp_path, source) as other:
        other.import_labels(made.path, by="nobody", strict=True)
        assert [row for row in standing(other) if row[0] != soft[0][0]] == [
            r for r in standing(project) if r not in soft
        ]
        assert folded(other) == folded(project)
    tasks = json.loads(made.path.read_text(encoding="utf-8"))
    assert all("completed_by" not in one for task in tasks for one in task["annotations"])  # it would be refused
    assert [one["model_version"] for task in tasks for one in task["predictions"]] == ["net@3"]
    import xml.etree.ElementTree as ET

    choices = ET.parse(made.path.with_suffix(".xml")).getroot().findall("Choices[@name='label']/Choice")
    assert [one.get("value") for one in choices] == list(project.task.classes)


def test_class_folders_hold_what_is_agreed(project: ls.Project, source: Path, tmp_path: Path) -> None:
    with pytest.raises(ls.InputError, match="skip: 1 .*unsure: 1 ") as raised:
        project.export_as(tmp_path / "out", "folders")
    assert "--allow-loss" in raised.value.hint and list(tmp_path.iterdir()) == []
    made = project.export_as(tmp_path / "out", "folders", allow_loss=True)
    files = [path for path in made.path.rglob("*") if path.is_file() and path.suffix == ".png"]
    assert len(files) == 10 and all(len(path.relative_to(made.path).parts) == 2 for path in files)
    assert not (tmp_path / "up").exists()
    assert files[0].stat().st_nlink == 2  # no second copy on the disk
    with fresh(tmp_path, source) as other:
        other.import_labels(made.path, by="x", strict=True)
        assert folded(other) == folded(project)


def test_several_classes_and_equal_texts(tmp_path: Path) -> None:
    pool = texts(tmp_path / "t.jsonl")
    with ls.create(tmp_path / "p.sieve", pool, text="text", task="multilabel") as project:
        keys = manifest.keys(project.context.conn, manifest.ids(project.context.conn))
        answers = [["x", "y"], ["y"], [], ["=z"], SKIP, Value("soft", ("x", "y"), (0.5, 0.125))]
        project.label(keys, answers, by="ann", seconds=2.0)
        project.label(keys[:1], [["y"]], by="bob")
        for name in WHOLE:
            made = project.export_as(tmp_path / name / NAMES.get(name, name), name)
            with fresh(tmp_path, pool, text="text", task="multilabel") as other:
                other.import_labels(made.path, by="nobody", strict=True)
                assert standing(other) == standing(project), name
                there, here = (folding.fold(one.context.conn, "main").y for one in (other, project))
                np.testing.assert_array_equal(there, here)
        made = project.export_as(tmp_path / "l.json", allow_loss=True)
        with fresh(tmp_path, pool, text="text", task="multilabel") as other:
            other.import_labels(made.path, by="nobody", strict=True)
            assert standing(other)[:-1] == standing(project)[:-1]


def test_rows_of_a_screen(tmp_path: Path) -> None:
    pool = tmp_path / "rows.csv"
    pool.write_text("id,height,label\np1,1.5,x\np2,2.5,y\np3,,z\n", encoding="utf-8")
    options: dict[str, Any] = {"columns": ("height", "label"), "key": "id", "task": "screen", "dull": "fine"}
    with ls.create(tmp_path / "p.sieve", pool, **options) as project:
        project.label(["p1", "p2", "p3"], ["fine", "dent", "scratch"], by="ann")
        for name in (*WHOLE, "label-studio"):
            made = project.export_as(tmp_path / name / NAMES.get(name, name), name)
            with fresh(tmp_path, pool, **options) as other:
                other.import_labels(made.path, by="nobody", strict=True)
                assert standing(other) == standing(project), name
        table = pq.read_table(tmp_path / "hf" / "hf" / "data")
        assert table.column("height").to_pylist() == ["1.5", "2.5", None]
        assert table.column("label_").to_pylist() == ["x", "y", "z"]  # the column of the pool makes room for ours
        with pytest.raises(ls.InputError, match="no picture that can be read: 3"):
            project.export_as(tmp_path / "folders", "folders")


def test_columns_keep_their_types_and_make_room_for_ours(tmp_path: Path) -> None:
    day, price = date(2026, 1, 2), Decimal("1.25")
    columns = {"id": ["a", "b"], "day": [day, None], "price": [price, price], "ok": [True, False], "n": [1, 2]}
    pq.write_table(pa.table({**columns, "label": ["u", "v"], "label_": ["w", "x"]}), tmp_path / "rows.parquet")
    with ls.create(tmp_path / "p.sieve", tmp_path / "rows.parquet", key="id") as project:
        project.label(["a", "b"], ["x", "y"], by="ann")
        made = project.export_as(tmp_path / "cr", "croissant")
    table = pq.read_table(made.path / "data" / "train-00000-of-00001.parquet")
    assert table.column("day").to_pylist() == [day, None] and table.column("price").to_pylist() == [price, price]
    assert table.column("label__").to_pylist() == ["u", "v"] and table.column("label_").to_pylist() == ["w", "x"]
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["label"] == {"names": ["x", "y"], "_type": "ClassLabel"}
    assert [features[name]["dtype"] for name in ("day", "price", "ok", "n")] == [
        "date32", "decimal128(3, 2)", "bool", "int64",
    ]  # fmt: skip
    facts = json.loads((made.path / "croissant.json").read_text(encoding="utf-8"))
    types = {one["@id"].partition("/")[2]: one["dataType"] for one in facts["recordSet"][1]["field"]}
    assert (types["day"], types["price"], types["ok"], types["n"]) == (
        "sc:Date",
        "sc:Float",
        "sc:Boolean",
        "sc:Integer",
    )


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "labelsieve.cli.main", *map(str, words)], capture_output=True, text=True
    )


def test_the_verbs(project: ls.Project, source: Path, tmp_path: Path) -> None:
    refused = run("export", project.path, "--format", "label-studio", "--out", tmp_path / "l.json")
    assert refused.returncode == 1 and "would lose 1" in refused.stderr and "--allow-loss" in refused.stderr
    done = run("export", project.path, "--out", tmp_path / "l.json", "--allow-loss")
    assert done.returncode == 0 and "Dropped: weights" in done.stderr
    shutil.copytree(source, tmp_path / "few")
    (tmp_path / "few" / "a" / "0.png").unlink()
    run("init", tmp_path / "few.sieve", tmp_path / "few")
    some = run("import", tmp_path / "few.sieve", tmp_path / "l.json")
    assert (
        some.returncode == 1
        and "2 answers cannot be labels here: unknown key, 2 (the first: a/0.png). The others are imported."
        in some.stderr
    )
    again = run("import", tmp_path / "few.sieve", tmp_path / "l.json", "--allow-loss", "--json")
    assert again.returncode == 0 and len(json.loads(again.stdout)["set_aside"]["unknown key"]) == 2
    assert run("import", tmp_path / "few.sieve", tmp_path / "absent.json").returncode == 1


def test_strict_imports_all_or_nothing(project: ls.Project, source: Path, tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("key,label\na/0.png,cat\nnope,dog\n", encoding="utf-8")
    with fresh(tmp_path, source) as other:
        with pytest.raises(
            ls.InputError, match=r"1 answer cannot be a label here: unknown key, 1 \(the first: nope\). Nothing"
        ):
            import_from(other.context, path, Wanted("x", strict=True))
        assert standing(other) == [] and manifest.set_asides(other.context.conn) == []
        assert import_from(other.context, path, Wanted("x")).added == 1


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("csv", "jsonl", "parquet", "label-studio")])
def test_a_stranger_is_not_replaced_and_an_export_is(project: ls.Project, tmp_path: Path, name: str) -> None:
    place = tmp_path / "out"
    place.mkdir()
    (place / "thesis.txt").write_text("mine")
    with pytest.raises(ls.InputError, match="not overwritten"):
        project.export_as(place, name, allow_loss=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"] and (place / "thesis.txt").read_text() == "mine"
    for _ in range(2):
        project.export_as(tmp_path / "new", name, allow_loss=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "out"]


def test_pictures_are_not_exported_into_their_own_source(project: ls.Project, source: Path) -> None:
    with pytest.raises(ls.InputError, match="lies in the source"):
        project.export_as(source / "a" / "out", "folders", allow_loss=True)
    assert not (source / "a" / "out").exists()


def test_answers_about_parts_are_lost_everywhere(source: Path, tmp_path: Path) -> None:
    with fresh(tmp_path, source) as project:
        box = Label(
            events.new_id(), "main", 1, Value("class", ("x",)), "ann", "2026-01-01T00:00:00+00:00", part="[0,0,1,1]"
        )
        project.write([box])
        for name in FORMATS:
            with pytest.raises(ls.InputError, match=r"about a part of an item: 1 \(a/0.png\)"):
                project.export_as(tmp_path / NAMES.get(name, name), name)


def test_a_picture_that_has_gone_is_lost_and_named(tmp_path: Path) -> None:
    pool = pictures(tmp_path / "pics", 4)
    with ls.create(tmp_path / "p.sieve", pool) as project:
        project.label(["a/0.png", "b/0.png"], ["x", "y"], by="ann")
        (pool / "a" / "0.png").unlink()
        for name in ("hf", "croissant", "folders"):
            with pytest.raises(ls.InputError, match=r"(read|gone).*: 1 \(a/0.png\)"):
                project.export_as(tmp_path / "out", name)
            made = project.export_as(tmp_path / name, name, allow_loss=True)
            assert made.items == 2 and len(made.lost) == 1


def test_a_changed_file_of_a_croissant_is_an_error(project: ls.Project, source: Path, tmp_path: Path) -> None:
    made = project.export_as(tmp_path / "cr", "croissant")
    facts = json.loads((made.path / "croissant.json").read_text(encoding="utf-8"))
    assert facts["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert {one["@id"] for one in facts["recordSet"]} == {"classes", "train", "undecided"}
    file = made.path / facts["distribution"][0]["contentUrl"]
    file.write_bytes(file.read_bytes() + b"x")
    with fresh(tmp_path, source) as other, pytest.raises(ls.InputError, match="has changed: its sha256"):
        other.import_labels(made.path, by="x")


def test_the_consensus_by_the_command_line(tmp_path: Path) -> None:
    with ls.create(tmp_path / "p.sieve", texts(tmp_path / "t.jsonl"), text="text") as project:
        keys = manifest.keys(project.context.conn, manifest.ids(project.context.conn))[:4]
        for by in ("ann", "bob"):
            project.label(keys, ["a", "b", "a", "b"], by=by)
    command = [sys.executable, "-m", "labelsieve.cli.main", "export", "p.sieve", "--consensus", "c.jsonl"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "c.jsonl\n"
    rows = [json.loads(line) for line in (tmp_path / "c.jsonl").read_text().splitlines()]
    assert [(row["key"], row["label"], row["answers"], row["basis"]) for row in rows] == [
        (key, name, 2, "consensus") for key, name in zip(keys, "abab", strict=True)
    ]
    assert all(0.5 < row["probability"] <= 1 for row in rows)


def test_the_key_column_of_the_project_stands_in_for_key(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("number,text,more\n" + "".join(f"n{i},word {i},{i}\n" for i in range(20)))
    run("init", tmp_path / "p.sieve", tmp_path / "t.csv", "--text", "text", "--key", "number")
    (tmp_path / "l.csv").write_text("number,label\nn3,a\nn4,b\n")
    done = run("import", tmp_path / "p.sieve", tmp_path / "l.csv", "--by", "ann")
    assert "2 labels imported" in done.stdout
    assert "no column key: number, the key column of the project" in done.stdout
    (tmp_path / "both.csv").write_text("number,key,label\nn3,n5,a\n")  # its own key goes first
    assert "no column key" not in run("import", tmp_path / "p.sieve", tmp_path / "both.csv", "--by", "ann").stdout
    (tmp_path / "none.csv").write_text("id,label\nn3,a\n")
    refused = run("import", tmp_path / "p.sieve", tmp_path / "none.csv")
    assert refused.returncode == 1
    assert "the columns key or number and label" in " ".join(refused.stderr.split())
