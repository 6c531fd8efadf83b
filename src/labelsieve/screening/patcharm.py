"""The arm of the search that looks at images patch by patch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.idsets import common
from labelsieve.core.types import DULL, Ids, Vector
from labelsieve.screening.patches import TINY, PatchBank, heat_score, pair_heat
from labelsieve.screening.ranking import Ranked
from labelsieve.selection.candidates import thin

if TYPE_CHECKING:
    from labelsieve.core.rounds import Round
    from labelsieve.screening.arms import Scene

SIZE = 1024  # patches of the bank: coarser than for a final score, since every query makes one anew
LEARN_FROM = 60  # dull images at most
BLOCK = 32  # images whose maps are in memory at once
MOST = 300  # random images that are scored, beside what stands on other lists


def by_patches(scene: Scene, besides: Mapping[str, Ranked]) -> Ranked | None:
    """Images with a patch that no dull image has, or that is unlike its template where the image has one.

    None without feature maps, or while there is neither a dull image nor a template.
    Of a large pool at most 300 random images and what stands on other lists are scored.
    Source: Roth et al. 2022 (PatchCore). Cost: about 10 ms an image that is scored, with maps of 56 x 56 x 64.
    """
    maps, labels = scene.state.maps, scene.state.labels
    if maps is None:
        return None
    dull = common(maps.ids, labels.ids[labels.y == DULL])
    paired = _paired(scene)
    free = common(maps.ids, scene.free) if len(dull) else common(paired, scene.free)
    if not len(dull) and not len(free):
        return None
    ids = thin(free, MOST, scene.rng)
    if len(ids) < len(free):
        ids = np.unique(np.concatenate([ids, *(common(free, np.sort(each.ids)) for each in besides.values())]))
    score, held = np.empty(len(ids)), np.isin(ids, paired)
    if held.any():
        score[held] = _unlike(scene, ids[held])
    if not held.all():
        learnt = np.sort(thin(dull, LEARN_FROM, scene.rng))
        bank = PatchBank(SIZE).fit(maps.take(learnt), maps.grid, scene.rng)
        score[~held] = np.concatenate([bank.score(maps.take(part)) for part in _blocks(ids[~held])])
    return Ranked.of(ids, score, scene.size, scene.rng)


def has_template(state: Round, ids: Ids) -> NDArray[np.bool_]:
    """Whether each image (m,) is held against its template, and not against the dull ones."""
    return np.zeros(len(ids), bool) if state.templates is None else np.isin(ids, state.templates.ids)


def _paired(scene: Scene) -> Ids:
    """The images with a map and a template, ascending."""
    maps, templates = scene.state.maps, scene.state.templates
    return np.empty(0, np.int64) if maps is None or templates is None else common(maps.ids, templates.ids)


def _unlike(scene: Scene, ids: Ids) -> Vector:
    """How unlike its template each image is at its oddest place (m,): 1 is as unlike as the median of them."""
    maps, templates = scene.state.maps, scene.state.templates
    assert maps is not None and templates is not None  # noqa: S101  only asked for images that have both
    parts = [heat_score(pair_heat(maps.take(part), templates.take(part), maps.grid)) for part in _blocks(ids)]
    score = np.concatenate(parts)
    return np.asarray(score / max(float(np.median(score)), TINY), np.float64)


def _blocks(ids: Ids) -> list[Ids]:
    return [ids[i : i + BLOCK] for i in range(0, len(ids), BLOCK)]
