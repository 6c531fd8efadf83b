"""What a guarantee will cost, before anyone starts."""

from dataclasses import dataclass
from fractions import Fraction

from labelsieve.core.errors import InputError
from labelsieve.core.types import Cost, Guarantee
from labelsieve.screening.bounds import LEVELS, SECONDS, TILES, cost_of, odd_allowed, rest_bound
from labelsieve.screening.draws import audit_size, between, likely, most_odd, odd_drawn, whole
from labelsieve.screening.promising import look_confidence
from labelsieve.screening.thresholds import spikes_needed

WEEK = 40 * 3600  # seconds of looking: the most that is called affordable unless a budget is given
FIFTH = 5  # nor more than this part of the pool
CHANCE = 0.8  # that the audit of a search that overlooked some turns out well enough


@dataclass(frozen=True, slots=True)
class Goal:
    """What is wanted: recall in a pool with that prevalence of odd items, and how many labels may be spent on proof."""

    pool: int
    prevalence: float
    recall: float = 0.9
    confidence: float = 0.95
    looks: int = 1
    seconds: float = SECONDS  # a contact sheet of 64 takes
    labels: int | None = None  # the most that is affordable; None: a fifth of the pool, and a week of looking


@dataclass(frozen=True, slots=True)
class Plan:
    """What proof of a goal costs, and what else could be had. `audit` is None where no audit can prove it."""

    goal: Goal
    odd: int  # items to be found
    overlooked: int  # of those, the most that the goal allows
    each_look: float  # the confidence of one look
    audit: Cost | None  # if the search has found them all
    audit_if_missed: Cost | None  # if it has overlooked `missed`
    missed: int
    affordable: bool
    most_labels: int
    recall_within: float  # what `most_labels` prove at best
    rest_within: Guarantee  # what they prove of what is left, whatever was found
    spikes: dict[float, int]  # sensitivity -> items to put in, all to be caught; rests on an assumption


def audit_plan(goal: Goal) -> Plan:
    """What it takes to show `goal.recall`, in labels, contact sheets and hours, and what is honest if that is too much.

    The audit comes on top of the search, whose labels nobody can know beforehand (at least one for each odd item).
    `audit` supposes that nothing odd was overlooked, the least that proof can cost: about 3 r / (prevalence (1 - r)).
    `audit_if_missed` supposes that half of what the goal allows was, and is enough about four times in five.
    Source: hypergeometric test, inverted. Cost: O(sqrt(pool) log(pool)). InputError for numbers that cannot be.

    >>> plan = audit_plan(Goal(1_000_000, 1e-4))
    >>> plan.audit.labels, plan.affordable, plan.spikes[0.9]
    (220921, False, 29)
    """
    pool = whole("pool", goal.pool, least=1)
    each = look_confidence(1, whole("looks", goal.looks, least=1), goal.confidence)
    odd = int(pool * Fraction(str(between("prevalence", goal.prevalence))))
    allowed = odd_allowed(odd, between("recall", goal.recall))
    most = _most_labels(goal, pool)
    needed = audit_size(pool, allowed, 0, each) if odd else None
    missed, needed_then = _if_missed(pool, odd, goal.recall, each)
    levels = sorted({*LEVELS[1:4], goal.recall})
    return Plan(
        goal=goal,
        odd=odd,
        overlooked=allowed,
        each_look=each,
        audit=None if needed is None else cost_of(needed, goal.seconds, f"recall of at least {goal.recall:g}"),
        audit_if_missed=None if needed_then is None else cost_of(needed_then, goal.seconds),
        missed=missed,
        affordable=needed is not None and needed <= most,
        most_labels=most,
        recall_within=odd / (odd + most_odd(pool, most, 0, each)) if odd else 0.0,
        rest_within=rest_bound(pool, most, 0, each),
        spikes={level: spikes_needed(level, goal.confidence) for level in levels},
    )


def _most_labels(goal: Goal, pool: int) -> int:
    if goal.labels is not None:
        most = whole("labels", goal.labels)
        if most > pool:
            raise InputError(f"{most} labels, in a pool of {pool}; expected at most as many.", "name fewer labels.")
        return most
    return affordable_labels(pool, goal.seconds)


def affordable_labels(pool: int, seconds: float = SECONDS) -> int:
    """How many labels of a pool are called affordable for proof: a fifth of it, and a week of looking at most."""
    return min(pool // FIFTH, int(WEEK / cost_of(1, seconds).hours / 3600) * TILES)


def _if_missed(pool: int, odd: int, recall: float, confidence: float) -> tuple[int, int | None]:
    """Half of what may be overlooked, and the audit that is then enough with a chance of 80 %; None where none may."""
    missed = odd_allowed(odd, recall) // 2
    found = odd - missed
    allowed = odd_allowed(found, recall)
    if not missed or allowed < missed:
        return 0, None
    low, high = 0, pool
    while low < high:
        middle = (low + high) // 2
        enough = not likely(_seen_at_most(pool, missed, middle), pool, min(allowed + 1, pool), middle, confidence)
        low, high = (low, middle) if enough else (middle + 1, high)
    return missed, low


def _seen_at_most(pool: int, odd: int, drawn: int) -> int:
    """The number of odd items that an audit does not exceed with a chance of 80 %."""
    first, chance = odd_drawn(pool, odd, drawn)
    return first + int((chance.cumsum() < CHANCE).sum())
