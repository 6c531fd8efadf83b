"""Answers of a client: written once however often they are sent, and one that cannot be taken never stops the others.

    accept(context, drafts, by) -> Taken

The client makes the UUIDs. Near-duplicates that go with an answer get UUIDs that follow from it, so that a retry
writes nothing twice, and taking the answer back takes back theirs.
"""

import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from labelsieve.core.errors import InputError, LabelsieveError, ProjectError, UnknownName
from labelsieve.core.types import Ids, Label, Origin, Task, Value
from labelsieve.project import deciding, events, grouping, live, manifest
from labelsieve.project.context import Context
from labelsieve.project.current import current_of, own_answer
from labelsieve.project.database import transaction
from labelsieve.project.desk import leases

OLDEST = 7 * 86_400.0  # seconds an answer may have waited at the client


@dataclass(frozen=True, slots=True)
class Draft:
    """One answer as a client sends it. `value` is None for an undo, which names in `supersedes` what it takes back.

    `age` is how many seconds ago it was given: the client's clock is not trusted.
    """

    id: str
    item: int
    value: Value | None
    age: float = 0.0
    seconds: float | None = None
    query: int | None = None
    supersedes: str | None = None
    group: bool = False  # the near-duplicates that the query names get the same answer
    decides: bool = False  # a reviewer's decision: it leaves their own earlier answer as it was
    source: Origin = "human"  # "rule" where nobody has looked at the item: an audit does not count it as reviewed


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that was not taken: why, and one thing to do. `missing`: what it names is not there."""

    id: str
    fact: str
    hint: str
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """How many answers were new, how many had been written before, and those that could not be taken."""

    written: int = 0
    known: int = 0
    refused: list[Refusal] = field(default_factory=list)


def accept(context: Context, drafts: Sequence[Draft], by: str) -> Taken:
    """Writes the answers in their order. When it returns, what was taken is on the disk.

    All in one transaction; where one of them cannot be taken, each in its own. ProjectError where the project is in
    trouble (a full disk, say): that is no answer's fault, and they can be sent again.
    """
    try:
        return _accept(context, drafts, by)
    except ProjectError:
        raise
    except LabelsieveError as error:
        if len(drafts) == 1:
            missing = isinstance(error, UnknownName)
            return Taken(refused=[Refusal(drafts[0].id, error.fact, error.hint, missing)])
    parts = [accept(context, [draft], by) for draft in drafts]
    refused = [refusal for part in parts for refusal in part.refused]
    return Taken(sum(part.written for part in parts), sum(part.known for part in parts), refused)


def _accept(context: Context, drafts: Sequence[Draft], by: str) -> Taken:
    conn, task = context.conn, context.task
    with transaction(conn):
        known = {label.id: label for label in events.by_uuid(conn, [draft.id for draft in drafts])}
        fresh = [draft for draft in drafts if draft.id not in known]
        first = {draft.id: draft for draft in reversed(fresh)}
        for draft in fresh:
            if (draft.item, draft.value) != (first[draft.id].item, first[draft.id].value):
                raise _other_content(draft)
        for draft in drafts:
            if draft.id in known:
                _require_same(known[draft.id], draft, task, by)
        labels = _labels(conn, task, fresh, by)
        events.write(conn, labels)
        leases.give_back(conn, task, by, [draft.item for draft in fresh if draft.value is not None])
    return Taken(len({draft.id for draft in fresh}), len(drafts) - len({draft.id for draft in fresh}))


def _require_same(label: Label, draft: Draft, task: Task, by: str) -> None:
    if (label.task, label.item, _plain(label.value), label.by) != (task.name, draft.item, _plain(draft.value), by):
        raise _other_content(draft)


def _other_content(draft: Draft) -> InputError:
    fact = f"label {draft.id} was written before with another content."
    return InputError(fact, "every new label needs a UUID of its own.")


def _plain(value: Value | None) -> tuple[object, ...] | None:
    """A value without the order of its classes: the ledger keeps its own."""
    if value is None:
        return None
    weights = value.weights or (1.0,) * len(value.names)
    return value.tag, *sorted(zip(value.names, weights, strict=False))


def _labels(conn: sqlite3.Connection, task: Task, drafts: Sequence[Draft], by: str) -> list[Label]:
    """The events of new drafts. Each answer supersedes the person's last one to the item, drafts of this call too."""
    moment = datetime.now(UTC)
    items = np.array(sorted({draft.item for draft in drafts}), np.int64)
    manifest.require(conn, items)
    mine: dict[int, str | None] = {**current_of(conn, task.name, items, by)}
    out: list[Label] = []
    for draft in {draft.id: draft for draft in drafts}.values():
        if draft.value is None:
            out += _undo(conn, task, draft, by, moment, out)
            mine[draft.item] = None
            continue
        seat = _seat(conn, draft.item, draft.query)
        before = _named(conn, draft, by, seat, out)
        if before is None and not draft.decides:  # a decision names its own
            before = mine.get(draft.item) if seat is None else _like(conn, task, draft, seat, by, out)
        label = _label(task, draft, by, moment, before)
        out.append(label)
        if seat is None:
            mine[draft.item] = label.id
        if draft.group and draft.query is not None:
            out += _with_it(conn, task, label)
    return out


