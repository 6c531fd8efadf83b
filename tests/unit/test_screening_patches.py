"""The patch bank against what a loop over all patches gives; leave-one-out, pairs, and the edge cases."""

import numpy as np
import pytest

from labelsieve.core.errors import NotEnoughLabels, ShapeError
from labelsieve.screening.patches import SHARE, PatchBank, heat_score, pair_heat

GRID = (6, 7, 3)
CELLS = GRID[0] * GRID[1]


def textures(n: int, seed: int = 0) -> np.ndarray:
    """Maps (n, h * w * c) of one texture."""
    return np.random.default_rng(seed).normal(size=(n, CELLS * GRID[2])).astype(np.float32)


def with_spot(row: np.ndarray, y: int, x: int, by: float = 9.0) -> np.ndarray:
    found = row.copy().reshape(GRID)
    found[y, x] += by
    return found.ravel()


def naive(maps: np.ndarray, bank: np.ndarray) -> np.ndarray:
    patches, kept = maps.reshape(-1, GRID[2]), bank.reshape(-1, GRID[2])
    return np.array([np.linalg.norm(kept - patch, axis=1).min() for patch in patches]).reshape(len(maps), *GRID[:2])


def test_heat_is_the_distance_to_the_nearest_dull_patch() -> None:
    dull, new = textures(4), textures(2, 1)
    bank = PatchBank().fit(dull, GRID)
    assert np.allclose(bank.heat(new) * bank.limit, naive(new, dull), atol=1e-3)


def test_own_scores_leave_an_image_out_and_the_oddest_is_one() -> None:
    dull = textures(4)
    bank = PatchBank().fit(dull, GRID)
    most = max(1, round(SHARE * CELLS))
    left_out = [np.sort(naive(dull[i : i + 1], np.delete(dull, i, 0)).ravel())[-most:].mean() for i in range(4)]
    assert np.allclose(bank.own * bank.limit, left_out, atol=1e-3)
    assert bank.own.max() == pytest.approx(1) and bank.own.min() > 0.1
    assert bank.score(dull).max() < 1e-2  # which is why own is there


def test_a_spot_is_found_where_it_is_from_one_dull_image() -> None:
    row = np.tile(np.array([1.0, 2.0, 3.0], np.float32), CELLS) + 0.1 * textures(1)[0]
    bank = PatchBank().fit(row[None], GRID)
    assert bank.own[0] == pytest.approx(1)
    heat = bank.heat(with_spot(row, 4, 2)[None])[0]
    assert np.unravel_index(heat.argmax(), heat.shape) == (4, 2)
    assert bank.score(with_spot(row, 4, 2)[None])[0] > 5


def test_an_image_is_seen_by_its_own_patches_two_cells_away_alone() -> None:
    row = np.zeros(GRID, np.float32)
    row[2, 2:4] = 5.0  # two patches alike, side by side: they must not vouch for each other
    bank = PatchBank().fit(row.reshape(1, -1), GRID)
    assert bank.limit == pytest.approx(np.sqrt(75), rel=1e-3)


def test_a_coreset_keeps_what_is_rare_among_the_dull() -> None:
    dull = np.float32(0.05) * textures(30)
    dull[7] = with_spot(dull[7], 1, 1)
    dull[8] = with_spot(dull[8], 3, 3)
    bank = PatchBank(size=60).fit(dull, GRID)
    assert len(bank.state()["patches"]) == 60
    again = with_spot(textures(1, 5)[0] * 0.05, 5, 5)  # such a spot is dull here
    assert bank.score(again[None])[0] < 1.5
    assert bank.score(with_spot(again, 5, 5)[None])[0] > 5


def test_of_many_dull_images_some_are_learnt_from_and_it_is_said_which() -> None:
    bank = PatchBank(size=50).fit(textures(230), GRID)
    assert np.isfinite(bank.own).sum() == 200 and len(bank.own) == 230


def test_state_and_restore_are_the_same_to_the_bit() -> None:
    bank, new = PatchBank().fit(textures(3), GRID), textures(5, 2)
    again = PatchBank().restore(bank.state())
    assert np.array_equal(again.heat(new), bank.heat(new)) and np.array_equal(again.own, bank.own)
    assert again.grid == GRID


def test_identical_dull_images_still_give_a_scale() -> None:
    bank = PatchBank().fit(np.zeros((3, CELLS * GRID[2]), np.float32), GRID)
    assert np.isfinite(bank.own).all()
    assert bank.score(np.zeros((1, CELLS * GRID[2]), np.float32))[0] == 0
    assert bank.score(np.ones((1, CELLS * GRID[2]), np.float32))[0] > 1
    one = PatchBank().fit(np.zeros((1, 3), np.float32), (1, 1, 3))  # one cell: nothing is two cells away
    assert np.isfinite(one.own).all() and np.isfinite(one.score(np.ones((2, 3), np.float32))).all()


def test_the_seed_decides_and_the_size_of_the_call_does_not() -> None:
    dull, new = textures(20), textures(6, 1)
    bank = PatchBank(size=40).fit(dull, GRID, 3)
    assert np.array_equal(PatchBank(size=40).fit(dull, GRID, 3).heat(new), bank.heat(new))
    assert np.array_equal(np.concatenate([bank.heat(new[:1]), bank.heat(new[1:])]), bank.heat(new))


def test_a_pair_forgives_a_small_shift_and_shows_what_is_absent() -> None:
    template = textures(1)
    shifted = np.roll(template.reshape(GRID), 1, axis=1)
    inside = pair_heat(shifted.reshape(1, -1), template, GRID, window=1)[0][:, 1:]
    assert np.allclose(inside, 0, atol=1e-3)
    assert pair_heat(shifted.reshape(1, -1), template, GRID, window=0)[0].mean() > 0.5
    heat = pair_heat(with_spot(template[0], 2, 5)[None], template, GRID)[0]
    assert np.unravel_index(heat.argmax(), heat.shape) == (2, 5)


def test_a_window_larger_than_the_map_sees_all_of_it() -> None:
    a, b = textures(1)[0], textures(1, 1)[0]
    assert np.allclose(pair_heat(a[None], b[None], GRID, window=50), naive(a[None], b), atol=1e-3)


def test_bad_input_is_named() -> None:
    with pytest.raises(NotEnoughLabels, match="no dull image has a feature map"):
        PatchBank().fit(np.empty((0, CELLS * GRID[2]), np.float32), GRID)
    with pytest.raises(ShapeError, match=r"maps of shape \(2, 5\) do not fit a grid of 6 x 7 patches in 3 columns"):
        PatchBank().fit(np.ones((2, 5), np.float32), GRID)
    with pytest.raises(ShapeError, match="2 maps and 1 templates"):
        pair_heat(textures(2), textures(1), GRID)
    assert PatchBank().fit(textures(2), GRID).score(np.empty((0, CELLS * GRID[2]), np.float32)).shape == (0,)


def test_the_score_of_a_heat_is_the_mean_of_its_oddest_patches() -> None:
    heat = np.zeros((1, 100, 100), np.float32)
    heat[0, 0, :30] = 2.0
    assert heat_score(heat)[0] == pytest.approx(2)
    assert heat_score(heat[:, :5, :5])[0] == pytest.approx(2)
