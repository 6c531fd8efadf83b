"""What a person answered lately, newest first: what an app needs to take answers back after it was opened anew.

latest(context, by, n, before) -> list[Answered]      answers that stand, people's own ones alone
"""

import json
from dataclasses import dataclass

import numpy as np

from labelsieve.core.types import Label
from labelsieve.project import events
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
    upto, wanted = events.LAST if before is None else before, min(n, MOST)
    while len(found) < wanted:
        some = _given(context, by, upto, 2 * wanted)
        if not some:
            break
        found += _standing(context, some)
        upto = some[-1]
    seqs = np.array(found[:wanted], np.int64)
    labels = events.by_sequence(context.conn, context.task, seqs)
    return [Answered(seq, labels[seq]) for seq in seqs.tolist() if seq in labels]


def _given(context: Context, by: str, upto: int, n: int) -> list[int]:
    """Sequence numbers of answers to whole items, newest first."""
    sql = """SELECT seq FROM events INDEXED BY events_annotator WHERE task = ? AND annotator = ? AND seq < ?
      AND tag IS NOT NULL AND part IS NULL AND source = 'human' ORDER BY seq DESC LIMIT ?"""
    return [seq for (seq,) in context.conn.execute(sql, (context.task.id, by, upto, n))]


def _standing(context: Context, seqs: list[int]) -> list[int]:
    """Those that are neither taken back nor replaced, by the rules of the fold, in their order."""
    sql = """WITH RECURSIVE later(seq, target, undo) AS (
        SELECT seq, supersedes, tag IS NULL FROM events INDEXED BY events_supersedes
          WHERE task = :task AND supersedes IN (SELECT value FROM json_each(:seqs))
        UNION SELECT e.seq, e.supersedes, e.tag IS NULL FROM later JOIN events e
          ON e.task = :task AND e.supersedes = later.seq)
      SELECT seq, target, undo FROM later ORDER BY seq DESC"""
    rows = context.conn.execute(sql, {"task": context.task.id, "seqs": json.dumps(seqs)}).fetchall()
    taken: set[int] = set()
    for seq, target, undo in rows:
        if undo and seq not in taken:
            taken.add(target)
    replaced = {target for seq, target, undo in rows if not undo and seq not in taken}
    return [seq for seq in seqs if seq not in taken and seq not in replaced]
