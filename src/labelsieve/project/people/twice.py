"""Which items two people shall answer, neither seeing the other's answer, and who gets the second look.

asked_twice(seed, ids, share) -> mask          by seed and id alone: it never depends on who asks, or when
twice_of(context, ids) -> {item: 2}            for the queue: how many people shall answer an item, where not one
second_looks(context, by, n) -> [(item, query)]  what waits for a second answer that this person may give
set_twice(context, share)
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError
from labelsieve.core.randomness import hash_uniform, stream
from labelsieve.core.types import Ids
from labelsieve.project.context import Context
from labelsieve.project.current import standing_answers
from labelsieve.project.deciding import STRATEGY
from labelsieve.project.desk import leases

BACK = 20_000  # events that a search for second looks goes back: it stands on the path of a key


def asked_twice(seed: int, ids: Ids, share: float) -> NDArray[np.bool_]:
    """Whether two people shall answer each id (m,): a share of all, drawn by seed and id. Cost: O(m).

    >>> asked_twice(3, np.arange(5), 0.0).any(), asked_twice(3, np.arange(5), 1.0).all()
    (np.False_, np.True_)
    """
    return np.asarray(hash_uniform(seed, np.asarray(ids, np.int64)) < share, bool)


def twice_seed(context: Context) -> int:
    """The seed of the draw of a task: that of the project, with a stream of its own."""
    return int(stream(context.settings.seed, "twice", context.task_name).integers(2**62))


def twice_of(context: Context, ids: Ids) -> dict[int, int]:
    """Item -> 2, for those of `ids` (m,) that two people shall answer; all others one person answers."""
    share = context.task_settings.twice
    if not share:
        return {}
    ids = np.asarray(ids, np.int64)
    return dict.fromkeys(ids[asked_twice(twice_seed(context), ids, share)].tolist(), 2)


def second_looks(context: Context, by: str, n: int) -> list[tuple[int, int]]:
    """(item, query) of up to n items that one other person has answered and `by` has neither answered nor got.

    Those that have waited longest come first, among the last BACK events. Nothing shows what the first answer was.
    Cost: O(BACK + answers to what is drawn); nothing where no share is asked twice.
    """
    share, conn, task = context.task_settings.twice, context.conn, context.task
    if not share or n < 1:
        return []
    sql = """SELECT item, query FROM events WHERE task = ? AND annotator <> ? AND tag IS NOT NULL AND part IS NULL
      AND seq > (SELECT MAX(seq) FROM events) - ? AND source = 'human' AND query IS NOT NULL
      AND query NOT IN (SELECT id FROM queries WHERE task = ? AND strategy IN (?, 'certify')) ORDER BY seq"""
    found = dict(conn.execute(sql, (task.id, by, BACK, task.id, STRATEGY)).fetchall())
    ids = np.fromiter(found, np.int64, len(found))
    waiting = _waiting(context, ids[asked_twice(twice_seed(context), ids, share)], by)
    return [(item, found[item]) for item in waiting[:n]]


def _waiting(context: Context, ids: Ids, by: str) -> list[int]:
    """Those of ids with the answer of one person who is not `by`, and in nobody else's hands; in order."""
    answers = standing_answers(context.conn, context.task, ids)
    holders = leases.held(context.conn, context.task, ids)
    out = []
    for item in ids.tolist():
        people = {label.by for label in answers.get(item, ())}
        if len(people) == 1 and by not in people and not holders.get(item, set()) - {by}:
            out.append(item)
    return out


def set_twice(context: Context, share: float) -> None:
    """Writes the share of items that two people shall answer into labelsieve.toml; InputError outside [0, 1].

    A larger share keeps every item of a smaller one: the draw is the same.
    """
    if not 0 <= share <= 1:  # NaN fails too
        raise InputError(f"the share to be labelled twice is {share}; expected 0 to 1.", "0.1 is one item in ten.")
    changed = replace(context.task_settings, twice=float(share))
    context.change(tasks={**context.settings.tasks, context.task_name: changed})
