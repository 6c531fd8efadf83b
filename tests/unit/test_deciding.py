"""Decisions outweigh answers in the fold; undo, ties, and what counts as independent."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labelsieve.core.types import Label, Query, Value
from labelsieve.project import events, queries, tasks
from labelsieve.project.chain import verify_chain
from labelsieve.project.database import Ledger, connect, now
from labelsieve.project.deciding import decision_query, decisions
from labelsieve.project.folding import agreed, answers, class_counts, fold, independent, reviewed


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Nine items and an open task `main`."""
    conn = connect(tmp_path / "labels.sqlite", create=True)
    conn.execute("INSERT INTO sources (id, name, modality, added) VALUES (1, 'rows', 'row', ?)", (now(),))
    rows = [(i, 1, i, f"row:{i}", f"d{i}") for i in range(1, 10)]
    conn.executemany("INSERT INTO items (id, source, ref, key, digest) VALUES (?, ?, ?, ?, ?)", rows)
    tasks.add(conn, "main", "classes", ["cat", "dog"])
    yield conn
    conn.close()


def _label(item: int, *names: str, by: str = "ann", tag: str = "class", task: str = "main", **rest: object) -> Label:
    return replace(Label(events.new_id(), task, item, Value(tag, names), by, now()), **rest)  # type: ignore[arg-type]


def _decide(conn: Ledger, item: int, *names: str, by: str = "rev", tag: str = "class", task: str = "main") -> Label:
    query = decision_query(conn, tasks.get(conn, task), [item])
    label = _label(item, *names, by=by, tag=tag, task=task, query=query)
    events.write(conn, [label])
    return label


def _known(conn: Ledger) -> dict[int, str]:
    return {item: names[0] for item, names in agreed(conn, "main").items()}


def test_a_decision_outweighs_everybody(ledger: Ledger) -> None:
    events.write(ledger, [_label(i, "cat", by=by) for i in (1, 2) for by in ("ann", "bob", "cyd")])
    _decide(ledger, 1, "dog")
    assert _known(ledger) == {1: "dog", 2: "cat"}
    assert fold(ledger, "main").y.tolist() == [1, 0]
    assert class_counts(ledger, "main") == {"cat": 1, "dog": 1}
    assert fold(ledger, "main", by="ann").y.tolist() == [0, 0]  # what ann says stays what ann says
    assert len(list(answers(ledger, "main"))) == 7  # nothing is hidden from exports


def test_undo_gives_the_item_back_to_the_majority(ledger: Ledger) -> None:
    events.write(ledger, [_label(1, "cat", by="ann"), _label(1, "cat", by="bob")])
    decided = _decide(ledger, 1, "dog")
    undo = Label(events.new_id(), "main", 1, None, "rev", now(), supersedes=decided.id)
    events.write(ledger, [undo])
    assert _known(ledger) == {1: "cat"}
    events.write(ledger, [Label(events.new_id(), "main", 1, None, "rev", now(), supersedes=undo.id)])
    assert _known(ledger) == {1: "dog"}


def test_later_answers_do_not_outvote_a_decision(ledger: Ledger) -> None:
    _decide(ledger, 1, "dog")
    events.write(ledger, [_label(1, "cat", by=by) for by in ("ann", "bob", "cyd")])
    assert _known(ledger) == {1: "dog"}


def test_two_reviewers_are_agreed_like_annotators(ledger: Ledger) -> None:
    events.write(ledger, [_label(1, "cat")])
    _decide(ledger, 1, "dog", by="rev")
    _decide(ledger, 1, "cat", by="eve")
    assert _known(ledger) == {1: "cat"}  # a tie: the latest
    _decide(ledger, 1, "dog", by="pat")
    assert _known(ledger) == {1: "dog"}


def test_a_decision_may_be_that_nobody_can_tell(ledger: Ledger) -> None:
    events.write(ledger, [_label(1, "cat", by=by) for by in ("ann", "bob")])
    _decide(ledger, 1, tag="unsure")
    assert _known(ledger) == {}


def test_screens_and_several_classes_honour_decisions(ledger: Ledger) -> None:
    tasks.add(ledger, "odd", "screen")
    tasks.add(ledger, "tags", "multilabel", ["x", "y"])
    events.write(ledger, [_label(1, "dull", by=by, task="odd") for by in ("ann", "bob")])
    events.write(ledger, [_label(1, "x", by=by, task="tags", tag="classes") for by in ("ann", "bob")])
    _decide(ledger, 1, "scratch", task="odd")
    _decide(ledger, 1, "y", task="tags", tag="classes")
    assert [part.tolist() for part in reviewed(ledger, "odd")] == [[1], [1]]
    assert fold(ledger, "tags").y.tolist() == [[0, 1]]
    before = max(seq for (seq,) in ledger.execute("SELECT seq FROM events WHERE task = 2 AND annotator = 'bob'"))
    assert [part.tolist() for part in reviewed(ledger, "odd", upto=before)] == [[1], [0]]


