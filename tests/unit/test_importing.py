"""Known labels from real files and from columns of real sources."""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelsieve.core.errors import InputError, ProjectError
from labelsieve.core.types import Label, Value
from labelsieve.project import config, events, manifest, syncing, tasks
from labelsieve.project.config import Settings, SourceSpec
from labelsieve.project.context import Context
from labelsieve.project.database import Ledger, connect
from labelsieve.project.folding import answers, fold
from labelsieve.project.importing import import_column, import_file
from labelsieve.sources import SourceOptions, open_source


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    conn = connect(tmp_path / "labels.sqlite", create=True)
    tasks.add(conn, "main", "classes")
    source = manifest.add_source(conn, "toy", "text")
    keys = ["a", "b", "7", "7.0", "=x"]
    manifest.add_items(conn, source, [(row, key, f"{row:032x}") for row, key in enumerate(keys)])
    yield conn
    conn.close()


def known(conn: Ledger, task: str = "main", by: str | None = None) -> dict[str, str]:
    labels = fold(conn, task, by)
    names = (labels.classes[y] for y in labels.y)
    return dict(zip(manifest.keys(conn, labels.ids), names, strict=True))


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_of_keys_and_labels(ledger: Ledger, tmp_path: Path) -> None:
    file = write(tmp_path / "l.csv", '\ufeffkey,label\na,cat\nb,"big; dog"\n7,1.0\n7.0,007\n')
    report = import_file(ledger, "main", file, by="ann")
    assert (report.added, report.known, report.set_aside) == (4, 0, {})
    assert known(ledger) == {"a": "cat", "b": "big; dog", "7": "1", "7.0": "007"}
    assert {(a.by, a.source) for a in answers(ledger, "main")} == {("ann", "import")}


def test_importing_twice_doubles_nothing(ledger: Ledger, tmp_path: Path) -> None:
    file = write(tmp_path / "l.csv", "key,label\na,cat\nb,dog\n")
    import_file(ledger, "main", file, by="ann")
    assert import_file(ledger, "main", file, by="ann").known == 2
    write(file, "key,label\na,cat\nb,dog\n7,cow\n")
    report = import_file(ledger, "main", file, by="ann")
    assert (report.added, report.known) == (1, 2)
    assert len(list(events.history(ledger, "main"))) == 3


def test_an_old_file_does_not_undo_a_later_answer(ledger: Ledger, tmp_path: Path) -> None:
    file = write(tmp_path / "l.csv", "key,label\na,cat\n")
    import_file(ledger, "main", file, by="ann")
    item = manifest.by_key(ledger, ["a"])["a"]
    later = Label(events.new_id(), "main", item, Value("class", ("dog",)), "ann", "2030-01-01T00:00:00+00:00")
    events.write(ledger, [later])
    import_file(ledger, "main", file, by="ann")
    assert known(ledger) == {"a": "dog"}


def test_unknown_keys_and_closed_classes_are_set_aside_by_name(ledger: Ledger, tmp_path: Path) -> None:
    tasks.add(ledger, "shut", "classes", ["cat", "dog"])
    file = write(tmp_path / "l.csv", "key,label\na,cat\nnope,cat\nb,cow\n,cat\n7,\nb,dog\n")
    for _ in range(2):
        report = import_file(ledger, "shut", file, by="ann")
        assert report.empty == 1
        assert report.set_aside == {"unknown key": ["nope", ""], "class 'cow' is not among the closed classes": ["b"]}
        assert [(a.key, a.stage) for a in manifest.set_asides(ledger)] == [
            (k, "import l.csv") for k in ("nope", "", "b")
        ]
    assert known(ledger, "shut") == {"a": "cat", "b": "dog"}


def test_annotators_times_and_origins_come_along(ledger: Ledger, tmp_path: Path) -> None:
    full = {"annotator": "bob", "seconds": 2.5, "at": "2024-01-02T03:04:05+00:00", "source": "human"}
    rows = [
        {"key": "a", "label": "cat", **full},
        {"key": "b", "label": 1, "at": "yesterday"},
        {"key": "7", "label": 2.0, "seconds": -1},
        {"key": "7.0", "label": True},
    ]  # fmt: skip
    file = write(tmp_path / "l.jsonl", "\n".join(json.dumps(row) for row in rows))
    report = import_file(ledger, "main", file, by="ann")
    first, last = answers(ledger, "main")
    assert (first.by, first.seconds, first.at, first.source) == ("bob", 2.5, "2024-01-02T03:04:05+00:00", "human")
    assert (last.by, last.source, last.value) == ("ann", "import", Value("class", ("true",)))
    assert [keys for reason, keys in report.set_aside.items() if "yesterday" in reason] == [["b"]]
    assert [keys for reason, keys in report.set_aside.items() if "seconds" in reason] == [["7"]]


