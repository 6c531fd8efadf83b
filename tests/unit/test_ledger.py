"""Label events and their fold, on a real database file."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.core.types import Label, Query, Value
from labelsieve.project import events, manifest, queries, tasks
from labelsieve.project.database import Ledger, connect
from labelsieve.project.folding import annotators, answers, class_counts, fold


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    conn = connect(tmp_path / "labels.sqlite", create=True)
    tasks.add(conn, "main", "classes")
    source = manifest.add_source(conn, "toy", "text")
    manifest.add_items(conn, source, [(row, f"k{row}", f"{row:032x}") for row in range(20)])
    yield conn
    conn.close()


def label(item: int, *names: str, by: str = "ann", tag: str = "class", task: str = "main", **more: object) -> Label:
    value = Value(tag, names)  # type: ignore[arg-type]
    return Label(events.new_id(), task, item, value, by, "2024-05-01T12:00:00+00:00", **more)  # type: ignore[arg-type]


def known(conn: Ledger, by: str | None = None, task: str = "main") -> dict[int, str]:
    labels = fold(conn, task, by)
    return {int(i): labels.classes[y] for i, y in zip(labels.ids, labels.y, strict=True)}


def test_labels_fold_to_training_data(ledger: Ledger) -> None:
    assert events.write(ledger, [label(3, "cat"), label(1, "dog"), label(2, "cat")]) == 3
    labels = fold(ledger, "main")
    assert labels.ids.tolist() == [1, 2, 3]
    assert labels.classes == ("cat", "dog")
    assert labels.y.tolist() == [1, 0, 0] and labels.y.dtype == np.int64


def test_a_retry_writes_nothing_twice(ledger: Ledger) -> None:
    one = label(1, "cat")
    assert events.write(ledger, [one, one]) == 1
    assert events.write(ledger, [replace(one, at="2024-05-01T12:00:09+00:00")]) == 0
    assert len(list(events.history(ledger, "main"))) == 1


def test_the_same_uuid_with_another_content_is_an_error_and_writes_nothing(ledger: Ledger) -> None:
    one = label(1, "cat")
    events.write(ledger, [one])
    with pytest.raises(InputError, match="another content"):
        events.write(ledger, [label(2, "dog"), replace(one, value=Value("class", ("dog",)))])
    assert known(ledger) == {1: "cat"}
    assert tasks.get(ledger, "main").classes == ("cat",)


def test_events_cannot_be_edited_or_deleted(ledger: Ledger) -> None:
    events.write(ledger, [label(1, "cat")])
    for statement in ("UPDATE events SET code = 0", "DELETE FROM events"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            ledger.execute(statement)


def test_the_latest_answer_counts_and_undo_brings_back_the_one_before(ledger: Ledger) -> None:
    events.write(ledger, [label(1, "cat"), label(2, "cat"), label(1, "dog")])
    assert known(ledger) == {1: "dog", 2: "cat"}
    undone = events.undo(ledger, "main", "ann")
    assert [u.item for u in undone] == [1] and known(ledger) == {1: "cat", 2: "cat"}
    events.undo(ledger, "main", "ann", n=5)
    assert known(ledger) == {}
    assert events.undo(ledger, "main", "ann") == []


def test_an_undo_can_be_taken_back(ledger: Ledger) -> None:
    events.write(ledger, [label(1, "cat")])
    (undo,) = events.undo(ledger, "main", "ann")
    events.write(ledger, [replace(undo, id=events.new_id(), supersedes=undo.id)])
    assert known(ledger) == {1: "cat"}


def test_a_correction_replaces_also_another_annotators_answer(ledger: Ledger) -> None:
    wrong, other = label(1, "cat"), label(1, "cat", by="bob")
    events.write(ledger, [wrong, other])
    first = label(1, "dog", by="chief", supersedes=wrong.id)
    second = label(1, "fox", by="chief", supersedes=first.id)
    events.write(ledger, [first, second])
    assert {a.by: a.value.names for a in answers(ledger, "main") if a.value} == {"bob": ("cat",), "chief": ("fox",)}
    events.undo(ledger, "main", "chief", n=2)
    assert {a.by for a in answers(ledger, "main")} == {"ann", "bob"}


def test_agreed_is_the_majority_and_the_latest_in_a_tie(ledger: Ledger) -> None:
    events.write(ledger, [label(1, "cat", by="a"), label(1, "dog", by="b"), label(2, "cat", by="b")])
    assert known(ledger) == {1: "dog", 2: "cat"}
    events.write(ledger, [label(1, "cat", by="c")])
    assert known(ledger) == {1: "cat", 2: "cat"}
    assert known(ledger, by="b") == {1: "dog", 2: "cat"}
    assert annotators(ledger, "main") == {"a": 1, "b": 2, "c": 1}


@pytest.mark.parametrize("tag", ["skip", "unsure"])
def test_skip_and_unsure_do_not_train_but_are_answers(ledger: Ledger, tag: str) -> None:
    events.write(ledger, [label(1, "cat"), label(1, tag=tag), label(2, "cat")])
    assert known(ledger) == {2: "cat"}
    assert [a.value.tag for a in answers(ledger, "main") if a.value] == [tag, "class"]
    assert events.answered(ledger, "main").tolist() == [1, 2]
    assert class_counts(ledger, "main") == {"cat": 1}


def test_a_multilabel_task_folds_to_a_matrix(ledger: Ledger) -> None:
    tasks.add(ledger, "tags", "multilabel", ["x", "y", "z"])
    soft = Value("soft", ("x", "y"), (0.25, 1.0))
    events.write(
        ledger,
        [
            label(1, "x", "z", tag="classes", task="tags", by="a"),
            label(1, "z", tag="classes", task="tags", by="b"),
            label(1, "y", "z", tag="classes", task="tags", by="c"),
            label(2, tag="classes", task="tags"),
            replace(label(3, task="tags"), value=soft),
            label(4, tag="skip", task="tags"),
        ],
    )
    labels = fold(ledger, "tags")
    assert labels.ids.tolist() == [1, 2, 3] and labels.kind == "multilabel"
    np.testing.assert_array_equal(labels.y, np.array([[0, 0, 1], [0, 0, 0], [0.25, 1, np.nan]], np.float32))
    assert class_counts(ledger, "tags") == {"x": 0, "y": 1, "z": 1}
    assert soft in [a.value for a in answers(ledger, "tags")]


def test_a_multilabel_tie_goes_to_the_latest(ledger: Ledger) -> None:
    tasks.add(ledger, "tags", "multilabel", ["x", "y"])
    events.write(ledger, [label(1, "x", tag="classes", task="tags", by="a")])
    events.write(ledger, [label(1, "y", tag="classes", task="tags", by="b")])
    assert fold(ledger, "tags").y.tolist() == [[0, 1]]


def test_a_screen_task_folds_to_dull_and_odd(ledger: Ledger) -> None:
    tasks.add(ledger, "screen", "screen", dull="0")
    events.write(ledger, [label(i, name, task="screen") for i, name in ((1, "0"), (2, "scratch"), (3, "dent"))])
    labels = fold(ledger, "screen")
    assert labels.classes == ("dull", "odd") and labels.y.tolist() == [0, 1, 1]
    assert class_counts(ledger, "screen") == {"0": 1, "scratch": 1, "dent": 1}


def test_soft_answers_count_for_their_heaviest_class(ledger: Ledger) -> None:
    events.write(ledger, [replace(label(1), value=Value("soft", ("cat", "dog"), (0.3, 0.7)))])
    assert known(ledger) == {1: "dog"}


def test_tasks_do_not_see_one_another(ledger: Ledger) -> None:
    tasks.add(ledger, "other", "classes", ["red", "blue"])
    events.write(ledger, [label(1, "cat"), label(1, "blue", task="other")])
    assert known(ledger) == {1: "cat"} and known(ledger, task="other") == {1: "blue"}
    assert [task.name for task in tasks.listed(ledger)] == ["main", "other"]


def test_parts_of_an_item_do_not_train_as_the_item(ledger: Ledger) -> None:
    events.write(ledger, [label(1, "cat", part="box:0,0,4,4")])
    assert known(ledger) == {} and [e.part for e in events.history(ledger, "main", 1)] == ["box:0,0,4,4"]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (lambda: replace(label(1, "cat"), id="7"), "UUID"),
        (lambda: replace(label(1, "cat"), at="yesterday"), "ISO 8601"),
        (lambda: label(1, "cat", by=" "), "who gave it"),
        (lambda: label(1, "cat", seconds=float("nan")), "seconds"),
        (lambda: label(1, "cat", source="guess"), "source"),
        (lambda: label(1, "cat", "dog"), "2 classes"),
        (lambda: label(1, "cat", tag="classes"), "takes class"),
        (lambda: label(1, "cat", tag="skip"), "expected none"),
        (lambda: label(1, " "), "empty"),
        (lambda: replace(label(1), value=Value("soft", ("cat",), (1.5,))), "weights"),
        (lambda: replace(label(1), value=None), "no value"),
        (lambda: label(99, "cat"), "'99'"),
        (lambda: label(1, "cat", task="nope"), "'nope'"),
        (lambda: label(1, "cat", query=7), "query 7"),
        (lambda: label(1, "cat", supersedes=events.new_id()), "not written"),
    ],
)
def test_a_label_that_cannot_be_is_refused_by_name(ledger: Ledger, bad: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        events.write(ledger, [label(2, "cow"), bad()])  # type: ignore[operator]
    assert list(events.history(ledger, "main")) == []


def test_a_label_supersedes_only_one_of_the_same_item(ledger: Ledger) -> None:
    first = label(1, "cat")
    with pytest.raises(InputError, match="item 2 supersedes a label of item 1"):
        events.write(ledger, [first, label(2, "cat", supersedes=first.id)])


def test_closed_classes_are_closed(ledger: Ledger) -> None:
    tasks.add(ledger, "shut", "classes", ["red", "blue"])
    with pytest.raises(UnknownName, match="Did you mean 'blue'"):
        events.write(ledger, [label(1, "blu", task="shut")])
    with pytest.raises(InputError, match="already"):
        tasks.add(ledger, "shut", "classes")


def test_a_query_comes_back_as_it_was_saved(ledger: Ledger) -> None:
    asked = Query(
        np.array([4, 2, 9]), np.array([3.0, 2.0, 1.0]), np.array([np.nan, 0.5, 0.1]), "margin",
        ("near", "", "random"), ("search", "search", "audit"), scored=20,
    )  # fmt: skip
    number = queries.save(ledger, "main", asked, round=3, seed=7, select_seconds=0.25)
    stored = queries.load(ledger, number)
    assert (stored.task, stored.number, stored.seed, stored.select_seconds) == ("main", 3, 7, 0.25)
    np.testing.assert_array_equal(stored.query.ids, asked.ids)
    np.testing.assert_array_equal(stored.query.propensity, asked.propensity)
    assert (stored.query.why, stored.query.purpose, stored.query.scored) == (asked.why, asked.purpose, 20)
    assert [q.id for q in queries.history(ledger, "main")] == [number]
    events.write(ledger, [label(9, "cat", query=number), label(1, "cat"), label(4, "cat", query=number)])
    assert queries.asked(ledger, "main").tolist() == [1, 2, 4, 9]
    assert queries.asked_for(ledger, "main", "audit", "control").tolist() == [9]
    assert fold(ledger, "main", exclude=("audit",)).ids.tolist() == [1, 4]
    with pytest.raises(UnknownName, match="'77'"):
        queries.save(ledger, "main", replace(asked, ids=np.array([4, 2, 77])), round=0, seed=0)


def test_the_fold_of_nothing_is_empty(ledger: Ledger) -> None:
    tasks.add(ledger, "tags", "multilabel", ["x"])
    assert len(fold(ledger, "main")) == 0 and fold(ledger, "tags").y.shape == (0, 1)
    assert list(answers(ledger, "main")) == [] and class_counts(ledger, "tags") == {"x": 0}


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", ".hidden", "a\nb", "x" * 101, "nul\0", " "])
def test_the_name_of_a_task_leaves_no_folder(ledger: Ledger, name: str) -> None:
    with pytest.raises(InputError, match="task name"):
        tasks.add(ledger, name, "classes")
