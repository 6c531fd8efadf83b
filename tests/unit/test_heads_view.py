import numpy as np
import pytest

from labelsieve.core.errors import InputError, ShapeError, UnknownName
from labelsieve.heads.view import WAYS, View

X = np.random.default_rng(0).normal(3, 5, (200, 6)).astype(np.float32)


def test_unit_rows_have_norm_one_and_zero_rows_stay_zero():
    x = X.copy()
    x[3] = 0
    out = View.fit(x, "unit")(x)
    assert out.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(np.delete(out, 3, axis=0), axis=1), 1, rtol=1e-6)
    assert not out[3].any()


def test_z_scores_the_columns_and_leaves_a_constant_one_at_zero():
    x = X.copy()
    x[:, 2] = 7.7
    out = View.fit(x, "z")(x)
    np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.delete(out.std(axis=0), 2), 1, rtol=1e-5)
    np.testing.assert_allclose(out[:, 2], 0, atol=1e-5)


def test_zunit_rows_have_norm_sqrt_d():
    np.testing.assert_allclose(np.linalg.norm(View.fit(X, "zunit")(X), axis=1), np.sqrt(6), rtol=1e-5)


def test_isotropic_keeps_the_proportions_of_the_columns():
    x = X * np.array([8, 4, 2, 1, 0.5, 0.0])
    out = View.fit(x, "isotropic")(x)
    np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(axis=0) / out.std(axis=0)[0], x.std(axis=0) / x.std(axis=0)[0], atol=1e-5)
    np.testing.assert_allclose(np.mean(out.var(axis=0)), 1, rtol=1e-5)
    assert not View.fit(np.full((5, 2), 3.0), "isotropic")(np.full((5, 2), 3.0)).any()


@pytest.mark.parametrize("how", WAYS)
def test_a_restored_view_gives_the_same_rows(how):
    view = View.fit(X, how)
    np.testing.assert_array_equal(View.restore(view.state())(X), view(X))


def test_half_precision_and_integers_are_read():
    np.testing.assert_allclose(
        View.fit(X.astype(np.float16), "z")(X.astype(np.float16)), View.fit(X, "z")(X), atol=0.01
    )
    assert View.fit(np.arange(12).reshape(4, 3), "raw")(np.arange(3)[None]).dtype == np.float32


def test_errors_name_the_fact():
    with pytest.raises(UnknownName, match="'z'"):
        View.fit(X, "zz")
    with pytest.raises(ShapeError, match="4"):
        View.fit(X, "unit")(X[:, :4])
    with pytest.raises(ShapeError):
        View.fit(X[:0], "unit")
    bad = X.copy()
    bad[0, 1] = np.inf
    with pytest.raises(InputError, match="column 1"):
        View.fit(bad, "z")
