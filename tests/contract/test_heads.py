"""What every head promises, for each name under the plug-in group "heads"."""

import numpy as np
import pytest

from labelsieve.core import plugins
from labelsieve.core.errors import InputError, NotEnoughLabels, ShapeError
from labelsieve.core.sockets import Head
from labelsieve.heads.foreign import foreign_head

NAMES = plugins.names("heads")
SCREEN_ONLY = {"usual", "fused"}  # answers one question only: odd or dull
CLASSES = [name for name in NAMES if name not in SCREEN_ONLY]
FOREIGN = "sklearn.linear_model:LogisticRegression"

RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(4, 12)) * 3
Y = RNG.permutation(np.arange(120) % 4)
X = (CENTRES[Y] + RNG.normal(size=(120, 12))).astype(np.float32)
NEW = (CENTRES[Y] + RNG.normal(size=(120, 12))).astype(np.float32)
MULTI = np.stack([Y == 0, Y > 1, Y == 3], axis=1).astype(np.float32)


def make(name, n_classes=4):
    return foreign_head(name, n_classes) if ":" in name else plugins.load("heads", name)(n_classes=n_classes)


@pytest.mark.parametrize("name", [*CLASSES, FOREIGN])
class TestClasses:
    def test_learns_and_gives_probabilities_in_float32(self, name):
        head = make(name)
        assert isinstance(head, Head)
        assert head.fit(X, Y) is head
        proba = head.predict_proba(NEW)
        assert (proba.shape, proba.dtype) == ((120, 4), np.float32)
        assert ((proba >= 0) & (proba <= 1)).all()
        np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)
        assert (proba.argmax(axis=1) == Y).mean() > 0.9

    def test_a_class_without_labels_has_probability_zero(self, name):
        kept = (Y == 1) | (Y == 3)
        proba = make(name, 6).fit(X[kept], Y[kept]).predict_proba(NEW)
        assert proba.shape == (120, 6)
        assert not proba[:, [0, 2, 4, 5]].any()
        np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)

    def test_one_class_or_one_label_is_enough(self, name):
        for rows in (Y == 2, np.flatnonzero(Y == 2)[:1]):
            proba = make(name).fit(X[rows], Y[rows]).predict_proba(NEW)
            np.testing.assert_array_equal(proba, np.tile(np.float32([0, 0, 1, 0]), (120, 1)))

    def test_one_label_a_class_is_enough(self, name):
        first = np.array([np.flatnonzero(k == Y)[0] for k in range(4)])
        proba = make(name).fit(X[first], Y[first]).predict_proba(NEW)
        assert np.isfinite(proba).all()

    def test_the_same_labels_give_the_same_head(self, name):
        a, b = (make(name).fit(X, Y).predict_proba(NEW) for _ in range(2))
        np.testing.assert_array_equal(a, b)

    def test_rows_stand_alone(self, name):
        head = make(name).fit(X, Y)
        whole = head.predict_proba(NEW)
        np.testing.assert_allclose(head.predict_proba(NEW[[5, 3]]), whole[[5, 3]], atol=1e-5)
        assert head.predict_proba(NEW[:0]).shape == (0, 4)

    def test_fitting_again_forgets_what_was_before(self, name):
        head = make(name).fit(X[:40], Y[:40])
        np.testing.assert_allclose(
            head.fit(X, Y).predict_proba(NEW), make(name).fit(X, Y).predict_proba(NEW), atol=1e-5
        )

    def test_weight_zero_is_as_if_not_there(self, name):
        weight = (np.arange(120) < 60).astype(float)
        a = make(name).fit(X, Y, weight).predict_proba(NEW)
        b = make(name).fit(X[:60], Y[:60], np.ones(60)).predict_proba(NEW)
        np.testing.assert_allclose(a, b, atol=1e-5)

    def test_what_was_given_stays_as_it_is(self, name):
        x, y = X.copy(), Y.copy()
        make(name).fit(x, y).predict_proba(x)
        np.testing.assert_array_equal(x, X)
        np.testing.assert_array_equal(y, Y)

    def test_bad_input_is_named(self, name):
        with pytest.raises(NotEnoughLabels):
            make(name).fit(X[:0], Y[:0])
        with pytest.raises(NotEnoughLabels):
            make(name).predict_proba(X)
        with pytest.raises(ShapeError, match="120"):
            make(name).fit(X, Y[:7])
        with pytest.raises(InputError, match="0 to 4"):
            make(name, 5).fit(X, np.where(Y == 3, 7, Y))
        with pytest.raises(InputError, match="row 3 "):
            make(name).fit(np.where(np.arange(120)[:, None] == 3, np.nan, X), Y)
        with pytest.raises(ShapeError, match="11 columns"):
            make(name).fit(X, Y).predict_proba(X[:, :11])
        with pytest.raises(InputError, match="weight"):
            make(name).fit(X, Y, -np.ones(120))


@pytest.mark.parametrize("name", [*CLASSES, FOREIGN])
class TestMultilabel:
    def test_each_class_is_a_question_of_its_own(self, name):
        proba = make(name, 3).fit(X, MULTI).predict_proba(NEW)
        assert (proba.shape, proba.dtype) == ((120, 3), np.float32)
        assert (((proba > 0.5) == MULTI).mean(axis=0) > 0.85).all()

    def test_nan_is_not_asked(self, name):
        y = MULTI.copy()
        y[:50, 1] = np.nan
        a = make(name, 3).fit(X, y).predict_proba(NEW)
        b = make(name, 3).fit(X, np.where(np.isnan(y), 1 - MULTI, y)).predict_proba(NEW)
        assert ((a[:, 1] > 0.5) == MULTI[:, 1]).mean() > 0.8
        assert np.abs(a[:, 1] - b[:, 1]).max() > 0.1

    def test_one_answer_only_or_none_gives_the_smoothed_rate(self, name):
        y = np.stack([np.zeros(120), np.ones(120), np.full(120, np.nan), Y == 0], axis=1)
        proba = make(name).fit(X, y).predict_proba(NEW)
        np.testing.assert_allclose(proba[:, :3], np.tile([0.5 / 121, 120.5 / 121, 0.5], (120, 1)), rtol=1e-5)
        alone = make(name, 3).fit(X, y[:, :3]).predict_proba(NEW)
        np.testing.assert_allclose(alone, proba[:, :3], rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", ["classes", "gap", "two", "one", "multilabel", "unanswered"])
def test_a_head_comes_back_from_its_config_and_arrays(name, shape, tmp_path):
    """npz + plain config, nothing unpickled: the restored head gives the same numbers."""
    y, c = {
        "classes": (Y, 4),
        "gap": (np.where(Y == 2, 0, Y), 5),
        "two": (Y % 2, 2),
        "one": (np.zeros(120, int), 2),
        "multilabel": (MULTI, 3),
        "unanswered": (np.where(MULTI == 1, np.nan, 0), 3),
    }[shape]
    if name in SCREEN_ONLY and shape not in ("two", "one"):
        pytest.skip("a screen head knows odd and dull only")
    head = make(name, c).fit(X, y)
    np.savez(tmp_path / "head.npz", **head.state())
    with np.load(tmp_path / "head.npz", allow_pickle=False) as arrays:
        back = plugins.load("heads", name)(**head.config()).restore(dict(arrays))
    np.testing.assert_array_equal(back.predict_proba(NEW), head.predict_proba(NEW))
    assert back.config() == head.config()


def test_the_built_in_heads_are_there():
    assert {"means", "linear", "forest", "boosted"} <= set(NAMES)
