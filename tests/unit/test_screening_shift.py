"""The two-sample test: against all pairs one by one, its level and its power, and what counts as another domain."""

import numpy as np
import pytest

from labelsieve.core.errors import ShapeError
from labelsieve.screening.shift import Side, away_from, energy_test, moved_columns, shift_of


def naive(x: np.ndarray, y: np.ndarray) -> float:
    def mean(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean([[np.linalg.norm(i - j) for j in b] for i in a]))

    return 1 - (mean(x, x) + mean(y, y)) / (2 * mean(x, y))


def rows(n: int, seed: int, move: float = 0.0, d: int = 6) -> np.ndarray:
    out = np.random.default_rng(seed).normal(size=(n, d)) + move
    return out.astype(np.float32)


POOL = rows(800, 0)


def side(x: np.ndarray, own: bool = False) -> Side:
    return Side(x, away_from(x, POOL, True, own), np.linalg.norm(x, axis=1).astype(float))


def test_the_statistic_as_counted_pair_by_pair() -> None:
    x, y = rows(7, 0, 0.5), rows(11, 1)
    energy, _ = energy_test(x, y, np.random.default_rng(0))
    assert energy == pytest.approx(naive(x, y), abs=1e-5)


def test_p_keeps_its_level_and_sees_a_move() -> None:
    level = [energy_test(rows(20, 2 * s), rows(40, 2 * s + 1), np.random.default_rng(s), 99)[1] for s in range(150)]
    assert np.mean(np.array(level) <= 0.05) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 150)
    assert 0.4 < np.mean(level) < 0.6
    power = [energy_test(rows(30, 2 * s, 0.8), rows(60, 2 * s + 1), np.random.default_rng(s), 99)[1] for s in range(20)]
    assert max(power) <= 0.02


def test_identical_rows_differ_in_nothing() -> None:
    assert energy_test(np.ones((5, 3), np.float32), np.ones((9, 3), np.float32), np.random.default_rng(0)) == (0.0, 1.0)
    with pytest.raises(ShapeError, match=r"\(5, 3\) and \(5, 4\)"):
        energy_test(np.ones((5, 3)), np.ones((5, 4)), np.random.default_rng(0))


def test_another_domain_is_one_that_differs_and_would_be_flagged() -> None:
    pool, rng = side(POOL, own=True), np.random.default_rng(5)
    assert not shift_of(side(rows(200, 1)), pool, 0.01, rng).another_domain
    few_odd = np.concatenate([rows(190, 2), rows(10, 3, 4.0)])
    seen = shift_of(side(few_odd), pool, 0.01, rng)
    assert seen.flagged == pytest.approx(0.05, abs=0.03) and not seen.another_domain
    other = shift_of(side(rows(200, 4, 4.0)), pool, 0.01, rng)
    assert other.another_domain and other.p == 0.001 and other.flagged > 0.95
    corner = shift_of(side(rows(200, 6) * 0.3), pool, 0.01, rng)  # it differs, and lies within the pool
    assert corner.p == 0.001 and not corner.another_domain


def test_another_length_and_another_direction_are_both_far() -> None:
    rng = np.random.default_rng(9)
    pool = rows(800, 0, d=64) * rng.uniform(0.3, 3, (800, 1)).astype(np.float32)  # length says little here
    turned = pool[:100] @ np.linalg.qr(rng.normal(size=(64, 64)))[0].astype(np.float32)
    lines = (rng.normal(size=(800, 1)) * np.ones(64) + 0.3 * rng.normal(size=(800, 64))).astype(np.float32)
    for base, new in ((lines, turned), (rows(800, 1, d=64), 5 * rows(100, 2, d=64))):
        score = np.zeros(len(base))
        reference = Side(base, away_from(base, base, False, own=True), score)
        seen = shift_of(Side(new, away_from(new, base, False), score[: len(new)]), reference, 0.01, rng)
        assert seen.far > 0.9 and seen.another_domain


def test_a_head_that_is_blind_to_the_move_does_not_hide_it() -> None:
    new = rows(200, 4, 4.0)
    blind = Side(new, away_from(new, POOL, True), np.random.default_rng(1).random(200) * 0.1)
    seen = shift_of(blind, side(POOL, own=True), 0.01, np.random.default_rng(0))
    assert seen.flagged == 0 and seen.far > 0.95 and seen.another_domain


def test_few_items_decide_nothing() -> None:
    seen = shift_of(side(rows(10, 4, 9.0)), side(POOL, own=True), 0.01, np.random.default_rng(0))
    assert not seen.decided and not seen.another_domain


@pytest.mark.parametrize("tabular", [True, False])
def test_the_nearest_as_looked_for_one_by_one(tabular: bool) -> None:
    x, pool = rows(30, 7, 0.3), rows(40, 8)

    def far(a: np.ndarray, b: np.ndarray) -> list[float]:
        cosine = 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        return [float(np.linalg.norm(a - b))] + ([] if tabular else [float(cosine)])

    found = away_from(x, pool, tabular)
    assert found == pytest.approx(np.array([np.min([far(a, b) for b in pool], axis=0) for a in x]), abs=1e-4)
    own = [np.min([far(a, b) for j, b in enumerate(pool) if j != i], axis=0) for i, a in enumerate(pool)]
    assert away_from(pool, pool, tabular, own=True) == pytest.approx(np.array(own), abs=1e-4)
    assert len(away_from(x[:0], pool, tabular)) == 0


def test_the_columns_that_moved() -> None:
    y = np.random.default_rng(0).normal(size=(500, 4)).astype(np.float32) * np.array([1, 10, 1, 0]) + np.array(
        [0, 5, 0, 7]
    )
    x = y[:100] + np.array([0, -30, 0, 0])
    assert [name for name, _ in moved_columns(x, y, list("abcd"), 1)] == ["b"]
    assert moved_columns(x, y, list("abcd"), 1)[0][1] == pytest.approx(-3, abs=0.3)
    flipped = y[:100] + np.array([0, 0, 0, -1])
    assert moved_columns(flipped, y, ["a", "b", "c", "fixed"], 1) == [("fixed", -1.0)]
    assert moved_columns(x, y, ["one", "two", "two", "one"])[0][0] == "two"
