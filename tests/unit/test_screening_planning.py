"""Plans against the bound that they plan for."""

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.errors import InputError
from labelsieve.core.randomness import stream


@pytest.mark.parametrize(("prevalence", "labels"), [(1e-2, 2_600), (1e-3, 26_000), (1e-4, 221_000)])
def test_the_prices_of_the_recipe(prevalence: float, labels: int) -> None:
    plan = ls.audit_plan(ls.Goal(1_000_000, prevalence, 0.9))
    assert plan.audit is not None
    assert plan.audit.labels == pytest.approx(labels, rel=0.04)
    assert ls.recall_bound(plan.odd, 1_000_000, plan.audit.labels, 0).bound >= 0.9
    assert ls.recall_bound(plan.odd, 1_000_000, plan.audit.labels - 1, 0).bound < 0.9


def test_looks_cost_more() -> None:
    one, three = (ls.audit_plan(ls.Goal(100_000, 1e-2, 0.9, looks=n)) for n in (1, 3))
    assert one.audit is not None and three.audit is not None
    assert 1.2 < three.audit.labels / one.audit.labels < 1.6
    assert three.each_look == pytest.approx(1 - 0.05 * 2 / 9)
    assert three.spikes[0.9] == 29, "items put in are not looked at several times"


def test_what_is_honest_where_proof_is_too_dear() -> None:
    plan = ls.audit_plan(ls.Goal(1_000_000, 1e-4, 0.9, labels=3000))
    assert not plan.affordable
    assert plan.recall_within == ls.recall_bound(100, 1_000_000, 3000, 0).bound < 0.1
    assert plan.rest_within.bound == pytest.approx(3 / 3000, rel=0.01)
    assert (plan.spikes[0.8], plan.spikes[0.9], plan.spikes[0.95]) == (14, 29, 59)


def test_less_than_one_odd_item() -> None:
    plan = ls.audit_plan(ls.Goal(1000, 1e-4))
    assert (plan.odd, plan.audit, plan.audit_if_missed, plan.affordable) == (0, None, None, False)


def test_a_search_that_missed_some_is_proved_four_times_in_five() -> None:
    goal = ls.Goal(20_000, 0.02, 0.8)
    plan = ls.audit_plan(goal)
    assert plan.audit_if_missed is not None and plan.audit is not None
    assert plan.audit_if_missed.labels > plan.audit.labels
    seen = stream(0, "plan").hypergeometric(plan.missed, goal.pool - plan.missed, plan.audit_if_missed.labels, 400)
    proved = [
        ls.recall_bound(plan.odd - plan.missed, goal.pool, plan.audit_if_missed.labels, k).bound >= 0.8 for k in seen
    ]
    assert np.mean(proved) > 0.74


def test_sheets_and_hours_follow_from_labels() -> None:
    plan = ls.audit_plan(ls.Goal(1_000_000, 1e-2, seconds=60))
    assert plan.audit is not None
    assert plan.audit.sheets == -(-plan.audit.labels // 64)
    assert plan.audit.hours == pytest.approx(plan.audit.sheets / 60)


def test_a_week_of_looking_is_the_most() -> None:
    assert ls.audit_plan(ls.Goal(10**8, 1e-4)).most_labels == 4800 * 64
    assert ls.audit_plan(ls.Goal(10**4, 1e-2)).most_labels == 2000


@pytest.mark.parametrize(
    "wrong",
    [
        {"pool": 0},
        {"pool": -5},
        {"pool": 1.5},
        {"prevalence": 0.0},
        {"prevalence": 1.0},
        {"recall": 1.0},
        {"recall": -1.0},
        {"confidence": 1.0},
        {"looks": 0},
        {"seconds": 0.0},
        {"seconds": float("nan")},
        {"labels": -1},
        {"labels": 2000},
    ],
)
def test_goals_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        ls.audit_plan(ls.Goal(**{"pool": 1000, "prevalence": 0.01, **wrong}))  # type: ignore[arg-type]
