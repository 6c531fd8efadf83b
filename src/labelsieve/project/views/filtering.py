"""What a filter is: a small tree of conditions on items, as plain data; `labelsieve.project.views.masks` applies it.

Nothing of it ever becomes a part of an SQL text: names and texts are bound values or are compared in memory.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, Union

from pydantic import Field

from labelsieve.core.errors import InputError
from labelsieve.core.types import Purpose

MOST = 200  # conditions in one filter
Text: TypeAlias = Annotated[str, Field(max_length=1000)]
Texts: TypeAlias = Annotated[tuple[Text, ...], Field(max_length=10_000)]
State: TypeAlias = Literal["none", "any", "skip", "unsure"]
By: TypeAlias = Literal[
    "id", "key", "label", "guess", "probability", "oddness", "margin", "disagreement", "time", "labelled", "source",
    "column", "annotator", "random",
]  # fmt: skip
Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Uses: TypeAlias = Literal["labels", "guess", "flags", "asked"]


@dataclass(frozen=True, slots=True)
class Answered:
    """Items whose standing label is one of the classes, or in one of the states: none, any, skip, unsure."""

    what: Literal["label"]
    classes: Texts = ()
    states: tuple[State, ...] = ()


@dataclass(frozen=True, slots=True)
class Guessed:
    """Items that the head gives one of the classes (any, where none is named) with a probability in [low, high]."""

    what: Literal["guess"]
    classes: Texts = ()
    low: Number = 0.0
    high: Number = 1.0


@dataclass(frozen=True, slots=True)
class Doubted:
    """Items whose label is another class than the head says, or of which annotators say different things."""

    what: Literal["disagreement"]
    between: Literal["head", "annotators"] = "head"


@dataclass(frozen=True, slots=True)
class FromSource:
    """Items of these sources, by name."""

    what: Literal["source"]
    names: Texts


@dataclass(frozen=True, slots=True)
class InColumn:
    """Items by a column of their source: its text is one of `texts`, contains one of them, or is a number in range."""

    what: Literal["column"]
    name: Text
    relation: Literal["is", "contains", "range"] = "is"
    texts: Texts = ()
    low: Number | None = None
    high: Number | None = None


@dataclass(frozen=True, slots=True)
class AnsweredBy:
    """Items with a standing answer of one of these annotators."""

    what: Literal["annotator"]
    names: Texts


@dataclass(frozen=True, slots=True)
class Flagged:
    """Items with a flag, or without one."""

    what: Literal["flagged"]
    on: bool = True


@dataclass(frozen=True, slots=True)
class AskedFor:
    """Items that were asked for one of these purposes. Hidden items of an audit are items of the audit."""

    what: Literal["purpose"]
    purposes: tuple[Purpose, ...]


@dataclass(frozen=True, slots=True)
class Keyed:
    """Items whose key contains a text; the case of ASCII letters does not count."""

    what: Literal["key"]
    text: Text


@dataclass(frozen=True, slots=True)
class All:
    """Items that meet all of the conditions; every item where there are none."""

    what: Literal["all"]
    of: tuple["Filter", ...] = ()


@dataclass(frozen=True, slots=True)
class Either:
    """Items that meet at least one of the conditions; none where there are none."""

    what: Literal["any"]
    of: tuple["Filter", ...] = ()


@dataclass(frozen=True, slots=True)
class Other:
    """Items that do not meet the condition."""

    what: Literal["not"]
    of: "Filter"


Leaf: TypeAlias = Answered | Guessed | Doubted | FromSource | InColumn | AnsweredBy | Flagged | AskedFor | Keyed
Filter: TypeAlias = Annotated[
    Union[  # noqa: UP007  names in quotes
        Answered, Guessed, Doubted, FromSource, InColumn, AnsweredBy, Flagged, AskedFor, Keyed, All, Either, Other
    ],
    Field(discriminator="what"),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of a view; what has no value comes last, ties by id.

    `seed` is that of a random order, `name` the column to order by. Classes stand in the order of the task.
    """

    by: By = "id"
    descending: bool = False
    seed: Annotated[int, Field(ge=0, le=2**31)] = 0
    name: Text = ""


def leaves(tree: Filter) -> list[Leaf]:
    """The conditions of a filter, from left to right. InputError where there are more than MOST."""
    found: list[Leaf] = []
    waiting: list[Filter] = [tree]
    nodes = 0
    while waiting:
        node = waiting.pop()
        nodes += 1
        if nodes > MOST:
            raise InputError(f"the filter has more than {MOST} conditions.", "a list of names is one condition.")
        if isinstance(node, All | Either):
            waiting += reversed(node.of)
        elif isinstance(node, Other):
            waiting.append(node.of)
        else:
            found.append(node)
    return found


_NEEDS: dict[str, tuple[Uses, ...]] = {
    "label": ("labels",),
    "guess": ("guess",),
    "disagreement": ("labels", "guess"),
    "annotator": ("labels",),
    "flagged": ("flags",),
    "purpose": ("asked",),
    "probability": ("guess",),
    "oddness": ("guess",),
    "margin": ("guess",),
    "labelled": ("labels",),
}


def uses(tree: Filter, sort: Sort) -> set[Uses]:
    """What a view depends on beside the pool: it is made anew where that has changed."""
    named = [leaf.what for leaf in leaves(tree)] + [sort.by]
    return {need for name in named for need in _NEEDS.get(name, ())}
