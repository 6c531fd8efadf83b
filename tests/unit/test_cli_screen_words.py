"""What the verbs of a screen say next: commands that can be carried out, and promises that fit what was asked for."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from labelsieve.cli.screen import promise
from labelsieve.cli.status import advice_word, after_answers
from labelsieve.core.errors import InputError
from labelsieve.core.types import Cost
from labelsieve.screening.conformal import AlarmRate
from labelsieve.screening.draws import between


def screened(dull: int, left: int, **more: Any) -> Any:
    rate = AlarmRate(0.01, dull, float("inf"), 0.0, 0.0, 1 / (dull + 1)) if dull else None
    calibration = {"dull": dull, "odd": 0, "unsure": 0, "left": left}
    facts = {"escalated": 0, "false_alarms": 0.0, "work": Cost(0, 0, 0.0, ""), "fdr": None}
    return SimpleNamespace(rate=rate, calibration=calibration, **(facts | more))


def said(capsys: pytest.CaptureFixture[str], found: Any) -> str:
    promise(found, "p.sieve")
    told = capsys.readouterr()
    return told.out + told.err


def test_no_more_items_are_asked_for_than_are_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--purpose calibration -n 110" in said(capsys, screened(0, 500))
    few = said(capsys, screened(7, 12))
    assert "--purpose calibration -n 12" in few and "--alarms 0.05 is the lowest that can be had" in few
    assert "92 more are needed" in few
    none = said(capsys, screened(7, 0))
    assert "none left to ask, --alarms 0.125 is" in none and "Next:" not in none
    enough = said(capsys, screened(7, 200))
    assert "-n 92" in enough and "lowest that can be had" not in enough


def test_a_share_of_what_is_escalated_is_promised_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, screened(15, 100, fdr=0.3))
    assert "at most 30 % of what is escalated is dull" in told and "0.062" in told
    assert "nothing can be escalated" not in told and "of dull items" not in told


def after(kind: str, **more: Any) -> str:
    search = {"found": 1, "steps": [{"search": {"odd": 0, "answered": more.pop("vain", 0)}}]}
    state = {"task": {"name": "main"}, "engine": {"embeddings": "x"}, "sources": [], "search": search, "labels": 9}
    state |= {"fit": None, "audit": None, "guarantee": None, "advice": {"stop": False}} | more
    opened = SimpleNamespace(task=SimpleNamespace(kind=kind), status=lambda: state)
    return after_answers(opened, Path("p.sieve"), "main")


def test_answers_of_a_screen_lead_on_to_its_next_step() -> None:
    open_, answered = ({"number": 1, "drawn": 9, "open": left} for left in (2, 0))
    held = {"counts": {"audit": 1, "audited": 9}}
    assert after("classes") == "fit p.sieve"
    assert after("screen") == "next p.sieve --out query.csv"
    assert after("screen", vain=40) == "certify p.sieve"
    assert after("screen", audit=open_).startswith("label p.sieve --purpose certify, or labelsieve next")
    assert after("screen", audit=answered) == "certify p.sieve"
    assert after("screen", audit=answered, guarantee=held) == "next p.sieve --out query.csv"
    assert after("screen", audit=answered, guarantee=held, vain=40) == "report p.sieve"
    assert after("screen", audit=answered | {"drawn": 20}, guarantee=held) == "certify p.sieve"


def test_status_does_not_say_go_on_where_more_search_may_find_little() -> None:
    quiet = {"found": 1, "steps": [{"search": {"odd": 0, "answered": 40}}]}
    state = {"advice": {"stop": False}, "guarantee": None}
    assert advice_word(state | {"search": quiet}) == ""
    assert advice_word(state | {"search": quiet | {"found": 0}}) == "go on. "
    assert advice_word({"advice": {"stop": True}}) == "stop. "


def test_the_hint_on_a_share_names_the_number_that_was_meant() -> None:
    with pytest.raises(InputError, match="between 0 and 1") as caught:
        between("recall", 90)
    assert caught.value.hint == "for 90 % give recall 0.9."
    with pytest.raises(InputError, match="the rate of false alarms is 0") as caught:
        between("the rate of false alarms", 0)
    assert caught.value.hint == "for 1 % give the rate of false alarms 0.01."
