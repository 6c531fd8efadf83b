"""Words that speak for a guess: computed by the worker, right about what the head looks at, told to nobody who may not
see the guess."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.project.context import Context
from labelsieve.project.desk import leases, speaking
from labelsieve.project.desk.cards import cards_of
from labelsieve.project.desk.handing import hand_out
from labelsieve.project.desk.refilling import choose_more
from labelsieve.project.explaining import explained
from labelsieve.project.facade import Project
from labelsieve.project.fitting import fit_task
from labelsieve.project.jobs import table
from labelsieve.project.jobs.kinds import kind_called

CARD, MONEY = ("my card was lost yesterday", "please block the card"), ("send the money back", "a refund of money")


FILL = "in on at by today again now soon town shop street north south east west here there first second then".split()


def text_of(i: int, odd: bool) -> str:
    rest = " ".join(np.random.default_rng(i).choice(FILL, 4, replace=False))
    return f"{(CARD if odd else MONEY)[i // 2 % 2]} {rest}"


def made(folder: Path, n: int = 120, every: int = 2, **how: Any) -> Project:
    """Texts about cards (the last of each `every`) and about money; what they are about decides the class."""
    with (folder / "t.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerows([("key", "text"), *((f"k{i}", text_of(i, i % every == every - 1)) for i in range(n))])
    project = ls.create(folder / "p.sieve", folder / "t.csv", text="text", key="key", **how)
    project.embed()
    return project


def worked(project: Project) -> list[dict[str, Any]]:
    """Does the jobs that wait, as the worker would."""
    out = []
    while (job := table.claim(project.context.conn, "rounds")) is not None:
        result = kind_called(job.kind).run(project, job.args, lambda *_: None)
        table.finish(project.context.conn, job.id, "done", result)
        out.append(result)
    return out


def handed(context: Context, by: str = "ann", n: int = 6) -> list[int]:
    return list(hand_out(context, by, n).ids.tolist())


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = made(tmp_path_factory.mktemp("words"), classes=["card", "money"])
    project.label([f"k{i}" for i in range(24)], ["card" if i % 2 else "money" for i in range(24)], by="ann")
    choose_more(project.context)
    return project


def test_the_words_that_decide_are_found(classes: Project) -> None:
    context = classes.context
    items = handed(context)
    assert speaking.told(context, items, "ann").state == "preparing"
    assert speaking.told(context, items, "ann").items == []
    assert worked(classes) == [{"items": 6}], "one job, however often it is asked"
    telling = speaking.told(context, items, "ann")
    assert telling.state == "ready" and [one["item"] for one in telling.items] == items
    guesses = {card["item"]: card["guess"] for card in cards_of(context, hand_out(context, "ann", 6), "ann")}
    own = {
        "card": {"card", "lost", "my", "was", "yesterday", "please", "block", "the"},
        "money": {"money", "refund", "send", "back", "of", "a", "the"},
    }
    for one in telling.items:
        assert one["guess"] == guesses[one["item"]]
        name = one["guess"]["name"]
        assert one["speak"] and one["speak"][0] in own[name]
        text = str(context.items(np.array([one["item"]]))[0].data)
        assert set(one["speak"] + one["against"]) <= set(text.split())


def test_what_is_known_is_not_looked_for_again(classes: Project) -> None:
    context = classes.context
    items = handed(context)
    speaking.look_into(context, items, lambda *_: None)
    assert speaking.look_into(context, items, lambda *_: None) == 0
    assert speaking.told(context, items, "ann").state == "ready"
    assert worked(classes) == []


def test_a_round_goes_first(classes: Project) -> None:
    context = classes.context
    leases.give_back(context.conn, context.task, "ann")
    ann, bob = handed(context), handed(context, "bob")
    speaking.look_into(context, ann, lambda *_: None)
    table.add(context.conn, "fit", "rounds", "main", {})
    assert speaking.look_into(context, bob, lambda *_: None) == 1
    worked(classes)
    assert speaking.told(context, bob, "bob").state == "preparing"
    worked(classes)
    leases.give_back(context.conn, context.task, "bob")


def test_nobody_is_told_of_what_is_on_no_desk_of_theirs(classes: Project) -> None:
    context = classes.context
    items = handed(context)
    speaking.look_into(context, items, lambda *_: None)
    assert speaking.told(context, items, "bob").items == []
    leases.give_back(context.conn, context.task, "ann", items[:1])
    assert [one["item"] for one in speaking.told(context, items, "ann").items] == items[1:]
    assert speaking.told(context, [10**9, -1], "ann") == speaking.Telling("ready", [])


def test_another_head_has_other_words(classes: Project) -> None:
    context = classes.context
    items = handed(context)
    speaking.look_into(context, items, lambda *_: None)
    classes.label([f"k{i}" for i in range(24, 30)], ["card" if i % 2 else "money" for i in range(24, 30)], by="ann")
    fit_task(context)  # the head has gone on, the predictions have not: words of neither are told of the other
    assert speaking.told(context, items, "ann").state == "ready"
    choose_more(context)
    assert speaking.told(context, items, "ann").state == "preparing"
    worked(classes)
    assert any(one["speak"] for one in speaking.told(context, items, "ann").items)


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = made(tmp_path_factory.mktemp("screen"), 200, 5, task="screen")
    project.label([f"k{i}" for i in range(60)], ["odd" if i % 5 == 4 else "dull" for i in range(60)], by="ann")
    choose_more(project.context)
    return project


def test_a_screen_has_the_words_of_an_explanation(screen: Project) -> None:
    context = screen.context
    items = handed(context, n=12)
    speaking.look_into(context, items, lambda *_: None)
    found = speaking.told(context, items, "ann").items
    sides = [(one, {"odd": "speak", "dull": "against"}[one["guess"]["name"]]) for one in found]
    because = explained(context, np.array([one["item"] for one in found]))
    odd = [(one[side][0], why.parts[0].name) for (one, side), why in zip(sides, because, strict=True) if one[side]]
    assert len(odd) > 4, "some word speaks for odd"
    assert all(why == f'"{word}"' for word, why in odd), "as labelsieve explain has it"


def test_items_of_an_audit_are_never_told(screen: Project) -> None:
    context = screen.context
    leases.give_back(context.conn, context.task, "ann")
    screen.draw_audit(30, hidden=4)
    drawn = hand_out(context, "ann", 100, "certify")
    items = drawn.ids.tolist()
    speaking.look_into(context, items, lambda *_: None)  # somebody started the job by hand
    for by in ("ann", "bob"):
        assert speaking.told(context, items, by) == speaking.Telling("ready", [])
    assert all(card["guess"] is None for card in cards_of(context, drawn, "ann"))
    leases.give_back(context.conn, context.task, "ann")
    searched = hand_out(context, "ann", 100)
    both = set(searched.ids.tolist()) & set(items)
    assert both, "the newest query and the audit ask for some items alike"
    assert not both & {one["item"] for one in speaking.told(context, searched.ids.tolist(), "ann").items}
    guesses = {card["item"]: card["guess"] for card in cards_of(context, searched, "ann")}
    assert all((guesses[item] is None) or item not in both for item in guesses)


def test_what_cannot_be_looked_into_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "key,text\n" + "".join(f"k{i},{'x ' * 30_000 if i > 5 else text_of(i, i % 2 == 1)}\n" for i in range(12))
    )
    with ls.create(tmp_path / "p.sieve", tmp_path / "t.csv", text="text", key="key", classes=["a", "b"]) as project:
        project.embed()
        project.label([f"k{i}" for i in range(6)], ["a", "b"] * 3, by="ann")
        choose_more(project.context)
        items = handed(project.context)
        assert speaking.told(project.context, items, "ann").state == "preparing"
        worked(project)
        assert all(one["speak"] == one["against"] == [] for one in speaking.told(project.context, items, "ann").items)
