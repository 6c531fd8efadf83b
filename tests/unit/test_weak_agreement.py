"""Agreement: published worked numbers, a naive reference, and what is undefined."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelsieve.core.errors import InputError, ShapeError
from labelsieve.weak.agreement import (
    alpha_interval,
    cohen_interval,
    cohen_kappa,
    fleiss_interval,
    fleiss_kappa,
    krippendorff_alpha,
)
from labelsieve.weak.answersets import Answers

# Fleiss, Levin, Paik. Statistical methods for rates and proportions, 3rd edition, table 18.1: kappa .676.
DIAGNOSES = np.array([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
# Ten subjects, 14 raters, five classes, as the worked table of Fleiss' kappa has them: .210.
SUBJECTS = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
)
# Krippendorff 2011, section D: four observers, twelve units, missing answers; nominal alpha .743.


def _observers() -> Answers:
    rows = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]
    cells = [(i, by, int(x) - 1) for by, row in enumerate(rows) for i, x in enumerate(row.split()) if x != "."]
    item, by_, code = np.array(cells, np.int64).T
    return Answers(item, by_, code, 12, 4, 5)


def test_cohen_gives_the_published_kappas() -> None:
    assert cohen_kappa(DIAGNOSES) == pytest.approx(0.676, abs=5e-4)
    assert cohen_kappa(np.array([[45, 15], [25, 15]])) == pytest.approx(0.1304, abs=5e-5)
    assert cohen_kappa(np.array([[25, 35], [5, 35]])) == pytest.approx(0.2593, abs=5e-5)


def test_fleiss_gives_the_published_kappa() -> None:
    assert fleiss_kappa(SUBJECTS) == pytest.approx(0.210, abs=5e-4)


def test_alpha_gives_the_published_number_with_missing_answers() -> None:
    assert krippendorff_alpha(_observers().counts()) == pytest.approx(0.743, abs=5e-4)


def _naive_alpha(counts: np.ndarray) -> float:
    """Coincidence by coincidence, as the paper writes it."""
    units = [[k for k, times in enumerate(row) for _ in range(times)] for row in counts if row.sum() >= 2]
    n = sum(map(len, units))
    observed = sum(sum(a != b for a, b in itertools.permutations(unit, 2)) / (len(unit) - 1) for unit in units) / n
    everything = [k for unit in units for k in unit]
    expected = sum(a != b for a, b in itertools.permutations(everything, 2)) / (n * (n - 1))
    return 1 - observed / expected


def _naive_cohen(pairs: np.ndarray) -> float:
    said = [(a, b) for (a, b), times in np.ndenumerate(pairs) for _ in range(times)]
    same = sum(a == b for a, b in said) / len(said)
    chance = sum(a == b for a in [x for x, _ in said] for b in [y for _, y in said]) / len(said) ** 2
    return (same - chance) / (1 - chance)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=2, max_size=8))
def test_alpha_is_that_of_the_naive_reference(rows: list[list[int]]) -> None:
    counts = np.array(rows)
    said = counts[counts.sum(axis=1) >= 2].sum(axis=0)
    if np.count_nonzero(said) < 2:
        assert math.isnan(krippendorff_alpha(counts))
    else:
        assert krippendorff_alpha(counts) == pytest.approx(_naive_alpha(counts))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 4), min_size=9, max_size=9))
def test_cohen_is_that_of_the_naive_reference(cells: list[int]) -> None:
    pairs = np.array(cells).reshape(3, 3)
    rows, columns = np.flatnonzero(pairs.sum(axis=1)), np.flatnonzero(pairs.sum(axis=0))
    if not len(rows) or (len(rows) == len(columns) == 1 and rows[0] == columns[0]):
        assert math.isnan(cohen_kappa(pairs))
    else:
        assert cohen_kappa(pairs) == pytest.approx(_naive_cohen(pairs))


@pytest.mark.parametrize("times", [1, 3])
def test_perfect_agreement_is_one_with_an_interval_of_one(times: int) -> None:
    counts = np.repeat(np.diag([2, 2, 2]), times, axis=0)
    rng = np.random.default_rng(0)
    assert krippendorff_alpha(counts) == fleiss_kappa(counts) == cohen_kappa(np.eye(3, dtype=int)) == 1.0
    assert (alpha_interval(counts, rng).low, fleiss_interval(counts, rng).low) == (1.0, 1.0)


def test_answers_at_random_agree_no_more_than_chance() -> None:
    said = np.random.default_rng(1).integers(0, 3, size=(4000, 3))
    counts = np.stack([(said == k).sum(axis=1) for k in range(3)], axis=1)
    found = alpha_interval(counts, np.random.default_rng(2))
    assert found.low < 0 < found.high
    assert abs(found.mean) < 0.03
    assert fleiss_kappa(counts) == pytest.approx(found.mean, abs=1e-3)  # they differ by 1 / n alone


def test_the_interval_of_cohen_covers_at_its_rate() -> None:
    """Pairs of a known kappa: .8 of all answers copied, the rest at random."""
    truth, covered = 0.8, 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        first = rng.integers(0, 4, 200)
        second = np.where(rng.random(200) < truth, first, rng.integers(0, 4, 200))
        pairs = np.bincount(first * 4 + second, minlength=16).reshape(4, 4)
        found = cohen_interval(pairs, rng, draws=300)
        covered += found.low <= truth <= found.high
    assert 88 <= covered <= 100


def test_equal_items_drawn_together_are_the_bootstrap_over_items() -> None:
    counts = np.repeat(SUBJECTS[:, :2] + 1, 20, axis=0)
    ours = alpha_interval(counts, np.random.default_rng(0), draws=4000)
    rng = np.random.default_rng(1)
    naive = [krippendorff_alpha(counts[rng.integers(0, len(counts), len(counts))]) for _ in range(1000)]
    low, high = np.quantile(naive, [0.025, 0.975])
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=0.02)


def test_the_same_rng_gives_the_same_interval() -> None:
    first, second = (cohen_interval(DIAGNOSES, np.random.default_rng(7)) for _ in range(2))
    assert first == second
    assert first.low < first.mean < first.high


@pytest.mark.parametrize("counts", [np.zeros((0, 3), int), np.array([[1, 0], [0, 1]]), np.array([[3, 0], [2, 0]])])
def test_nothing_to_disagree_about_is_undefined(counts: np.ndarray) -> None:
    found = alpha_interval(counts, np.random.default_rng(0))
    assert math.isnan(krippendorff_alpha(counts))
    assert all(map(math.isnan, (found.mean, found.low, found.high)))
    assert math.isnan(cohen_kappa(np.diag([len(counts), 0])))


def test_a_table_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="from 2 to 3 answers"):
        fleiss_kappa(np.array([[2, 0], [1, 2]]))
    with pytest.raises(ShapeError, match=r"expected \(c, c\)"):
        cohen_kappa(np.zeros((2, 3), int))
    with pytest.raises(ShapeError, match=r"expected \(n, c\)"):
        krippendorff_alpha(np.zeros(3, int))


def test_answers_are_counted_by_item_and_by_pair() -> None:
    answers = _observers()
    assert answers.counts().sum(axis=1).tolist() == [3, 4, 4, 4, 4, 4, 4, 4, 4, 3, 2, 1]
    pairs = answers.pair_counts(0, 1)
    assert pairs.sum() == 9
    assert pairs[0, 1] == 1  # the sixth unit
    assert (answers.pair_counts(1, 0) == pairs.T).all()
    again = Answers(np.array([0, 0, 0]), np.array([0, 1, 0]), np.array([0, 1, 1]), 1, 2, 2)
    assert again.pair_counts(0, 1).tolist() == [[0, 0], [0, 1]]  # the last answer counts


@pytest.mark.parametrize(("item", "code"), [([0, 2], [0, 0]), ([0, 1], [0, -1]), ([0, 1], [0, 2])])
def test_answers_beyond_the_table_are_refused(item: list[int], code: list[int]) -> None:
    with pytest.raises(InputError, match="expected 0 to 1"):
        Answers(np.array(item), np.array([0, 0]), np.array(code), 2, 1, 2)
    with pytest.raises(ShapeError, match="one an answer"):
        Answers(np.array(item), np.array([0]), np.array([0, 0]), 3, 1, 2)
