"""The arm of the search that looks at images patch by patch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from labelsieve.core.idsets import common
from labelsieve.core.types import DULL
from labelsieve.screening.patches import PatchBank
from labelsieve.screening.ranking import Ranked
from labelsieve.selection.candidates import thin

if TYPE_CHECKING:
    from labelsieve.screening.arms import Scene

SIZE = 1024  # patches of the bank: coarser than for a final score, since every query makes one anew
LEARN_FROM = 60  # dull images at most
MOST = 300  # random images that are scored, beside what stands on other lists


def by_patches(scene: Scene, besides: Mapping[str, Ranked]) -> Ranked | None:
    """Images with a patch that no dull image has; None without feature maps, or while no image is known to be dull.

    Of a large pool at most 300 random images and what stands on other lists are scored.
    Source: Roth et al. 2022 (PatchCore). Cost: about 10 ms an image that is scored, with maps of 56 x 56 x 64.
    """
    maps, labels = scene.state.maps, scene.state.labels
    if maps is None:
        return None
    dull = common(maps.ids, labels.ids[labels.y == DULL])
    if not len(dull):
        return None
    free = common(maps.ids, scene.free)
    ids = thin(free, MOST, scene.rng)
    if len(ids) < len(free):
        ids = np.unique(np.concatenate([ids, *(common(free, np.sort(each.ids)) for each in besides.values())]))
    learnt = np.sort(thin(dull, LEARN_FROM, scene.rng))
    bank = PatchBank(SIZE).fit(maps.take(learnt), maps.grid, scene.rng)
    score = np.concatenate([np.empty(0), *(bank.score(maps.take(ids[i : i + 32])) for i in range(0, len(ids), 32))])
    return Ranked.of(ids, score, scene.size, scene.rng)
