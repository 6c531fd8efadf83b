"""What an arm of the search hands over: its items, best first; and how a pool is scored block by block."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Matrix, Vector
from labelsieve.heads.threads import one_thread
from labelsieve.selection.composing import best

DENSE = 0.75  # from this share of a pool on, all of it is read where it lies


@dataclass(frozen=True, slots=True)
class Ranked:
    """Items (k,), best first, and which share (k,) of all that were scored is below each."""

    ids: Ids
    share: Vector

    @classmethod
    def of(cls, ids: Ids, score: NDArray[Any], k: int, rng: Generator) -> "Ranked":
        """The k best of `ids` (m,) by score; ties fall by a hash of the id. Cost: O(m + k log k)."""
        at = best(ids, score, min(k, len(ids)), rng)
        top = score[at]
        if not len(top):
            return cls(ids[at], np.empty(0))
        as_good = np.searchsorted(-top, -top, side="right")  # items of the list that score no less
        as_good[top == top[-1]] = int((score >= top[-1]).sum())
        return cls(ids[at], (len(ids) - as_good) / max(len(ids) - 1, 1))


@dataclass(frozen=True, slots=True)
class _Scorer:
    """Looks like a head to a round, which then reads the pool in blocks, several at a time."""

    of: Callable[[Matrix], NDArray[Any]]

    def predict_proba(self, x: Matrix) -> Matrix:
        return np.asarray(self.of(x), np.float32)[:, None]

    def one_thread_each(self) -> AbstractContextManager[Any]:
        return one_thread()


def scanned(state: Round, ids: Ids, of: Callable[[Matrix], NDArray[Any]]) -> NDArray[np.float32]:
    """Scores (m,) of `ids`, ascending; `of` takes rows (b, d) and gives (b,). Memory: a few blocks and the answer."""
    reader: Any = _Scorer(of)
    score = replace(state, head=reader, _proba={}).score(ids, lambda out: out[:, 0])
    return score.astype(np.float32)
