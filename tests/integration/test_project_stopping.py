"""What `status` says about stopping, on a real project: signals are stored with each fit and read back."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.types import DULL, ODD
from labelsieve.project.limits import Limits
from labelsieve.project.state import fit_history, stop_advice
from labelsieve.selection.stopping import Advice, Signals, advise
from labelsieve.testing.toys import toy_odd


@pytest.fixture
def project(digits: Path, tmp_path: Path) -> Iterator[ls.Project]:
    shutil.copytree(digits, tmp_path / "home")
    with ls.open(tmp_path / "home" / "digits.sieve") as opened:
        yield opened


def play(project: ls.Project, rounds: int) -> None:
    for _ in range(rounds):
        asked = project.next(20)
        project.label(asked.ids, [item.key.split("/")[0] for item in asked.items], by="ann", query=asked.id)
        project.fit()


def test_a_fit_keeps_what_changed_and_who_was_right(project: ls.Project) -> None:
    play(project, 4)
    fits = fit_history(project._context)
    assert fits[0]["kappa"] is None and fits[0]["changed"] is None
    assert all(0 < fit["doubt"] < 1 for fit in fits)
    assert all(0 <= fit["changed"] <= 1 and fit["kappa"] <= 1 for fit in fits[1:])
    last = fits[-1]
    assert len(last["right"]["ids"]) == last["audit"]["n"] == len(last["right"]["right"])
    fitted = project.fit()
    said = fitted.head.predict_proba(fitted.stand.pool.take(fitted.stand.audit.ids)).argmax(axis=1)
    assert last["right"]["right"] == (said == fitted.stand.audit.y).astype(float).tolist()
    assert last["right"]["ids"] == fitted.stand.audit.ids.tolist()


def test_status_shows_the_reasons_and_no_list_of_items(project: ls.Project) -> None:
    play(project, 2)
    state = project.status()
    assert "right" not in state["fit"]
    assert state["advice"] == {"stop": False, "reasons": ["Fewer than 3 rounds can be compared."]}
    assert json.loads(json.dumps(state)) == state


def test_the_gain_on_the_same_items_is_weighed_against_what_the_user_cares_for(project: ls.Project) -> None:
    play(project, 8)
    context = project._context
    fits = fit_history(context)
    plain = stop_advice(context, fits)
    assert not any("Twice the labels" in reason for reason in plain.reasons)  # 30 items tell no gain of one point
    context.change(tasks={"main": replace(context.task_settings, care=0.9)})
    advice = stop_advice(context, fits)
    assert advice.stop and any("you care for 90 or more" in reason for reason in advice.reasons)
    assert not any("Twice the labels" in reason for reason in stop_advice(context, fits[:3]).reasons)


def test_fits_of_an_earlier_version_are_read(project: ls.Project) -> None:
    play(project, 5)
    old = [
        {k: v for k, v in fit.items() if k not in ("right", "doubt", "changed")}
        for fit in fit_history(project._context)
    ]
    assert not any("changed class" in reason for reason in stop_advice(project._context, old).reasons)
    fits = old[:-1] + fit_history(project._context)[-1:]
    assert stop_advice(project._context, fits).reasons


def test_in_a_screen_only_the_budget_says_stop(tmp_path: Path) -> None:
    toy = toy_odd(300, odd=12)
    np.save(tmp_path / "rows.npy", toy.x)
    with ls.create(tmp_path / "p.sieve", tmp_path / "rows.npy", task="screen") as project:
        for first in range(0, 50, 10):
            keys = [str(row) for row in range(first, first + 10)]
            project.label(keys, ["dull" if toy.y[int(key)] == DULL else "scratch" for key in keys], by="ann")
            project.fit()
        fits = [fit | {"kappa": 1.0, "changed": 0.0, "doubt": 0.0} for fit in fit_history(project._context)]
        assert advise(Signals(kappas=[1.0] * len(fits))).stop  # but not here
        advice = stop_advice(project._context, fits)
        assert not advice.stop and f"{(toy.y[:50] == ODD).sum()} of 50 labels are odd" in advice.reasons[0], advice
        project.limit(Limits(labels=50))
        assert stop_advice(project._context, []) == Advice(True, ("50 of 50 labels are spent.",))


def test_a_head_of_one_class_has_not_settled(project: ls.Project) -> None:
    ones = [item.id for item in project.items(np.arange(1, 301)) if item.key.startswith("1/")]
    for first in range(0, 20, 4):
        project.label(ones[first : first + 4], ["1"] * 4, by="ann")
        project.fit()
    advice = stop_advice(project._context, fit_history(project._context))
    assert not advice.stop
    assert advice.reasons == ("Fewer than 3 rounds can be compared.",)
