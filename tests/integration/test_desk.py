"""The desk: who gets which item, and what becomes of answers that are sent twice, late, wrongly or out of order."""

import uuid
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.errors import PoolExhausted, ProjectError
from labelsieve.core.types import Value
from labelsieve.project import events, folding
from labelsieve.project.context import Context
from labelsieve.project.current import standing_answers
from labelsieve.project.desk import flags, leases, refilling
from labelsieve.project.desk.accepting import Draft, accept
from labelsieve.project.desk.bulk import Bulk, answer_all
from labelsieve.project.desk.handing import hand_out
from labelsieve.project.desk.refilling import choose_more, refill
from labelsieve.project.facade import Project
from labelsieve.project.grouping import groups_of
from labelsieve.project.jobs import table
from labelsieve.project.people.adjudicating import decide
from labelsieve.testing import toy_classes, toy_odd

TOY = toy_classes(120, 8, 3)


def new() -> str:
    return str(uuid.uuid4())


def said(name: str) -> Value:
    return Value("class", (name,))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    np.save(tmp_path / "x.npy", TOY.x)
    return ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", classes=["a", "b", "c"])


@pytest.fixture
def asked(project: Project) -> Context:
    """A project whose first query is chosen."""
    choose_more(project.context)
    return project.context


def test_an_item_is_handed_to_one_person(asked: Context) -> None:
    ann, bob = hand_out(asked, "ann", 10), hand_out(asked, "bob", 10)
    assert len(ann.ids) == len(bob.ids) == 10
    assert not set(ann.ids) & set(bob.ids)
    assert hand_out(asked, "ann", 10).ids.tolist() == ann.ids.tolist()  # two tabs of one person


def test_what_is_given_back_goes_to_somebody_else(asked: Context) -> None:
    first = hand_out(asked, "ann", 10).ids
    leases.give_back(asked.conn, asked.task, "ann", first[:4].tolist())
    assert set(hand_out(asked, "bob", 40).ids) >= set(first[:4].tolist())
    assert not set(hand_out(asked, "bob", 40).ids) & set(first[4:].tolist())


