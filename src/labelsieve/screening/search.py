"""The `screen` strategy: many ways to search for odd items, each of which has to earn its share of a query."""

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator

from labelsieve.core.errors import InputError
from labelsieve.core.rounds import Round
from labelsieve.core.types import ODD, Ids, Query
from labelsieve.screening.apart import is_dense
from labelsieve.screening.arms import Scene, lists_of
from labelsieve.screening.bandit import JOIN, credits_of, drawn_order
from labelsieve.screening.patcharm import has_template
from labelsieve.screening.ranking import Ranked

EXPLORE = "explore"
LISTED = 10  # items on a list at least, so that arms are credited where one item is asked at a time
FLOOR = 0.05  # of all places are drawn at random, whatever the answers were
LOST, LOST_AFTER = 0.5, 150  # and half of them, step by step, while so many answers show nothing odd


def screen(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) that searches for odd items; scores are ranks in [0, 1] by the arm that asked.

    Arms: `anomaly` (unusual in the pool), `isolation` (an isolation forest that learns from answers), `medoids`
    (typical of cells without a label), `explore` (at random); from the first odd item on `linear`, `forest`, and `fuse`
    (linear and anomaly together). In a table also `tails` (values that few others reach), which `fuse` takes there;
    of dense embeddings `apart` (far from the items that are nearest to it), where trees start with less trust;
    with feature maps of images, `patches` (a place that no dull image has, or that is unlike its template). An arm is
    drawn by Thompson sampling on what its list found so far (`Round.past`), one place in twenty at random, up to every
    other one while 150 answers show nothing odd. `Query.arms` names the arms that had an item on their list,
    `Query.why` the one that asked for it; `propensity` is that of the random draw, else NaN.
    Give z-scored rows. PoolExhausted when fewer than n items are left; InputError for a task of many classes.
    Source: measured, see docs/decisions/0007-the-search.md. Cost: one scan of the pool by the linear head and about
    O(250 N); what depends on the pool alone is kept.
    """
    free = state.require(n)
    if state.labels.kind == "classes" and len(state.labels.classes) > 2:
        raise InputError(
            f"the strategy 'screen' tells odd from dull, and this task has {len(state.labels.classes)} classes.",
            "make the task with --task screen; greedy_search looks for one class of many.",
        )
    scene = Scene(state, free, max(n, LISTED), rng)
    lists = {**lists_of(scene), EXPLORE: Ranked(free[rng.choice(len(free), n, replace=False)], np.zeros(n))}
    asked = _shared_out(lists, n, state, rng)
    return _query(asked, lists, scene)


def _shared_out(lists: Mapping[str, Ranked], n: int, state: Round, rng: Generator) -> list[tuple[str, int]]:
    """(arm, place on its list) of each of n items: an arm is drawn, and gives its best item that is not taken yet."""
    credit, names, at_random = credits_of(state.past, state.labels), list(lists), share_at_random(state)
    dense = is_dense(state)
    taken: set[int] = set()
    after = dict.fromkeys(names, 0)
    asked = []
    for _ in range(n):
        order = drawn_order(names, credit, rng, dense)
        if rng.random() < at_random:
            order.insert(0, EXPLORE)
        for arm in order:  # a list may have run out: the next arm then
            ids = lists[arm].ids
            while after[arm] < len(ids) and int(ids[after[arm]]) in taken:
                after[arm] += 1
            if after[arm] < len(ids):
                break
        taken.add(int(ids[after[arm]]))
        asked.append((arm, after[arm]))
    return asked


def share_at_random(state: Round) -> float:
    """The least share of places that are drawn at random: 1/20, and more the longer nothing odd is found."""
    if (state.labels.y == ODD).any():
        return FLOOR
    return float(np.interp(len(state.labels), [0, LOST_AFTER], [FLOOR, LOST]))


def _query(asked: list[tuple[str, int]], lists: Mapping[str, Ranked], scene: Scene) -> Query:
    ids: Ids = np.array([lists[arm].ids[at] for arm, at in asked], np.int64)
    score = np.array([lists[arm].share[at] for arm, at in asked], np.float64)
    random = np.array([arm == EXPLORE for arm, _ in asked], bool)
    propensity = np.where(random, random.sum() / len(scene.free), np.nan)
    on_list = {arm: set(each.ids.tolist()) for arm, each in lists.items() if arm != EXPLORE}
    arms = tuple(
        JOIN.join([arm, *(other for other, items in on_list.items() if other != arm and item in items)])
        for (arm, _), item in zip(asked, ids.tolist(), strict=True)
    )
    against = np.where(has_template(scene.state, ids), "its template", "any dull image").tolist()
    why = tuple(
        _why(arm, float(share), scene.odd, other) for (arm, _), share, other in zip(asked, score, against, strict=True)
    )
    return Query(ids, score, propensity, "screen", why, (), len(scene.free), arms)


def _why(arm: str, share: float, odd: int, other: str) -> str:
    found = "the odd item known so far" if odd == 1 else f"the {odd} odd items known so far"
    part = f"{np.floor(min(share, 0.999) * 1000) / 10:g} % of the items left"  # never 100 % of the others
    return {
        "anomaly": f"anomaly: more unusual than {part}",
        "apart": f"apart: farther from its nearest items than {part}",
        "tails": f"tails: values that few others reach, more so than {part}",
        "isolation": f"isolation: easier to tell from all others than {part}",
        "medoids": "medoids: typical of a part of the pool with few labels",
        "linear": f"linear: more like {found} than {part}",
        "forest": f"forest: by decision trees more like {found} than {part}",
        "fuse": f"fuse: more like {found}, and more unusual, than {part}",
        "patches": f"patches: a place that is less like {other} than those of {part}",
        EXPLORE: "explore: drawn at random, since odd items may be of a kind that nothing points at yet",
    }[arm]
