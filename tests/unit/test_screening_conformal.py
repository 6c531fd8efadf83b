"""Conformal p-values: against a naive count, by simulation, and at their edges."""

import numpy as np
import pytest

from labelsieve.core.errors import InputError, NotEnoughLabels
from labelsieve.screening.conformal import alarm_rate, discoveries, dull_needed, p_values


@pytest.mark.parametrize("ties", [False, True])
def test_p_values_as_counted_one_by_one(ties: bool) -> None:
    rng = np.random.default_rng(0)
    draw = (lambda n: rng.integers(0, 6, n) / 6) if ties else rng.random
    for m in (1, 2, 17, 100):
        dull, score = draw(m), draw(50)
        naive = [(1 + sum(d >= s for d in dull)) / (m + 1) for s in score]
        assert p_values(score, dull).tolist() == pytest.approx(naive)
        rate = alarm_rate(dull, 0.1)
        assert ((p_values(score, dull) <= 0.1 + 1e-12) == (score > rate.threshold)).all()


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_dull_items_are_flagged_at_most_as_often_as_promised(alpha: float) -> None:
    """6,000 draws of 150 calibration items and one dull item, with ties in the scores: the rate is exact without
    smoothing up to the steps of 1 / (m + 1)."""
    rng = np.random.default_rng(1)
    reps, m = 6_000, 150
    scores = np.round(rng.normal(size=(reps, m + 1)), 2)
    flagged = np.array([p_values(row[:1], row[1:])[0] <= alpha for row in scores])
    k = int(alpha * (m + 1) + 1e-9)
    spread = 4 * np.sqrt(alpha / reps)
    assert flagged.mean() <= alpha + spread
    assert flagged.mean() >= k / (m + 1) - 0.01 - spread  # ties cost little
    smooth = np.concatenate([p_values(row[:1], row[1:], rng) for row in scores])
    assert abs((smooth <= alpha).mean() - alpha) < spread


def test_the_rate_given_the_draw_is_bounded_in_95_of_100_draws() -> None:
    rng = np.random.default_rng(2)
    held = []
    for _ in range(1500):
        rate = alarm_rate(rng.random(120), 0.05)
        held.append(1 - rate.threshold <= rate.at_most)  # uniform scores: the true rate
    assert 0.93 < np.mean(held) < 0.97  # exact for scores without ties


def test_too_few_dull_items_flag_nothing_and_say_what_is_needed() -> None:
    rate = alarm_rate(np.linspace(0, 1, 50), 0.01)
    assert rate.threshold == float("inf") and rate.attained == 0 and rate.floor == 1 / 51
    assert dull_needed(0.01) == 99
    assert alarm_rate(np.linspace(0, 1, 99), 0.01).attained == pytest.approx(0.01)
    for alpha in (0.001, 0.003, 0.01, 0.017, 0.05, 0.3):
        need = dull_needed(alpha)
        assert 1 / (need + 1) <= alpha * (1 + 1e-9) < 1 / need


def test_a_threshold_below_every_score_and_equal_scores() -> None:
    assert alarm_rate(np.array([0.5]), 0.49).threshold == float("inf")
    assert alarm_rate(np.array([0.5]), 0.5).threshold == 0.5
    assert alarm_rate(np.array([0.2, 0.5]), 1 - 1e-12).threshold == 0.2
    same = alarm_rate(np.full(200, 0.7), 0.05)
    assert same.threshold == 0.7 and (p_values(np.full(9, 0.7), np.full(200, 0.7)) == 1).all()


def test_false_discoveries_are_bounded_on_average() -> None:
    """Source of the claim: Bates et al. 2023: one calibration set for all p-values of a batch."""
    rng, shares = np.random.default_rng(3), []
    for _ in range(400):
        dull = rng.normal(size=500)
        truth = np.arange(200) < 20
        score = rng.normal(size=200) + 4 * truth
        flagged = discoveries(p_values(score, dull), 0.2)
        shares.append((flagged & ~truth).sum() / max(flagged.sum(), 1))
    assert 0.1 < np.mean(shares) <= 0.2 + 4 * np.std(shares) / 20
    assert discoveries(np.array([0.5, 0.9]), 0.1).sum() == 0 and len(discoveries(np.empty(0), 0.1)) == 0


def test_discoveries_as_step_by_step() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        p = rng.random(int(rng.integers(1, 30))) ** 2
        k = max((i for i in range(1, len(p) + 1) if np.sort(p)[i - 1] <= 0.3 * i / len(p)), default=0)
        assert discoveries(p, 0.3).sum() == k


def test_what_cannot_be() -> None:
    with pytest.raises(NotEnoughLabels, match="no calibration item"):
        p_values(np.ones(3), np.empty(0))
    with pytest.raises(InputError, match="a score is nan"):
        p_values(np.array([1.0, np.nan]), np.ones(3))
    for wrong in (0.0, 1.0, -0.1, 5):
        with pytest.raises(InputError, match="the rate of false alarms is"):
            alarm_rate(np.ones(3), wrong)
