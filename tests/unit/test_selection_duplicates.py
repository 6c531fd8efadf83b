"""Near-duplicates: against every pair of a small pool, and planted groups in larger ones."""

import time

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.errors import InputError, ShapeError
from labelsieve.selection.duplicates import groups_of_equals, near_duplicates


def planted(n: int, copies: int, dim: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows: n directions, each with some noisy copies, in random order; and which direction a row is of."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(n, dim))
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    of = rng.permutation(np.repeat(np.arange(n), copies))
    x = base[of] + noise / np.sqrt(dim) * rng.normal(size=(n * copies, dim))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), of


def test_planted_groups_are_found_and_nothing_else() -> None:
    x, of = planted(60, 5, 32, 0.05)
    stands = near_duplicates(x, 0.95)
    assert stands.dtype == np.int64
    assert len(np.unique(stands)) == 60
    np.testing.assert_array_equal(of[stands], of)
    groups = groups_of_equals(stands)
    assert [len(group) for group in groups] == [5] * 60
    assert all(stands[group[0]] == group[0] for group in groups)


@pytest.mark.parametrize("similarity", [0.5, 0.8, 0.95])
def test_no_two_kept_rows_are_near_and_no_row_is_far_from_its_own(similarity: float) -> None:
    x, _ = planted(40, 6, 4, 0.6, seed=1)  # overlapping: groups are not given by the data
    stands = near_duplicates(x, similarity)
    every = x @ x.T
    kept = np.unique(stands)
    np.testing.assert_array_equal(stands[kept], kept)
    assert every[np.arange(len(x)), stands].min() >= similarity - 1e-5
    among = every[np.ix_(kept, kept)] - np.eye(len(kept))
    alone = [k for k in kept.tolist() if (stands == k).sum() == 1]  # a group may be near another: neither fits whole
    assert all(among[kept.tolist().index(k)].max() < similarity + 1e-5 for k in alone)


def test_pairs_that_a_border_parts_are_rare() -> None:
    x, of = planted(2500, 2, 48, 0.05)  # more rows than are compared at once
    stands = near_duplicates(x, 0.98)
    np.testing.assert_array_equal(of[stands], of)
    assert len(np.unique(stands)) <= 2500 * 1.02


def test_thousands_of_copies_are_one_group_and_not_quadratic() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=(4, 16)).astype(np.float32)
    of = np.repeat(np.arange(4), 5000)
    exact = base[of]
    began = time.perf_counter()
    assert len(np.unique(near_duplicates(exact))) == 4
    blurred = exact + 1e-3 * rng.normal(size=exact.shape).astype(np.float32)
    stands = near_duplicates(blurred)
    assert len(np.unique(stands)) == 4
    np.testing.assert_array_equal(of[stands], of)
    assert time.perf_counter() - began < 30  # all pairs would be 4e8


def test_only_equal_rows_at_similarity_one() -> None:
    x = np.array([[1, 2], [1, 2], [1, 2.001], [0, 0], [-0.0, 0]])
    assert near_duplicates(x, 1.0).tolist() == [0, 0, 2, 3, 3]


def test_a_longer_row_of_the_same_direction_is_another_row() -> None:
    assert near_duplicates(np.array([[1.0, 1.0], [3.0, 3.0]]), 0.9).tolist() == [0, 1]


def test_small_and_flat_pools() -> None:
    assert near_duplicates(np.zeros((0, 3))).tolist() == []
    assert near_duplicates(np.ones((1, 3))).tolist() == [0]
    assert near_duplicates(np.zeros((4, 3))).tolist() == [0] * 4
    assert groups_of_equals(np.zeros(0, np.int64)) == []
    assert [g.tolist() for g in groups_of_equals(np.array([2, 1, 2]))] == [[2, 0]]


def test_the_same_seed_gives_the_same_groups() -> None:
    x, _ = planted(1500, 4, 16, 0.4)
    np.testing.assert_array_equal(ls.near_duplicates(x, 0.9, 3), ls.near_duplicates(x, 0.9, 3))


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(InputError, match="similarity is 1.5"):
        near_duplicates(np.eye(2), 1.5)
    with pytest.raises(InputError, match="row 1 of x is not finite"):
        near_duplicates(np.array([[1.0], [np.nan]]))
    with pytest.raises(ShapeError):
        near_duplicates(np.ones(3))
