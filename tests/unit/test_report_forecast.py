"""The estimate of what more labels would buy: right on laws, wide where little is known, silent where nothing is."""

import numpy as np
import pytest

from labelsieve.core.statistics import wilson
from labelsieve.core.types import Interval
from labelsieve.project.curves import CurvePoint
from labelsieve.project.report.forecast import forecast_score

LABELS = np.arange(20, 221, 20)


def law(labels: np.ndarray) -> np.ndarray:
    return 0.95 - 1.5 * labels**-0.6


def points(labels: np.ndarray, score: np.ndarray, n: int = 100) -> list[CurvePoint]:
    return [CurvePoint(int(k), wilson(round(s * n), n), n) for k, s in zip(labels, score, strict=True)]


def test_a_law_is_continued() -> None:
    exact = [CurvePoint(int(k), Interval(law(k), law(k) - 0.01, law(k) + 0.01), 5000) for k in LABELS]
    found = forecast_score(exact, 100)
    assert found is not None
    assert found.labels == 320
    assert found.score.mean == pytest.approx(law(np.array(320.0)), abs=0.006)
    assert found.gain.mean == pytest.approx(law(np.array(320.0)) - law(np.array(220.0)), abs=0.006)


def test_the_interval_covers_what_then_happens() -> None:
    """Laws and audit slices drawn at random: the nominal 95 % hold within what 60 repetitions can tell."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(60):
        floor, slope, power, n = (
            rng.uniform(0.02, 0.3),
            rng.uniform(0.5, 2),
            rng.uniform(0.3, 0.9),
            int(rng.integers(30, 200)),
        )
        error = np.clip(floor + slope * np.append(LABELS, 320.0) ** -power, 0, 0.95)
        hard = rng.random(n)  # how hard each audit item is: the same items at every point
        right = [(hard > e).mean() for e in error[:-1]]
        found = forecast_score(points(LABELS, np.array(right), n), 100)
        assert found is not None
        covered += found.score.low <= 1 - error[-1] <= found.score.high
    assert covered / 60 >= 0.88


def test_fewer_audit_items_give_a_wider_interval() -> None:
    few, many = (forecast_score(points(LABELS, law(LABELS), n)) for n in (30, 3000))
    assert few is not None
    assert many is not None
    assert few.score.high - few.score.low > 2 * (many.score.high - many.score.low)


def test_the_score_stays_a_share() -> None:
    found = forecast_score(points(LABELS, np.ones(len(LABELS))))
    assert found is not None
    assert 0 <= found.score.low <= found.score.mean <= found.score.high <= 1


def test_a_falling_curve_promises_next_to_nothing() -> None:
    found = forecast_score(points(LABELS, np.linspace(0.9, 0.7, len(LABELS))))
    assert found is not None
    assert found.gain.mean < 0.01
    assert found.gain.low < 0


def test_too_little_says_nothing() -> None:
    assert forecast_score([]) is None
    assert forecast_score(points(LABELS[:3], law(LABELS[:3]))) is None
    assert forecast_score(points(np.array([100, 110, 120, 130]), np.full(4, 0.8))) is None


def test_the_same_seed_gives_the_same_estimate() -> None:
    curve = points(LABELS, law(LABELS))
    assert forecast_score(curve, seed=3) == forecast_score(curve, seed=3)
