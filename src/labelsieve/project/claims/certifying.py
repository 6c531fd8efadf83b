"""Audits of a screen task: drawn by the committed seed from everything unreviewed, asked, and looked at.

    draw_audit(context, Wish(n)) -> Audit      draws, or draws more of the same audit; a fact of the chain
    open_audit(conn, task) -> (query, ids)     what is still to answer, hidden items unmarked among it
    read_look(conn, audit, count) -> Look      the look at these counts: the same counts are the same look

Whatever is decided after answers of an audit were seen spends a look, whether the bound was read or not: drawing more,
drawing anew.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, PoolExhausted
from labelsieve.core.idsets import without
from labelsieve.core.randomness import stream
from labelsieve.core.types import ODD, Ids, Purpose, Query
from labelsieve.project import chain, folding, live, manifest, queries, tasks
from labelsieve.project.claims.audits import (
    Audit,
    Count,
    audit_of,
    count_audit,
    digest_of,
    drawn_audit,
    first_drawn,
    hidden_answers,
    require_screen,
    runs_of,
    seed_of,
    with_class,
)
from labelsieve.project.context import Context
from labelsieve.project.database import transaction
from labelsieve.screening.promising import look_confidence

WAYS = {"search": "search", "audit": "audit", "certify": "audit", "control": "audit", "calibration": "audit"}
NAMED = 20  # items that are gone, by their keys
WHY = "drawn at random from everything that nobody has reviewed"


@dataclass(frozen=True, slots=True)
class Wish:
    """An audit of `n` items in all; `looks` declares how often audits of the task are read, `hidden` known odd items
    are mixed in, `fresh` begins a new audit instead of drawing more of the last one."""

    n: int
    looks: int | None = None
    hidden: int = 0
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """One look of a task: its number, the link where it stands, and whether it was read before."""

    number: int
    link: int
    declared: int | None

    def confidence(self, confidence: float) -> float:
        """Of this look, where all looks together have `confidence`."""
        return look_confidence(self.number, self.declared, confidence)


def draw_audit(context: Context, wish: Wish) -> Audit:
    """The audit with `wish.n` items in all, drawn, chained and stored as a query, in one transaction.

    InputError for a task of another kind, more items than are unreviewed, looks that differ from those declared first.
    """
    conn, name = context.conn, context.task_name
    require_screen(context)
    if wish.n < 1:
        raise InputError(f"an audit of {wish.n} items was asked for; expected at least 1.", "--draw 300, say.")
    with transaction(conn):
        chain.commit_seed(conn)
        last = audit_of(conn, name)
        _require_looks(last, wish)
        if last is not None:
            _require_more(last, wish)
            _spend_unread(conn, last)
            _require_look_left(conn, last)
        audit = _begun(context, last, wish) if last is None or wish.fresh else last
        if wish.n > len(audit.unreviewed):
            raise InputError(
                f"an audit of {wish.n:,} items was asked for; {len(audit.unreviewed):,} are unreviewed.",
                f"--draw {len(audit.unreviewed)} takes all of them." if len(audit.unreviewed) else "all is reviewed.",
            )
        chain.add_fact(conn, "draw", _facts(context, audit, wish))
        return drawn_audit(conn, name)


def _facts(context: Context, audit: Audit, wish: Wish) -> dict[str, Any]:
    """Stores the query of what is drawn now, and gives all that has to be chained of it."""
    drawn = first_drawn(audit.seed, audit.unreviewed, wish.n)
    hidden = _to_hide(context.conn, audit, wish.hidden)
    query = _store(context, audit, drawn[len(audit.drawn) :], hidden)
    facts = {
        "task": audit.task,
        "audit": audit.number,
        "m": wish.n,
        "drawn": digest_of(drawn),
        "query": query,
        "hidden": [[query, item, way] for item, way in hidden],
        "looks": audit.looks,
    }
    first = {
        "pool": runs_of(audit.pool),
        "pool_digest": digest_of(audit.pool),
        "reviewed": len(audit.reviewed),
        "reviewed_digest": digest_of(audit.reviewed),
        "unreviewed": len(audit.unreviewed),
        "found": audit.found,
        "dull": context.task.dull,
    }
    return facts if audit.links else facts | first


def _require_looks(last: Audit | None, wish: Wish) -> None:
    if wish.looks is not None and wish.looks < 1:
        raise InputError(f"{wish.looks} looks were declared; expected at least 1.", "--looks 1")
    if last is not None and wish.looks is not None and wish.looks != last.looks:
        said = f"{last.looks} looks" if last.looks else "no number of looks"
        raise InputError(
            f"{wish.looks} looks were declared; the first draw declared {said}.", "leave --looks out: that one holds."
        )


def _require_more(last: Audit, wish: Wish) -> None:
    if not wish.fresh and wish.n <= len(last.drawn):
        raise InputError(
            f"the audit has {len(last.drawn):,} items already, and {wish.n:,} were asked for in all.",
            f"--draw {min(2 * len(last.drawn), len(last.unreviewed))} draws more of it; --fresh begins one on what is "
            "unreviewed by now.",
        )


def _require_look_left(conn: sqlite3.Connection, last: Audit) -> None:
    """InputError where more audit could not be claimed anything of."""
    if last.looks is not None and looks_read(conn, last.task) >= last.looks:
        raise InputError(
            f"all {last.looks} looks that were declared are read; nothing could be claimed of more audit.",
            "what the last look showed stands: labelsieve status PROJECT --json.",
        )


def _begun(context: Context, before: Audit | None, wish: Wish) -> Audit:
    """A new audit on the pool as it is, with nothing drawn."""
    conn, task = context.conn, context.task_name
    pool = manifest.ids(conn, usable=True)
    reviewed, was = with_class(conn, task, pool)
    number, hidden, looks = (before.number + 1, before.hidden, before.looks) if before else (1, (), wish.looks)
    seed = seed_of(str(chain.secret_of(conn)), task, number)
    return Audit(task, number, seed, pool[:0], pool, reviewed, was, without(pool, reviewed), hidden, (), (), looks)


def open_audit(conn: sqlite3.Connection, task: str, n: int) -> tuple[int, Ids, int]:
    """The first query of the audit with something to answer, its first n ids (m,), and how many are open.

    Items that were skipped before the audit was drawn are asked again. InputError before the first draw, PoolExhausted
    where all is answered, or has gone from its source.
    """
    audit = drawn_audit(conn, task)
    parts = [(query, left) for query, left in open_items(conn, audit) if len(left)]
    if not parts:
        raise PoolExhausted(
            f"all {len(audit.drawn):,} items of the audit are answered.", "labelsieve certify PROJECT reads it."
        )
    there = [(query, left[~gone_of(conn, left)]) for query, left in parts]
    first = next(((query, left) for query, left in there if len(left)), None)
    if first is None:
        fact, hint = gone_said(conn, parts)
        raise PoolExhausted(f"{fact}.", hint)
    return first[0], first[1][:n], sum(len(left) for _, left in there)


def gone_said(conn: sqlite3.Connection, parts: Sequence[tuple[int, Ids]]) -> tuple[str, str]:
    """How many open items of `parts` (query, ids) have gone, and what to do about them; empty where none has.

    The query has to be named with them: an answer without it would be one to a hidden item's own label.
    """
    gone = [(query, left[gone_of(conn, left)]) for query, left in parts]
    n = sum(len(left) for _, left in gone)
    if not n:
        return "", ""
    keys = [(key, query) for query, left in gone for key in manifest.keys(conn, left[:NAMED])]
    named = "; ".join(f"{key}, query {query}" for key, query in keys[:NAMED]) + (", ..." if n > NAMED else "")
    hint = "put them back and sync; or import a file with key, label, answer (skip) and query, and they count as odd"
    return f"{n:,} open items of the audit have gone from their source", f"{hint}: {named}."


def gone_of(conn: sqlite3.Connection, ids: Ids) -> NDArray[np.bool_]:
    """Whether each id (m,) has gone from its source and cannot be shown."""
    return np.array([entry.gone is not None for entry in manifest.entries(conn, ids)], bool)


def open_items(conn: sqlite3.Connection, audit: Audit) -> list[tuple[int, Ids]]:
    """For each query of an audit the ids (m,) without an answer, hidden ones among them, in its order."""
    asked = [(query, queries.load(conn, query).query) for query in audit.queries]
    every = np.unique(np.concatenate([np.empty(0, np.int64), *(stored.ids for _, stored in asked)]))
    ids, code = folding.reviewed(conn, audit.task, some=every)
    since = _answered_since(conn, audit.task, audit.links[0], every)
    done = np.union1d(ids[code != folding.OUT], np.intersect1d(ids, since))
    seen = np.array([item for _, item in hidden_answers(conn, audit)], np.int64)
    parts = []
    for query, stored in asked:
        again = np.array([purpose == "repeat" for purpose in stored.purpose], bool)
        parts.append((query, stored.ids[np.where(again, ~np.isin(stored.ids, seen), ~np.isin(stored.ids, done))]))
    return parts


def _answered_since(conn: sqlite3.Connection, task: str, link: int, ids: Ids) -> Ids:
    """Those of `ids` with a live answer that somebody gave after a link, those to hidden items aside."""
    found = tasks.get(conn, task)
    sql = """SELECT seq, item FROM events WHERE task = ? AND item IN (SELECT value FROM json_each(?)) AND seq > ?
      AND tag IS NOT NULL AND source IN ('human', 'import')"""
    aside = live.not_live(conn, found, ids) | live.repeated(conn, found)
    rows = conn.execute(sql, (found.id, json.dumps(ids.tolist()), chain.last_event(conn, link)))
    return np.unique(np.array([item for seq, item in rows if seq not in aside], np.int64))


def read_look(conn: sqlite3.Connection, audit: Audit, count: Count, unread: bool = False) -> Look:
    """The look at these counts. A new one is chained; InputError where all that were declared are spent."""
    says: dict[str, Any] = {"audit": audit.number, "m": len(audit.drawn), "odd": count.tally.odd, "open": count.open}
    says |= {"hidden": [[way, *pair] for way, pair in sorted(count.hidden.items())]}
    with transaction(conn):
        before = chain.facts_of(conn, "look", audit.task)
        for fact in before:
            if all(fact.facts[name] == value for name, value in says.items()):
                return Look(int(fact.facts["look"]), fact.n, audit.looks)
        number = len(before) + 1
        if audit.looks is not None and number > audit.looks:
            raise InputError(
                f"all {audit.looks} looks that were declared are read; another one would make the claims untrue.",
                "what the last look showed stands: labelsieve status PROJECT --json.",
            )
        facts = {"task": audit.task, "look": number, "declared": audit.looks, "unread": unread, **says}
        return Look(number, chain.add_fact(conn, "look", facts), audit.looks)


def looks_read(conn: sqlite3.Connection, task: str) -> int:
    """How many looks of a task are spent."""
    return len(chain.facts_of(conn, "look", task))


def _spend_unread(conn: sqlite3.Connection, last: Audit) -> None:
    """Drawing more after answers were seen is a look, for the decision rests on them: on those taken back since too."""
    count = count_audit(conn, last)
    if count.open < len(last.drawn) or _ever_answered(conn, last):
        read_look(conn, last, count, unread=True)


def _ever_answered(conn: sqlite3.Connection, audit: Audit) -> bool:
    """Whether anybody has answered what was drawn, live or not."""
    sql = """SELECT 1 FROM events WHERE task = ? AND item IN (SELECT value FROM json_each(?)) AND seq > ?
      AND tag IS NOT NULL AND source IN ('human', 'import') LIMIT 1"""
    values = tasks.get(conn, audit.task).id, json.dumps(audit.drawn.tolist()), chain.last_event(conn, audit.links[0])
    return conn.execute(sql, values).fetchone() is not None


def _to_hide(conn: sqlite3.Connection, audit: Audit, n: int) -> list[tuple[int, str]]:
    """n items (item, how it was found) known to be odd and not hidden before, chosen by the seed of the audit."""
    if not n:
        return []
    ids, code = with_class(conn, audit.task, audit.pool)
    known = np.setdiff1d(ids[code == ODD], np.array([item for _, item, _ in audit.hidden], np.int64))
    if not 0 < n <= len(known):
        fact = f"{n} hidden items were asked for; {len(known)} items are known to be odd and were not hidden before."
        raise InputError(fact, f"--hidden {len(known)}" if len(known) else "leave --hidden out.")
    chosen = first_drawn(audit.seed + 1, known, n)
    return [(int(item), _way(conn, audit.task, int(item))) for item in chosen]


def _way(conn: sqlite3.Connection, task: str, item: int) -> str:
    """How a known odd item was found: by a query for search, a random one, from outside, or in an import."""
    sql = """SELECT e.source, i.purpose FROM events e LEFT JOIN query_items i ON i.query = e.query AND i.item = e.item
      WHERE e.task = ? AND e.item = ? AND e.tag IS NOT NULL AND e.source IN ('human', 'import') ORDER BY e.seq"""
    rows = conn.execute(sql, (tasks.get(conn, task).id, item)).fetchall()
    asked = next((purpose for _, purpose in rows if purpose in WAYS), None)
    return WAYS[asked] if asked else "import" if rows[0][0] == "import" else "miss"


def _store(context: Context, audit: Audit, new: Ids, hidden: Sequence[tuple[int, str]]) -> int:
    """The query of the newly drawn items, the hidden ones at random places among them."""
    share = (len(audit.drawn) + len(new)) / len(audit.unreviewed)
    order = stream(audit.seed, "places", len(audit.drawn)).permutation(len(new) + len(hidden))
    ids = np.concatenate([new, np.array([item for item, _ in hidden], np.int64)])[order]
    kinds: tuple[Purpose, Purpose] = ("certify", "repeat")
    chance = np.array([share] * len(new) + [np.nan] * len(hidden))[order]
    purpose = tuple(kinds[i >= len(new)] for i in order.tolist())
    query = Query(ids, np.zeros(len(ids)), chance, "certify", (WHY,) * len(ids), purpose, len(audit.unreviewed))
    number = len(queries.history(context.conn, audit.task))
    return queries.save(context.conn, audit.task, query, number, context.settings.seed, 0.0)
