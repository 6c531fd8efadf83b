"""Near-duplicates: which rows stand for which, cell by cell."""

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.random import Generator

from labelsieve.core.errors import InputError
from labelsieve.core.randomness import as_rng
from labelsieve.core.types import Ids, Matrix
from labelsieve.selection.clusters import kmeans
from labelsieve.selection.coverage import checked_rows

CELL = 1000  # rows a cell, about
LARGEST = 4096  # rows that are compared with one another at once
DRAWN = 20_000  # rows that cells are found on, 20 a cell at most
BLOCK = 8192
PASSES = 2  # over cells that lie differently, for pairs that a border parted


def near_duplicates(x: Matrix, similarity: float = 0.98, rng: int | Generator = 0) -> Ids:
    """For each row of x (m, d) the position (m,) of the row that stands for it: its own where it is kept.

    Similarity is 2 a.b / (|a|^2 + |b|^2), the cosine of unit-norm rows; every row is at least so near to the one that
    stands for it, and rows that are equal always stand together. Rows are compared within cells by k-means, twice over,
    so a near pair that a border parts both times is missed: few at .9 and above.

    Source: SemDeDup, Abbas et al. 2023, section 3; the rows kept are those with most duplicates, greedily.
    Cost: O(m log m) for equal rows, then O(k (m/1000 + 4096) d) for the k distinct ones.

    >>> near_duplicates(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.01]])).tolist()
    [0, 1, 0]
    """
    return standing_for(checked_rows(x), similarity, as_rng(rng))


def standing_for(x: Any, similarity: float, rng: Generator) -> Ids:
    """As `near_duplicates`, of rows that are read when they are needed: x[positions] gives (k, d) float32."""
    if not isinstance(similarity, int | float | np.number) or not 0 < similarity <= 1:
        raise InputError(f"similarity is {similarity!r}; a number above 0, and 1 at most, was expected.")
    first, same = _equal_rows(x)
    kept = np.arange(len(first))  # among the distinct rows
    for _ in range(PASSES if similarity < 1 and len(first) > 1 else 0):
        left = np.unique(kept)
        found = left.copy()
        for rows in _cells(x, first[left], rng):
            found[rows] = left[rows[_led(x[first[left[rows]]], similarity)]]
        kept = _moved(x, first, kept, found[np.searchsorted(left, kept)], similarity)
    stands: Ids = first[kept[same]]
    return stands


def groups_of_equals(stands: Ids) -> list[Ids]:
    """The groups of two and more, largest first: positions, the one that is kept first, the others ascending."""
    order = np.lexsort((np.arange(len(stands)), stands))
    parts = np.split(order, np.flatnonzero(np.diff(stands[order])) + 1) if len(order) else []
    groups = [np.concatenate([stands[part[:1]], part[part != stands[part[0]]]]) for part in parts if len(part) > 1]
    return sorted(groups, key=lambda group: (-len(group), int(group[0])))


def _equal_rows(x: Any) -> tuple[Ids, Ids]:
    """Positions of the first of equal rows, ascending, and for each row which of them it equals (m,)."""
    mark = np.empty(len(x), "V16")
    for i in range(0, len(x), BLOCK):
        rows = x[np.arange(i, min(i + BLOCK, len(x)))] + np.float32(0.0)  # -0 is 0
        mark[i : i + BLOCK] = [np.void(blake2b(row.tobytes(), digest_size=16).digest()) for row in rows]
    _, first, same = np.unique(mark, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(first), np.int64)
    place[order] = np.arange(len(first))
    return first[order].astype(np.int64), place[same.ravel()]


def _cells(x: Any, first: Ids, rng: Generator) -> list[Ids]:
    """Parts of the distinct rows, by k-means; parts that are still large are parted again while that helps."""
    todo, done = [np.arange(len(first))], []
    while todo:
        rows = todo.pop()
        if len(rows) <= LARGEST:
            done.append(rows)
            continue
        drawn = first[rows if len(rows) <= DRAWN else np.sort(rng.choice(rows, DRAWN, replace=False))]
        centres, _ = kmeans(x[drawn], -(-len(rows) // CELL), rng)
        cell = np.empty(len(rows), np.int64)
        half = 0.5 * np.einsum("ij,ij->i", centres, centres)
        for i in range(0, len(rows), BLOCK):
            cell[i : i + BLOCK] = np.argmax(x[first[rows[i : i + BLOCK]]] @ centres.T - half, axis=1)
        order = np.argsort(cell, kind="stable")
        parts = np.split(rows[order], np.flatnonzero(np.diff(cell[order])) + 1)
        for part in parts:
            (todo if len(part) < 0.9 * len(rows) else done).append(part)
    return done


def _moved(x: Any, first: Ids, kept: Ids, found: Ids, similarity: float) -> Ids:
    """`kept`, where a whole group moves to the row that was found for it, if all of its rows are near to that one."""
    near = np.ones(len(kept), bool)
    moves = np.flatnonzero(found != kept)
    for i in range(0, len(moves), BLOCK):
        part = moves[i : i + BLOCK]
        a, b = x[first[part]], x[first[found[part]]]
        half = 0.5 * (np.einsum("ij,ij->i", a, a) + np.einsum("ij,ij->i", b, b))
        near[part] = np.einsum("ij,ij->i", a, b) >= similarity * half
    stays = np.zeros(len(kept), bool)
    stays[kept[~near]] = True  # those that lead a row which is too far off
    return np.where(stays[kept], kept, found)


def _led(x: Matrix, similarity: float) -> Ids:
    """For each row (m,) the position of the row that leads it; rows go to the nearest of their leaders."""
    leader = np.full(len(x), -1)
    square = np.einsum("ij,ij->i", x, x)
    leaders = np.empty(0, np.int64)
    for i in range(0, len(x), LARGEST):  # more than one part only where rows could not be told apart
        rows = np.arange(i, min(i + LARGEST, len(x)))
        if len(leaders):
            near = _near(x, square, rows, leaders)
            best = np.argmax(near, axis=1)
            led = near[np.arange(len(rows)), best] >= similarity
            leader[rows[led]] = leaders[best[led]]
            rows = rows[~led]
        leader[rows] = rows[_greedy(_near(x, square, rows, rows), similarity)]
        leaders = np.concatenate([leaders, np.unique(leader[rows])])
    return leader


def _near(x: Matrix, square: Matrix, a: Ids, b: Ids) -> Matrix:
    near: Matrix = x[a] @ x[b].T
    near /= np.maximum(0.5 * (square[a][:, None] + square[b][None, :]), np.float32(1e-30))
    return near


def _greedy(near: Matrix, similarity: float) -> Ids:
    """Leaders by how many rows they lead that nobody leads yet; every row joins the nearest leader that may lead it."""
    close = near >= similarity
    np.fill_diagonal(close, True)
    leader = np.arange(len(near))
    count = close.sum(axis=1)
    lonely = count == 1
    free = ~lonely
    leaders: list[int] = []
    while free.any():
        row = int(np.argmax(np.where(free, count, -1)))
        led = close[row] & free
        leaders.append(row)
        free &= ~led
        count = count - close[:, led].sum(axis=1)
    if leaders:
        lead = np.array(leaders)
        loose = np.setdiff1d(np.flatnonzero(~lonely), lead)
        score = np.where(close[np.ix_(lead, loose)], near[np.ix_(lead, loose)], -np.inf)
        leader[loose] = lead[np.argmax(score, axis=0)]
    return leader