def _seat(conn: sqlite3.Connection, item: int, query: int | None) -> int | None:
    """The query where its answers stand apart from what else a person says of the item: those to a hidden item measure
    who answers, decisions outweigh. Both replace only their like."""
    apart = item in live.hidden_in(conn, query) or deciding.holds_decisions(conn, query)
    return query if apart else None


def _named(conn: sqlite3.Connection, draft: Draft, by: str, seat: int | None, before: Sequence[Label]) -> str | None:
    """The answer that the client says this one replaces, where it may be: nothing tells that an item is hidden.

    InputError where an answer would replace somebody else's, or outweigh it without being a decision.
    """
    if deciding.holds_decisions(conn, draft.query) != draft.decides:
        raise InputError(f"query {draft.query} holds decisions between annotators.", "a reviewer decides on its page.")
    if draft.supersedes is None:
        return None
    named = [label for label in before if label.id == draft.supersedes] or events.by_uuid(conn, [draft.supersedes])
    if named and named[0].by != by:
        raise InputError(f"the answer {draft.supersedes} is by {named[0].by}.", "everybody replaces their own.")
    return draft.supersedes if not named or _seat(conn, draft.item, named[0].query) == seat else None


def _like(conn: sqlite3.Connection, task: Task, draft: Draft, query: int, by: str, out: Sequence[Label]) -> str | None:
    """The person's last answer to a hidden item of this query."""
    here = [label.id for label in out if (label.item, label.query) == (draft.item, query) and label.value]
    return here[-1] if here else own_answer(conn, task, draft.item, query, by)


def _label(task: Task, draft: Draft, by: str, moment: datetime, before: str | None) -> Label:
    age = timedelta(seconds=min(max(draft.age, 0.0), OLDEST))
    at = (moment - age).isoformat(timespec="microseconds")
    return Label(
        draft.id, task.name, draft.item, draft.value, by, at, draft.seconds, draft.source, draft.query, before
    )  # fmt: skip


def _with_it(conn: sqlite3.Connection, task: Task, label: Label) -> list[Label]:
    """What the near-duplicates of an answered item get: nobody looked at them."""
    members = grouping.groups_of(conn, label.query or 0).get(label.item, np.empty(0, np.int64))
    return [
        Label(follower(label.id, member), task.name, member, label.value, label.by, label.at, None, "rule", label.query)
        for member in grouping.still_open(conn, task.name, members).tolist()
    ]


def follower(label: str, member: int) -> str:
    """UUID of the answer that a near-duplicate gets with the answer `label`."""
    return str(uuid.uuid5(uuid.UUID(label), str(member)))


def _undo(
    conn: sqlite3.Connection, task: Task, draft: Draft, by: str, moment: datetime, before: Sequence[Label]
) -> list[Label]:
    """The events that take an answer back, and with it those of its near-duplicates."""
    if draft.supersedes is None:
        raise InputError(f"undo {draft.id} names no answer.", "send the UUID of the answer in `supersedes`.")
    named = [label for label in before if label.id == draft.supersedes] or events.by_uuid(conn, [draft.supersedes])
    if not named:
        raise InputError(f"undo {draft.id} names {draft.supersedes}, which is not written.", "send that one first.")
    label = named[0]
    if label.by != by:
        raise InputError(f"the answer {label.id} is by {label.by}, not by {by}.", "everybody takes back their own.")
    out = [_label(task, draft, by, moment, label.id)]
    members: Ids = (
        grouping.groups_of(conn, label.query).get(label.item, np.empty(0, np.int64)) if label.query else _NONE
    )
    ids = {follower(label.id, member): member for member in members.tolist()}
    written = {other.id for other in events.by_uuid(conn, list(ids))} | {other.id for other in before}
    for other, member in ids.items():
        if other in written:
            out.append(Label(follower(draft.id, member), task.name, member, None, by, out[0].at, supersedes=other))
    return out


_NONE = np.empty(0, np.int64)
