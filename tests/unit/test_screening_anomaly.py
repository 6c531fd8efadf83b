import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from labelsieve.core.errors import NotEnoughLabels
from labelsieve.core.rounds import ArrayPool
from labelsieve.heads.gaussian import Gaussian
from labelsieve.screening.anomaly import mahalanobis, pool_anomaly, rank

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("n", "d"), [(400, 12), (30, 80)])
def test_distances_are_those_of_the_ledoit_wolf_covariance(n, d):
    x = (RNG.normal(size=(n, d)) @ RNG.normal(size=(d, d)) + 5).astype(np.float32)
    reference = LedoitWolf().fit(x.astype(float))
    np.testing.assert_allclose(mahalanobis(x), reference.mahalanobis(x.astype(float)), rtol=2e-2)
    chunked = Gaussian.fit([x[:7], x[7:7], x[7:]])
    assert chunked.shrinkage == pytest.approx(reference.shrinkage_, abs=0.01)
    np.testing.assert_allclose(chunked.distance(x), Gaussian.fit([x]).distance(x), rtol=1e-3)


def test_constant_columns_and_equal_rows_give_finite_distances():
    x = np.ones((20, 5), dtype=np.float32)
    assert np.isfinite(mahalanobis(x)).all()
    x[:, 0] = np.arange(20)
    assert np.isfinite(mahalanobis(x)).all()


def test_distance_from_dull_items_alone():
    dull = RNG.normal(size=(60, 4)).astype(np.float32)
    x = np.concatenate([RNG.normal(size=(50, 4)), RNG.normal(size=(5, 4)) + 6]).astype(np.float32)
    assert set(np.argsort(-mahalanobis(x, dull))[:5]) == set(range(50, 55))
    with pytest.raises(NotEnoughLabels, match="no row"):
        mahalanobis(x, dull[:0])


def test_a_large_pool_is_learnt_from_in_part_and_by_the_seed():
    pool = ArrayPool(RNG.normal(size=(3000, 6)).astype(np.float32))
    ids = pool.ids[::3]
    part = [pool_anomaly(pool, ids, np.random.default_rng(1), learn_from=1500) for _ in range(2)]
    np.testing.assert_array_equal(part[0], part[1])
    whole = pool_anomaly(pool, ids, np.random.default_rng(1))
    assert np.corrcoef(part[0], whole)[0, 1] > 0.98
    assert len(pool_anomaly(pool, ids[:0], np.random.default_rng(1))) == 0


def test_ranks_share_ties():
    assert rank(np.array([5.0, 5.0, 5.0])).tolist() == [0.5, 0.5, 0.5]
    assert rank(np.array([2.0])).tolist() == [1.0]
    assert rank(np.empty(0)).tolist() == []
