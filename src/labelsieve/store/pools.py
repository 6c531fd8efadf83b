"""Pools made of other pools: several in one, a part of one, or one as seen through a function."""

from collections.abc import Callable, Sequence

import numpy as np

from labelsieve.core.errors import InputError, ShapeError
from labelsieve.core.rounds import Pool, locate, run_at
from labelsieve.core.types import Ids, Matrix


class ConcatPool:
    """Several pools of one width as one; no id may stand in two of them."""

    def __init__(self, pools: Sequence[Pool]) -> None:
        if not pools:
            raise InputError("no pool was given; expected at least one.", "give the pools to join.")
        widths = [pool.dim for pool in pools if len(pool.ids)] or [pools[0].dim]
        if len(set(widths)) > 1:
            raise ShapeError(f"the pools have {widths} columns; expected one width.", "use one engine for all sources.")
        self._pools = list(pools)
        self._dim = widths[0]
        ids = np.concatenate([pool.ids for pool in pools])
        which = np.repeat(np.arange(len(pools), dtype=np.int32), [len(pool.ids) for pool in pools])
        if np.any(ids[1:] <= ids[:-1]):
            order = np.argsort(ids, kind="stable")
            ids, which = ids[order], which[order]
        self._ids: Ids = ids
        self._which = which
        if np.any(ids[1:] == ids[:-1]):
            raise InputError(
                f"item {ids[:-1][ids[1:] == ids[:-1]][0]} stands in two pools.", "give each item to one pool."
            )
        self._ids.flags.writeable = False  # they are handed out as they are

    @property
    def ids(self) -> Ids:
        return self._ids

    @property
    def dim(self) -> int:
        return self._dim

    def take(self, ids: Ids) -> Matrix:
        """Rows (m, d) of `ids`, in that order."""
        ids = np.asarray(ids, dtype=np.int64)
        first = run_at(self._ids, ids)
        which = self._which[locate(self._ids, ids) if first is None else slice(first, first + len(ids))]
        if len(which) and np.all(which == which[0]):
            return self._pools[int(which[0])].take(ids)
        out = np.empty((len(ids), self._dim), np.float32)
        for number in np.unique(which).tolist():
            at = np.flatnonzero(which == number)
            out[at] = self._pools[number].take(ids[at])
        return out


class SubPool:
    """Some items of a pool."""

    def __init__(self, pool: Pool, ids: Ids) -> None:
        self._pool = pool
        own: Ids = np.asarray(ids, dtype=np.int64).view()
        if np.any(own[1:] <= own[:-1]):
            own = np.unique(own)
        if run_at(pool.ids, own) is None:
            locate(pool.ids, own)
        self._ids = own
        self._ids.flags.writeable = False  # they are handed out as they are

    @property
    def ids(self) -> Ids:
        return self._ids

    @property
    def dim(self) -> int:
        return self._pool.dim

    def take(self, ids: Ids) -> Matrix:
        """Rows (m, d) of `ids`, in that order."""
        if run_at(self._ids, ids) is None:
            locate(self._ids, ids)
        return self._pool.take(ids)


class ViewedPool:
    """A pool whose rows go through `view` on their way: (m, d) -> (m, e), row by row."""

    def __init__(self, pool: Pool, view: Callable[[Matrix], Matrix]) -> None:
        self._pool = pool
        self._view = view
        self._dim: int | None = None

    @property
    def ids(self) -> Ids:
        return self._pool.ids

    @property
    def dim(self) -> int:
        if self._dim is None:
            self._dim = (
                int(self._view(self._pool.take(self._pool.ids[:1])).shape[1]) if len(self.ids) else self._pool.dim
            )
        return self._dim

    def take(self, ids: Ids) -> Matrix:
        """Viewed rows (m, e) of `ids`, in that order."""
        return self._view(self._pool.take(ids))


class TaughtPool:
    """A pool, and rows (k, d) that stand beside it under negative ids: `take` finds them, `ids` are the pool's own."""

    def __init__(self, pool: Pool, ids: Ids, x: Matrix) -> None:
        self._pool = pool
        self._taught = np.asarray(ids, np.int64)
        self._x = x
        if np.any(self._taught >= 0) or np.any(self._taught[1:] <= self._taught[:-1]) or len(ids) != len(x):
            raise InputError(
                f"{len(ids)} ids were given for {len(x)} rows beside a pool; expected one a row, below 0 and ascending."
            )

    @property
    def ids(self) -> Ids:
        return self._pool.ids

    @property
    def dim(self) -> int:
        return self._pool.dim

    def take(self, ids: Ids) -> Matrix:
        """Rows (m, d) of `ids`, in that order."""
        ids = np.asarray(ids, np.int64)
        beside = ids < 0
        if not beside.any():
            return self._pool.take(ids)
        own = self._pool.take(ids[~beside])
        out = np.empty((len(ids), self._x.shape[1]), np.float32)
        out[beside] = self._x[locate(self._taught, ids[beside])]
        out[~beside] = own
        return out
