"""What an export holds: every item that somebody has answered, its data, its answers, and what they agree on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any

import numpy as np

from labelsieve.core.types import Ids, Label, Modality, Task
from labelsieve.project import deciding, folding, live, manifest
from labelsieve.project.context import Context
from labelsieve.project.exporting import decision_queries
from labelsieve.project.formats.losses import Losses
from labelsieve.project.seeing import kind_seen, sights

BLOCK = 1_000  # items in memory at once, with their data


@dataclass(frozen=True, slots=True)
class Answered:
    """One item with its answers in the order they were given. `agreed` is None where they train nothing."""

    id: int
    key: str
    digest: str
    modality: Modality
    answers: Sequence[Label]
    agreed: tuple[str, ...] | None
    data: Any = None  # an InputError where it cannot be read


@dataclass
class Gathered:
    """An export on its way: the task, what it loses, and its items, a block at a time.

    A writer calls `settle` when all is written and nothing is in its place yet.
    """

    context: Context
    task: Task
    allow_loss: bool = False
    decisions: frozenset[int] = frozenset()  # the queries whose answers decide
    losses: Losses = field(default_factory=Losses)
    items: int = 0
    answers: int = 0

    def blocks(self, data: bool = True) -> Iterator[list[Answered]]:
        """Answered items, ids ascending; without `data` nothing of the sources is read."""
        agreed = folding.agreed(self.context.conn, self.task.name)
        grouped = groupby(folding.answers(self.context.conn, self.task.name), key=lambda label: label.item)
        stream = ((item, list(labels)) for item, labels in grouped)
        while block := list(islice(stream, BLOCK)):
            ids = np.array([item for item, _ in block], np.int64)
            entries = manifest.entries(self.context.conn, ids)
            things = self._things(ids, [entry.gone is None for entry in entries]) if data else [None] * len(ids)
            seen = sights(self.context, ids) if data else [None] * len(ids)
            self.items += len(block)
            self.answers += sum(len(labels) for _, labels in block)
            yield [
                Answered(
                    entry.id, entry.key, entry.digest, kind_seen(self.context, entry.source), labels,
                    agreed.get(entry.id), thing if sight is None else sight,
                )
                for entry, (_, labels), thing, sight in zip(entries, block, things, seen, strict=True)
            ]  # fmt: skip

    def _things(self, ids: Ids, present: list[bool]) -> list[Any]:
        """Data of each id; what has gone from its source is counted as lost by whoever needs it."""
        there = ids[np.array(present, bool)]
        found = iter(self.context.things(there)) if len(there) else iter(())
        return [next(found) if here else None for here in present]

    def settle(self) -> None:
        """InputError where something is lost and nobody allowed it."""
        hint = "allow the loss (--allow-loss) to write the rest; the format jsonl holds every answer."
        self.losses.require_none(self.allow_loss, "this format", hint)

    def purpose(self, label: Label) -> str | None:
        """What makes an answer more than one among others: it decides."""
        return deciding.STRATEGY if label.query in self.decisions else None

    def modalities(self) -> list[Modality]:
        """The kinds of items among the answered ones, sorted."""
        ids = folding.answered(self.context.conn, self.task.name)
        return sorted({kind_seen(self.context, source) for source in manifest.locate(self.context.conn, ids)})


def gathered(context: Context, allow_loss: bool = False) -> Gathered:
    """An export of the context's task. Answers about parts of items, which no format here holds, are lost."""
    task = context.task
    made = Gathered(context, task, allow_loss, decision_queries(context))
    sql = "SELECT seq, item FROM events WHERE task = ? AND tag IS NOT NULL AND part IS NOT NULL"
    rows = context.conn.execute(sql, (made.task.id,)).fetchall()
    dead = live.not_live(context.conn, task) if rows else set()
    if items := [item for seq, item in rows if seq not in dead]:
        key = manifest.keys(context.conn, np.array([min(items)], np.int64))[0]
        made.losses.add("about a part of an item", key, len(items))
    return made
