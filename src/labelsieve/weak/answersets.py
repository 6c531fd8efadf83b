"""Who answered what: the arrays that agreement and consensus are computed from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ShapeError

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answers:
    """One row an answer (v,): which item (0 to n_items - 1), by whom (0 to n_people - 1), which class code.

    An annotator may have answered some items only, and one item several times. Skip and unsure are left out.
    """

    item: Codes
    by: Codes
    code: Codes
    n_items: int
    n_people: int
    n_classes: int

    def __post_init__(self) -> None:
        ends = {"item": self.n_items, "by": self.n_people, "code": self.n_classes}
        for name, end in ends.items():
            values = getattr(self, name)
            if values.ndim != 1 or len(values) != len(self.item):
                raise ShapeError(f"{name} has the shape {values.shape}; expected ({len(self.item)},), one an answer.")
            if len(values) and not 0 <= int(values.min()) <= int(values.max()) < end:
                fact = f"{name} holds numbers from {values.min()} to {values.max()}; expected 0 to {end - 1}."
                raise InputError(fact, "leave out answers that name no class.")

    def __len__(self) -> int:
        return len(self.item)

    def counts(self) -> Codes:
        """How many answers (n, c) each item has of each class. Cost: O(v + n c)."""
        cells = np.bincount(self.item * self.n_classes + self.code, minlength=self.n_items * self.n_classes)
        return cells.reshape(self.n_items, self.n_classes)

    def pair_counts(self, first: int, second: int) -> Codes:
        """How often (c, c) `first` said one class where `second` said another, over the items that both answered.

        Whoever answered an item several times counts with the last answer. Cost: O(v).
        """
        said = [self._said(first), self._said(second)]
        both = (said[0] >= 0) & (said[1] >= 0)
        cells = np.bincount(said[0][both] * self.n_classes + said[1][both], minlength=self.n_classes**2)
        return cells.reshape(self.n_classes, self.n_classes)

    def _said(self, person: int) -> Codes:
        said = np.full(self.n_items, -1, np.int64)
        rows = self.by == person
        said[self.item[rows]] = self.code[rows]
        return said
