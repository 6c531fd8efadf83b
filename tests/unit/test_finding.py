"""What a screen has found: counted by query and arm, near-duplicates and repeated items apart."""

from pathlib import Path

import numpy as np
import pytest

from labelsieve.core.types import Query
from labelsieve.project import queries
from labelsieve.project.facade import Project, create
from labelsieve.project.finding import in_vain, quiet, search_state, yield_said
from labelsieve.project.report.collect import gathered
from labelsieve.project.report.found import ARMS
from labelsieve.project.report.rendering import render
from labelsieve.project.standing import stand
from labelsieve.screening.bandit import BEFORE


@pytest.fixture
def project(tmp_path: Path) -> Project:
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    return create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen")


def ask(project: Project, ids: list[int], arms: list[str], purposes: list[str], odd: list[int]) -> int:
    """Stores a query of this kind and answers it."""
    n = len(ids)
    query = Query(np.array(ids), np.zeros(n), np.full(n, np.nan), "screen", (), tuple(purposes), 0, tuple(arms))  # type: ignore[arg-type]
    number = queries.save(project.context.conn, "main", query, 0, 0)
    project.label(ids, ["odd" if id_ in odd else "dull" for id_ in ids], by="ann", query=number)
    return number


def test_arms_share_the_credit_and_random_items_stand_apart(project: Project) -> None:
    searched = ["search"] * 3 + ["audit", "calibration"]
    ask(project, [1, 2, 3, 4, 5], ["linear + fuse", "fuse", "medoids", "", ""], searched, odd=[1, 2, 4])
    ask(project, [1, 6, 7], ["linear", "linear", ""], ["search", "search", "control"], odd=[1, 6])
    state = search_state(project.context)
    assert state["found"] == 4 and state["searched"] == {"answered": 4, "odd": 3}, "1 was asked twice and counts once"
    assert state["random"] == {"answered": 3, "odd": 1}
    arms = {one["arm"]: (one["odd"], one["answered"]) for one in state["arms"]}
    assert arms == {"fuse": (2, 2), "linear": (2, 2), "medoids": (0, 1)} and list(arms)[-1] == "medoids"
    assert [(step["labels"], step["found"]) for step in state["steps"]] == [(5, 3), (7, 4)]
    assert state["calibration"] == {"dull": 1, "floor": 0.5}
    assert yield_said(state) == "The last 2 queries found 2 and 1 odd among 4 searched. Of 3 random items 1 was odd."
    assert not quiet(state)


def test_near_duplicates_are_found_and_not_looked_at(project: Project) -> None:
    number = ask(project, [1], ["fuse"], ["search"], odd=[1])
    project.label_group([1, 10, 11], "odd", by="ann", query=number)
    state = search_state(project.context)
    assert (state["found"], state["looked_at"], state["travelled"]) == (3, 1, 2)
    assert state["searched"] == {"answered": 1, "odd": 1}


def test_a_search_in_vain_is_told_once_something_odd_is_known(project: Project) -> None:
    ask(project, [1, 2], ["fuse"] * 2, ["search"] * 2, odd=[])
    for first in (10, 30):
        ask(project, list(range(first, first + 20)), ["fuse"] * 20, ["search"] * 20, odd=[])
    state = search_state(project.context)
    assert in_vain(state) == 42 and not quiet(state), "nothing odd is known: there is nothing to audit for"
    project.label([150], ["odd"], by="ann")
    assert quiet(search_state(project.context))
    assert "Only an audit can say what is left" in " ".join(project.status()["advice"]["reasons"])


def test_before_the_first_query_and_for_other_tasks(project: Project) -> None:
    state = project.status()["search"]
    assert state["steps"] == [] and yield_said(state) == "" and in_vain(state) == 0
    assert project.add_task("kinds").status()["search"] is None


def test_the_report_shows_arms_and_what_is_not_promised(project: Project) -> None:
    page = render(gathered(project.context))
    assert "Nothing has been searched for yet" in page and "No audit yet." in page
    ask(project, [1, 2, 3, 4], ["linear + fuse", "fuse", "<b>", ""], ["search"] * 3 + ["calibration"], odd=[1, 2])
    page = render(gathered(project.context))
    assert "odd items found in 4 labels" in page and "most like the odd items found, by a linear head" in page
    assert "&lt;b&gt;" in page and "1 dull calibration item: false alarms on new items can be held to 1 in 2" in page
    kinds = render(gathered(project.add_task("kinds").context))
    assert "What found them" not in kinds and "What was missed" not in kinds


def test_an_audit_stands_in_status_and_report_with_what_it_assumes(project: Project) -> None:
    ask(project, list(range(1, 41)), ["fuse"] * 40, ["search"] * 40, odd=[1, 2, 3])
    project.draw_audit(60)
    state = project.status()
    assert state["guarantee"] is None and state["audit"]["open"] == 60
    page = render(gathered(project.context))
    assert "60 of 60 items wait for an answer" in page and "No audit yet" not in page
    asked = project.next(60, purpose="certify")
    project.label(asked.ids, ["dull"] * 60, by="ann", query=asked.id)
    project.certify()
    state = project.status()
    assert state["search"]["random"]["answered"] == 0, "it was drawn from the rest: it says nothing of the whole pool"
    assert state["search"]["audited"] == {"answered": 60, "odd": 0}
    assert state["search"]["steps"][-1]["labels"] == 100 and state["guarantee"]["decides"] == "known"
    side = set(stand(project.context).sides.drawn["calibration"].tolist())
    here = sum(id_ in side for id_ in asked.ids.tolist())
    assert here and state["search"]["calibration"]["dull"] == here, "as `screen` counts them"
    bound = state["guarantee"]["known"]["bound"]
    assert 0 < bound < 1 and state["guarantee"]["next"]["recall"] > bound
    assert f"An audit showed: {state['guarantee']['known']['claim']}" in " ".join(state["advice"]["reasons"])
    page = render(gathered(project.context))
    assert "Is it enough?" in page and "Go on labelling" not in page
    claim = state["guarantee"]["known"]["claim"]
    assert claim[0].upper() + claim[1:] in page
    assert all(line in page for line in state["guarantee"]["known"]["assumes"]) and "The next step: to show" in page


def test_a_dull_label_that_looks_odd_is_shown(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    x[:4] = x[4:8] + 30
    x[3] = x[2] + 0.01
    np.save(tmp_path / "x.npy", x)
    with create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen") as project:
        keys = [str(i) for i in range(100)]
        project.label(keys, ["odd" if i < 3 else "dull" for i in range(100)], by="ann")
        page = render(gathered(project.context))
        assert "Unsure?" in page and "near the odd item 2" in page


def test_every_arm_of_the_search_says_what_it_looks_for() -> None:
    assert set(BEFORE) <= set(ARMS)
