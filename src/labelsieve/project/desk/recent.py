"""What a person answered lately, newest first: what an app needs to take answers back after it was opened anew.

latest(context, by, n, before) -> list[Answered]      answers that stand, people's own ones alone
"""

from dataclasses import dataclass

import numpy as np

from labelsieve.core.types import Label
from labelsieve.project import events, live
from labelsieve.project.context import Context

MOST = 200  # answers at once


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer that stands, with its place in the ledger: `before` of the next call."""

    seq: int
    label: Label


def latest(context: Context, by: str, n: int, before: int | None = None) -> list[Answered]:
    """Up to n answers (newest first) that a person gave by hand, before the place `before`, and that still stand.

    Answers to hidden items are there like all others. Cost: O(n), and more where much was taken back.
    """
    found: list[int] = []
    upto, wanted = live.LAST if before is None else before, min(n, MOST)
    while len(found) < wanted:
        some = _given(context, by, upto, 2 * wanted)
        if not some:
            break
        dead = live.not_live(context.conn, context.task, np.array([item for _, item in some], np.int64))
        found += [seq for seq, _ in some if seq not in dead]
        upto = some[-1][0]
    seqs = np.array(found[:wanted], np.int64)
    labels = events.by_sequence(context.conn, context.task, seqs)
    return [Answered(seq, labels[seq]) for seq in seqs.tolist() if seq in labels]


def _given(context: Context, by: str, upto: int, n: int) -> list[tuple[int, int]]:
    """Sequence numbers and items of answers to whole items, newest first."""
    sql = """SELECT seq, item FROM events INDEXED BY events_annotator WHERE task = ? AND annotator = ? AND seq < ?
      AND tag IS NOT NULL AND part IS NULL AND source = 'human' ORDER BY seq DESC LIMIT ?"""
    return context.conn.execute(sql, (context.task.id, by, upto, n)).fetchall()
