"""A heat map painted over its picture: where something is odd, and how odd against the oddest of the dull."""

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Matrix

Picture = NDArray[np.uint8]  # (h, w, 3)

LOW, HIGH = 0.75, 1.5  # in shares of the oddest dull patches: nothing is painted below, and no deeper colour above
STRONGEST = 0.8  # how much of the picture the colour covers at most
FADED = 0.6  # how much of its own contrast and colour the picture keeps
PAPER = 230  # the grey that it fades to
# Light to dark, so that it also reads in grey: pale yellow, orange, red, dark purple.
_STOPS = np.array([0.0, 0.33, 0.6, 1.0])
_COLOURS = np.array([[255, 237, 140], [253, 174, 55], [222, 45, 38], [95, 0, 80]], np.float64)


def painted(picture: Picture, heat: Matrix) -> Picture:
    """The picture (h, w, 3) with its heat (rows, columns) over it: the redder, the odder; what is usual stays grey.

    Cost: O(h w).
    """
    height, width = picture.shape[:2]
    level = levels(smooth(heat, height, width))
    cover = (STRONGEST * np.minimum(1.0, 2.5 * level))[..., None]
    grey = picture.astype(np.float64).mean(axis=2, keepdims=True)
    faded = PAPER * (1 - FADED) + FADED * (0.3 * picture + 0.7 * grey)
    return np.asarray(np.rint((1 - cover) * faded + cover * colours(level)), np.uint8)


def levels(heat: NDArray[np.floating]) -> NDArray[np.float64]:
    """Heat as 0 (usual) to 1 (half as odd again as the oddest of the dull, or more), of any shape."""
    return np.asarray(np.clip((heat - LOW) / (HIGH - LOW), 0.0, 1.0), np.float64)


def colours(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours (..., 3), 0 to 255, of levels 0 to 1."""
    return np.stack([np.interp(level, _STOPS, _COLOURS[:, channel]) for channel in range(3)], axis=-1)


def smooth(heat: Matrix, height: int, width: int) -> NDArray[np.float64]:
    """Heat (rows, columns) as (height, width), linear between the middles of its cells. Cost: O(h w).

    >>> smooth(np.array([[0.0, 1.0]]), 1, 4).tolist()
    [[0.0, 0.25, 0.75, 1.0]]
    """
    down = np.stack([np.interp(_middles(height, len(heat)), np.arange(len(heat)), column) for column in heat.T], axis=1)
    across = [np.interp(_middles(width, heat.shape[1]), np.arange(heat.shape[1]), row) for row in down]
    return np.stack(across)


def _middles(pixels: int, cells: int) -> NDArray[np.float64]:
    """Where the middle of each pixel lies, counted in cells."""
    return np.asarray((np.arange(pixels) + 0.5) * cells / pixels - 0.5, np.float64)
