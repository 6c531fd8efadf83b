"""Labels to look at again, on rows that lie so apart that what is wrong is known."""

import numpy as np
import pytest

from labelsieve.selection import second_look
from labelsieve.selection.second_look import said_around, second_opinion, suspicious


def two_heaps(n: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of two classes far apart, their classes, and five folds."""
    y = np.arange(n) % 2
    rng = np.random.default_rng(0)
    return rng.normal(10.0 * y[:, None], 0.5, (n, 3)).astype(np.float32), y, (np.arange(n) // 2) % 5


def test_what_stands_among_others_is_looked_at_again() -> None:
    x, y, fold = two_heaps()
    given = y.copy()
    given[6] = 1  # it is 0
    proba = np.eye(2)[y] * 0.8 + 0.1
    likely = second_opinion(x, proba, given, fold, "classes")
    at, surer = suspicious(likely, given)
    assert at.tolist() == [6]
    assert surer[0] == pytest.approx(0.9)  # the mean of .8 of the head and 1 of those around it


def test_a_head_alone_that_errs_is_not_enough() -> None:
    x, y, fold = two_heaps()
    proba = np.eye(2)[y] * 0.8 + 0.1
    proba[4] = proba[4, ::-1]  # the head says 1 of an item among items of 0
    assert suspicious(second_opinion(x, proba, y, fold, "classes"), y)[0].tolist() == []
    assert suspicious(second_opinion(x, proba, y, fold, "screen"), y)[0].tolist() == [4]  # no neighbours have a say


@pytest.mark.parametrize(("labels", "looked_at"), [(second_look.LEAST - 1, []), (second_look.LEAST, [0])])
def test_a_class_of_few_labels_is_not_gainsaid(labels: int, looked_at: list[int]) -> None:
    given = np.repeat([0, 1], [labels, 20])
    likely = np.eye(2)[given]
    likely[0] = 0.1, 0.9
    assert suspicious(likely, given)[0].tolist() == looked_at


def test_neighbours_of_the_own_fold_have_no_say() -> None:
    x = np.zeros((4, 2), np.float32)
    shares = said_around(x, np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), 3)
    assert shares.round(9).tolist() == [[0, 1, 0], [0, 1, 0], [1, 0, 0], [1, 0, 0]]
    assert said_around(x, np.array([0, 0, 1, 1]), np.zeros(4, np.int64), 2).tolist() == [[0, 0]] * 4


def test_the_nearer_weigh_more(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)
    y, fold = np.array([0, 1, 0, 0]), np.array([0, 1, 1, 1])
    expected = np.array([1.0, 2**-0.5, 3**-0.5])
    assert said_around(x, y, fold, 2)[0].tolist() == pytest.approx(
        [(expected[1] + expected[2]) / expected.sum(), expected[0] / expected.sum()]
    )
    monkeypatch.setattr(second_look, "AMONG", 2)  # of three others every second one
    assert said_around(x, y, fold, 2)[0].tolist() == pytest.approx([1 / (1 + 2**-0.5), 2**-0.5 / (1 + 2**-0.5)][::-1])


def test_several_classes_an_item() -> None:
    y = np.zeros((20, 2))
    y[:10] = 1.0  # both classes on half of the items
    proba = np.where(y > 0.5, [0.9, 0.3], [0.1, 0.2])  # the first is known, the second is not
    proba[0] = 0.05, 0.05
    proba[19] = 0.1, 0.95
    x, fold = np.zeros((20, 1), np.float32), np.arange(20) % 5
    at, surer = suspicious(second_opinion(x, proba, y, fold, "multilabel"), y)
    assert at.tolist() == [0, 19]  # lacks the first, and has the second; nobody misses the second on items 1 to 9
    assert surer == pytest.approx([0.9, 0.9])


def test_nothing_labelled_is_nothing_to_look_at() -> None:
    none = np.empty((0, 2)), np.empty(0, np.int64)
    assert suspicious(*none)[0].tolist() == []
    assert second_opinion(np.empty((0, 3), np.float32), none[0], none[1], none[1], "classes").shape == (0, 2)
