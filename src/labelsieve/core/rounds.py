"""A round as a strategy sees it: the pool, what is labelled, the head; and a count of what was scored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from labelsieve.core.errors import PoolExhausted, UnknownName
from labelsieve.core.types import Ids, Labels, Matrix

if TYPE_CHECKING:
    from labelsieve.core.sockets import Head

BLOCK = 16384  # rows scored at once: results do not depend on how the pool is stored


class Pool(Protocol):
    """Embeddings by id. `ids` (N,) is ascending; `take` gives (m, d) float32 in the order asked."""

    @property
    def ids(self) -> Ids: ...
    @property
    def dim(self) -> int: ...
    def take(self, ids: Ids) -> Matrix: ...


class ArrayPool:
    """A pool over one array (N, d), also memory-mapped. Rows have the ids given, else 0 .. N - 1."""

    def __init__(self, x: Any, ids: Ids | None = None) -> None:
        self._x = x
        given = np.arange(len(x), dtype=np.int64) if ids is None else np.asarray(ids, dtype=np.int64)
        self._order = None if np.all(np.diff(given) > 0) else np.argsort(given, kind="stable")
        self._ids: Ids = given if self._order is None else given[self._order]
        self._plain = bool(self._order is None and len(given) and given[0] == 0 and given[-1] == len(given) - 1)

    @property
    def ids(self) -> Ids:
        return self._ids

    @property
    def dim(self) -> int:
        return int(self._x.shape[1])

    def take(self, ids: Ids) -> Matrix:
        rows = ids if self._plain else locate(self._ids, ids)
        if self._order is not None:
            rows = self._order[rows]
        first, count = (int(rows[0]), len(rows)) if len(rows) else (0, 0)
        if count and rows[-1] == first + count - 1 and np.all(np.diff(rows) == 1):
            return np.asarray(self._x[first : first + count], dtype=np.float32)  # a view where it can be one
        return np.asarray(self._x[rows], dtype=np.float32)


def locate(ids: Ids, wanted: Ids) -> Ids:
    """Positions (m,) of `wanted` in ascending `ids`. UnknownName where one is absent. Cost: O(m log N)."""
    at = np.searchsorted(ids, wanted)
    bad = np.ones(len(wanted), bool)
    if len(ids):
        bad = ids[np.minimum(at, len(ids) - 1)] != wanted
    if np.any(bad):
        raise UnknownName("item of this pool", str(wanted[bad][0]), [])
    return at.astype(np.int64)


@dataclass
class Round:
    """All that a strategy may know. `labels` are the training labels, `asked` every id that may not be asked again."""

    pool: Pool
    labels: Labels
    head: "Head | None" = None
    asked: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    number: int = 0  # how many queries of this task were answered before
    costs: Mapping[str, float] = field(default_factory=dict)  # measured once by project and stored
    scored: int = 0
    _proba: dict[bytes, Matrix] = field(default_factory=dict, repr=False)

    def free(self) -> Ids:
        """The ids (m,) that may still be asked, ascending."""
        blocked = np.union1d(self.asked, self.labels.ids)
        keep = np.ones(len(self.pool.ids), dtype=bool)
        at = np.searchsorted(self.pool.ids, blocked)
        inside = at < len(self.pool.ids)
        at, blocked = at[inside], blocked[inside]
        keep[at[self.pool.ids[at] == blocked]] = False
        return self.pool.ids[keep]

    def require(self, n: int) -> Ids:
        """`free()`, or PoolExhausted when fewer than n are left."""
        ids = self.free()
        if n > len(ids):
            raise PoolExhausted(
                f"{n} items were asked for, {len(ids)} of {len(self.pool.ids)} are left to ask.",
                f"ask for at most {len(ids)}, or sync new items.",
            )
        return ids

    def take(self, ids: Ids) -> Matrix:
        """Embeddings (m, d) of `ids`."""
        return self.pool.take(ids)

    def proba(self, ids: Ids) -> Matrix:
        """Probabilities (m, c) of `ids` by the head, scored in blocks, cached and counted."""
        if self.head is None:
            raise ValueError("this round has no head yet")
        mark = ids.tobytes() if len(ids) < 4096 else bytes(str((len(ids), hash(ids.tobytes()))), "ascii")
        if mark not in self._proba:
            parts = [self.head.predict_proba(self.take(ids[i : i + BLOCK])) for i in range(0, len(ids), BLOCK)]
            self._proba[mark] = np.concatenate(parts) if parts else np.empty((0, len(self.labels.classes)), np.float32)
            self.scored += len(ids)
        return self._proba[mark]
