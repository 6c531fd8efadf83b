import numpy as np
import pytest

from labelsieve.core.types import DULL, ODD
from labelsieve.screening.doubts import doubtful

RNG = np.random.default_rng(0)


def naive(x, y):
    dull, odd = np.flatnonzero(y == DULL), np.flatnonzero(y == ODD)
    k, found = int(np.clip(len(dull) // 20, 1, 5)), {}
    for at in dull:
        far = np.linalg.norm(x - x[at], axis=1)
        to_dull = np.sort(far[dull[dull != at]])[k - 1]
        if far[odd].min() < 0.9 * to_dull:
            found[int(at)] = int(odd[np.argmin(far[odd])]), far[odd].min() / to_dull
    most = sorted(found, key=lambda at: found[at][1])[: max(len(dull) // 10, 1)]
    return {at: found[at] for at in most}


@pytest.mark.parametrize(("n", "d"), [(12, 3), (60, 5), (300, 8), (1500, 4)])
def test_finds_what_the_definition_says(n, d):
    x = RNG.normal(size=(n, d)).astype(np.float32)
    y = (np.arange(n) < max(n // 20, 2)).astype(int)
    found, wanted = doubtful(x, y), naive(x, y)
    assert set(found.at.tolist()) == wanted.keys()
    for at, odd, ratio in zip(*found, strict=True):
        assert wanted[at][0] == odd
        assert ratio == pytest.approx(wanted[at][1], abs=1e-5)
    assert (np.diff(found.ratio) >= 0).all()


def test_odd_items_answered_dull_are_found_among_many_dull_ones():
    x = RNG.normal(size=(520, 16)).astype(np.float32)
    x[:20] = 0.3 * x[:20] + 4.0
    y = np.where(np.arange(520) < 15, ODD, DULL)  # the last five of the kind were answered dull
    assert set(doubtful(x, y).at.tolist()) == set(range(15, 20))


def test_no_more_than_a_tenth_is_doubted_where_odd_and_dull_lie_together():
    x = RNG.normal(size=(300, 2)).astype(np.float32)
    y = np.where(np.arange(300) % 3 == 0, ODD, DULL)
    assert len(doubtful(x, y).at) == 20


def test_the_exact_copy_of_an_odd_item_is_doubtful_and_copies_of_dull_ones_are_not():
    x = RNG.normal(size=(50, 4)).astype(np.float32)
    x[1] = x[0]
    x[10:20] = x[9]
    y = np.zeros(50, int)
    y[0] = ODD
    found = doubtful(x, y)
    assert found.at[0] == 1 and found.odd[0] == 0 and found.ratio[0] == 0.0
    assert not np.isin(np.arange(9, 20), found.at).any()


@pytest.mark.parametrize("y", [[], [0], [1], [0, 0], [1, 1], [0, 1]])
def test_too_little_to_doubt(y):
    found = doubtful(np.zeros((len(y), 3), np.float32), np.array(y, int))
    assert [len(part) for part in found] == [0, 0, 0]


def test_rows_of_no_weight_neither_doubt_nor_are_doubted():
    x = RNG.normal(size=(40, 4)).astype(np.float32)
    x[1] = x[0]
    y = np.zeros(40, int)
    y[0] = ODD
    weight = np.ones(40)
    assert 1 in doubtful(x, y, weight).at
    weight[0] = 0
    assert len(doubtful(x, y, weight).at) == 0
    weight[:2] = 1, 0
    assert 1 not in doubtful(x, y, weight).at
