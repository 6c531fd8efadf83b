"""The arm that looks at feature maps: when it speaks, what it finds, and what a query says of it."""

import numpy as np

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import DULL, ODD, Labels
from labelsieve.screening.arms import Scene, lists_of
from labelsieve.screening.patcharm import MOST, by_patches
from labelsieve.screening.ranking import Ranked
from labelsieve.screening.search import screen

GRID = (5, 5, 4)
N, ODDS = 120, (7, 33, 60, 61, 118)


class MapsOf(ArrayPool):
    grid = GRID


def state_of(labelled: dict[int, int], with_map: int = N, maps: bool = True, n: int = N) -> Round:
    """Images of one texture; the odd ones have one patch of another kind, and rows that say nothing."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, 3)).astype(np.float32)
    x = (0.1 * rng.normal(size=(n, 25, 4))).astype(np.float32)
    x[np.array(ODDS), 12] += 3
    known = np.array(sorted(labelled), np.int64)
    labels = Labels(known, np.array([labelled[i] for i in known.tolist()], np.int64), ("dull", "odd"), "screen")
    state = Round(ArrayPool(rows), labels)
    if maps:
        state.maps = MapsOf(x[:with_map].reshape(with_map, -1), np.arange(with_map))
    return state


def scene_of(state: Round, size: int = 5) -> Scene:
    return Scene(state, state.free(), size, np.random.default_rng(0))


def test_images_with_a_patch_that_no_dull_one_has_come_first() -> None:
    found = by_patches(scene_of(state_of({0: DULL, 1: DULL, 2: DULL})), {})
    assert found is not None and set(found.ids.tolist()) == set(ODDS)


def test_it_waits_for_maps_and_for_a_dull_label() -> None:
    assert by_patches(scene_of(state_of({0: DULL}, maps=False)), {}) is None
    assert by_patches(scene_of(state_of({7: ODD})), {}) is None
    assert by_patches(scene_of(state_of({})), {}) is None
    assert "patches" not in lists_of(scene_of(state_of({})))
    assert "patches" in lists_of(scene_of(state_of({0: DULL})))


def test_images_unlike_their_template_come_first_without_any_label() -> None:
    state = state_of({})
    assert state.maps is not None
    own = state.maps.take(np.arange(N)).reshape(N, 25, 4).copy()
    own[np.array(ODDS), 12] -= 3  # each image's own template has no such patch
    paired = np.arange(0, N, 1)[np.arange(N) != 61]
    state.templates = ArrayPool(own.reshape(N, -1)[paired], paired)
    found = by_patches(scene_of(state), {})
    assert found is not None and set(found.ids[:4].tolist()) == set(ODDS) - {61}
    assert 61 not in found.ids  # nothing is known to be dull, and it has no template
    state.labels = Labels(np.array([0]), np.array([DULL]), ("dull", "odd"), "screen")
    found = by_patches(scene_of(state, size=N), {})
    assert found is not None and 61 in found.ids
    why = [line for line in screen(state, 20, np.random.default_rng(0)).why if line.startswith("patches")]
    assert why and sum("less like its template" in line for line in why) >= len(why) - 1


def test_dull_items_without_a_map_are_no_help_and_items_without_one_are_not_asked() -> None:
    assert by_patches(scene_of(state_of({119: DULL}, with_map=100)), {}) is None
    found = by_patches(scene_of(state_of({0: DULL}, with_map=100), size=N), {})
    assert found is not None and found.ids.max() < 100 and 118 not in found.ids


def test_of_a_large_pool_a_part_is_scored_and_what_others_list() -> None:
    state = state_of({0: DULL, 1: DULL}, n=1000, with_map=1000)
    listed = Ranked(np.array([60, 7]), np.zeros(2))
    found = by_patches(scene_of(state, size=1000), {"other": listed})
    assert found is not None and MOST <= len(found.ids) <= MOST + 2
    assert {7, 60} <= set(found.ids[:5].tolist())


def test_a_query_says_which_arm_asked() -> None:
    state = state_of(dict.fromkeys(range(6), DULL))
    query = screen(state, 40, np.random.default_rng(1))
    said = dict(zip(query.ids.tolist(), zip(query.why, query.arms, strict=True), strict=True))
    asked = [item for item, (why, _) in said.items() if why.startswith("patches: a place that is less like any dull")]
    assert asked and set(asked[:3]) <= set(ODDS)  # others may have taken one of the five before
    assert all("patches" in said[item][1] for item in {*asked, *(said.keys() & set(ODDS))})
