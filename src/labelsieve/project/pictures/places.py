"""The odd places of a picture in words and on a drawing, where a project has feature maps."""

from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.types import Matrix
from labelsieve.project.hiding import Hidden
from labelsieve.project.pictures.mapping import Finder, save_heat
from labelsieve.project.pictures.overlays import name_of
from labelsieve.screening.explain import Part, place_in_words
from labelsieve.screening.heat import LOW
from labelsieve.screening.patches import heat_score

USUAL, PAIRED = "1 at most", "about 1, against its template"  # what the dull pictures have
APART = 0.1  # of a side: one place is named within so much


def odd_places(finder: Finder | None, id_: int, thing: Any) -> Hidden | None:
    """The places of a picture that are least like the dull ones (id below 0: not in the pool); None without maps."""
    heat = None if finder is None else finder.heat(id_) if id_ >= 0 else finder.heat_of(thing)
    if heat is None:
        return None
    paired = finder is not None and id_ >= 0 and finder.has_template(id_)
    whole = float(heat_score(heat[None])[0])
    note = "" if whole > LOW else f"no place of it is unlike {'its template' if paired else 'the dull pictures'}"
    return Hidden(tuple(_peaks(heat, PAIRED if paired else USUAL)), heat.astype(np.float64), 0, note)


def draw_places(thing: Any, heat: Matrix, folder: Path, key: str) -> Path:
    """Path of the PNG written: the picture with its patches painted by how odd they are."""
    return save_heat(thing, heat, folder / name_of(key))


def _peaks(heat: Matrix, usual: str, most: int = 3) -> list[Part]:
    """The oddest patches, each away from those before it."""
    left, (height, width) = heat.astype(np.float64), heat.shape
    near = max(1, round(APART * max(height, width)))
    found = []
    for _ in range(most):
        row, column = divmod(int(left.argmax()), width)
        if left[row, column] <= LOW:
            break
        where = f"({100 * (column + 0.5) / width:.0f} % from the left, {100 * (row + 0.5) / height:.0f} % from the top)"
        said = f"{where} {left[row, column]:.2f}"
        name = f"the {place_in_words(row, column, height, width)}"
        found.append(Part(name, float(left[row, column]), said, usual))
        left[max(0, row - near) : row + near + 1, max(0, column - near) : column + near + 1] = 0
    return found
