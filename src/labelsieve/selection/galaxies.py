"""GALAXY: order the pool along one line a class, and halve the gaps between what is in the class and what is not."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.randomness import hash_uniform
from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Matrix, Query
from labelsieve.selection.candidates import thin
from labelsieve.selection.composing import NOTHING_LEARNT, at_random, chosen

ROWS = 20_000  # items on a line


def by_galaxy(state: Round, n: int, rng: Generator) -> Query:
    """Items halfway between a labelled item of a class and the nearest one outside, along the margin of that class.

    Source: Zhang, Katz-Samuels and Nowak 2022 (GALAXY); inside a query the head answers in place of the annotator.
    Cost: O(min(N, 20000) (c log N + n)): a random part of a large pool.
    """
    free, before = state.require(n), state.scored
    if state.head is None:
        return at_random(state, n, rng, "galaxy", NOTHING_LEARNT)
    known = state.labels.ids
    ids = thin(free, max(ROWS, n), rng)
    proba = np.concatenate([state.head.predict_proba(state.take(known)), state.proba(ids)])
    ahead = margins(proba, state.labels.kind == "multilabel")
    member = members_of(state)
    rows = np.concatenate([known, ids])
    tie = hash_uniform(int(rng.integers(2**31)), rows)
    lines = [Line.of(ahead[:, k], tie, member[:, k]) for k in range(ahead.shape[1])]
    picked = bisected([line for line in lines if line.cuts()], len(known), n)
    rest = np.setdiff1d(np.arange(len(known), len(rows)), picked)
    closest = np.abs(ahead).min(axis=1)
    fill = rest[np.lexsort((tie[rest], closest[rest]))][: n - len(picked)]
    picked = np.concatenate([picked, fill]).astype(np.int64)
    why = "halfway between labels that disagree about one class"
    return chosen(rows[picked], 1.0 - closest[picked], "galaxy", why, state.scored - before)


def margins(proba: Matrix, multilabel: bool) -> NDArray[np.float64]:
    """How far each class is ahead of all others (m, c), from probabilities (m, c); multilabel: yes ahead of no."""
    p = np.asarray(proba, np.float64)
    if multilabel or p.shape[1] < 2:
        return 2.0 * p - 1.0
    top = np.sort(np.partition(p, p.shape[1] - 2, axis=1)[:, -2:], axis=1)
    first = p == top[:, 1:]
    return np.asarray(p - np.where(first, top[:, :1], top[:, 1:]))


def members_of(state: Round) -> NDArray[np.int64]:
    """Of each labelled item (m, c): 1 in the class, -1 outside, 0 not asked."""
    y, c = state.labels.y, len(state.labels.classes)
    if state.labels.kind == "multilabel":
        return np.where(np.isnan(y), 0, np.where(y > 0.5, 1, -1)).astype(np.int64)
    return np.where(y[:, None] == np.arange(c), 1, -1).astype(np.int64)


@dataclass(slots=True)
class Line:
    """Items in the order of one class's margin. `answer` (m,) is 1, -1 or, where nobody answered, 0, by place."""

    item: Ids  # (m,) at each place
    place: Ids  # (m,) of each item
    answer: NDArray[np.int64]
    guess: NDArray[np.int64]  # (m,) what the head says at each place

    @classmethod
    def of(cls, ahead: NDArray[np.float64], tie: NDArray[np.float64], member: NDArray[np.int64]) -> "Line":
        """The line of margins (m,), of whose items the first (k,) have answers."""
        item = np.lexsort((tie, ahead))
        place = np.empty_like(item)
        place[item] = np.arange(len(item))
        answer = np.zeros(len(item), np.int64)
        answer[place[: len(member)]] = member
        return cls(item, place, answer, np.where(ahead[item] > 0, 1, -1))

    def cuts(self) -> bool:
        """Whether labels on both sides of the class are there."""
        return bool((self.answer > 0).any() and (self.answer < 0).any())

    def halfway(self) -> tuple[int, int]:
        """Length of the shortest gap between labels that disagree, and the place in its middle; -1 for none."""
        at = np.flatnonzero(self.answer)
        gap = np.where(self.answer[at[1:]] != self.answer[at[:-1]], np.diff(at), 0)
        wide = np.flatnonzero(gap > 1)
        if len(wide) == 0:
            return len(self.item), -1
        left = wide[np.argmin(gap[wide])]
        return int(gap[left]), int(at[left] + gap[left] // 2)

    def beside(self) -> tuple[int, int]:
        """Distance from the nearest cut to an item without answer, and that item's place; -1 for none.

        A cut is where neighbours disagree: the paper's graphs of higher order reach what lies round it.
        """
        both = (self.answer[1:] * self.answer[:-1]) < 0
        cut, open_ = np.flatnonzero(both) + 0.5, np.flatnonzero(self.answer == 0)
        if len(cut) == 0 or len(open_) == 0:
            return len(self.item), -1
        right = np.minimum(np.searchsorted(cut, open_), len(cut) - 1)
        near = np.minimum(np.abs(cut[right] - open_), np.abs(open_ - cut[np.maximum(right - 1, 0)]))
        first = int(np.argmin(near))
        return int(np.ceil(near[first])), int(open_[first])

    def answered(self, row: int) -> None:
        """The head's word counts as the answer about an item, until a person has spoken."""
        at = self.place[row]
        if self.answer[at] == 0:
            self.answer[at] = self.guess[at]


def bisected(lines: list[Line], known: int, n: int) -> Ids:
    """At most n items: each line in turn has its shortest gap halved, those with the fewest items in their class first.

    A line without a gap gives the item nearest to one of its cuts. `known` items at the front have answers.
    """
    turns = deque(sorted(lines, key=lambda line: int((line.answer > 0).sum())))
    found: dict[int, None] = {}
    while len(found) < n and turns:
        line = turns.popleft()
        at = line.halfway()[1]
        at = line.beside()[1] if at < 0 else at
        if at < 0:
            continue  # every item of this line has an answer
        turns.append(line)
        row = int(line.item[at])
        if row >= known:
            found[row] = None
        for other in lines:
            other.answered(row)
    return np.array(list(found), np.int64)
