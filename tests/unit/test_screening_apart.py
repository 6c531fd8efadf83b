"""Items that stand alone: the formula, equal rows, what a large pool is compared with, and that it is kept."""

from typing import Any, cast

import numpy as np
import pytest

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels
from labelsieve.heads.fused import directions_of
from labelsieve.screening import apart
from labelsieve.screening.anomaly import rank
from labelsieve.screening.apart import apart_ranks, few_values, is_dense
from labelsieve.selection.candidates import thin


def round_of(x: np.ndarray, tabular: bool = False, ids: np.ndarray | None = None) -> Round:
    none = np.empty(0, np.int64)
    pool = ArrayPool(x.astype(np.float32), ids)
    return Round(pool, Labels(none, none, ("dull", "odd"), "screen"), tabular=tabular)


def gaps(x: np.ndarray, k: int = 5) -> np.ndarray:
    away = np.linalg.norm(x[:, None].astype(float) - x[None].astype(float), axis=2)
    np.fill_diagonal(away, np.inf)
    return np.sort(away, axis=1)[:, :k].mean(axis=1)


@pytest.mark.parametrize("tabular", [True, False])
def test_ranks_are_those_of_the_mean_distance_to_the_five_nearest(
    tabular: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "ROWS", 7)  # blocks do not matter
    x = np.random.default_rng(0).normal(size=(150, 6)).astype(np.float32)
    ids = np.arange(150) * 3 + 5
    expected = rank(gaps(directions_of(x, tabular)))
    assert np.allclose(apart_ranks(round_of(x, tabular, ids)), expected, atol=1e-6)


def test_a_dense_group_far_out_is_less_apart_than_a_row_alone_near_by() -> None:
    rng = np.random.default_rng(1)
    middle, group = rng.normal(size=(2, 20))
    x = np.concatenate([middle + 0.1 * rng.normal(size=(300, 20)), 3 * group + 0.1 * rng.normal(size=(30, 20))])
    x[7] = middle + rng.normal(size=20)
    found = apart_ranks(round_of(x))
    assert found[7] == 1.0
    assert np.median(found[300:]) < 0.9


def test_rows_with_five_equals_are_not_apart_at_all() -> None:
    x = np.random.default_rng(2).normal(size=(60, 4))
    x[:6] = x[0]
    found = apart_ranks(round_of(x))
    assert found[:6].max() < found[6:].min()


def test_a_large_pool_is_compared_with_a_random_part_of_which_no_row_is_its_own_neighbour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = np.random.default_rng(3).normal(size=(400, 3)).astype(np.float32)
    monkeypatch.setattr(apart, "PAIRS", 400 * 100)
    monkeypatch.setattr(apart, "AT_LEAST", 10)
    at = thin(np.arange(400), 100, np.random.default_rng(0))
    away = np.linalg.norm(x[:, None].astype(float) - x[None, at].astype(float), axis=2)
    away[at, np.arange(100)] = np.inf
    assert np.allclose(apart_ranks(round_of(x, True)), rank(np.sort(away, axis=1)[:, :5].mean(axis=1)), atol=1e-6)
    monkeypatch.setattr(apart, "PAIRS", 0)
    assert len(np.unique(apart_ranks(round_of(x, True)))) > 350  # ten rows are looked up at least


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_a_pool_of_a_few_rows_has_ranks_too(n: int) -> None:
    found = apart_ranks(round_of(np.random.default_rng(4).normal(size=(n, 3))))
    assert found.shape == (n,)
    assert np.isfinite(found).all()


def test_it_is_computed_once() -> None:
    state = round_of(np.random.default_rng(5).normal(size=(60, 2)))
    assert apart_ranks(state) is apart_ranks(state)


def test_bits_and_counts_are_few_values_whatever_their_scale_and_embeddings_are_not() -> None:
    rng = np.random.default_rng(6)
    for x in (rng.random((300, 9)) < 0.3, rng.poisson(2.0, (300, 9)) * 0.37 - 1.1, np.ones((30, 2))):
        assert few_values(x.astype(np.float32))
    some = np.concatenate([rng.normal(size=(300, 6)), rng.random((300, 4)) < 0.5], axis=1)
    for x in (rng.normal(size=(300, 9)), some, np.maximum(rng.normal(size=(300, 9)), 0), rng.normal(size=(12, 3))):
        assert not few_values(x.astype(np.float32))
    assert not few_values(np.empty((0, 3), np.float32))


def test_a_table_is_never_dense() -> None:
    x = np.random.default_rng(7).normal(size=(50, 4))
    assert is_dense(round_of(x))
    assert not is_dense(round_of(x, True))
    assert not is_dense(round_of(x > 0))


def test_where_there_are_feature_maps_patches_stand_for_what_is_apart() -> None:
    state = round_of(np.random.default_rng(8).normal(size=(50, 4)))
    assert is_dense(state)
    state.maps = cast(Any, object())
    assert not is_dense(state)
