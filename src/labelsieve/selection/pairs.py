"""Hard negatives for retrieval: passages near to a query that are no answer to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ShapeError
from labelsieve.core.randomness import as_rng
from labelsieve.core.types import Ids, Matrix, Vector
from labelsieve.selection.coverage import checked_rows, directions

Rescore = Callable[[Ids, Ids], Vector]  # (query positions (k,), passage positions (k,)) -> scores (k,)
QUERIES, PASSAGES = 256, 32_768  # compared at once


@dataclass(frozen=True, slots=True)
class Mining:
    """Which passages may be hard negatives. Scores are cosines, or what `rescore` gives.

    Ranks count passages that are not known positives, from 0: those from `range_min` up to `range_max` (None:
    range_min + 10 num_negatives) are looked at. `absolute_margin`: a negative scores at most the positive minus it;
    `relative_margin`: at most the positive less this share of it. `guard`: a passage so near (cosine) to a positive
    of the query is one itself; None trusts all. `exclude` (k, 2): (query, passage) that are never used.
    `include_positives` lets known positives in too, for evaluating a ranking, and no margin or guard speaks then.
    """

    num_negatives: int = 3
    range_min: int = 0
    range_max: int | None = None
    max_score: float | None = None
    min_score: float | None = None
    absolute_margin: float | None = None
    relative_margin: float | None = None
    sampling_strategy: Literal["top", "random"] = "top"
    include_positives: bool = False
    guard: float | None = 0.98
    exclude: Ids | None = None

    @property
    def reach(self) -> int:
        """The rank up to which passages are looked at."""
        return self.range_min + 10 * self.num_negatives if self.range_max is None else self.range_max


@dataclass(frozen=True, slots=True)
class HardNegatives:
    """For each pair of query and positive (k,): passages (k, num_negatives), hardest first, -1 where there are fewer;
    `score` (k, 1 + num_negatives) is the positive's, then theirs (NaN where none)."""

    query: Ids
    positive: Ids
    negatives: Ids
    score: Vector

    def tuples(self) -> Ids:
        """(query, positive, negative, ..., negative) (t, 2 + num_negatives): pairs with all their negatives."""
        whole = (self.negatives >= 0).all(axis=1)
        return np.column_stack([self.query, self.positive, self.negatives])[whole]

    def triplets(self) -> Ids:
        """(query, positive, negative) (t, 3), one row a negative."""
        row, column = np.nonzero(self.negatives >= 0)
        return np.column_stack([self.query[row], self.positive[row], self.negatives[row, column]])

    def labelled_pairs(self) -> tuple[Ids, Ids]:
        """(query, passage) (t, 2) and 1 for a positive, 0 for a negative (t,): by query, each pair once."""
        known = np.unique(np.column_stack([self.query, self.positive]), axis=0)
        others = np.unique(self.triplets()[:, [0, 2]], axis=0)
        others = others[~np.isin(_marks(others), _marks(known))]
        pairs = np.concatenate([known, others])
        order = np.argsort(pairs[:, 0], kind="stable")
        return pairs[order], np.repeat([1, 0], [len(known), len(others)])[order]

    def labelled_lists(self) -> list[tuple[int, Ids, Ids]]:
        """(query, passages (t,), 1 or 0 (t,)), one a query."""
        pairs, label = self.labelled_pairs()
        cuts = np.flatnonzero(np.diff(pairs[:, 0])) + 1
        parts = zip(np.split(pairs, cuts), np.split(label, cuts), strict=True)
        return [(int(pair[0, 0]), pair[:, 1], one) for pair, one in parts if len(pair)]