def test_several_classes_in_a_cell_are_split_in_a_multilabel_task(ledger: Ledger, tmp_path: Path) -> None:
    tasks.add(ledger, "tags", "multilabel")
    table = pa.table({"key": ["a", "b", "7"], "label": [["x", "y"], ["y"], []]})
    pq.write_table(table, tmp_path / "l.parquet")
    assert import_file(ledger, "tags", tmp_path / "l.parquet", by="ann").added == 2
    import_file(ledger, "tags", write(tmp_path / "l.csv", "key,label\n7,z| x |\n"), by="ann", separator="|")
    labels = fold(ledger, "tags")
    assert {name: labels.y[:, at].tolist() for at, name in enumerate(labels.classes)} == {
        "x": [1, 0, 1], "y": [1, 1, 0], "z": [0, 0, 1],
    }  # fmt: skip


def test_our_own_export_comes_back_whole(ledger: Ledger, tmp_path: Path) -> None:
    from labelsieve.project.exports import label_row, write_labels

    given = [
        Value("class", ("=cmd",)),
        Value("skip"),
        Value("unsure"),
        Value("class", ("b;c",)),
        Value("class", ("7",)),
    ]
    at = "2024-01-02T03:04:05+00:00"
    labels = [Label(events.new_id(), "main", item, value, "bob", at, 1.5) for item, value in enumerate(given, 1)]
    events.write(ledger, labels)
    keys = manifest.keys(ledger, np.arange(1, 6))
    rows = [label_row(label, key) for label, key in zip(answers(ledger, "main"), keys, strict=True)]
    tasks.add(ledger, "copy", "classes")
    for ending in (".csv", ".jsonl", ".parquet"):
        file = write_labels(tmp_path / f"out{ending}", rows)
        report = import_file(ledger, "copy", file, by="nobody")
        assert report.set_aside == {} and report.added + report.known == 5
    copied = list(answers(ledger, "copy"))
    assert [(a.value, a.by, a.at, a.seconds, a.source) for a in copied] == [
        (a.value, a.by, a.at, a.seconds, a.source) for a in answers(ledger, "main")
    ]
    assert len(list(events.history(ledger, "copy"))) == 5


