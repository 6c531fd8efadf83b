"""The items on which people differ, put before a reviewer, and what the reviewer decides.

open_questions(context, n, after) -> Questions     most doubtful first, with everybody's answers
decide(context, drafts, by) -> Taken               decisions are label events: undo takes them back like any other

A decision goes to the near-duplicates of its item by the rule of answers: to those that nobody has looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from labelsieve.core.types import Label
from labelsieve.project import deciding, grouping, manifest
from labelsieve.project.context import Context
from labelsieve.project.current import standing_answers
from labelsieve.project.desk.accepting import Draft, Taken, accept
from labelsieve.project.desk.cards import shown, value_data
from labelsieve.project.people.agreeing import agreement_now


@dataclass(frozen=True, slots=True)
class Questions:
    """Cards of items to decide: what everybody said, what is most likely. `left` are open beside these."""

    items: list[dict[str, Any]]
    left: int
    decided: int
    stale: bool  # answers have come that are not looked at yet


def open_questions(context: Context, n: int, after: Sequence[int] = ()) -> Questions:
    """Up to n items that people differ on, or of which the consensus is not sure, and that nobody has decided.

    Items in `after` are left out: the client has them already. Cost: that of agreement where answers have come since;
    else O(open items).
    """
    known = agreement_now(context)
    decided = deciding.decided_items(context.conn, context.task)
    without = decided | set(after)
    there = set(manifest.present(context.conn, np.array([one["item"] for one in known.open], np.int64)).tolist())
    wanted = [one for one in known.open if one["item"] in there and one["item"] not in without]
    ids = np.array([one["item"] for one in wanted[:n]], np.int64)
    answers = standing_answers(context.conn, context.task, ids)
    cards = [
        card | one | {"answers": [_answer(label) for label in answers.get(one["item"], ())]}
        for card, one in zip(shown(context, ids), wanted, strict=False)
    ]
    return Questions(cards, len(wanted) - len(cards), len(decided), known.stale)


def _answer(label: Label) -> dict[str, Any]:
    return {"id": label.id, "by": label.by, "value": value_data(label.value), "at": label.at, "source": label.source}


def decide(context: Context, drafts: Sequence[Draft], by: str) -> Taken:
    """Writes decisions. When it returns, they are on the disk; from now on they outweigh all answers that are none.

    A later decision of the same reviewer on an item replaces the one before; their own answer to it stays. Undo takes
    a decision back with what its near-duplicates got.
    """
    conn, task = context.conn, context.task
    items = [draft.item for draft in drafts]
    manifest.require(conn, np.array(sorted(set(items)), np.int64))
    query = deciding.decision_query(conn, task, items)
    grouping.keep(conn, query, grouping.groups_around(conn, task.name, np.array(items, np.int64)))
    before = {
        item: label.id
        for item, labels in standing_answers(conn, task, np.array(sorted(set(items)), np.int64)).items()
        for label in labels
        if label.by == by and label.query == query
    }
    return accept(context, [_decision(draft, query, before.get(draft.item)) for draft in drafts], by)


def _decision(draft: Draft, query: int, before: str | None) -> Draft:
    return replace(draft, query=query, decides=True, group=True, supersedes=draft.supersedes or before)