def hard_negatives(
    queries: Any,
    passages: Any,
    positives: Ids,
    mining: Mining | None = None,
    rescore: Rescore | None = None,
    rng: int | Generator = 0,
) -> HardNegatives:
    """The passages (k, num_negatives) nearest to the query of each of `positives` (k, 2) that do not answer it.

    `queries` (q, d) and `passages` (p, d) are embeddings of one space; a row of `positives` is the position of a query
    and of a passage. `rescore` judges query and passage together, as a cross-encoder does: its scores replace the
    cosines of what was found and of the positives. Of the passages that may be negatives the first num_negatives are
    taken, or as many at random.

    Source: hard negatives of a dense retriever: Xiong et al. 2021; margins against false ones: Moreira et al. 2024.
    Cost: O(q p d), memory for 256 x 32,768 numbers.
    """
    mining = mining or Mining()
    _check(mining)
    unit = [directions(rows, np.zeros(rows.shape[1], np.float32)) for rows in map(checked_rows, (queries, passages))]
    pairs = _checked(mining, np.asarray(positives), unit)
    asked, reach = np.unique(pairs[:, 0]), min(mining.reach, len(unit[1]))
    known, banned = _by_query(pairs), _by_query(_pairs(mining.exclude, "exclude"))
    out = np.full((len(asked), reach), -1, np.int64)
    most = max((len(rows) + len(banned.get(query, ())) for query, rows in known.items()), default=0)
    near, _ = _nearest(unit[0][asked], unit[1], reach + most)
    for i, query in enumerate(asked.tolist()):
        no = banned.get(query, np.empty(0, np.int64))
        no = no if mining.include_positives else np.concatenate([no, known[query]])
        found = near[i][~np.isin(near[i], no)][:reach]
        out[i, : len(found)] = found
    out[:, : mining.range_min] = -1
    at = np.searchsorted(asked, pairs[:, 0])
    drawn, score = _chosen(mining, pairs, out[at], _Judge(unit[0], unit[1], rescore), as_rng(rng))
    return HardNegatives(pairs[:, 0], pairs[:, 1], drawn, score)


@dataclass(frozen=True, slots=True)
class _Judge:
    queries: Matrix
    passages: Matrix
    rescore: Rescore | None

    def score(self, queries: Ids, passages: Ids) -> Vector:
        """Scores (k,) of pairs."""
        if self.rescore is None:
            return np.asarray(np.einsum("ij,ij->i", self.queries[queries], self.passages[passages]), np.float64)
        score = np.asarray(self.rescore(queries, passages))
        if score.shape != queries.shape or score.dtype.kind not in "fiub" or not np.isfinite(score).all():
            raise InputError(
                f"rescore gave {score.dtype} of shape {score.shape} for {len(queries)} pairs; one finite number a pair "
                "was expected."
            )
        return score.astype(np.float64)


def _chosen(mining: Mining, pairs: Ids, found: Ids, judge: _Judge, rng: Generator) -> tuple[Ids, Vector]:
    """Negatives (k, num_negatives) of each pair among those found (k, reach), and scores with the positive's first."""
    n = mining.num_negatives
    negatives, score = np.full((len(pairs), n), -1, np.int64), np.full((len(pairs), n + 1), np.nan)
    score[:, 0] = judge.score(pairs[:, 0], pairs[:, 1])
    known = _by_query(pairs)
    for i, (query, _) in enumerate(pairs.tolist()):
        passages = found[i][found[i] >= 0]
        if mining.guard is not None and not mining.include_positives:
            near = judge.passages[passages] @ judge.passages[known[query]].T
            passages = passages[near.max(axis=1, initial=-1.0) < mining.guard]
        own = judge.score(np.full(len(passages), query), passages) if len(passages) else np.empty(0)
        fits = _fits(mining, own, float(score[i, 0]))
        passages, own = passages[fits], own[fits]
        if mining.sampling_strategy == "random" and len(passages) > n:
            part = rng.choice(len(passages), n, replace=False)
            passages, own = passages[part], own[part]
        first = np.argsort(-own, kind="stable")[:n]
        negatives[i, : len(first)], score[i, 1 : 1 + len(first)] = passages[first], own[first]
    return negatives, score


def _fits(mining: Mining, score: Vector, positive: float) -> NDArray[np.bool_]:
    fits = np.ones(len(score), bool)
    if mining.max_score is not None:
        fits &= score <= mining.max_score
    if mining.min_score is not None:
        fits &= score >= mining.min_score
    if mining.include_positives:
        return fits
    if mining.absolute_margin is not None:
        fits &= score <= positive - mining.absolute_margin
    if mining.relative_margin is not None:
        fits &= score <= positive - mining.relative_margin * abs(positive)
    return fits


