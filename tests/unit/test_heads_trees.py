import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier

from labelsieve.heads.boosted import BINS, LEAST, LEAVES, Boosted
from labelsieve.heads.forest import Forest
from labelsieve.heads.threads import one_thread
from labelsieve.heads.trees import Grown, joined

X, DIGIT = load_digits(return_X_y=True)
X = (X + np.random.default_rng(0).normal(size=X.shape) / 10).astype(np.float32)


@pytest.mark.parametrize("y", [DIGIT, (DIGIT > 4).astype(int)], ids=["ten classes", "two classes"])
def test_our_arrays_give_what_scikit_learn_gives(y):
    forest = ExtraTreesClassifier(30, random_state=1).fit(X[:500], y[:500])
    ours = Forest(10, trees=30, seed=1).fit(X[:500], y[:500]).predict_proba(X)
    np.testing.assert_allclose(ours[:, : y.max() + 1], forest.predict_proba(X), atol=1e-6)
    boosted = HistGradientBoostingClassifier(
        max_iter=20, max_leaf_nodes=LEAVES, min_samples_leaf=LEAST, max_bins=BINS, early_stopping=False, random_state=1
    )
    with one_thread():
        boosted.fit(X[:500], y[:500])
    ours = Boosted(10, steps=20, seed=1).fit(X[:500], y[:500]).predict_proba(X)
    np.testing.assert_allclose(ours[:, : y.max() + 1], boosted.predict_proba(X), atol=1e-6)


def test_a_threshold_between_two_float32_numbers_keeps_every_row_on_its_side():
    low = np.float32(0.1)
    high = np.nextafter(low, np.float32(1))
    middle = float(low) + 0.75 * (float(high) - float(low))  # rounds up to `high` as float32
    leaf = np.array([-1, -1, -1])
    tree = Grown(leaf * 0, np.array([middle, 0, 0]), np.array([1, -1, -1]), np.array([2, -1, -1]), np.eye(3))
    out = joined([tree]).total(np.array([[low], [high]], dtype=np.float32), 3)
    np.testing.assert_array_equal(out, [[0, 1, 0], [0, 0, 1]])


def test_rows_are_walked_in_parts_without_a_seam(monkeypatch):
    head = Forest(10, trees=20).fit(X[:200], DIGIT[:200])
    whole = head.predict_proba(X)
    monkeypatch.setattr("labelsieve.heads.trees.CELLS", 20 * 100)
    np.testing.assert_array_equal(head.predict_proba(X), whole)


@pytest.mark.filterwarnings("error")
def test_many_classes_with_a_label_or_two_each_raise_no_warning():
    Forest(40, trees=3).fit(X[:60], np.arange(60) % 40)
