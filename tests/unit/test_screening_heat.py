"""Heat as colours: what is usual stays grey, what is odder is redder, and places stay where they are."""

import numpy as np

from labelsieve.screening.heat import HIGH, LOW, colours, levels, painted, smooth


def test_usual_places_stay_grey_and_odd_ones_turn_red_where_they_lie() -> None:
    picture = np.full((40, 60, 3), 120, np.uint8)
    heat = np.full((4, 6), 0.5, np.float32)
    heat[1, 4] = HIGH
    out = painted(picture, heat)
    assert out.shape == picture.shape and out.dtype == np.uint8
    assert np.ptp(out[30:, :20].reshape(-1, 3), axis=1).max() == 0
    red = out[..., 0].astype(int) - out[..., 1]
    assert np.unravel_index(red.argmax(), red.shape)[0] // 10 == 1 and red[15, 45] > 60


def test_a_coloured_picture_fades_and_an_empty_heat_paints_nothing() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[..., 1] = 200
    out = painted(picture, np.zeros((2, 2), np.float32))
    assert (out[..., 1] > out[..., 0]).all() and (np.ptp(out.astype(int), axis=2) < 100).all()


def test_levels_are_bounded_and_grow() -> None:
    found = levels(np.array([0.0, LOW, 1.0, HIGH, 99.0]))
    assert found[0] == found[1] == 0 and 0 < found[2] < 1 and found[3] == found[4] == 1


def test_deeper_colours_are_darker_so_that_they_read_in_grey() -> None:
    light = colours(np.linspace(0, 1, 20)) @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(light) < 0).all()


def test_smoothing_keeps_means_and_extremes_in_their_place() -> None:
    heat = np.array([[0.0, 1.0, 0.0]])
    wide = smooth(heat, 5, 30)
    assert wide.shape == (5, 30) and wide.max() <= 1 and wide[:, 14:16].min() > 0.9 and wide[:, 0].max() == 0
    assert np.allclose(smooth(np.array([[0.3]]), 4, 7), 0.3)
    assert np.allclose(smooth(np.arange(6.0).reshape(2, 3), 2, 3), np.arange(6.0).reshape(2, 3))
    small = smooth(np.random.default_rng(0).random((8, 8)), 3, 2)  # smaller than the heat
    assert small.shape == (3, 2) and np.isfinite(small).all()
