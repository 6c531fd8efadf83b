"""Taught items in pools, rounds and heads; what a gain at ranking is; which sources take part."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from labelsieve.core import plugins
from labelsieve.core.errors import InputError, UnknownName
from labelsieve.core.randomness import stream
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import DULL, ODD, Ids, Interval, Labels
from labelsieve.heads.fused import Fused
from labelsieve.project.lessons.judging import _said, as_facts, from_facts, judged, kept_of, rank_gain
from labelsieve.project.lessons.taught import MISSED, Taught
from labelsieve.project.slices import Sides
from labelsieve.project.standing import Stand, with_taught
from labelsieve.project.training import Chooser, fit
from labelsieve.selection.neighbours import exact_neighbours
from labelsieve.store.pools import TaughtPool
from labelsieve.testing.toys import toy_odd

TOY = toy_odd(400, odd=40, dim=12, distance=6.0, seed=1)
BASE = ArrayPool(TOY.x[:300], np.arange(1, 301))
THERE = np.arange(-100, 0)
OWN = np.arange(1, 41)


def taught(y: Any = TOY.y[300:], source: str = "plant", weight: float = 0.03) -> Taught:
    return Taught(THERE, np.asarray(y), np.full(100, weight), np.full(100, source), TOY.x[300:])


def labels(ids: Ids) -> Labels:
    return Labels(ids, TOY.y[ids - 1], ("dull", "odd"), "screen")


def test_a_taught_pool_finds_rows_of_both_sides_in_any_order() -> None:
    pool = TaughtPool(BASE, np.array([-7, -2]), TOY.x[300:302])
    assert pool.dim == 12 and pool.ids is BASE.ids
    assert np.array_equal(pool.take(np.array([5, -2, 1, -7, 5])), TOY.x[[4, 301, 0, 300, 4]])
    assert np.array_equal(pool.take(np.array([-7])), TOY.x[300:301])
    assert np.array_equal(pool.take(np.array([9])), TOY.x[8:9])
    with pytest.raises(UnknownName):
        pool.take(np.array([-3]))
    for ids in ([-2, -7], [-2, 3], [-2]):
        with pytest.raises(InputError, match="below 0 and ascending"):
            TaughtPool(BASE, np.array(ids), TOY.x[300:302])


def test_a_round_scores_labelled_items_of_both_sides_alike() -> None:
    pool = TaughtPool(BASE, THERE, TOY.x[300:])
    both = with_taught(labels(np.arange(1, 300)), taught())
    head = fit(Chooser("auto", True), pool, both)
    state = Round(pool, both, head)
    assert np.allclose(state.proba(both.ids), head.predict_proba(pool.take(both.ids)))  # nearly all of the pool
    assert state.free().tolist() == [300] and state.left() == 1


@pytest.mark.slow
def test_every_strategy_takes_taught_items_and_asks_none() -> None:
    from labelsieve.project.indexing import _within

    pool = TaughtPool(BASE, THERE, TOY.x[300:])
    both = with_taught(labels(OWN), taught())
    head, near = fit(Chooser("auto", True), pool, both), exact_neighbours(BASE)
    for name in plugins.names("strategies"):
        state = Round(
            pool, both, head, asked=OWN, number=4, costs={"scan": 1e-6, "budget": 100.0}, wanted=ODD, tabular=True,
            neighbours=lambda ids, k: _within(near, ids, k), price=lambda ids: np.ones(len(ids)),
        )  # fmt: skip
        ids = plugins.load("strategies", name)(state, 8, stream(0, name)).ids
        assert ids.min() > 40 and len(set(ids.tolist())) == 8, name


def test_rank_gain_is_the_difference_of_auroc() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(60) < 0.3).astype(np.int64)
    before, after = rng.normal(size=60), np.round(rng.normal(size=60) + y, 1)  # with ties

    def auroc(score: Any) -> float:
        pairs = [(a > b) + (a == b) / 2 for a in score[y == ODD] for b in score[y == DULL]]
        return float(np.mean(pairs))

    gain = rank_gain(before, after, y)
    assert gain.mean == pytest.approx(auroc(after) - auroc(before)) and gain.low < gain.mean < gain.high
    assert rank_gain(before, before, y).mean == 0
    assert np.isnan(rank_gain(before, after, np.zeros(60)).mean)


def standing(source: Taught | None, audit: Ids, train: Ids = OWN) -> Stand:
    from labelsieve.heads.view import View

    pool = TaughtPool(BASE, THERE, TOY.x[300:])
    view = View.fit(TOY.x, "z")
    none = np.empty(0, np.int64)
    sides = Sides(BASE.ids, {"audit": audit}, {"audit": 0.2})
    return Stand(
        pool=pool, raw=BASE, view=view, sides=sides, train=labels(train), audit=labels(audit),
        calibration=labels(none), control=none, answered=none, choose=Chooser("auto", True), taught=source,
    )  # fmt: skip


def fitted_on(stand: Stand) -> Any:
    return lambda labels: fit(stand.choose, stand.pool, labels)


def test_what_is_dropped_without_proof_is_not_said_to_hurt() -> None:
    assert _said(Interval(-0.01, -0.05, 0.03), "audit slice").startswith("no gain shown: -0.010 [-0.050, +0.030] on")
    assert _said(Interval(-0.04, -0.05, -0.03), "audit slice").startswith("it hurts: ")
    assert _said(Interval(0.0, -0.05, 0.03), "audit slice").startswith("it ranks no worse: ")


def test_a_source_that_swaps_odd_and_dull_is_dropped_and_a_like_one_is_kept() -> None:
    audit = np.arange(101, 180)
    few = np.concatenate([OWN[TOY.y[OWN - 1] == DULL][:20], OWN[TOY.y[OWN - 1] == ODD][:1]])
    right = standing(taught(weight=1.0), audit, np.sort(few))
    (verdict,) = judged(right, fitted_on(right))
    assert verdict.takes_part and verdict.gain is not None and verdict.gain.mean >= 0 and verdict.odd > 0
    wrong = standing(taught(1 - TOY.y[300:], weight=1.0), audit, np.sort(few))
    (verdict,) = judged(wrong, fitted_on(wrong))
    assert not verdict.takes_part and verdict.gain is not None and verdict.gain.mean < 0 and "hurts" in verdict.why
    assert verdict.judged_by == "audit"
    assert kept_of(wrong.taught, (verdict,)) is None
    assert from_facts(as_facts((verdict,))) == (verdict,)


def test_two_sources_are_judged_apart_and_what_is_taught_by_hand_never_is() -> None:
    parts = taught(np.where(np.arange(100) < 50, TOY.y[300:], 1 - TOY.y[300:]), weight=1.0)
    source = np.where(np.arange(100) < 50, "good", "swapped")
    source[:2] = MISSED
    state = standing(replace(parts, source=source), np.arange(101, 180), np.arange(1, 22))
    by_name = {verdict.source: verdict for verdict in judged(state, fitted_on(state))}
    assert by_name[MISSED].takes_part and by_name[MISSED].gain is None
    assert not by_name["swapped"].takes_part
    kept = kept_of(state.taught, by_name.values())
    assert kept is not None and "swapped" not in kept.source and (kept.source == MISSED).sum() == 2


@pytest.mark.parametrize(("audit", "says"), [(np.arange(101, 105), "4 audit items"), (np.arange(0), "0 audit items")])
def test_training_labels_judge_until_the_audit_slice_can(audit: Ids, says: str) -> None:
    own = np.arange(1, 61)
    odd, dull = own[TOY.y[own - 1] == ODD], own[TOY.y[own - 1] == DULL]
    few = standing(taught(), audit, np.sort(np.concatenate([dull, odd[:2]])))
    (verdict,) = judged(few, fitted_on(few))
    assert verdict.takes_part and says in verdict.why and "not yet judged" in verdict.why and not verdict.judged_by
    for y, kept in ((TOY.y[300:], True), (1 - TOY.y[300:], False)):
        more = standing(taught(y, weight=1.0), audit, np.sort(np.concatenate([dull[:6], odd[:4]])))
        (verdict,) = judged(more, fitted_on(more))
        assert verdict.judged_by == "labels" and verdict.takes_part is kept and says in verdict.why
    alone = standing(taught(), audit, np.arange(0))
    assert judged(alone, fitted_on(alone))[0].why == "nothing else is labelled yet"
    assert judged(standing(None, audit), fitted_on(few)) == ()


def test_dull_items_from_elsewhere_do_not_say_what_is_usual_here() -> None:
    rng = np.random.default_rng(0)
    pool, own = rng.normal(size=(200, 8)), rng.normal(size=(40, 8))
    away = rng.normal(size=(100, 8)) + 6
    x = np.concatenate([own, away]).astype(np.float32)
    weight = np.concatenate([np.ones(40), np.full(100, 0.03)])
    among = pool.astype(np.float32)
    plain = Fused(2, True).among(among).fit(x[:40], np.zeros(40, int))
    both = Fused(2, True).among(among).fit(x, np.zeros(140, int), weight)
    probe = (rng.normal(size=(20, 8)) + 6).astype(np.float32)
    assert np.allclose(both.score(probe), plain.score(probe))
    alone = Fused(2, True).among(among).fit(x[40:], np.zeros(100, int), weight[40:])  # then the pool itself does
    assert alone.score(probe).mean() > 1.5


def test_missed_odd_items_weigh_as_much_as_those_that_were_found() -> None:
    ten = labels(np.sort(np.concatenate([np.flatnonzero(TOY.y[:300] == ODD)[:10] + 1, [1, 2]])))
    one = Taught(np.array([-2, -1]), np.array([ODD, DULL]), np.ones(2), np.array([MISSED] * 2), TOY.x[300:302])
    odd = int((ten.y == ODD).sum())
    assert with_taught(ten, one).weight.tolist()[:3] == [odd, 1.0, 1.0]  # type: ignore[union-attr]
    assert with_taught(labels(np.arange(0)), one).weight.tolist() == [1.0, 1.0]  # type: ignore[union-attr]
    there = replace(one, source=np.array(["plant"] * 2))
    assert with_taught(ten, there).weight.tolist()[:2] == [1.0, 1.0]  # type: ignore[union-attr]
