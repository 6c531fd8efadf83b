"""Which side an item stands on: the random audit slice, never trained on until export, or the rest.

The side is a hash of the seed and the item's group (its id where there is none), so that it needs no
state, is the same in every process, holds for items that sync adds later, and no group stands on both sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.idsets import without
from labelsieve.core.randomness import hash_uniform, hash_uniform_text, stream
from labelsieve.core.types import Ids, Vector

AUDIT_SHARE = 0.05  # of the labels, once the slice has its smallest size
AUDIT_LEAST, AUDIT_MOST = 30, 300
BLOCK = 65_536  # ids that are hashed at once
AUDIT_PACE = 0.2  # of what is asked, until the slice has its smallest size

Groups = Sequence[str | None] | None  # one group an item, None for an item of its own


@dataclass(frozen=True, slots=True)
class Sides:
    """`audit` (a,) in the order in which it is asked; `search` (m,), ascending, is the rest of the pool's `ids`.

    `share` is an item's chance of audit.
    """

    audit: Ids
    ids: Ids
    share: float

    @property
    def search(self) -> Ids:
        """Cost: a copy of the ids."""
        return without(self.ids, self.audit)


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


def audit_share(n_items: int, budget: int = 0) -> float:
    """Share of the pool that is kept for the audit slice: 5 % of the budget (or of the pool), 30 to 300 items,
    and never more than a fifth of the pool."""
    wanted = np.clip(AUDIT_SHARE * (budget or n_items), AUDIT_LEAST, AUDIT_MOST)
    return float(min(wanted / max(n_items, 1), 0.2))


def sides(seed: int, ids: Ids, groups: Groups, share: float) -> Sides:
    """The two sides of a pool's ids, ascending. Within the audit side the order is random too, item by item.

    Cost: O(N), memory for a block.
    """
    parts = [ids[:0]]
    for i in range(0, len(ids), BLOCK):
        part = ids[i : i + BLOCK]
        mark = uniform(seed, part, None if groups is None else groups[i : i + BLOCK])
        parts.append(part[mark < share])
    audit = np.concatenate(parts)
    order = np.lexsort((audit, hash_uniform(seed + 1, audit)))
    return Sides(audit[order], ids, share)


def audit_quota(n: int, asked: int, audited: int) -> int:
    """How many of the next `n` items are audit items, after `asked` items of which `audited` were.

    >>> [audit_quota(10, 0, 0), audit_quota(10, 150, 30), audit_quota(100, 800, 30)]
    [2, 0, 15]
    """
    total = asked + n
    target = min(max(AUDIT_LEAST, int(AUDIT_SHARE * total)), AUDIT_MOST)
    pace = int(np.ceil(AUDIT_PACE * total))
    return max(0, min(n, min(target, pace) - audited))


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
