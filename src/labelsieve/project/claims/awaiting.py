"""Answers to an audit that nothing shows yet: where hidden items are mixed in, counts that move would tell them apart.

awaited(conn, task) -> Ids       drawn items whose answers neither count nor train before all of their draw is answered
"""

import sqlite3

import numpy as np

from labelsieve.core.types import Ids
from labelsieve.project import chain, queries


def awaited(conn: sqlite3.Connection, task: str) -> Ids:
    """Ids (m,), ascending, that the latest audit drew together with hidden items, as long as any of them is open.

    The hidden ones are not among them: what is known of these counts as before, and what is said of them never does.
    Cost: nothing where nothing is hidden, else that of the audit.
    """
    if not any(fact.facts["hidden"] for fact in chain.facts_of(conn, "draw", task)):
        return np.empty(0, np.int64)
    from labelsieve.project.claims.audits import drawn_audit
    from labelsieve.project.claims.certifying import open_items

    audit = drawn_audit(conn, task)
    mixed = {query for query, _, _ in audit.hidden}
    parts = [np.empty(0, np.int64)]
    for query, left in open_items(conn, audit):
        if len(left) and query in mixed:
            stored = queries.load(conn, query).query
            parts.append(stored.ids[[purpose == "certify" for purpose in stored.purpose]])
    return np.sort(np.concatenate(parts))
