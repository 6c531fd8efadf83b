"""Which dull labels of a screen look odd and are not confirmed: they are left out of training.

confirmed(conn, task) -> Ids                  items that were answered dull twice or more, ascending
doubted(conn, task, pool, labels, ...)        the doubtful dull labels, most doubtful first
"""

import sqlite3

import numpy as np

from labelsieve.core.rounds import Pool
from labelsieve.core.types import ODD, Ids, Labels, Task
from labelsieve.heads.fused import directions_of
from labelsieve.project import live
from labelsieve.project.lessons.taught import MISSED, Taught
from labelsieve.screening.doubts import Doubts, doubtful

NOTHING = Doubts(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def confirmed(conn: sqlite3.Connection, task: Task) -> Ids:
    """Items (k,) that were answered dull twice or more, by whomever, ascending; what was taken back does not count."""
    if task.dull not in task.classes:
        return np.empty(0, np.int64)
    gone = live.taken_back(conn, task) | live.repeated(conn, task)
    sql = "SELECT seq, item FROM events WHERE task = ? AND tag = 'class' AND code = ? AND part IS NULL"
    rows = conn.execute(sql, (task.id, task.classes.index(task.dull)))
    items, times = np.unique(np.fromiter((item for seq, item in rows if seq not in gone), np.int64), return_counts=True)
    return items[times > 1]


def doubted(
    conn: sqlite3.Connection, task: Task, pool: Pool, labels: Labels, taught: Taught | None, tabular: bool
) -> Doubts:
    """Ids of doubtful dull items, of the odd item nearest to each (below 0: a taught one), and how near it is.

    Beside the odd labels (m,) the odd items count that were taught one by one. Nothing outside of a screen, and
    nothing that is confirmed. Cost: the reading of the labelled rows, and as `screening.doubts.doubtful`.
    """
    missed = np.empty(0, np.int64)
    if taught is not None:
        missed = taught.ids[(taught.source == MISSED) & (taught.y == ODD)]
    if task.kind != "screen" or not ((labels.y == ODD).any() or len(missed)):
        return NOTHING
    ids = np.concatenate([missed, labels.ids])
    y = np.concatenate([np.full(len(missed), ODD), labels.y])
    found = doubtful(directions_of(pool.take(ids), tabular), y)
    open_ = ~np.isin(ids[found.at], confirmed(conn, task))
    return Doubts(ids[found.at][open_], ids[found.odd][open_], found.ratio[open_])
