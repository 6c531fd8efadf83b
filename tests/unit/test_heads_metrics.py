import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from labelsieve.core.errors import ShapeError
from labelsieve.heads.metrics import (
    accuracy,
    average_precision,
    balanced_accuracy,
    class_counts,
    confusion,
    ece,
    reliability,
)

RNG = np.random.default_rng(0)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=60))
def test_average_precision_is_that_of_scikit_learn(rows):
    y, score = np.array([r[0] for r in rows], int), np.array([r[1] for r in rows], float)
    ours = average_precision(y, score)
    if y.any():
        assert ours == pytest.approx(reference.average_precision_score(y, score))
    else:
        assert np.isnan(ours)


def test_average_precision_of_many_columns_leaves_out_what_was_not_asked():
    y, score = RNG.integers(0, 2, (50, 3)).astype(float), RNG.random((50, 3))
    y[:, 2] = 0  # nothing to find there
    y[::7, 0] = np.nan
    asked = ~np.isnan(y[:, 0])
    expected = np.mean([average_precision(y[asked, 0], score[asked, 0]), average_precision(y[:, 1], score[:, 1])])
    assert average_precision(y, score) == pytest.approx(expected)


def test_accuracies_and_confusion_are_those_of_scikit_learn():
    y, said = RNG.integers(0, 4, 300), RNG.integers(0, 4, 300)
    assert accuracy(y, said) == pytest.approx(reference.accuracy_score(y, said))
    assert balanced_accuracy(y, said) == pytest.approx(reference.balanced_accuracy_score(y, said))
    np.testing.assert_array_equal(confusion(y, said, 4), reference.confusion_matrix(y, said))


def test_class_counts_give_precision_and_recall():
    y, proba = RNG.integers(0, 3, 200), RNG.dirichlet(np.ones(3), 200)
    found = class_counts(y, proba)
    precision, recall, _, _ = reference.precision_recall_fscore_support(y, proba.argmax(axis=1))
    np.testing.assert_allclose(found.hits / found.true, recall)
    np.testing.assert_allclose(found.hits / found.predicted, precision)


def test_class_counts_of_multilabel_leave_out_what_was_not_asked():
    y = np.array([[1, np.nan], [0, 1], [1, 0]])
    found = class_counts(y, np.array([[0.9, 0.9], [0.8, 0.2], [0.1, 0.6]]))
    assert [found.hits.tolist(), found.true.tolist(), found.predicted.tolist()] == [[1, 0], [2, 1], [2, 1]]


def test_ece_is_small_for_an_honest_head_and_large_for_a_boaster():
    said = RNG.uniform(0.5, 1, 20_000)
    y = (RNG.random(20_000) > said).astype(int)  # class 0 is right as often as it says
    honest = np.stack([said, 1 - said], axis=1)
    assert ece(y, honest) < 0.02
    boast = np.tile([0.99, 0.01], (20_000, 1))
    assert ece(y, boast) == pytest.approx(0.99 - np.mean(y == 0), abs=1e-9)
    assert sum(part.count for part in reliability(y, honest)) == 20_000


def test_no_items_give_nan_and_shapes_must_agree():
    none = np.empty(0, int)
    assert np.isnan(accuracy(none, none))
    assert np.isnan(balanced_accuracy(none, none))
    assert np.isnan(ece(none, np.empty((0, 3))))
    with pytest.raises(ShapeError):
        accuracy(np.zeros(3), np.zeros(4))
