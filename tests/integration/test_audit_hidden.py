"""Hidden items of an audit: nothing that an annotator can ask for tells them from the others."""

import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.types import Value
from labelsieve.project import events
from labelsieve.project.context import Context
from labelsieve.project.desk import leases
from labelsieve.project.desk.accepting import Draft, accept
from labelsieve.project.desk.handing import hand_out
from labelsieve.project.desk.recent import latest
from labelsieve.project.desk.refilling import choose_more
from labelsieve.project.fitting import fit_task
from labelsieve.project.views import foreseen
from labelsieve.project.views.filtering import AskedFor, Guessed, Sort
from labelsieve.project.views.glances import Glance
from labelsieve.project.views.stored import Wanted, create, open_view
from labelsieve.project.views.tiles import tiles_of
from labelsieve.testing import toy_odd


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Context, set[int]]:
    """A screen with an audit drawn, and the items that are hidden in it."""
    folder: Path = tmp_path_factory.mktemp("audit")
    toy = toy_odd(300, 20)
    np.save(folder / "x.npy", toy.x)
    p = ls.create(folder / "p.sieve", folder / "x.npy", task="screen")
    rows = np.r_[np.flatnonzero(toy.y)[:8], np.flatnonzero(toy.y == 0)[:40]]
    p.label([str(row) for row in rows], ["odd" if toy.y[row] else "dull" for row in rows], by="ann")
    query = p.next(10)
    odd = [toy.y[item.id - 1] for item in query.items]
    p.label([item.key for item in query.items], ["odd" if one else "dull" for one in odd], by="ann", query=query.id)
    foreseen.write(p.context, fit_task(p.context))
    p.draw_audit(60, hidden=8)
    sql = "SELECT item FROM query_items WHERE purpose = 'repeat'"
    hidden = {item for (item,) in p.context.conn.execute(sql)}
    assert len(hidden) >= 8
    return p.context, hidden


def found(context: Context, by: str | None, **wanted: Any) -> set[int]:
    return set(open_view(context, create(context, Wanted(**wanted), by).id)[1].tolist())


def test_no_filter_by_purpose_finds_them(audited: tuple[Context, set[int]]) -> None:
    context, hidden = audited
    searched = AskedFor("purpose", ("search", "audit", "control", "calibration", "repeat"))
    assert hidden & found(context, None, filter=searched)  # a reviewer sees what they were asked for
    for by in ("bob", "ann"):
        assert not hidden & found(context, by, filter=searched)
        assert hidden < found(context, by, filter=AskedFor("purpose", ("certify",)))


def test_what_the_head_says_of_an_audit_is_not_shown(audited: tuple[Context, set[int]]) -> None:
    context, hidden = audited
    drawn = hand_out(context, "bob", 100, "certify").ids
    assert hidden < set(drawn.tolist())
    told = {tile["item"] for tile in tiles_of(context, drawn) if tile["p"] is not None}
    assert told == hidden  # a reviewer is told what the head says of answered items alone
    assert {(tile["guess"], tile["p"]) for tile in tiles_of(context, drawn, "bob")} == {(None, None)}
    assert not set(drawn.tolist()) & found(context, "bob", filter=Guessed("guess"))
    assert set(drawn.tolist()) & found(context, None, filter=Guessed("guess")) == hidden
    for by in ("oddness", "probability", "margin"):
        order = open_view(context, create(context, Wanted(sort=Sort(by, True)), "bob").id)[1]
        assert sorted(drawn.tolist()) == order[-len(drawn) :].tolist()  # what has no value comes last, by id
    others = np.setdiff1d(Glance(context).ids, drawn)
    assert all(tile["p"] is not None for tile in tiles_of(context, others, "bob"))


def test_a_search_says_nothing_of_what_an_audit_has_drawn_since(tmp_path: Path) -> None:
    toy = toy_odd(120, 12)
    np.save(tmp_path / "x.npy", toy.x)
    p = ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen")
    rows = np.r_[np.flatnonzero(toy.y)[:4], np.flatnonzero(toy.y == 0)[:10]]
    p.label([str(row) for row in rows], ["odd" if toy.y[row] else "dull" for row in rows], by="ann")
    choose_more(p.context)
    assert any(hand_out(p.context, "ann", 40).why)
    drawn = set(p.draw_audit(60).drawn.tolist())
    handed = hand_out(p.context, "ann", 40)
    said = {item: (why, arms) for item, why, arms in zip(handed.ids.tolist(), handed.why, handed.arms, strict=True)}
    assert drawn & set(said)
    assert {said[item] for item in drawn & set(said)} == {("", "")}
    assert any(why for item, (why, _) in said.items() if item not in drawn)


def test_an_answer_given_anew_replaces_the_one_before(audited: tuple[Context, set[int]]) -> None:
    context, hidden = audited
    conn, task = context.conn, context.task
    leases.give_back(conn, task, "bob")
    handed = hand_out(context, "cy", 100, "certify")
    open_ = next(item for item in handed.ids.tolist() if item not in hidden)
    for item in (min(hidden), open_):
        for name in ("odd", "dull"):
            draft = Draft(str(uuid.uuid4()), item, Value("class", (name,)), query=handed.query[0])
            assert accept(context, [draft], "cy").written == 1
        both = [Draft(str(uuid.uuid4()), item, Value("class", (x,)), query=handed.query[0]) for x in ("odd", "dull")]
        assert accept(context, both, "cy").written == 2
        own = list(events.of_items(conn, task, np.array([item]), "cy"))  # what the history of the item shows them
        assert [label.supersedes for label in own] == [None, *(label.id for label in own[:-1])]
        back = Draft(str(uuid.uuid4()), item, None, supersedes=own[-1].id, query=handed.query[0])
        assert accept(context, [back], "cy").written == 1
    stand = [one.label for one in latest(context, "cy", 10)]
    assert [(one.item, one.value and one.value.names) for one in stand] == [(open_, ("odd",)), (min(hidden), ("odd",))]
