"""What annotators are not shown of the items of an audit: anything that would tell the hidden ones from the others.

audited(conn, task) -> Ids       the items that audits of a task ask for, hidden ones among them
"""

import sqlite3

import numpy as np

from labelsieve.core.types import Ids, Task


def audited(conn: sqlite3.Connection, task: Task) -> Ids:
    """Ids (m,) that any audit of the task asked for, ascending; what is hidden among them was asked for before.

    Cost: O(queries of the task + items of its audits).
    """
    # CROSS keeps this order: SQLite would begin with the items.
    sql = """SELECT DISTINCT i.item FROM queries q CROSS JOIN query_items i ON i.query = q.id
      WHERE q.task = ? AND q.strategy = 'certify' ORDER BY i.item"""
    return np.fromiter((item for (item,) in conn.execute(sql, (task.id,))), np.int64)
