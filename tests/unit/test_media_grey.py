"""Grey values of pictures with more than 8 bits: the range that a browser is told, and windows of it."""

import io
import json
import warnings
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelsieve.project.views import media


def tiff(values: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.asarray(values, np.float32)).save(out, "TIFF")
    return out.getvalue()


@pytest.mark.parametrize(
    ("values", "expected"),
    [([[1.0, 7.0]], (1.0, 7.0)), ([[np.nan, 2.0], [np.inf, -3.0]], (-3.0, 2.0)), ([[np.nan, np.nan]], (0.0, 0.0))],
)
def test_the_range_is_of_numbers_alone(
    monkeypatch: pytest.MonkeyPatch, values: Any, expected: tuple[float, float]
) -> None:
    monkeypatch.setattr(media, "_image", lambda context, item: ("a", tiff(values)))
    found = media.grey_range(None, 1)  # type: ignore[arg-type]
    assert found == expected
    json.dumps(found, allow_nan=False)


def test_windows() -> None:
    picture = tiff([[0.0, 50.0, 100.0, np.nan, np.inf]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert media._windowed(picture, 0.0, 100.0).tolist() == [[0, 127, 255, 0, 255]]
        assert media._windowed(picture, 25.0, 75.0).tolist() == [[0, 127, 255, 0, 255]]
        assert media._windowed(picture, -1e308, 1e308).tolist() == [[127, 127, 127, 127, 255]]
        assert media._windowed(picture, 0.0, 5e-324).shape == (1, 5)
