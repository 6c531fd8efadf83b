"""GALAXY: classes take turns; gaps are halved, the shortest first, then what lies beside a cut."""

import numpy as np
from numpy.testing import assert_allclose

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels
from labelsieve.heads.choose import choose_head
from labelsieve.selection.galaxies import Line, bisected, by_galaxy, margins, members_of
from labelsieve.testing.toys import toy_classes


def line(answers: list[int], guess: list[int] | None = None) -> Line:
    """A line on which item i stands at place i."""
    places = np.arange(len(answers))
    return Line(places, places, np.array(answers), np.array(guess or [-1] * len(answers)))


def test_margins_are_against_the_best_other_class() -> None:
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(5), 40)
    expected = [[row[k] - max(np.delete(row, k)) for k in range(5)] for row in proba]
    assert_allclose(margins(proba, False), expected)
    assert_allclose(margins(np.array([[0.5, 0.5, 0.0]]), False), [[0.0, 0.0, -0.5]])
    assert_allclose(margins(np.array([[0.9, 0.2]]), True), [[0.8, -0.6]])


def test_the_middle_of_the_shortest_gap_is_next() -> None:
    assert line([-1, 0, 0, 0, 1, 0, -1]).halfway() == (2, 5)
    assert line([-1, 0, 0, 0, 1, 0, 1]).halfway() == (4, 2)
    assert line([-1, 1, 0, 0, 1]).halfway()[1] == -1  # labels that agree leave nothing to halve


def test_beside_a_cut_the_nearest_without_an_answer_is_next() -> None:
    assert line([0, 0, -1, 1, 1, 0]).beside() == (2, 1)
    assert line([0, 0, -1, -1, 1, 0]).beside() == (2, 5)
    assert line([0, 0, 0]).beside()[1] == -1


def test_a_gap_is_found_by_halving_and_then_opened_round_the_cut() -> None:
    n = 64
    guess = [-1] * 40 + [1] * 24  # the head turns between 39 and 40
    answers = [0] * n
    answers[0], answers[-1] = -1, 1
    found = bisected([line(answers, guess)], 0, 12).tolist()
    halving = [31, 47, 39, 43, 41, 40]
    assert found[:6] == halving
    assert set(found[6:]) <= set(range(32, 50))
    assert len(set(found)) == 12


def test_classes_take_turns_and_the_one_with_fewest_labels_begins() -> None:
    common = line([1] + [0] * 20 + [-1] + [1, 0])
    rare = line([-1] + [0] * 8 + [1] + [-1] + [0] * 13)
    assert bisected([common, rare], 0, 2).tolist() == [
        4,
        2,
    ]  # half of 0 .. 9, which the head denies; then half of 0 .. 4


def test_membership_knows_what_was_not_asked() -> None:
    labels = Labels(np.arange(2), np.array([[1, 0], [np.nan, 1]], np.float32), ("a", "b"), "multilabel")
    assert members_of(Round(ArrayPool(np.zeros((3, 1))), labels)).tolist() == [[1, -1], [0, 1]]


def test_it_finds_far_more_of_a_rare_class_than_chance() -> None:
    rng = np.random.default_rng(0)
    rare = rng.random(3000) < 0.02
    x = rng.normal(size=(3000, 4)).astype(np.float32)
    x[rare, 0] += 2.5
    y = rare.astype(np.int64)
    known = np.sort(np.concatenate([np.flatnonzero(y == 1)[:2], np.flatnonzero(y == 0)[:28]]))
    for number in range(8):
        labels = Labels(known, y[known], ("a", "b"))
        state = Round(ArrayPool(x), labels, choose_head(labels).fit(x[known], y[known]), number=number)
        known = np.union1d(known, by_galaxy(state, 10, np.random.default_rng(number)).ids)
    assert y[known].sum() - 2 > 5 * 80 * 0.02


def test_one_class_only_leaves_no_gap_and_still_fills_the_query() -> None:
    toy = toy_classes(100)
    known = np.flatnonzero(toy.y == 0)[:5]
    labels = toy.labels(known)
    state = Round(ArrayPool(toy.x), labels, choose_head(labels).fit(toy.x[known], labels.y))
    assert len(by_galaxy(state, 12, np.random.default_rng(0))) == 12
