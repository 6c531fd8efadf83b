"""Sets of ids as ascending arrays: a few among many are found by bisection, and the many are not gone through."""

import numpy as np

from labelsieve.core.types import Ids


def positions(ids: Ids, wanted: Ids) -> Ids:
    """Positions (m,) in ascending `ids` (N,) of those of `wanted` (k,) that are there. Cost: O(k log N)."""
    at = np.searchsorted(ids, wanted)
    inside = at < len(ids)
    if not inside.all():
        at, wanted = at[inside], wanted[inside]
    found: Ids = at[ids[at] == wanted]
    return found


def holds(ids: Ids, wanted: Ids) -> bool:
    """Whether all of `wanted` (k,) stand in ascending `ids` (N,). Cost: O(k log N), O(k) where both are the same."""
    return same(ids, wanted) or len(positions(ids, wanted)) == len(wanted)


def common(ids: Ids, wanted: Ids) -> Ids:
    """Ids (m,), ascending, that stand in both: ascending `ids` (N,) and ascending `wanted` (k,), without repeats.

    Cost: O(k log N), O(k) where both are the same.
    """
    return wanted if same(ids, wanted) else ids[positions(ids, wanted)]


def without(ids: Ids, gone: Ids) -> Ids:
    """Ascending `ids` (N,) but for those in `gone` (k,), in any order. Cost: one copy, none where nothing is gone."""
    at = positions(ids, gone)
    return np.delete(ids, at) if len(at) else ids


def same(a: Ids, b: Ids) -> bool:
    """Whether two arrays hold the same ids in the same order. Cost: O(k)."""
    return a is b or np.array_equal(a, b)
