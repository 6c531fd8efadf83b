import numpy as np
import pytest

from labelsieve.core.errors import NotEnoughLabels
from labelsieve.heads.gaussian import Gaussian

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("n", "d"), [(50, 200), (300, 20), (100, 384), (20, 20), (2, 5)])
def test_rows_in_memory_give_the_estimate_of_chunks(n, d):
    mix = RNG.normal(size=(d, d))
    x, new = ((RNG.normal(size=(m, d)) @ mix).astype(np.float32) for m in (n, 40))
    chunks, rows = Gaussian.fit([x]), Gaussian.of_rows(x)
    assert rows.shrinkage == pytest.approx(chunks.shrinkage, rel=1e-5)
    np.testing.assert_allclose(rows.distance(new), chunks.distance(new), rtol=1e-4)
    again = Gaussian.restore(rows.state())
    np.testing.assert_array_equal(again.distance(new), rows.distance(new))


@pytest.mark.parametrize("d", [4, 60])
def test_a_row_of_little_weight_counts_little(d):
    x, new = RNG.normal(size=(30, d)).astype(np.float32), RNG.normal(size=(9, d)).astype(np.float32)
    far = np.concatenate([x, np.full((1, d), 50, np.float32)])
    weight = np.ones(31)
    weight[-1] = 1e-12
    np.testing.assert_allclose(
        Gaussian.of_rows(far, weight).distance(new), Gaussian.of_rows(x).distance(new), rtol=1e-3
    )
    assert Gaussian.of_rows(far).distance(far)[-1] < Gaussian.of_rows(x).distance(far)[-1]


@pytest.mark.parametrize("x", [np.ones((1, 3)), np.ones((7, 3)), np.zeros((7, 30)), RNG.normal(size=(1, 30))])
def test_copies_of_one_row_give_the_plain_distance_from_it(x):
    x = x.astype(np.float32)
    new = RNG.normal(size=(5, x.shape[1])).astype(np.float32)
    np.testing.assert_allclose(Gaussian.of_rows(x).distance(new), ((new - x[0]) ** 2).sum(axis=1), rtol=1e-5)


def test_no_row_is_told():
    with pytest.raises(NotEnoughLabels):
        Gaussian.of_rows(np.empty((0, 3), np.float32))
