"""Head or patches: by the labelled items that neither saw, or patches while too little is known."""

import numpy as np
import pytest

from labelsieve.core.errors import ShapeError
from labelsieve.screening.choosing import FEW, choose_way, ranked_area


def naive(y: list[int], score: list[float]) -> float:
    pairs = [(a, b) for a, k in zip(score, y, strict=True) if k for b, j in zip(score, y, strict=True) if not j]
    return sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs)


def test_the_area_is_the_share_of_pairs() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        y, score = rng.integers(0, 2, 30), rng.integers(0, 8, 30).astype(float)
        y[:2] = 0, 1
        assert ranked_area(y, score) == pytest.approx(naive(y.tolist(), score.tolist()))
    assert np.isnan(ranked_area(np.zeros(3, int), np.arange(3.0)))


def test_the_better_one_is_taken_and_both_areas_are_said() -> None:
    y = np.repeat([0, 1], [8, FEW])
    good, bad = y + np.linspace(0, 0.5, len(y)), -y.astype(float)
    for head, patches, way in ((good, bad, "head"), (bad, good, "patches"), (good, good, "patches")):
        found = choose_way(y, head, patches)
        assert found.way == way and (found.odd, found.dull) == (FEW, 8)
        assert f"{found.head:.2f} by the head, {found.patches:.2f} by patches" in found.why


@pytest.mark.parametrize(
    ("odd", "dull", "said"), [(0, 9, "nothing odd is known"), (1, 9, f"1 of the {FEW}"), (9, 0, "dull")]
)
def test_too_little_is_known(odd: int, dull: int, said: str) -> None:
    y = np.repeat([0, 1], [dull, odd])
    found = choose_way(y, y.astype(float), -y.astype(float))
    assert found.way == "patches" and found.head is None and said in found.why


def test_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match="3 labels, 2 and 3 scores"):
        choose_way(np.zeros(3, int), np.zeros(2), np.zeros(3))