def _nearest(queries: Matrix, passages: Matrix, k: int) -> tuple[Ids, Matrix]:
    """Positions (q, k) of the passages of highest cosine, and the cosines, best first; ties by position."""
    k = min(k, len(passages))
    ids, score = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
    for i in range(0, len(queries), QUERIES):
        part = queries[i : i + QUERIES]
        best, at = np.empty((len(part), 0), np.float32), np.empty((len(part), 0), np.int64)
        for j in range(0, len(passages), PASSAGES):
            near = part @ passages[j : j + PASSAGES].T
            best = np.concatenate([best, near], axis=1)
            at = np.concatenate([at, np.broadcast_to(np.arange(j, j + near.shape[1]), near.shape)], axis=1)
            if best.shape[1] > k:
                top = (
                    np.sort(np.argpartition(-best, k - 1, axis=1)[:, :k], axis=1)
                    if k
                    else np.empty((len(part), 0), int)
                )
                best, at = np.take_along_axis(best, top, axis=1), np.take_along_axis(at, top, axis=1)
        order = np.argsort(-best, axis=1, kind="stable")
        ids[i : i + QUERIES] = np.take_along_axis(at, order, axis=1)
        score[i : i + QUERIES] = np.take_along_axis(best, order, axis=1)
    return ids, score


def _checked(mining: Mining, positives: Ids, unit: list[Matrix]) -> Ids:
    if unit[0].shape[1] != unit[1].shape[1]:
        raise ShapeError(
            f"queries have {unit[0].shape[1]} columns, passages {unit[1].shape[1]}.", "embed both with one engine."
        )
    pairs = _pairs(positives, "positives")
    for what, given in (("positives", pairs), ("exclude", _pairs(mining.exclude, "exclude"))):
        for column, rows in enumerate(unit):
            bad = given[(given[:, column] < 0) | (given[:, column] >= len(rows)), column]
            if len(bad):
                there = f"{('queries', 'passages')[column]}, which have {len(rows)}"
                raise InputError(f"{what} name row {bad[0]} of {there}.", "number the rows from 0.")
    return pairs


def _check(mining: Mining) -> None:
    """InputError for options that are no numbers, or that leave nothing."""
    whole = {"num_negatives": mining.num_negatives, "range_min": mining.range_min, "range_max": mining.range_max}
    for name, value in whole.items():
        if not isinstance(value, int | np.integer) and not (name == "range_max" and value is None):
            raise InputError(f"{name} is {value!r}; a whole number was expected.")
    for name in ("max_score", "min_score", "absolute_margin", "relative_margin", "guard"):
        value = getattr(mining, name)
        if value is not None and (not isinstance(value, int | float | np.number) or value != value):
            raise InputError(f"{name} is {value!r}; a number, or None, was expected.")
    if mining.num_negatives < 1 or mining.range_min < 0 or mining.reach <= mining.range_min:
        raise InputError(
            f"num_negatives {mining.num_negatives} and range {mining.range_min} to {mining.reach} leave nothing.",
            "num_negatives is 1 or more, and range_max above range_min.",
        )
    if mining.sampling_strategy not in ("top", "random"):
        raise InputError(f"sampling_strategy is {mining.sampling_strategy!r}; 'top' or 'random' was expected.")


def _pairs(given: Ids | None, what: str) -> Ids:
    pairs = np.empty((0, 2), np.int64) if given is None or not np.size(given) else np.asarray(given)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise ShapeError(f"{what} have shape {pairs.shape}; (k, 2) row numbers were expected: a query and a passage.")
    return pairs.astype(np.int64)


def _by_query(pairs: Ids) -> dict[int, Ids]:
    order = np.argsort(pairs[:, 0], kind="stable")
    parts = np.split(pairs[order], np.flatnonzero(np.diff(pairs[order, 0])) + 1)
    return {int(part[0, 0]): part[:, 1] for part in parts if len(part)}


def _marks(pairs: Ids) -> Ids:
    return pairs[:, 0] * np.int64(2**31) + pairs[:, 1]
