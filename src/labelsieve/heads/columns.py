"""From the columns that a model fits to the classes of a task: which are present, and what the others get."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Matrix, State
from labelsieve.heads.inputs import Training


@dataclass(frozen=True, slots=True)
class Columns:
    """The classes (k,) that a model tells apart. `rate` (c,) is each class's smoothed share, multilabel only.

    Empty until a head is fitted. A class without labels has probability 0, a multilabel class with one answer only
    its rate.
    """

    n_classes: int = 0
    dim: int = 0  # columns of x that the head was fitted on
    present: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    rate: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, data: Training) -> "Columns":
        if not data.multilabel:
            return cls(data.n_classes, data.x.shape[1], data.present)
        asked = ~np.isnan(data.y) * data.weight[:, None]
        yes, all_ = (np.nan_to_num(data.y) * asked).sum(axis=0), asked.sum(axis=0)
        both = (data.y > 0.5).any(axis=0) & (data.y <= 0.5).any(axis=0)
        return cls(data.n_classes, data.x.shape[1], np.flatnonzero(both), (yes + 0.5) / (all_ + 1))

    @property
    def yes_no(self) -> bool:
        """Whether each column answers a question of its own (multilabel)."""
        return self.rate is not None

    @property
    def width(self) -> int:
        """How many columns the model gives."""
        return len(self.present)

    def questions(self, data: Training) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """What to fit: (rows, codes). Classes are one question with codes in range(k), multilabel k with 0 and 1."""
        if not self.yes_no:
            if self.width > 1:
                yield np.arange(len(data.y)), np.searchsorted(self.present, data.y)
            return
        for j in self.present:
            asked = np.flatnonzero(~np.isnan(data.y[:, j]))
            yield asked, (data.y[asked, j] > 0.5).astype(np.int64)

    def of_logits(self, logit: NDArray[Any]) -> Matrix:
        """Logits of the columns -> (n, c) probabilities. Two classes are one question, so one column (n, 1)."""
        if self.yes_no:
            return self.of_proba(sigmoid(logit))
        if self.width == 1:
            return self.of_proba(np.ones((len(logit), 1), np.float32))
        if self.width == 2 and logit.shape[1] == 1:
            yes = sigmoid(logit)
            return self.of_proba(np.concatenate([1 - yes, yes], axis=1))
        power = logit - logit.max(axis=1, keepdims=True)
        np.exp(power, out=power)
        power /= power.sum(axis=1, keepdims=True)
        return self.of_proba(power)

    def of_proba(self, columns: NDArray[Any]) -> Matrix:
        """(n, k) probabilities of the columns -> (n, c) float32, where all of a class lies together."""
        if self.width == self.n_classes:
            return np.asarray(columns, np.float32)
        out = np.zeros((self.n_classes, len(columns)), dtype=np.float32)
        if self.rate is not None:
            out += self.rate.astype(np.float32)[:, None]
        out[self.present] = columns.T
        return out.T

    def state(self) -> State:
        out: State = {"n_classes": np.array(self.n_classes), "dim": np.array(self.dim), "present": self.present}
        return out if self.rate is None else {**out, "rate": self.rate}

    @classmethod
    def restore(cls, state: State) -> "Columns":
        return cls(int(state["n_classes"]), int(state["dim"]), state["present"], state.get("rate"))


def sigmoid(logit: NDArray[Any]) -> NDArray[Any]:
    """1 / (1 + exp(-logit)), without overflow and in the type given."""
    power = np.exp(-np.abs(logit))
    return np.asarray(np.where(logit >= 0, 1, power) / (1 + power), dtype=logit.dtype)
