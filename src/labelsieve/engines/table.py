"""`table`: embeddings of table rows, column by column, with scales learnt on the pool itself. No download."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.random import Generator

from labelsieve.core.errors import InputError
from labelsieve.core.types import Matrix, Modality, State
from labelsieve.engines._columns import Column, from_json, learn_column, to_json
from labelsieve.engines._learning import digest, nothing_to_learn, pack, reservoir, take_state, unfitted, unpack

ROWS = 20_000  # at most this many rows are learnt from
VALUES = 64  # of one column that have a column of their own, at most
DIM = 1024  # about as many as all columns together may take


class TableEngine:
    """Rows (a mapping of column to value) -> (b, dim) float32; dim is set by `fit`.

    A number becomes a robust z-score, the share of the pool below it, and a flag for each frequent value;
    a category one column for each frequent value, while the words of rare and of unseen ones share
    buckets; a date its day, season, weekday and hour. Missing has a flag. Columns that `fit` did not
    see are ignored, columns that a row lacks are missing.
    Cost: a few us a value.
    """

    name = "table"
    preprocess = "table-1"
    space = "table"
    accepts: frozenset[Modality] = frozenset({"row"})
    chunk = 512  # rows at once: columns are encoded one by one

    def __init__(self) -> None:
        self.revision = ""
        self.dim = 0
        self.columns: tuple[str, ...] = ()  # that were there, used or not
        self._used: tuple[Column, ...] = ()
        self._state: State = {}

    def fit(self, things: Iterable[Any], rng: Generator) -> Self:
        """Learn from at most 20,000 of the rows. EngineError if there is no row with a column."""
        rows = [row for row in reservoir(things, ROWS, rng) if isinstance(row, Mapping)]
        names = list(dict.fromkeys(name for row in rows for name in row))
        if not names:
            raise nothing_to_learn(self.name, "row with a column")
        most = max(4, min(VALUES, DIM // len(names)))
        learnt = [learn_column(name, [row.get(name) for row in rows], most) for name in names]
        used = [to_json(column) for column in learnt if column is not None]
        return self.restore({"columns": pack(names), "used": pack(used)})

    def state(self) -> State:
        """What was learnt, as plain arrays."""
        if not self._state:
            raise unfitted(self.name)
        return dict(self._state)

    def restore(self, state: State) -> Self:
        """Take back what `state` gave: the embeddings are the same to the bit."""
        columns, used = take_state(state, self.name, ("columns", "used"))
        self.columns = tuple(unpack(columns))
        self._used = tuple(from_json(fields) for fields in unpack(used))
        self._state = {"columns": columns, "used": used}
        self.dim = max(1, sum(column.width for column in self._used))  # nothing to tell apart: one column of zeros
        self.revision = digest(self._state)
        return self

    def column_names(self) -> list[str]:
        """The column of the table (dim,) that each column of an embedding comes from."""
        return [column.name for column in self._used for _ in range(column.width)]

    def prepare(self, thing: Any) -> tuple[Any, ...]:
        """The values of the columns in use. InputError for what is no row."""
        if not self._state:
            raise unfitted(self.name)
        if not isinstance(thing, Mapping):
            raise InputError(f"table expects a row, not {type(thing).__name__}.", "name the columns: --columns a,b,c.")
        return tuple(thing.get(column.name) for column in self._used)

    def compute(self, prepared: Sequence[tuple[Any, ...]]) -> Matrix:
        """(b, dim) rows, one a table row: a row does not depend on its neighbours."""
        if not self._state:
            raise unfitted(self.name)
        if not prepared or not self._used:
            return np.zeros((len(prepared), self.dim), np.float32)
        raw = zip(*prepared, strict=True)
        blocks = [column.encode(values) for column, values in zip(self._used, raw, strict=True)]
        return np.concatenate(blocks, axis=1)
