"""The nouns that every room shares: items, tasks, labels, queries. Data only, no behaviour to override."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ids: TypeAlias = NDArray[np.int64]  # (m,) permanent item ids
Matrix: TypeAlias = NDArray[np.float32]  # (m, d) or (m, c)
Vector: TypeAlias = NDArray[np.float64]  # (m,)
State: TypeAlias = dict[str, NDArray[Any]]  # what a head or engine learnt, as plain arrays (never a pickle)
Modality: TypeAlias = Literal["image", "text", "row", "embedding"]
Kind: TypeAlias = Literal["classes", "multilabel", "screen"]
Purpose: TypeAlias = Literal["search", "audit", "calibration", "control", "repeat", "certify"]
Origin: TypeAlias = Literal["human", "model", "rule", "import"]
Tag: TypeAlias = Literal["class", "classes", "soft", "unsure", "skip"]

DULL, ODD = 0, 1  # the codes of a screen task


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of the pool. `data` is a path or bytes (image), a str (text), a mapping (row) or a (d,) array."""

    id: int
    key: str
    digest: str
    modality: Modality
    data: Any
    meta: Mapping[str, Any] = field(default_factory=dict)
    lacks: str = ""  # what people should see of it, and why it is missing: `data` are its numbers then


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked about the pool. `classes[code]` is the name of a code; codes are never reused.

    A screen task has the codes DULL = 0 and ODD = 1; `dull` is the class name that counts as dull
    and every other name counts as odd.
    """

    id: int
    name: str
    kind: Kind
    classes: tuple[str, ...] = ()
    closed: bool = False
    dull: str = "dull"


@dataclass(frozen=True, slots=True)
class Value:
    """One answer: a class, a set of classes (those not named are absent), soft weights, unsure or skip."""

    tag: Tag
    names: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Label:
    """One event about one unit (an item, or a part of it). Never edited: undo and change are further events.

    `value` is None for an undo, which names in `supersedes` the event that it takes back.
    """

    id: str  # UUID made by the client: a retry never doubles
    task: str
    item: int
    value: Value | None
    by: str
    at: str  # ISO 8601, UTC
    seconds: float | None = None
    source: Origin = "human"
    query: int | None = None
    supersedes: str | None = None
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Labels:
    """The events folded into training data: what is known now, one row an item, ids ascending.

    `y` is (m,) int64 class codes, or (m, c) float32 in [0, 1] with NaN = not asked (multilabel).
    A screen task has y in {DULL, ODD} and classes ("dull", "odd").
    """

    ids: Ids
    y: NDArray[Any]
    classes: tuple[str, ...]
    kind: Kind = "classes"
    weight: Vector | None = None

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked at once, most wanted first. All arrays are (b,)."""

    ids: Ids
    score: Vector
    propensity: Vector  # NaN where the choice was deterministic
    strategy: str
    why: tuple[str, ...] = ()  # one reason an item, or a single reason for all
    purpose: tuple[Purpose, ...] = ()  # one an item; empty means all "search"
    scored: int = 0  # how many items were scored to make this choice
    arms: tuple[str, ...] = ()  # one an item: the arms of a search that had it on their list, joined by " + "

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Rows of one engine. `values` (n, d) may be memory-mapped; `ids` (n,) ascending names its rows."""

    values: Matrix
    ids: Ids
    engine: str  # name@revision
    preprocess: str
    space: str


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with its interval. low and high bound it at 95 % unless said otherwise."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a step takes: labels, contact sheets, hours; `buys` says what it would show, and on which condition."""

    labels: int
    sheets: int
    hours: float
    buys: str = ""


@dataclass(frozen=True, slots=True)
class Guarantee:
    """A promise with a number: true in at least `confidence` of all audits, if what it `assumes` holds.

    `bound` is what `claim` says in words; `checked` holds the counts that it rests on, `next_cost` the price of the
    next better one (None where no price is known), `seed` the draw of the audit where it is known.
    """

    claim: str
    bound: float
    confidence: float
    checked: Mapping[str, float]
    assumes: tuple[str, ...]
    next_cost: Cost | None = None
    seed: int | None = None
    task: str | None = None