def test_one_query_holds_all_decisions_of_a_task(ledger: Ledger) -> None:
    main = tasks.get(ledger, "main")
    first = decision_query(ledger, main, [3, 1])
    assert decision_query(ledger, main, [1, 4]) == first
    assert sorted(queries.load(ledger, first).query.ids.tolist()) == [1, 3, 4]
    assert decisions(ledger, main) == set()
    _decide(ledger, 4, "dog")
    assert len(decisions(ledger, main)) == 1


def test_decisions_are_no_query_of_a_strategy(ledger: Ledger) -> None:
    asked = Query(np.array([5]), np.zeros(1), np.ones(1), "margin")
    number = queries.save(ledger, "main", asked, 0, 0)
    _decide(ledger, 1, "dog")
    assert [stored.id for stored in queries.history(ledger, "main")] == [number]
    last = queries.last(ledger, "main")
    assert last is not None and last.id == number


def test_what_was_said_independently(ledger: Ledger) -> None:
    events.write(ledger, [_label(1, "cat", by="ann"), _label(1, "dog", by="rev"), _label(2, "cat", by="ann")])
    events.write(ledger, [_label(3, "cat", by="ann"), _label(3, tag="unsure", by="bob")])
    events.write(ledger, [_label(4, "cat", by="ann"), _label(4, "cat", by="bob", source="rule")])
    events.write(ledger, [_label(5, "dog", by="ann"), _label(5, "dog", by="bob"), _label(5, "cat", by="bob")])
    _decide(ledger, 1, "cat", by="rev")
    found = independent(ledger, "main")
    rows = zip(found.ids[found.item].tolist(), (found.people[k] for k in found.by), found.code.tolist(), strict=True)
    assert sorted(rows) == [(1, "ann", 0), (1, "rev", 1), (5, "ann", 1), (5, "bob", 0)]
    assert independent(ledger, "main", at_least=1).ids.tolist() == [1, 2, 3, 4, 5]


def test_independent_answers_of_several_classes_and_screens(ledger: Ledger) -> None:
    tasks.add(ledger, "odd", "screen")
    tasks.add(ledger, "tags", "multilabel", ["x", "y"])
    assert independent(ledger, "tags").several.shape == (0, 2)
    assert len(independent(ledger, "odd").ids) == 0
    events.write(ledger, [_label(1, "dent", by="ann", task="odd"), _label(1, "dull", by="bob", task="odd")])
    soft = Value("soft", ("y",), (0.3,))
    events.write(ledger, [_label(1, "x", by="ann", task="tags", tag="classes")])
    events.write(ledger, [replace(_label(1, by="bob", task="tags"), value=soft)])
    assert independent(ledger, "odd").code.tolist() == [1, 0]
    np.testing.assert_array_equal(independent(ledger, "tags").several, np.array([[1, 0], [np.nan, 0.3]], np.float32))


def test_the_chain_tells_what_was_made_into_a_decision(ledger: Ledger) -> None:
    asked = Query(np.array([5, 6]), np.zeros(2), np.ones(2), "margin")
    number = queries.save(ledger, "main", asked, 0, 0)
    events.write(ledger, [_label(5, "cat", by="ann", query=number), _label(5, "dog", by="bob")])
    decided = _decide(ledger, 1, "dog")
    assert verify_chain(ledger) == []
    ledger.execute("UPDATE queries SET strategy = 'adjudicate' WHERE id = ?", (number,))
    assert [fault.what for fault in verify_chain(ledger)] == [f"query {number} was made into one that holds decisions"]
    ledger.execute("UPDATE queries SET strategy = 'margin'")
    assert [fault.what for fault in verify_chain(ledger)] == [
        f"query {decided.query} holds decisions, and says so no more"
    ]
    ledger.execute("UPDATE queries SET strategy = 'adjudicate' WHERE id = ?", (decided.query,))
    ledger.execute("DELETE FROM query_items WHERE query = ?", (decided.query,))
    (fault,) = verify_chain(ledger)
    assert (fault.event, fault.key) == (decided.id, "row:1")
