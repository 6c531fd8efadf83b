"""One query: what the strategy wants, mixed with its share of random audit (and, on request, control) items.

A query depends on the seed and on what was answered, nothing else: asked twice without an answer
in between, it is the same query.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from labelsieve.core.errors import PoolExhausted
from labelsieve.core.idsets import positions
from labelsieve.core.rounds import InMemory, Kept, Maps, Pool, Round
from labelsieve.core.sockets import Head, Neighbours, Strategy
from labelsieve.core.types import Ids, Labels, Purpose, Query, Vector
from labelsieve.project.slices import Sides, random_quotas


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a task stands: `labels` train (search side), `answered` has any answer (skip and unsure too)."""

    pool: Pool
    sides: Sides
    labels: Labels
    answered: Ids
    head: Head | None = None
    number: int = 0  # queries answered before
    control: int = 0  # control items among the next n
    costs: Mapping[str, float] = field(default_factory=dict)
    neighbours: Neighbours | None = None
    wanted: int | None = None
    price: Callable[[Ids], Vector] | None = None
    past: Sequence[Query] = ()
    kept: Kept = field(default_factory=InMemory)
    tabular: bool = False
    maps: Maps | None = None
    templates: Pool | None = None
    travelled: int = 0  # answers that near-duplicates were given with another item: nobody asked for those


WHY: Mapping[Purpose, str] = {
    "audit": "random: it measures the model, and never trains it",
    "calibration": "random: it says how often a dull item scores so high, and never trains the model",
}


def compose_query(standing: Standing, strategy: Strategy, n: int, rng: Generator) -> Query:
    """(n,) items: those of the random sides and control items at random places among the search items, in their order.

    PoolExhausted where fewer than n are left. The last items of a pool may all be of the random sides.
    """
    left = free_of_sides(standing)
    pool = standing.pool.ids
    blocked = np.union1d(standing.answered, standing.sides.aside)
    at = positions(pool, blocked)
    free = len(pool) - len(at)
    if n > free + sum(map(len, left.values())):
        raise PoolExhausted(
            f"{n:,} {'item was' if n == 1 else 'items were'} asked for, "
            f"{free + sum(map(len, left.values())):,} of {len(pool):,} are left to ask.",
            "ask for fewer, or sync new items.",
        )
    drawn_sides = _from_sides(standing, left, n, n - free)
    n_random = sum(map(len, drawn_sides))
    n_control = min(standing.control, n - n_random)
    rank = rng.choice(free, n_control, replace=False)  # among what is free: those that are not come on top
    drawn = np.sort(pool[rank + np.searchsorted(at - np.arange(len(at)), rank, "right")])
    control = _plain(drawn, n_control / max(free, 1), "control", "random: what labelling without a strategy would give")
    state = Round(
        standing.pool, standing.labels, standing.head, asked=np.union1d(blocked, drawn), number=standing.number,
        costs=standing.costs, neighbours=standing.neighbours, wanted=standing.wanted,
        price=standing.price, past=standing.past, kept=standing.kept, tabular=standing.tabular, maps=standing.maps,
        templates=standing.templates,
    )  # fmt: skip
    wanted = n - n_random - n_control
    search = strategy(state, wanted, rng) if wanted else _plain(np.empty(0, np.int64), np.nan, "search", "")
    return _mix(search, [*drawn_sides, control], rng)


def compose_side(standing: Standing, purpose: Purpose, n: int) -> Query:
    """The next (n,) items of one random side alone. PoolExhausted where fewer are left of it."""
    free = free_of_sides(standing)[purpose]
    if n > len(free):
        side = len(standing.sides.drawn[purpose])
        hint = f"-n {len(free)} asks for all that are left." if len(free) else "sync new items: some of them join it."
        raise PoolExhausted(f"{n} {purpose} items were asked for, {len(free)} of {side} are left.", hint)
    return _plain(free[:n], standing.sides.shares[purpose], purpose, WHY[purpose])


def free_of_sides(standing: Standing) -> dict[Purpose, Ids]:
    """What nobody has answered of each random side, in the order in which it is asked."""
    return {p: ids[~np.isin(ids, standing.answered)] for p, ids in standing.sides.drawn.items()}


def _from_sides(standing: Standing, left: Mapping[Purpose, Ids], n: int, short: int) -> list[Query]:
    """The share of each random side in a query of n; more where the rest of the pool is `short` of items."""
    sides = standing.sides
    taken = {purpose: len(ids) - len(left[purpose]) for purpose, ids in sides.drawn.items()}
    quotas = random_quotas(n, len(standing.answered) - standing.travelled, taken)
    counts = {purpose: min(quota, len(left[purpose])) for purpose, quota in quotas.items()}
    for purpose, ids in left.items():
        counts[purpose] += min(max(0, short - sum(counts.values())), len(ids) - counts[purpose])
    return [_plain(left[p][:count], sides.shares[p], p, WHY[p]) for p, count in counts.items()]


def _plain(ids: Ids, propensity: float, purpose: Purpose, why: str) -> Query:
    n = len(ids)
    return Query(ids, np.zeros(n), np.full(n, propensity), "random", (why,) * n, (purpose,) * n)


def _mix(search: Query, others: list[Query], rng: Generator) -> Query:
    """All in one query: the others at random places, so that nobody can tell them by where they stand."""
    parts = [search, *others]
    which = np.concatenate([np.full(len(part), i) for i, part in enumerate(parts)]).astype(int)
    which = rng.permutation(which)
    place = np.empty(len(which), np.int64)
    for i, part in enumerate(parts):
        place[which == i] = sum(len(p) for p in parts[:i]) + np.arange(len(part))
    why = [reason for part in parts for reason in _each(part)]
    searched: Purpose = "search"
    purpose = [p for part in parts for p in (part.purpose or (searched,) * len(part))]
    return Query(
        ids=np.concatenate([part.ids for part in parts])[place],
        score=np.concatenate([part.score for part in parts])[place],
        propensity=np.concatenate([part.propensity for part in parts])[place],
        strategy=search.strategy if len(search) else "random",
        why=tuple(why[i] for i in place),
        purpose=tuple(purpose[i] for i in place),
        scored=search.scored,
        arms=_arms(parts, place),
    )


def _arms(parts: list[Query], place: Ids) -> tuple[str, ...]:
    """The arms of each item (n,); empty where no part has any."""
    arms = [arm for part in parts for arm in part.arms or ("",) * len(part)]
    return tuple(arms[i] for i in place) if any(arms) else ()


def _each(part: Query) -> tuple[str, ...]:
    if len(part.why) == len(part):
        return part.why
    return (part.why[0] if part.why else part.strategy,) * len(part)
