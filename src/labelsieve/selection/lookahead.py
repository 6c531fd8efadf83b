"""The nearest-neighbour model of active search: chances, and how many wanted items a label leads to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Ids, Vector

BLOCK = 64  # items evaluated at once


@dataclass
class Neighbourhoods:
    """m unlabelled items: what is thought of each beforehand, its labelled neighbours, how many of them are wanted,
    and who listens to it. The chance of an item is (prior + wanted neighbours) / (1 + labelled neighbours).

    Neighbours are mutual: in the papers an item that is near to hundreds of others tells all of them, and lookahead
    then asks about little else (measured).
    Source: Garnett et al. 2012, section 4; Jiang et al. 2017, section 5; there the prior is one number.
    """

    prior: Vector
    known: Vector
    hits: Vector
    listeners: Ids  # positions of the items that have item i among their neighbours: those of i, one after another
    first: Ids  # (m + 1,) where the listeners of item i begin

    @classmethod
    def of(cls, near: Ids, wanted: NDArray[np.bool_], prior: Vector) -> "Neighbourhoods":
        """From positions (l + m, k) of neighbours, -1 for none: the l labelled items first, `wanted` (l,) or not, and
        then the m others with their prior (m,). Cost: O((l + m) k log) for finding which neighbours are mutual.
        """
        row, column = np.nonzero(near >= 0)
        told, size = near[row, column], len(near)
        mutual = np.isin(row * size + told, told * size + row)
        row, told, first = row[mutual], told[mutual], len(wanted)
        ours = row >= first
        label = ours & (told < first)
        known = np.bincount(row[label] - first, minlength=size - first)
        hits = np.bincount(row[label] - first, weights=wanted[told[label]], minlength=size - first).astype(np.float64)
        both = ours & (told >= first)
        row, told = row[both] - first, told[both] - first
        order = np.argsort(told, kind="stable")
        begin = np.searchsorted(told[order], np.arange(size - first + 1))
        return cls(prior.astype(np.float64), known.astype(np.float64), hits, row[order].astype(np.int64), begin)

    def chance(self) -> Vector:
        """Probability (m,) that each item is wanted."""
        return (self.prior + self.hits) / (1.0 + self.known)

    def chance_after(self, answer: int) -> Vector:
        """Probability (m,) of each item once one more of its neighbours has the answer (1: wanted, 0: not)."""
        return (self.prior + self.hits + answer) / (2.0 + self.known)

    def learn(self, item: int, answer: int) -> None:
        """The item at this position is labelled: its listeners know one more."""
        told = self.listeners[self.first[item] : self.first[item + 1]]
        self.known[told] += 1.0
        self.hits[told] += answer


def most_finds(
    model: Neighbourhoods, open_: NDArray[np.bool_], ahead: int, rank: Vector, prune: bool = True
) -> tuple[int, float]:
    """The `open_` item (m,) that leads to most wanted ones, and how many: itself, and after its answer the `ahead`
    likeliest others at once. Ties by the larger upper bound, then by the smaller `rank` (m,).

    Items whose upper bound is no more than the best number found are pruned: the choice is the same.
    Source: Jiang et al. 2017 (ENS), sections 3 and 4; ahead = 1 is two-step lookahead (Garnett et al. 2012), 0 greedy.
    Cost: O(m k) for the bounds, then O(ahead + k) for each item that is evaluated.
    """
    chance = np.where(open_, model.chance(), -np.inf)
    ahead = min(ahead, int(open_.sum()) - 1)
    bound = np.round(chance if ahead <= 0 else _bounds(model, chance, open_, ahead), 9)
    order = np.lexsort((rank, -bound))[: int(open_.sum())]
    if ahead <= 0:
        return int(order[0]), float(bound[order[0]])
    top = np.argsort(-chance, kind="stable")
    found, best = -1, -np.inf
    for i in range(0, len(order), BLOCK):
        part = order[i : i + BLOCK]
        if prune and bound[part[0]] <= best:
            break
        no, yes = (_after(model, part, answer, chance, top, ahead) for answer in (0, 1))
        p = chance[part]
        score = np.minimum(np.round(p + (1 - p) * no + p * yes, 9), bound[part])
        if score.max() > best:  # the first of equals: it has the larger bound, then the smaller rank
            found, best = int(part[score.argmax()]), float(score.max())
    return found, best


def _bounds(model: Neighbourhoods, chance: Vector, open_: NDArray[np.bool_], ahead: int) -> Vector:
    """Upper bounds (m,) of the score, -inf where not open.

    The sum of the h largest numbers is at most h t + sum (v - t)+ for every t; with t the h-th largest chance, only
    the item and its listeners change that sum, and of the listeners at most h at once.
    """
    threshold = float(np.partition(chance, len(chance) - ahead)[len(chance) - ahead])
    above = np.maximum(np.where(open_, chance, threshold) - threshold, 0.0)
    base = ahead * threshold + above.sum()
    total = np.zeros(len(chance))
    p = np.where(open_, chance, 0.0)
    for answer, share in ((0, 1.0 - p), (1, p)):
        moved = np.maximum(np.where(open_, model.chance_after(answer), threshold) - threshold, 0.0) - above
        told = np.append(moved[model.listeners], 0.0)
        largest = np.maximum.reduceat(told, model.first[:-1])
        change = np.minimum(np.add.reduceat(told, model.first[:-1]), ahead * np.maximum(largest, 0.0))
        change[model.first[:-1] == model.first[1:]] = 0.0
        total += share * (base - above + change)
    return np.where(open_, p + total, -np.inf)


def _after(model: Neighbourhoods, part: Ids, answer: int, chance: Vector, top: Ids, ahead: int) -> Vector:
    """Sums (b,) of the `ahead` largest chances among the others, once each of `part` has the answer."""
    count = model.first[part + 1] - model.first[part]
    row = np.repeat(np.arange(len(part)), count)
    column = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    told = model.listeners[np.repeat(model.first[part], count) + column]
    widest = int(count.max(initial=0))
    kept = top[: ahead + widest + 1]
    place = np.full(len(chance), -1)
    place[kept] = np.arange(len(kept))
    values = np.full((len(part), len(kept) + widest), -np.inf)
    values[:, : len(kept)] = chance[kept]
    gone = np.concatenate([place[told], place[part]])
    of = np.concatenate([row, np.arange(len(part))])
    values[of[gone >= 0], gone[gone >= 0]] = -np.inf
    heard = np.isfinite(chance[told]) & (told != part[row])
    after = model.chance_after(answer)[told]
    values[row[heard], len(kept) + column[heard]] = after[heard]
    largest = np.partition(values, values.shape[1] - ahead, axis=1)[:, values.shape[1] - ahead :]
    return np.asarray(np.sort(largest, axis=1).sum(axis=1), np.float64)
