"""Everything that a screen needs to show items, as plain data: one request, no chain of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labelsieve.core.errors import LabelsieveError
from labelsieve.core.types import Ids, Item, Label, Purpose, Value
from labelsieve.project import grouping
from labelsieve.project.context import Context
from labelsieve.project.desk.flags import flags_of
from labelsieve.project.desk.handing import Handed
from labelsieve.project.seeing import seen_items
from labelsieve.project.views import foreseen
from labelsieve.project.views.veiling import audited

GUESSED = ("search", "control")  # purposes whose items may show what the head thinks
FEW = 64  # so many numbers of an embedding are shown one by one: a table's columns are, a model's numbers say nothing
LONGEST = 1_000_000  # characters of a text that are sent


def cards_of(context: Context, handed: Handed, by: str) -> list[dict[str, Any]]:
    """One card an item that was handed out, in order: what to show, why it was asked, what it stands for."""
    groups = {query: grouping.groups_of(context.conn, query) for query in set(handed.query) if query is not None}
    guesses = _guesses(context, handed.ids)
    may = guess_may_show(context, handed.ids, handed.purpose)
    flags = flags_of(context.conn, context.task, handed.ids)
    out = []
    for at, card in enumerate(shown(context, handed.ids)):
        query, purpose = handed.query[at], handed.purpose[at]
        group = groups.get(query or 0, {}).get(card["item"], ())
        standing = handed.answers.get(card["item"], [])
        out.append(
            card
            | {
                "query": query,
                "purpose": purpose,
                "why": handed.why[at],
                "arms": handed.arms[at],
                "group": len(group),
                "guess": guesses[at] if may[at] else None,
                "mine": answer_of(standing, by),
                "flagged": any(flag["by"] == by for flag in flags.get(card["item"], ())),
            }
        )
    return out


def guess_may_show(context: Context, ids: Ids, purposes: Sequence[Purpose]) -> list[bool]:
    """Whether what the head thinks of each id (m,), asked for this purpose, may be shown to whoever answers it.

    Never where the answer measures the head or a reviewer: of no item that any audit of a screen has drawn either.
    """
    drawn = set(audited(context.conn, context.task).tolist()) if context.task.kind == "screen" else set()
    return [purpose in GUESSED and item not in drawn for item, purpose in zip(ids.tolist(), purposes, strict=True)]


def shown(context: Context, ids: Ids) -> list[dict[str, Any]]:
    """What to show of each id (m,), in order. What cannot be read stands in `fault` of its card."""
    return [_content(item) for item in seen_items(context, np.asarray(ids, np.int64))]


def _content(item: Item) -> dict[str, Any]:
    card: dict[str, Any] = {
        "item": item.id,
        "key": item.key,
        "modality": item.modality,
        "meta": {name: shown_value(value) for name, value in item.meta.items()},
    }
    if isinstance(item.data, LabelsieveError):
        return card | {"fault": item.data.fact, "hint": item.data.hint}
    if item.modality == "image":
        return card | {"image": f"/api/v1/items/{item.id}/image?v={item.digest[:16]}"}
    if item.modality == "text":
        text = str(item.data)
        return card | {"text": text[:LONGEST], "cut": max(len(text) - LONGEST, 0)}
    if isinstance(item.data, Mapping):
        return card | {"row": {str(name): shown_value(value) for name, value in item.data.items()}}
    lacks = {"lacks": item.lacks} if item.lacks else {}
    few = {"values": [shown_value(value) for value in item.data]} if len(item.data) <= FEW else {}
    return card | {"numbers": len(item.data)} | few | lacks


def shown_value(value: Any) -> Any:
    """A cell as JSON can hold it."""
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _guesses(context: Context, ids: Ids) -> list[dict[str, Any] | None]:
    known = foreseen.read(context)
    found = known.of(ids) if known is not None else [None] * len(ids)
    return [None if one is None else {"name": one[0], "p": one[1]} for one in found]


def answer_of(labels: Sequence[Label], by: str) -> dict[str, Any] | None:
    """The person's own answer among those that stand for an item."""
    found = next((label for label in labels if label.by == by), None)
    return None if found is None else {"id": found.id, "value": value_data(found.value), "at": found.at}


def value_data(value: Value | None) -> dict[str, Any] | None:
    """A value as plain data."""
    return None if value is None else {"tag": value.tag, "names": list(value.names), "weights": list(value.weights)}
