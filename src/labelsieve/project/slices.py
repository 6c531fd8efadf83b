"""Which side an item stands on: random sides that never train (audit, and in screens calibration), or the rest.

The side is a hash of the seed and the item's group (its id where there is none), so that it needs no
state, is the same in every process, holds for items that sync adds later, and no group stands on two sides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.idsets import without
from labelsieve.core.randomness import hash_uniform, hash_uniform_text, stream
from labelsieve.core.types import Ids, Kind, Purpose, Vector

AUDIT_SHARE = 0.05  # of the labels, once the slice has its smallest size
AUDIT_LEAST, AUDIT_MOST = 30, 300
LEAST_AUDIT = 10  # fewer audit items than this and nothing is claimed
BLOCK = 65_536  # ids that are hashed at once
AUDIT_PACE = 0.2  # of what is asked, until the slice has its smallest size

Groups = Sequence[str | None] | None  # one group an item, None for an item of its own


@dataclass(frozen=True, slots=True)
class Portion:
    """How much of a pool a side takes: a share of the budget (or of the pool), within limits in items."""

    share: float
    least: int
    most: int
    part: float  # of the pool, at most


PORTIONS: Mapping[Purpose, Portion] = {
    "audit": Portion(AUDIT_SHARE, AUDIT_LEAST, AUDIT_MOST, 0.2),
    "calibration": Portion(0.05, 120, 1000, 0.1),  # 99 dull items make a false-alarm rate of 1 in 100 attainable
}


def purposes_of(kind: Kind) -> tuple[Purpose, ...]:
    """What a task of this kind keeps a random side for, in the order in which they are cut off."""
    return ("audit", "calibration") if kind == "screen" else ("audit",)


@dataclass(frozen=True, slots=True)
class Sides:
    """`drawn[purpose]` (a,) in the order in which it is asked; `search` (m,), ascending, is the rest of `ids`.

    `shares[purpose]` is an item's chance of that side.
    """

    ids: Ids
    drawn: Mapping[Purpose, Ids]
    shares: Mapping[Purpose, float]

    @property
    def audit(self) -> Ids:
        """The audit side (a,), in the order in which it is asked."""
        return self.drawn["audit"]

    @property
    def share(self) -> float:
        """An item's chance of audit."""
        return self.shares["audit"]

    @property
    def aside(self) -> Ids:
        """Every item (k,) that no search may ask, ascending."""
        return np.sort(np.concatenate(list(self.drawn.values())))

    @property
    def search(self) -> Ids:
        """Cost: a copy of the ids."""
        return without(self.ids, self.aside)


def uniform(seed: int, ids: Ids, groups: Groups) -> Vector:
    """One number in [0, 1) an item (m,): the same for all items of a group."""
    out = hash_uniform(seed, ids)
    if groups is not None:
        seen: dict[str, float] = {}
        for at, group in enumerate(groups):
            if group is not None:
                if group not in seen:
                    seen[group] = hash_uniform_text(seed, group)
                out[at] = seen[group]
    return out


def share_of(purpose: Purpose, n_items: int, budget: int = 0) -> float:
    """Share of the pool that is kept for a purpose. audit: 5 % of the budget (or of the pool), 30 to 300 items, and
    never more than a fifth of the pool; calibration: 120 to 1,000 items, never more than a tenth."""
    portion = PORTIONS[purpose]
    wanted = np.clip(portion.share * (budget or n_items), portion.least, portion.most)
    return float(min(wanted / max(n_items, 1), portion.part))


def sides(seed: int, ids: Ids, groups: Groups, shares: Mapping[Purpose, float]) -> Sides:
    """The sides of a pool's ids, ascending. Within each random side the order is random too, item by item.

    The sides are cut off one after the other: a further purpose moves nothing between the ones before.
    Cost: O(N), memory for a block.
    """
    edges = np.cumsum([0.0, *shares.values()])
    parts: dict[Purpose, list[Ids]] = {purpose: [ids[:0]] for purpose in shares}
    for i in range(0, len(ids), BLOCK):
        part = ids[i : i + BLOCK]
        mark = uniform(seed, part, None if groups is None else groups[i : i + BLOCK])
        for k, found in enumerate(parts.values()):
            found.append(part[(mark >= edges[k]) & (mark < edges[k + 1])])
    drawn = {purpose: np.concatenate(found) for purpose, found in parts.items()}
    shuffled = {p: part[np.lexsort((part, hash_uniform(seed + 1, part)))] for p, part in drawn.items()}
    return Sides(ids, shuffled, dict(shares))


def random_quotas(n: int, asked: int, taken: Mapping[Purpose, int]) -> dict[Purpose, int]:
    """How many of the next `n` items come from each random side, after `asked` items, `taken` of them from each.

    All sides together are asked as much as the audit alone would be: several share it evenly.

    >>> [random_quotas(n, asked, {"audit": there})["audit"] for n, asked, there in ((10, 0, 0), (10, 150, 30))]
    [2, 0]
    >>> random_quotas(10, 0, {"audit": 0, "calibration": 0}), random_quotas(10, 40, {"audit": 4, "calibration": 90})
    ({'audit': 1, 'calibration': 1}, {'audit': 1, 'calibration': 0})
    """
    total = asked + n
    target = min(max(AUDIT_LEAST, int(AUDIT_SHARE * total)), AUDIT_MOST)
    goal = min(target, int(np.ceil(AUDIT_PACE * total)))
    out: dict[Purpose, int] = {}
    for k, (purpose, there) in enumerate(taken.items()):
        own = (goal + len(taken) - 1 - k) // len(taken)
        out[purpose] = max(0, min(own - there, n - sum(out.values())))
    return out


def split(seed: int, n_items: int, test: float, groups: Groups) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions (train, test) of a random split that keeps groups together. Both ascending.

    Groups are drawn until at least `test` of the items stand on the test side.
    """
    rng = stream(seed, "split")
    wanted = round(test * n_items)
    if wanted == 0:
        return np.arange(n_items), np.empty(0, np.int64)
    names = np.array([f"\0{i}" if g is None else g for i, g in enumerate(groups)] if groups else np.arange(n_items))
    _, code = np.unique(names, return_inverse=True)
    order = rng.permutation(code.max() + 1)
    counts = np.bincount(code)[order]
    taken = order[: int(np.searchsorted(np.cumsum(counts), wanted)) + 1]
    on_test = np.isin(code, taken)
    return np.flatnonzero(~on_test), np.flatnonzero(on_test)
