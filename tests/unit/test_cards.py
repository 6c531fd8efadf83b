"""Cards: what a screen shows of an item."""

from pathlib import Path

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.project.desk.cards import FEW, shown
from labelsieve.project.views.tiles import small_cards


@pytest.mark.parametrize("width", [3, FEW, FEW + 1])
def test_few_numbers_are_shown_one_by_one(tmp_path: Path, width: int) -> None:
    x = np.arange(2 * width, dtype=np.float32).reshape(2, width) / 4
    np.save(tmp_path / "x.npy", x)
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy") as project:
        (card,) = cards = shown(project.context, np.array([2]))
        assert card["numbers"] == width
        assert card.get("values") == (x[1].tolist() if width <= FEW else None)
        (tile,) = small_cards(project.context, cards)
        assert "values" not in tile
        assert tile["numbers"] == x[1, : len(tile["numbers"])].tolist()
