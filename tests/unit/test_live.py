"""What stands is one rule for whoever asks: the fold, the desk, the grid, near-duplicates, decisions, audits."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.types import Label, Purpose, Query, Value
from labelsieve.project import deciding, events, folding, grouping, queries
from labelsieve.project.claims.audits import drawn_audit
from labelsieve.project.claims.certifying import Wish, draw_audit, looks_read, open_audit
from labelsieve.project.claims.claiming import certify, write_claim
from labelsieve.project.claims.verifying import verify_claim
from labelsieve.project.context import Context
from labelsieve.project.current import own_answer, standing_answers
from labelsieve.project.database import now
from labelsieve.project.desk.accepting import Draft, accept
from labelsieve.project.formats.gathering import gathered
from labelsieve.project.people.adjudicating import decide
from labelsieve.project.report.collect import gathered as report
from labelsieve.project.spending import spent
from labelsieve.project.views.filtering import Sort
from labelsieve.project.views.glances import SKIP, UNSURE, Glance
from labelsieve.project.views.ranking import rank_of
from labelsieve.project.views.tiles import tiles_of

DULL, ODD = Value("class", ("dull",)), Value("class", ("odd",))


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """A screen of 40 items; item i stands for near-duplicates 20 + i in a query that asked for 1 to 5."""
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32))
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen", classes=["dull", "odd"]) as project:
        asked(project.context, "margin", range(1, 6), "search")
        grouping.keep(project.context.conn, 1, {i: np.array([20 + i]) for i in range(1, 6)})
        yield project.context


def asked(context: Context, strategy: str, ids: range, purpose: Purpose) -> int:
    n = np.zeros(len(ids))
    query = Query(np.array(ids), n, n, strategy, purpose=(purpose,) * len(ids))
    return queries.save(context.conn, "main", query, 0, 0)


def label(item: int, value: Value | None, by: str = "ann", **rest: object) -> Label:
    return replace(Label(events.new_id(), "main", item, value, by, now()), **rest)  # type: ignore[arg-type]


def put(context: Context, *labels: Label) -> Label:
    events.write(context.conn, labels)
    return labels[-1]


def send(context: Context, by: str, item: int, value: Value | None, **rest: object) -> str:
    draft = replace(Draft(str(uuid.uuid4()), item, value), **rest)  # type: ignore[arg-type]
    assert accept(context, [draft], by).refused == []
    return draft.id


def stands(context: Context, item: int, by: str | None = None) -> list[tuple[str, str]]:
    """Who says what of an item now, by the desk; the fold says the same."""
    found = standing_answers(context.conn, context.task, np.array([item]), by).get(item, [])
    said = [(one.by, "".join(one.value.names) or one.value.tag) for one in found if one.value]
    ids = [one.id for one in folding.answers(context.conn, "main", by) if one.item == item]
    assert ids == [one.id for one in found]
    return said


def agreed(context: Context, item: int) -> str:
    """What all agree on, by the fold; a tile shows the same."""
    said = folding.agreed(context.conn, "main").get(item, ("",))[0]
    shown = tiles_of(context, np.array([item]))[0]["label"]
    assert ((shown or {}).get("names") or [""])[0] == said
    return said


def test_one_person_s_view_knows_of_corrections_by_others(context: Context) -> None:
    first = put(context, label(7, DULL, "ann"))
    put(context, label(7, ODD, "chief", supersedes=first.id))
    assert stands(context, 7) == [("chief", "odd")]
    assert stands(context, 7, "ann") == []


def test_an_undo_of_an_undo_counts_for_hidden_items_too(context: Context) -> None:
    query = asked(context, "certify", range(8, 9), "repeat")
    given = put(context, label(8, DULL, query=query))
    undo = put(context, label(8, None, supersedes=given.id))
    assert own_answer(context.conn, context.task, 8, query, "ann") is None
    put(context, label(8, None, supersedes=undo.id))
    assert own_answer(context.conn, context.task, 8, query, "ann") == given.id


def test_an_answer_to_a_hidden_item_replaces_only_its_like_whatever_a_client_names(context: Context) -> None:
    known = send(context, "ann", 8, ODD)
    query = asked(context, "certify", range(8, 9), "repeat")
    hidden = send(context, "ann", 8, DULL, query=query, supersedes=known)
    assert stands(context, 8) == [("ann", "odd")]
    later = send(context, "ann", 8, ODD, supersedes=hidden)
    assert own_answer(context.conn, context.task, 8, query, "ann") == hidden
    assert events.by_uuid(context.conn, [later])[0].supersedes == known
    again = send(context, "ann", 8, ODD, query=query, supersedes=hidden)
    assert own_answer(context.conn, context.task, 8, query, "ann") == again


def test_what_an_annotator_took_back_says_nothing_of_hidden_items_to_others(context: Context) -> None:
    put(context, label(8, ODD, "ann"))
    query = asked(context, "certify", range(8, 9), "repeat")
    given = put(context, label(8, DULL, "bob", query=query))
    undo = put(context, label(8, None, "bob", supersedes=given.id))
    put(context, label(8, None, "bob", supersedes=undo.id))
    seen = events.of_items(context.conn, context.task, np.array([8]))
    assert [(one.by, one.value) for one in seen] == [("ann", ODD)]
    assert len(list(events.of_items(context.conn, context.task, np.array([8]), "bob"))) == 3


def test_near_duplicates_get_the_answer_that_is_given_after_an_undo(context: Context) -> None:
    first = send(context, "ann", 1, DULL, query=1, group=True)
    assert stands(context, 21) == [("ann", "dull")]
    send(context, "ann", 1, None, supersedes=first)
    assert stands(context, 21) == []
    send(context, "ann", 1, ODD, query=1, group=True)
    assert stands(context, 21) == [("ann", "odd")]
    assert queries.travelled(context.conn, "main").tolist() == [21]


def test_a_look_that_was_taken_back_is_no_look(context: Context) -> None:
    own = send(context, "bob", 21, DULL)
    send(context, "ann", 1, ODD, query=1, group=True)
    assert stands(context, 21) == [("bob", "dull")]
    send(context, "bob", 21, None, supersedes=own)
    send(context, "ann", 1, ODD, query=1, group=True)
    assert stands(context, 21) == [("ann", "odd")]
    assert queries.travelled(context.conn, "main").tolist() == [21]
    send(context, "bob", 21, DULL)
    assert queries.travelled(context.conn, "main").tolist() == []


def test_a_decision_stands_whatever_its_reviewer_answers_later(context: Context) -> None:
    send(context, "ann", 9, DULL)
    send(context, "bob", 9, DULL)
    decision = Draft(str(uuid.uuid4()), 9, ODD)
    assert decide(context, [decision], "rev").refused == []
    assert agreed(context, 9) == "odd"
    put(context, label(9, DULL, "rev", source="import"))
    assert agreed(context, 9) == "odd"
    send(context, "rev", 9, DULL, source="rule")  # by a key on the grid, among thousands
    assert agreed(context, 9) == "odd"
    assert deciding.decided_items(context.conn, context.task) == {9}
    assert ("rev", "odd") in stands(context, 9)
    send(context, "rev", 9, None, supersedes=decision.id)
    assert agreed(context, 9) == "dull"


def test_a_later_decision_replaces_the_one_before_whatever_came_between(context: Context) -> None:
    for value in (ODD, DULL, ODD):
        assert decide(context, [Draft(str(uuid.uuid4()), 9, value)], "rev").refused == []
        put(context, label(9, DULL, "rev", source="import"))
    decided = [one for one in events.history(context.conn, "main", 9) if one.source == "human"]
    assert [one.supersedes for one in decided] == [None, decided[0].id, decided[1].id]


def test_the_grid_names_the_answer_that_decides(context: Context) -> None:
    query = deciding.decision_query(context.conn, context.task, [9])
    put(context, label(9, Value("skip"), "rev", query=query), label(9, Value("unsure"), "ann"))
    put(context, label(8, Value("unsure"), "ann"), label(8, ODD, "ann", source="import"), label(8, Value("skip"), "b"))
    hidden = asked(context, "certify", range(7, 8), "repeat")
    put(context, label(7, Value("skip"), "ann"), label(7, Value("unsure"), "bob", query=hidden))
    put(context, label(6, Value("skip"), "ann"), label(6, Value("unsure"), "bob"))
    code = Glance(context).code
    assert code[[5, 6, 7, 8]].tolist() == [UNSURE, SKIP, SKIP, SKIP]
    for item in (6, 7, 8, 9):
        tag = tiles_of(context, np.array([item]))[0]["label"]["tag"]
        assert {"skip": SKIP, "unsure": UNSURE}[tag] == code[item - 1]


def test_the_grid_is_ordered_by_who_gave_the_answer_that_stands(context: Context) -> None:
    put(context, label(1, ODD, "cyd"), label(2, ODD, "ann"), label(3, ODD, "ann"), label(3, DULL, "bob"))
    query = asked(context, "certify", range(1, 2), "repeat")
    put(context, label(1, DULL, "ann", query=query))
    undone = put(context, label(2, DULL, "cyd"))
    put(context, label(2, None, "cyd", supersedes=undone.id))
    rank = rank_of(Glance(context), Sort("annotator"))
    assert rank[[1, 2, 0]].argsort().tolist() == [0, 1, 2] and np.isnan(rank[3:]).all()
    own = rank_of(Glance(context, "ann"), Sort("annotator"))
    assert np.flatnonzero(~np.isnan(own)).tolist() == [0, 1, 2]


def test_answers_about_parts_that_were_taken_back_are_no_loss(context: Context) -> None:
    part = put(context, label(3, ODD, part="0,0,5,5"))
    assert len(gathered(context).losses.found) == 1
    put(context, label(3, None, supersedes=part.id, part="0,0,5,5"))
    assert gathered(context).losses.found == {}


def test_an_item_whose_new_answer_was_taken_back_is_asked_again(context: Context) -> None:
    put(context, *(label(i, Value("skip")) for i in range(1, 41)))
    audit = draw_audit(context, Wish(5))
    query, item = audit.queries[0], int(audit.drawn[0])
    given = send(context, "ann", item, ODD, query=query)
    assert item not in open_audit(context.conn, "main", 9)[1]
    send(context, "ann", item, None, supersedes=given)
    assert item in open_audit(context.conn, "main", 9)[1]
    send(context, "ann", item, Value("skip"), query=query)
    assert item not in open_audit(context.conn, "main", 9)[1]


def test_answers_that_were_seen_and_taken_back_spend_a_look(context: Context, tmp_path: Path) -> None:
    audit = draw_audit(context, Wish(5))
    draw_audit(context, Wish(6))
    assert looks_read(context.conn, "main") == 0  # nothing was seen
    given = send(context, "ann", int(audit.drawn[0]), ODD, query=audit.queries[0])
    send(context, "ann", int(audit.drawn[0]), None, supersedes=given)
    draw_audit(context, Wish(7))
    assert looks_read(context.conn, "main") == 1
    for item in drawn_audit(context.conn, "main").drawn.tolist():
        send(context, "ann", item, DULL)
    claim = certify(context)
    assert claim.look is not None and claim.look["number"] == 2
    write_claim(context, claim, tmp_path / "claim.json")
    assert all(check.ok for check in verify_claim(tmp_path / "claim.json", context.root))


def test_the_report_pays_for_what_status_pays_for(context: Context) -> None:
    context.change(cost=2.0)
    put(context, label(1, DULL), label(2, DULL, source="rule"), label(3, DULL, source="import"), label(4, DULL, "bob"))
    assert spent(context).money == report(context).spending.money == 4.0


def test_a_tile_votes_on_each_class_as_the_fold_does(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 4), np.float32) + np.arange(4))
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="multilabel", classes=["x", "y", "z"]) as project:
        context = project.context
        for by, names in (("ann", ("x", "y")), ("bob", ("x",)), ("cyd", ("y",))):
            put(context, label(1, Value("classes", names), by), label(2, Value("classes", names[:1]), "ann"))
        (both, one, none) = (tile["label"] for tile in tiles_of(context, np.array([1, 2, 3])))
        assert folding.agreed(context.conn, "main") == {1: ("x", "y"), 2: ("y",)}
        assert (both["names"], both["people"], both["differ"]) == (["x", "y"], 3, True)
        assert (one["names"], one["differ"], none) == (["y"], False, None)
