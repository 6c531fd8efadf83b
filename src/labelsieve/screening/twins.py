"""The near-duplicates of a few items of a large pool, without comparing it with them row by row."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.errors import InputError
from labelsieve.core.rounds import BLOCK, Pool, Round
from labelsieve.core.sockets import Strategy
from labelsieve.core.types import Ids, Matrix, Query, Vector

MARKS = 4  # numbers an item by which nearly all of a pool is ruled out
SLACK = 1e-5  # of the length of a row: what rounding may move a mark
ROUNDING = 1e-6  # embeddings that differ by less are of the same picture or text
CALLS = 8  # times that a strategy is asked to fill up one query

Marks = NDArray[np.float32]


def pool_marks(pool: Pool) -> Marks:
    """Projections (4, N) of the rows on directions that are always the same: near rows have near marks.

    Cost: one pass, O(N d), memory for a block and the answer.
    """
    towards = np.random.default_rng(0).normal(size=(pool.dim, MARKS))
    towards = np.linalg.qr(towards)[0] if pool.dim >= MARKS else towards / float(np.linalg.norm(towards, 2))
    out = np.empty((towards.shape[1], len(pool.ids)), np.float32)
    for i in range(0, out.shape[1], BLOCK):
        out[:, i : i + BLOCK] = (pool.take(pool.ids[i : i + BLOCK]) @ towards.astype(np.float32)).T
    return out


def near_duplicates_of(pool: Pool, marks: Marks, item: int, similarity: float) -> Ids:
    """Ids (m,) of the other rows that are so near to that of `item`, ascending; with 1, of those that are equal.

    Similarity is 2 a.b / (|a|^2 + |b|^2), the cosine of unit-norm rows. No row is missed: a mark moves by no more than
    the row does. Cost: O(4 N), and O(d) for each row that the marks leave; near 1 these are few.
    """
    if not 0 < similarity <= 1:
        raise InputError(f"similarity is {similarity!r}; a number above 0, and 1 at most, was expected.")
    row = pool.take(np.array([item], np.int64))[0]
    length = float(np.linalg.norm(row))
    longest = length * (1 + np.sqrt(1 - similarity**2)) / similarity  # no similar row is longer
    reach = np.sqrt((1 - similarity) * (length**2 + longest**2)) + SLACK * (length + longest)
    own = marks[:, np.searchsorted(pool.ids, item)]
    near = np.flatnonzero(np.abs(marks[0] - own[0]) <= reach)
    for line, mark in zip(marks[1:], own[1:], strict=True):
        near = near[np.abs(line[near] - mark) <= reach]
    left = pool.ids[near]
    found = [
        block[_alike(pool.take(block), row, similarity)] for i in range(0, len(left), BLOCK)
        for block in [left[i : i + BLOCK]]
    ]  # fmt: skip
    ids = np.concatenate(found) if found else left
    others: Ids = ids[ids != item]
    return others


def _alike(x: Matrix, row: NDArray[np.float32], similarity: float) -> NDArray[np.bool_]:
    if similarity == 1:
        return np.asarray((x == row).all(axis=1))
    size: Vector = np.einsum("ij,ij->i", x, x, dtype=np.float64) + float(row.astype(np.float64) @ row)
    return np.asarray(2 * (x.astype(np.float64) @ row) >= similarity * np.maximum(size, 1e-300))


@dataclass
class Apart:
    """A strategy whose queries hold no two near-duplicates. What each item stands for is in `groups` afterwards.

    A place that a near-duplicate would take goes to the item that the strategy wants next; where even that does
    not fill the query, it is shorter. Cost: the strategy once more for each time that places were left over.
    """

    strategy: Strategy
    pool: Pool  # the rows that are compared
    marks: Marks
    similarity: float
    groups: dict[int, Ids]

    def __call__(self, state: Round, n: int, rng: Generator) -> Query:
        parts: list[Query] = []
        now, missing = state, n
        for _ in range(CALLS):
            query = self.strategy(now, missing, rng)
            stands = self._grouped(query, now)
            parts.append(part_of(query, stands))
            missing -= len(stands)
            if missing <= 0 or len(stands) == len(query):
                break
            gone = np.concatenate([parts[-1].ids, *(self.groups[int(id_)] for id_ in parts[-1].ids)])
            now = replace(now, asked=np.union1d(now.asked, gone), scored=0)
            missing = min(missing, now.left())
            if missing <= 0:
                break
        return joined(parts)

    def groups_of(self, ids: Ids) -> tuple[Ids, ...]:
        """What each of these items (m,) stands for: the ids of its near-duplicates, none for most."""
        return tuple(self.groups.get(id_, np.empty(0, np.int64)) for id_ in ids.tolist())

    def _grouped(self, query: Query, state: Round) -> Ids:
        """Positions of the items that stand for the others, most wanted first."""
        free, taken, stands = state.free(), np.empty(0, np.int64), []
        for at, id_ in enumerate(query.ids.tolist()):
            if id_ in taken:
                continue
            others = near_duplicates_of(self.pool, self.marks, id_, self.similarity)
            others = np.setdiff1d(np.intersect1d(others, free, assume_unique=True), taken, assume_unique=True)
            self.groups[id_] = others
            taken = np.concatenate([taken, others, [id_]])
            stands.append(at)
        return np.array(stands, np.int64)


def part_of(query: Query, at: Ids) -> Query:
    """The items of a query at these positions (m,)."""
    n = len(query)

    def cut(texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(texts[i] for i in at.tolist()) if len(texts) == n else texts

    purpose = tuple(query.purpose[i] for i in at.tolist()) if query.purpose else ()
    return Query(
        query.ids[at], query.score[at], query.propensity[at], query.strategy,
        cut(query.why), purpose, query.scored, cut(query.arms),
    )  # fmt: skip


def joined(parts: list[Query]) -> Query:
    """Several queries of one strategy as one."""
    if len(parts) == 1:
        return parts[0]

    def texts(one: Query, given: tuple[str, ...]) -> tuple[str, ...]:
        return given if len(given) == len(one) else (given[0] if given else "",) * len(one)

    arms = [arm for one in parts for arm in texts(one, one.arms)]
    return Query(
        np.concatenate([one.ids for one in parts]),
        np.concatenate([one.score for one in parts]),
        np.concatenate([one.propensity for one in parts]),
        parts[0].strategy,
        tuple(why for one in parts for why in texts(one, one.why)),
        tuple(purpose for one in parts for purpose in one.purpose),
        sum(one.scored for one in parts),
        tuple(arms) if any(arms) else (),
    )