def test_leases_run_out(asked: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LASTS", -1.0)
    first = hand_out(asked, "ann", 10).ids
    assert hand_out(asked, "bob", 10).ids.tolist() == first.tolist()


def test_who_leaves_and_comes_back_at_once_finds_the_same(asked: Context) -> None:
    first = hand_out(asked, "ann", 10)
    ids = first.ids.tolist()
    leases.leave(asked.conn, asked.task, "ann", ids, first.until)
    choose_more(asked)  # another query has come meanwhile
    assert not set(hand_out(asked, "bob", 10).ids) & set(ids)
    again = hand_out(asked, "ann", 10)
    assert again.ids.tolist() == ids
    assert again.until > first.until
    leases.leave(asked.conn, asked.task, "ann", ids, first.until)  # said before, arriving late
    assert leases.mine(asked.conn, asked.task, "ann") == list(zip(ids, again.query, strict=True))
    ends = {until for (until,) in asked.conn.execute("SELECT until FROM leases WHERE annotator = 'ann'")}
    assert ends == {again.until}


def test_what_was_left_goes_to_others_soon(asked: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    first = hand_out(asked, "ann", 10)
    ids = first.ids.tolist()
    leases.leave(asked.conn, asked.task, "bob", ids, first.until)  # not his
    monkeypatch.setattr(leases, "SOON", -1.0)
    leases.leave(asked.conn, asked.task, "ann", ids[1:], first.until)
    assert hand_out(asked, "bob", 9).ids.tolist() == ids[1:]
    late = [Draft(new(), item, said("a"), query=first.query[i]) for i, item in enumerate(ids)]
    taken = accept(asked, late, "ann")  # answers that were on their way
    assert (taken.written, list(taken.refused)) == (10, [])


def test_leases_from_before_the_clock_was_set_back_have_ended(asked: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    now = leases._moment
    monkeypatch.setattr(leases, "_moment", lambda seconds=0.0: now(seconds + 86_400))
    first = hand_out(asked, "ann", 10).ids
    monkeypatch.undo()
    assert leases.holders(asked.conn, asked.task) == 0
    assert hand_out(asked, "bob", 10).ids.tolist() == first.tolist()
    assert asked.conn.execute("SELECT COUNT(*) FROM leases").fetchone()[0] == 10
    assert not set(hand_out(asked, "ann", 10).ids) & set(first)


def test_one_uuid_with_two_answers_in_one_request_is_the_first(asked: Context) -> None:
    item, mark = int(hand_out(asked, "ann", 1).ids[0]), new()
    drafts = [Draft(mark, item, said("a")), Draft(mark, item, said("b")), Draft(mark, item, said("a"))]
    taken = accept(asked, drafts, "ann")
    assert (taken.written, taken.known, [one.id for one in taken.refused]) == (1, 1, [mark])
    (label,) = standing_answers(asked.conn, asked.task, np.array([item]))[item]
    assert label.value == said("a")


def test_what_is_answered_is_not_handed_out_again(asked: Context) -> None:
    ids = hand_out(asked, "ann", 3).ids.tolist()
    accept(asked, [Draft(new(), ids[0], said("a")), Draft(new(), ids[1], Value("skip"))], "ann")
    assert ids[2] == hand_out(asked, "ann", 3).ids[0]
    assert not {ids[0], ids[1]} & set(hand_out(asked, "bob", 100).ids.tolist())


def test_an_answer_sent_twice_is_written_once(asked: Context) -> None:
    draft = Draft(new(), 5, said("a"))
    assert (accept(asked, [draft, draft], "ann").written, accept(asked, [draft], "ann").known) == (1, 1)
    assert len(list(events.history(asked.conn, "main"))) == 1


def test_a_uuid_with_another_answer_is_refused(asked: Context) -> None:
    id_ = new()
    accept(asked, [Draft(id_, 5, said("a"))], "ann")
    again = accept(asked, [Draft(id_, 5, said("b")), Draft(new(), 6, said("b"))], "ann")
    assert (again.written, [one.id for one in again.refused]) == (1, [id_])
    assert "another content" in again.refused[0].fact


def test_one_bad_answer_stops_no_other(asked: Context) -> None:
    drafts = [
        Draft(new(), 5, said("a")),
        Draft(new(), 999_999, said("a")),
        Draft(new(), 6, said("no such class")),
        Draft(new(), 7, Value("class", ())),
        Draft(new(), 8, said("c")),
    ]
    taken = accept(asked, drafts, "ann")
    assert taken.written == 2
    assert [one.id for one in taken.refused] == [drafts[1].id, drafts[2].id, drafts[3].id]
    assert all(one.fact and one.hint for one in taken.refused)


def test_an_item_that_there_is_not_is_said_without_a_list(asked: Context) -> None:
    (refused,) = accept(asked, [Draft(new(), 9999, said("a"))], "ann").refused
    assert refused.fact == "no item of this project is named '9999'."


def test_undo_has_any_depth(asked: Context) -> None:
    first, second, back, further = new(), new(), new(), new()
    accept(asked, [Draft(first, 5, said("a")), Draft(second, 5, said("b"))], "ann")
    now = standing_answers(asked.conn, asked.task, np.array([5]))
    assert [label.value for label in now[5]] == [said("b")]
    accept(asked, [Draft(back, 5, None, supersedes=second)], "ann")
    assert standing_answers(asked.conn, asked.task, np.array([5]))[5][0].value == said("a")
    accept(asked, [Draft(further, 5, None, supersedes=first)], "ann")
    assert standing_answers(asked.conn, asked.task, np.array([5])) == {}
    assert len(folding.answered(asked.conn, "main")) == 0


def test_nobody_takes_back_what_another_said(asked: Context) -> None:
    first = new()
    accept(asked, [Draft(first, 5, said("a"))], "ann")
    taken = accept(asked, [Draft(new(), 5, None, supersedes=first)], "bob")
    assert "by ann" in taken.refused[0].fact


def test_an_undo_of_what_never_came_is_refused(asked: Context) -> None:
    taken = accept(asked, [Draft(new(), 5, None, supersedes=new()), Draft(new(), 5, None)], "ann")
    assert taken.written == 0
    assert len(taken.refused) == 2


@pytest.mark.parametrize("age", [-5.0, 0.0, 3600.0, 1e12])
def test_the_clock_of_a_client_is_not_trusted(asked: Context, age: float) -> None:
    accept(asked, [Draft(new(), 5, said("a"), age=age)], "ann")
    label = next(events.history(asked.conn, "main"))
    assert "2020" < label.at[:4] <= "2999"


def test_the_answers_of_few_items_are_those_of_the_fold(asked: Context) -> None:
    """The short way and the fold of the whole task agree, whatever was answered, corrected and taken back."""
    rng = np.random.default_rng(3)
    sent: list[tuple[str, int, str]] = []
    for _ in range(300):
        who, item = str(rng.choice(["ann", "bob", "cyd"])), int(rng.integers(1, 12))
        mine = [one for one in sent if one[2] == who]
        if mine and rng.random() < 0.3:
            id_, at, _ = mine[int(rng.integers(len(mine)))]
            accept(asked, [Draft(new(), at, None, supersedes=id_)], who)
        else:
            id_ = new()
            accept(asked, [Draft(id_, item, said(str(rng.choice(["a", "b", "c"]))))], who)
            sent.append((id_, item, who))
    expected: dict[int, set[tuple[str, object]]] = {}
    for label in folding.answers(asked.conn, "main"):
        expected.setdefault(label.item, set()).add((label.by, label.value))
    found = standing_answers(asked.conn, asked.task, np.arange(1, 13))
    assert {item: {(one.by, one.value) for one in labels} for item, labels in found.items()} == expected


def with_groups(tmp_path: Path) -> tuple[Project, int, int, list[int]]:
    """A screen, an item on ann's desk with its query, and the near-duplicates that it stands for."""
    toy = toy_odd(200, 10)
    x = np.concatenate([toy.x, np.repeat(toy.x[:5], 3, axis=0)])
    np.save(tmp_path / "x.npy", x)
    p = ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen")
    for _ in range(40):
        choose_more(p.context)
        handed = hand_out(p.context, "ann", 50)
        query = int(handed.query[0] or 0)
        groups = groups_of(p.context.conn, query)
        grouped = next((item for item in handed.ids.tolist() if item in groups), None)
        if grouped is not None:
            return p, grouped, query, groups[grouped].tolist()
        accept(p.context, [Draft(new(), item, said("dull")) for item in handed.ids.tolist()], "ann")
    raise AssertionError("no item stands for others")


def test_near_duplicates_go_with_an_answer_and_come_back_with_it(tmp_path: Path) -> None:
    p, grouped, query, members = with_groups(tmp_path)
    with p:
        context = p.context
        draft = Draft(new(), grouped, said("odd"), query=query, group=True)
        assert accept(context, [draft], "ann").written == 1
        assert accept(context, [draft], "ann").known == 1
        assert set(standing_answers(context.conn, context.task, np.array(members))) == set(members)
        accept(context, [Draft(new(), grouped, None, supersedes=draft.id, query=query)], "ann")
        assert standing_answers(context.conn, context.task, np.array([grouped, *members])) == {}


def test_a_decision_goes_to_near_duplicates_as_an_answer_does(tmp_path: Path) -> None:
    p, grouped, query, members = with_groups(tmp_path)
    with p:
        context, own = p.context, members[0]

        def known() -> dict[int, str]:
            found = folding.agreed(context.conn, "main")
            return {item: found[item][0] for item in (grouped, *members) if item in found}

        accept(context, [Draft(new(), grouped, said("odd"), query=query, group=True)], "ann")
        accept(context, [Draft(new(), own, said("odd"))], "bob")  # bob has looked at one of them
        before = known()
        assert set(before.values()) == {"odd"} and len(members) > 1
        decision = Draft(new(), grouped, said("dull"))
        assert decide(context, [decision], "rev").written == 1
        assert decide(context, [decision], "rev").known == 1
        assert known() == dict.fromkeys(members, "dull") | {grouped: "dull", own: "odd"}
        travelled = standing_answers(context.conn, context.task, np.array(members[1:]))
        assert {(one.by, one.source) for labels in travelled.values() for one in labels} == {
            ("ann", "rule"),
            ("rev", "rule"),
        }
        second = Draft(new(), grouped, said("odd"))
        decide(context, [second], "rev")
        assert set(known().values()) == {"odd"}
        for undone, then in ((second, "dull"), (decision, "odd")):  # each undo takes back all of its own
            accept(context, [Draft(new(), grouped, None, supersedes=undone.id)], "rev")
            assert known() == dict.fromkeys(members, then) | {grouped: then, own: "odd"}
        assert known() == before


def test_more_is_chosen_when_enough_is_answered(asked: Context) -> None:
    assert refill(asked).state == "ready"
    handed = hand_out(asked, "ann", 30)
    names = [TOY.classes[TOY.y[item - 1]] for item in handed.ids.tolist()]
    drafts = [Draft(new(), item, said(name)) for item, name in zip(handed.ids.tolist(), names, strict=True)]
    accept(asked, drafts, "ann")
    assert refill(asked).state == "preparing"
    before = handed.query[0]
    choose_more(asked)
    assert hand_out(asked, "ann", 5).query[0] != before


def test_an_empty_pool_is_done(asked: Context) -> None:
    from labelsieve.project.jobs import table

    accept(asked, [Draft(new(), item, said("a")) for item in range(1, 121)], "ann")
    assert refill(asked).state == "preparing"
    job = table.claim(asked.conn, "rounds")
    assert job is not None
    table.finish(asked.conn, job.id, "done", choose_more(asked))
    supply = refill(asked)
    assert supply.state == "done"
    assert supply.note
    undone = next(events.history(asked.conn, "main"))
    accept(asked, [Draft(new(), undone.item, None, supersedes=undone.id)], "ann")
    assert refill(asked).state == "preparing"


def test_hidden_items_of_an_audit_look_like_the_others(tmp_path: Path) -> None:
    toy = toy_odd(300, 20)
    np.save(tmp_path / "x.npy", toy.x)
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen") as p:
        rows = np.argsort(-np.abs(toy.x).sum(axis=1))[:60]
        p.label([str(row) for row in rows], ["odd" if toy.y[row] else "dull" for row in rows], by="ann")
        p.draw_audit(40, hidden=4)
        handed = hand_out(p.context, "bob", 100, "certify")
        assert len(handed.ids) == 44
        assert set(handed.purpose) == {"certify"}
        assert handed.answers == {}
        p.label(handed.ids, ["dull"] * 44, by="bob", query=handed.query[0])
        with pytest.raises(PoolExhausted):
            hand_out(p.context, "bob", 5, "certify")


def test_flags(asked: Context) -> None:
    flags.raise_flag(asked.conn, asked.task, 5, "ann", "blurred")
    flags.raise_flag(asked.conn, asked.task, 5, "ann", "very blurred")
    flags.raise_flag(asked.conn, asked.task, 5, "bob")
    assert [one["note"] for one in flags.flags_of(asked.conn, asked.task, np.array([5]))[5]] == ["very blurred", ""]
    flags.lower_flag(asked.conn, asked.task, 5, "ann")
    assert flags.flagged(asked.conn, asked.task).tolist() == [5]
    flags.lower_flag(asked.conn, asked.task, 5)
    assert flags.flagged(asked.conn, asked.task).tolist() == []


def test_contact_sheets_get_as_many_items_as_they_wish_for(asked: Context) -> None:
    assert len(hand_out(asked, "ann", 100).ids) == refilling.AHEAD
    assert refill(asked).state == "ready"
    refilling.wish(asked, 90)
    refilling.wish(asked, 20)  # somebody else has smaller sheets
    assert refill(asked).state == "preparing"
    job = table.claim(asked.conn, "rounds")
    assert job is not None
    table.finish(asked.conn, job.id, "done", choose_more(asked))
    assert len(hand_out(asked, "ann", 100).ids) >= 90
    assert refill(asked).state == "ready"  # no round after the other for the same wish


def test_queries_grow_with_the_people_who_label(asked: Context) -> None:
    for who in ("ann", "ben", "cy"):
        hand_out(asked, who, 10)
    assert refill(asked).state == "preparing"
    job = table.claim(asked.conn, "rounds")
    assert job is not None
    chosen = choose_more(asked)
    assert chosen["items"] == 3 * refilling.AHEAD
    table.finish(asked.conn, job.id, "done", chosen)
    assert refill(asked).state == "ready"


def test_a_project_in_trouble_refuses_no_answer(asked: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise ProjectError("labels.sqlite: database or disk is full.", "free some disk space.")

    monkeypatch.setattr(events, "write", full)
    for n in (1, 3):  # one alone, and the portion that is tried one by one
        with pytest.raises(ProjectError, match="disk is full"):
            accept(asked, [Draft(new(), 5, said("a")) for _ in range(n)], "ann")


def test_a_bulk_is_no_review(tmp_path: Path) -> None:
    """Nobody looks at each of a thousand items: they train, and an audit may draw them still."""
    toy = toy_odd(200, 10)
    np.save(tmp_path / "x.npy", toy.x)
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen") as p:
        done = answer_all(nullcontext(), p.context, Bulk(new(), np.arange(1, 151), said("dull")), "ann")
        assert done.written == 150
        assert len(folding.fold(p.context.conn, "main")) == 150
        assert len(folding.reviewed(p.context.conn, "main")[0]) == 0
        assert len(p.draw_audit(180).drawn) == 180