def test_a_file_without_the_columns_is_an_error_that_lists_them(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There are: file, klass"):
        import_file(ledger, "main", write(tmp_path / "l.csv", "file,klass\na,b\n"), by="ann")
    with pytest.raises(InputError):
        import_file(ledger, "main", tmp_path / "absent.csv", by="ann")
    assert list(events.history(ledger, "main")) == []


def context_of(tmp_path: Path, spec: SourceSpec, kind: str = "classes") -> Context:
    conn = connect(tmp_path / "labels.sqlite", create=True)
    tasks.add(conn, "main", kind)  # type: ignore[arg-type]
    return Context(tmp_path, Settings(sources=(spec,)), conn)


def test_the_labels_column_of_a_source(tmp_path: Path) -> None:
    file = write(tmp_path / "t.csv", "text,intent\nhello,greet\nbye,\npay me,money\nhello,greet\n")
    spec = SourceSpec("t.csv", SourceOptions(text="text", labels="intent"))
    context = context_of(tmp_path, spec)
    for added in ((3, 0), (0, 3)):
        source = open_source(config.resolve(spec.path, tmp_path), spec.options, tmp_path / "cache")
        syncing.sync(context.conn, {spec.path: source})
        report = import_column(context, spec, source)
        assert (report.added, report.known, report.empty) == (*added, 1)
    write(file, "text,intent\nnew,greet\npay me,cash\nhello,greet\n")
    source = open_source(file, spec.options, tmp_path / "cache")
    syncing.sync(context.conn, {spec.path: source})
    assert import_column(context, spec, source).added == 2
    labels = fold(context.conn, "main")
    entries = manifest.entries(context.conn, labels.ids)
    text = dict(enumerate(source.read([0, 1, 2])))
    present = {text[int(e.ref)]: labels.classes[y] for e, y in zip(entries, labels.y, strict=True) if e.gone is None}
    assert present == {"new": "greet", "pay me": "cash", "hello": "greet"}
    assert len(labels) == 4  # the second hello has gone from the file, its label has not
    assert {a.source for a in answers(context.conn, "main")} == {"import"}
    context.conn.close()


def test_the_first_folder_and_the_array_of_an_npz(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    x[3, 1] = np.nan
    np.savez(tmp_path / "a.npz", X=x, y=np.array([0, 1, 0, 1, 0]))
    spec = SourceSpec("a.npz", SourceOptions(embeddings="X", labels="y"))
    context = context_of(tmp_path, spec, "screen")
    source = open_source(tmp_path / "a.npz", spec.options, tmp_path / "cache")
    report = syncing.sync(context.conn, {spec.path: source})
    assert (report.added, report.set_aside) == (5, 1)
    assert [(a.key, a.item) for a in manifest.set_asides(context.conn)] == [("3", 4)]
    assert manifest.ids(context.conn, usable=True).tolist() == [1, 2, 3, 5]
    assert import_column(context, spec, source).added == 5
    grown = np.concatenate([x, x[:2]])
    np.savez(tmp_path / "a.npz", X=grown, y=np.array([0, 1, 0, 1, 0, 1, 1]))
    source = open_source(tmp_path / "a.npz", spec.options, tmp_path / "cache")
    assert syncing.sync(context.conn, {spec.path: source}).added == 2
    assert import_column(context, spec, source).added == 2
    np.savez(tmp_path / "a.npz", X=grown[::-1], y=np.zeros(7))
    source = open_source(tmp_path / "a.npz", spec.options, tmp_path / "cache")
    with pytest.raises(ProjectError, match="--key"):
        syncing.sync(context.conn, {spec.path: source})
    context.conn.close()


def test_uuids_are_those_of_the_standard_library() -> None:
    import uuid

    from labelsieve.project import importing

    for name in ("", "a\0b", "日本", "x" * 1000):
        assert importing._uuid(name) == str(uuid.uuid5(importing._SPACE, name))


def test_weights_of_soft_answers_come_back_and_bad_ones_are_set_aside(ledger: Ledger, tmp_path: Path) -> None:
    rows = [
        {"key": "a", "label": "dog", "answer": "soft", "weights": '{"cat": 0.25, "dog": 0.75}'},
        {"key": "b", "label": "dog", "answer": "soft", "weights": '{"cat": 2}'},
        {"key": "7", "label": "dog", "answer": "soft", "weights": "[["},
        {"key": "7.0", "label": "dog", "answer": "soft"},
    ]
    file = write(tmp_path / "l.jsonl", "\n".join(json.dumps(row) for row in rows))
    report = import_file(ledger, "main", file, by="ann")
    assert [keys for reason, keys in report.set_aside.items() if "weights" in reason] == [["b"], ["7"]]
    values = [one.value for one in answers(ledger, "main")]
    assert values == [Value("soft", ("cat", "dog"), (0.25, 0.75)), Value("class", ("dog",))]
    again = import_file(ledger, "main", file, by="ann")
    assert (again.added, again.known) == (0, 2)
    other = write(tmp_path / "m.jsonl", json.dumps(rows[0] | {"weights": '{"cat": 0.5, "dog": 0.5}'}))
    assert import_file(ledger, "main", other, by="ann").added == 1


def test_lines_that_cannot_be_read_are_set_aside_and_named(ledger: Ledger, tmp_path: Path) -> None:
    file = write(tmp_path / "l.csv", "key,label\na\nb,cat\n7,a,b,c\n")
    report = import_file(ledger, "main", file, by="ann")
    assert report.added == 1
    assert sorted(chain(*report.set_aside.values())) == ["line 2", "line 4"]
    assert all("cannot be read" in why for why in report.set_aside)
    digits = '{"key": "a", "label": ' + "9" * 5000 + "}"
    file = write(tmp_path / "l.jsonl", f'{{"key": "a", "label": "dog"}}\n{{"key": "b", "lab\n[1]\n{digits}\n')
    report = import_file(ledger, "main", file, by="ann")
    assert report.added == 1
    assert sorted(chain(*report.set_aside.values())) == ["line 2", "line 3", "line 4"]


@pytest.mark.parametrize("weights", [r'{"a\ud800": 0.5}', '{"": 1}', '{" ": 1}', "{}", '{"a": "1"}', '{"a": NaN}'])
def test_weights_without_a_class_that_can_be_named_stop_nothing(ledger: Ledger, tmp_path: Path, weights: str) -> None:
    rows = [{"key": "a", "label": "x", "answer": "soft", "weights": weights}, {"key": "b", "label": "cat"}]
    file = write(tmp_path / "l.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    report = import_file(ledger, "main", file, by="ann")
    assert (report.added, list(report.set_aside.values())) == (1, [["a"]])
    assert known(ledger) == {"b": "cat"}


def test_a_text_as_long_as_no_class_is_set_aside(ledger: Ledger, tmp_path: Path) -> None:
    file = write(tmp_path / "l.csv", f"key,label\na,{'x' * 100_001}\nb,{'y' * 100_000}\n")
    report = import_file(ledger, "main", file, by="ann")
    assert (report.added, report.set_aside) == (1, {"a class name of more than 100,000 characters": ["a"]})
