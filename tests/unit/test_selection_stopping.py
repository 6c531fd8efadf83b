"""Advice to stop: each signal against its formula, and what they say together."""

from dataclasses import replace

import numpy as np
import pytest

from labelsieve.core.types import Interval
from labelsieve.selection.stopping import Signals, advise, gained, kappa, mean_doubt

SETTLED = (0.991, 0.995, 0.999)


def test_kappa_is_agreement_beyond_chance() -> None:
    a = np.array([0, 0, 1, 1, 2, 2])
    assert kappa(a, a) == 1.0
    assert kappa(np.zeros(5, int), np.zeros(5, int)) == 1.0
    assert kappa(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])) == 0.0
    assert np.isnan(kappa(a[:0], a[:0]))


def test_advice_to_stop_needs_heads_that_agree_and_an_audit_that_gains_no_more() -> None:
    assert not advise(Signals()).stop
    assert advise(Signals()).reasons == ("Fewer than 3 rounds can be compared.",)
    assert not advise(Signals((0.995, 0.98, 0.999))).stop
    assert advise(Signals((0.995, 0.98, 0.999))).reasons == ("Heads still change from round to round.",)
    assert advise(Signals((0.9, *SETTLED))).stop
    assert not advise(Signals(SETTLED, audit=[0.7, 0.8, 0.85, 0.9])).stop
    both = advise(Signals(SETTLED, audit=[0.9, 0.902, 0.903, 0.904]))
    assert both.stop
    assert len(both.reasons) == 2
    assert "+0.4 points" in both.reasons[1]


def test_a_flat_audit_alone_is_no_reason_to_stop() -> None:
    advice = advise(Signals((0.5, 0.5, 0.5), audit=[0.9, 0.9, 0.9, 0.9]))
    assert not advice.stop
    assert len(advice.reasons) == 1


def test_a_spent_budget_is_a_reason_of_its_own() -> None:
    advice = advise(Signals(spent=60.0, budget=60.0, unit="minutes"))
    assert advice.stop
    assert advice.reasons == ("60 of 60 minutes are spent.",)
    assert not advise(Signals(spent=59.0, budget=60.0)).stop


def test_heads_that_move_no_item_count_as_settled() -> None:
    advice = advise(Signals(changed=(0.2, 0.004, 0.0, 0.005)))
    assert advice.stop
    assert advice.reasons == ("In each of the last 3 rounds at most 0.5 % of the items changed class.",)
    assert not advise(Signals(changed=(0.004, 0.0, 0.006))).stop
    assert not advise(Signals(changed=(0.0, 0.0))).stop
    assert not advise(Signals(changed=(float("nan"), 0.0, 0.0))).stop


def test_a_head_that_is_sure_of_the_pool() -> None:
    sure = advise(Signals(doubt=(0.4, 0.02, 0.02, 0.01)))
    assert sure.stop
    assert sure.reasons == ("The model is sure of the pool: its mean doubt is 0.01 of 1.",)
    assert not advise(Signals(doubt=(0.4, 0.021, 0.02, 0.01))).stop
    assert not advise(Signals(doubt=(0.02, 0.02, 0.01), audit=[0.5, 0.6, 0.7, 0.8])).stop


def test_doubt_that_falls_no_more_is_said_and_decides_nothing() -> None:
    advice = advise(Signals(doubt=(0.5, 0.5, 0.5, 0.495)))
    assert not advice.stop
    assert advice.reasons == ("Mean doubt of the pool moved by -0.005 in 3 rounds, to 0.49 of 1.",)
    assert advise(Signals(doubt=(0.5, 0.5, 0.5, 0.4))).reasons == ("Fewer than 3 rounds can be compared.",)
    assert advise(Signals(doubt=(0.5, 0.5, 0.5))).reasons == ("Fewer than 3 rounds can be compared.",)


def test_a_gain_whose_upper_limit_is_below_what_one_cares_for() -> None:
    small = [Interval(0.001, -0.006, high) for high in (0.005, 0.008, 0.007)]
    advice = advise(Signals((0.5, 0.5, 0.5), gains=small))
    assert advice.stop
    assert advice.reasons == (
        "Twice the labels gained at most 0.8 points on the same audit items (95 %); you care for 1 or more.",
    )
    assert not advise(Signals((0.5, 0.5, 0.5), gains=small, care=0.0075)).stop
    assert not advise(Signals(gains=small[:2])).stop
    assert not advise(Signals(gains=[*small, Interval(0.0, -0.02, 0.02)])).stop


def test_a_gain_that_is_surely_worth_it_speaks_against_stopping() -> None:
    calm = Signals(SETTLED, audit=(0.9, 0.9, 0.9, 0.9))
    assert advise(calm).stop
    growing = advise(replace(calm, gains=[Interval(0.05, 0.02, 0.08)]))
    assert not growing.stop
    assert growing.reasons[-1] == "Twice the labels still gained at least 2.0 points on the same audit items (95 %)."
    assert advise(replace(calm, gains=[Interval(0.05, 0.02, 0.08)], care=0.03)).stop
    assert advise(replace(calm, gains=[Interval(0.05, 0.02, 0.08)], spent=9, budget=9)).stop


def test_doubt_is_a_share_of_the_largest_entropy() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), size=50)
    naive = np.mean([-sum(q * np.log(q) for q in row) for row in p]) / np.log(4)
    assert mean_doubt(p.astype(np.float32)) == pytest.approx(naive, rel=1e-5)
    known = np.concatenate([p, np.zeros((50, 3))], axis=1)  # three classes of which nothing is known
    assert mean_doubt(known.astype(np.float32)) == pytest.approx(naive, rel=1e-5)
    assert mean_doubt(np.full((3, 2), 0.5, np.float32), multilabel=True) == pytest.approx(1.0)
    assert mean_doubt(np.array([[1.0, 0.0]] * 3, np.float32), multilabel=True) == 0.0


def test_a_head_of_one_class_has_no_doubt_to_speak_of() -> None:
    assert np.isnan(mean_doubt(np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)))
    assert np.isnan(mean_doubt(np.zeros((0, 3), np.float32)))


def test_a_gain_is_paired_by_item() -> None:
    rng = np.random.default_rng(0)
    before, after = np.repeat([0.0, 1.0], [40, 60]), np.repeat([1.0, 0.0, 1.0], [10, 30, 60])
    gain = gained(before, after, rng)
    assert gain.mean == pytest.approx(0.1)
    assert 0.03 < gain.low < 0.07
    assert 0.13 < gain.high < 0.17
    assert np.isnan(gained(before[:0], after[:0], rng).mean)


def test_few_items_on_which_nothing_changed_prove_nothing() -> None:
    few, many = (gained(np.ones(a), np.ones(a), np.random.default_rng(0)) for a in (30, 300))
    assert few.mean == many.mean == 0.0
    assert few.high > 0.05
    assert many.high < 0.01


def test_the_upper_limit_covers_the_true_gain() -> None:
    """200 slices of 150 items; 6 % get better and 4 % worse, so the true gain is 2 points."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        change = rng.choice([1.0, -1.0, 0.0], p=[0.06, 0.04, 0.9], size=150)
        held += gained(np.maximum(-change, 0.0), np.maximum(change, 0.0), rng).high >= 0.02
    assert held >= 185
