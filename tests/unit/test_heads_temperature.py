import numpy as np
import pytest
from sklearn.datasets import load_digits

from labelsieve.core.errors import ShapeError
from labelsieve.heads.linear import Linear
from labelsieve.heads.metrics import ece
from labelsieve.heads.temperature import Temperature, cross_fitted
from labelsieve.heads.view import View

RNG = np.random.default_rng(0)
DIGITS, DIGIT = load_digits(return_X_y=True)
X = View.fit(DIGITS, "unit")(DIGITS)


def drawn(t, n=4000, c=5):
    """Codes drawn from softmax(z), and the probabilities of a head that says softmax(z / t)."""
    z = RNG.normal(size=(n, c)) * 2
    true = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    said = np.exp(z / t) / np.exp(z / t).sum(axis=1, keepdims=True)
    return said, (RNG.random((n, 1)) > true.cumsum(axis=1)).sum(axis=1)


@pytest.mark.parametrize("t", [0.5, 1.0, 3.0])
def test_undoes_the_temperature_of_a_head(t):
    said, y = drawn(t)
    assert Temperature.fit(said, y).t == pytest.approx(1 / t, rel=0.1)


def test_of_a_yes_no_question_too_and_nan_is_left_out():
    z = RNG.normal(size=(4000, 3)) * 2
    y = (RNG.random(z.shape) < 1 / (1 + np.exp(-z))).astype(float)
    said = 1 / (1 + np.exp(-z / 2))
    y[::3] = np.nan
    fitted = Temperature.fit(said, y)
    assert fitted.t == pytest.approx(0.5, rel=0.1)
    assert ece(y, fitted(said, multilabel=True)) < 0.5 * ece(y, said)


def test_never_changes_which_class_wins_and_a_class_without_labels_stays_at_zero():
    said, _ = drawn(1.0, 200)
    said[:, 3] = 0
    said /= said.sum(axis=1, keepdims=True)
    out = Temperature(4.0)(said)
    np.testing.assert_array_equal(out.argmax(axis=1), said.argmax(axis=1))
    np.testing.assert_allclose(out.sum(axis=1), 1, rtol=1e-5)
    assert not out[:, 3].any()


def test_makes_a_head_with_few_labels_honest():
    """Heads are under-confident with few labels; a random slice tells by how much."""
    before, after = [], []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(X))
        train, audit, rest = order[:100], order[100:200], order[200:]
        head = Linear(10).fit(X[train], DIGIT[train])
        fitted = Temperature.fit(head.predict_proba(X[audit]), DIGIT[audit])
        raw = head.predict_proba(X[rest])
        before.append(ece(DIGIT[rest], raw))
        after.append(ece(DIGIT[rest], fitted(raw)))
    assert np.mean(before) > 0.1
    assert np.mean(after) < 0.06


def test_cross_fitting_never_uses_an_items_own_answer():
    said, y = drawn(3.0, 40)
    out = cross_fitted(said, y)
    changed = y.copy()
    changed[7] = (y[7] + 1) % 5
    np.testing.assert_array_equal(cross_fitted(said, changed)[7], out[7])
    assert (cross_fitted(said, changed)[8] != out[8]).any()


def test_few_items_and_none():
    said, y = drawn(1.0, 3)
    assert np.isfinite(cross_fitted(said, y)).all()
    assert cross_fitted(said[:1], y[:1]).shape == (1, 5)
    assert cross_fitted(said[:0], y[:0]).shape == (0, 5)
    assert Temperature.fit(said[:, :2], np.full((3, 2), np.nan)).t == 1.0
    with pytest.raises(ShapeError):
        Temperature.fit(said, y[:2])
