"""k-means and TypiClust: planted clusters are found, and seeds are good ones."""

import numpy as np
import pytest

from labelsieve.core.errors import InputError
from labelsieve.selection.clusters import DRAWN, _seeds, kmeans, typiclust


def planted(m: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    cell = np.arange(m) % k
    return (10 * np.eye(k)[cell] + 0.3 * rng.normal(size=(m, k))).astype(np.float32), cell


def inertia(x: np.ndarray, centres: np.ndarray, cell: np.ndarray) -> float:
    return float(((x - centres[cell]) ** 2).sum())


@pytest.mark.parametrize("k", [3, 40])
def test_planted_clusters_are_found_whatever_the_seed(k: int) -> None:
    x, cell = planted(800, k)
    for seed in range(5):
        _, found = kmeans(x, k, seed)
        assert len(np.unique(np.stack([cell, found]), axis=1).T) == k


def test_clusters_are_as_tight_as_those_of_scikit_learn() -> None:
    from sklearn.cluster import KMeans
    from sklearn.datasets import load_digits

    x = load_digits().data.astype(np.float32)[:600]
    ours = np.mean([inertia(x, *kmeans(x, 20, seed, steps=100)) for seed in range(3)])
    theirs = KMeans(20, n_init=3, random_state=0).fit(x).inertia_
    assert ours < 1.05 * theirs


def test_weights_count_like_repeats() -> None:
    x = np.array([[0.0], [1.0], [10.0]], np.float32)
    centres, cell = kmeans(x, 2, 0, weight=np.array([3.0, 1.0, 1.0]))
    assert sorted(centres[:, 0].round(3).tolist()) == [0.25, 10.0]
    assert cell[0] == cell[1] != cell[2]


def test_seeds_are_distinct_rows_even_among_repeats() -> None:
    x = np.repeat(np.arange(6, dtype=np.float32)[:, None], 200, axis=0)
    for k in (1, 6, 9, 3 * DRAWN):
        picked = _seeds(x, k, np.random.default_rng(k), np.ones(len(x)))
        assert len(np.unique(picked)) == k
        assert len(np.unique(x[picked])) == min(k, 6)  # all that is different comes before any repeat


def test_a_row_without_weight_is_no_seed() -> None:
    x = np.arange(100, dtype=np.float32)[:, None]
    weight = np.where(np.arange(100) < 50, 1.0, 0.0)
    assert all(_seeds(x, 20, np.random.default_rng(s), weight).max() < 50 for s in range(20))


def test_typical_rows_of_the_largest_bare_clusters() -> None:
    rng = np.random.default_rng(0)
    cell = np.repeat(np.arange(4), [400, 300, 200, 100])
    x = (10 * np.eye(4)[cell] + rng.normal(size=(1000, 4)) * rng.choice([0.1, 1.5], size=(1000, 1))).astype(np.float32)
    picked = typiclust(x, 3, labelled=np.array([0]))
    assert cell[picked].tolist() == [1, 2, 3]
    assert np.linalg.norm(x[picked] - 10 * np.eye(4)[cell[picked]], axis=1).max() < 0.5  # not the stray ones


def test_a_mapped_file_is_read_by_rows_and_bad_rows_are_named(tmp_path: object) -> None:
    x, _ = planted(300, 5)
    mapped = np.memmap(f"{tmp_path}/x", np.float64, "w+", shape=x.shape)
    mapped[:] = x
    assert typiclust(mapped, 9).tolist() == typiclust(x, 9).tolist()
    mapped[17, 2] = np.nan
    with pytest.raises(InputError, match="row 17"):
        typiclust(mapped, 9)
