"""Audits of a screen task as the chain tells them: what was drawn, what is answered of it.

    audit_of(conn, task, upto) -> Audit | None      the latest audit, rebuilt from facts and events alone
    drawn_audit(conn, task) -> Audit                the same; InputError before the first
    count_audit(conn, audit, upto) -> Count         what is answered of it by then
    hidden_answers(conn, audit, upto)               what was said of the hidden items

Unreviewed is every usable item of the pool that no person and no import had given a class when the audit was drawn.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ProjectError
from labelsieve.core.idsets import common, positions, without
from labelsieve.core.randomness import hash_uniform
from labelsieve.core.types import ODD, Ids
from labelsieve.project import chain, folding, live, tasks
from labelsieve.project.context import Context
from labelsieve.screening.promising import Tally

NEVER = -9  # the code of an item that nobody has answered
BLOCK = 1 << 20  # ids that are hashed at once


@dataclass(frozen=True, slots=True)
class Audit:
    """One audit as the chain tells it. `pool`, `reviewed` and `unreviewed` are those when it was first drawn."""

    task: str
    number: int
    seed: int  # of the draw, from the committed secret
    drawn: Ids  # in the order of the draw
    pool: Ids
    reviewed: Ids
    was: NDArray[np.int64]  # what the reviewed were called then: DULL or ODD
    unreviewed: Ids
    hidden: tuple[tuple[int, int, str], ...]  # (query, item, how it was found), of every audit of the task so far
    queries: tuple[int, ...]
    links: tuple[int, ...]  # of its draws
    looks: int | None  # declared

    @property
    def found(self) -> int:
        return int((self.was == ODD).sum())


@dataclass(frozen=True, slots=True)
class Count:
    """`open` items have no answer yet. `hidden` gives (shown, caught) for each way in which they had been found."""

    tally: Tally
    open: int
    hidden: dict[str, tuple[int, int]]
    hidden_open: int = 0


def seed_of(secret: str, task: str, number: int) -> int:
    """The 62-bit seed of an audit's draw."""
    mark = blake2b(f"{secret}\0{task}\0{number}".encode(), digest_size=8).digest()
    return int.from_bytes(mark, "little") >> 2


def first_drawn(seed: int, unreviewed: Ids, n: int) -> Ids:
    """The n ids (n,) with the smallest keyed hashes, in that order: more of them begin with these. Cost: O(m)."""
    marks = np.concatenate(
        [np.empty(0), *(hash_uniform(seed, unreviewed[i : i + BLOCK]) for i in range(0, len(unreviewed), BLOCK))]
    )
    n = min(n, len(unreviewed))
    near = np.argpartition(marks, n - 1)[:n] if 0 < n < len(marks) else np.arange(len(marks))[: n or 0]
    return unreviewed[near[np.lexsort((unreviewed[near], marks[near]))]]


def with_class(conn: sqlite3.Connection, task: str, pool: Ids, upto: int | None = None) -> tuple[Ids, Ids]:
    """Items (m,) of the pool with a class by a person or an import, and DULL or ODD."""
    ids, code = folding.reviewed(conn, task, upto)
    inside = np.isin(ids, common(pool, ids)) & (code != folding.OUT)
    return ids[inside], code[inside]


def require_screen(context: Context) -> None:
    """InputError for a task that tells no dull from odd."""
    if context.task.kind != "screen":
        fact = f"the task {context.task_name!r} is of the kind {context.task.kind}; a guarantee needs a screen task."
        raise InputError(fact, "labelsieve task PROJECT rare --task screen --dull dull, on the same pool.")


def drawn_audit(conn: sqlite3.Connection, task: str) -> Audit:
    """The latest audit of a task. InputError before the first."""
    audit = audit_of(conn, task)
    if audit is None:
        raise InputError(f"no audit of the task {task!r} is drawn.", "labelsieve certify PROJECT --draw 300")
    return audit


def require_drawn(conn: sqlite3.Connection, audit: Audit) -> None:
    """ProjectError where the seed does not draw again what was drawn: then nothing can be claimed."""
    written = next(
        fact.facts["drawn"] for fact in chain.facts_of(conn, "draw", audit.task) if fact.n == audit.links[-1]
    )
    if digest_of(audit.drawn) != written:
        fact = "the audit cannot be drawn again from the seed: the seed, or labels from before the draw, were changed."
        raise ProjectError(
            fact, "labelsieve doctor PROJECT names what was edited; labelsieve restore puts back one of backups/."
        )


def audit_of(conn: sqlite3.Connection, task: str, upto: int | None = None, secret: str | None = None) -> Audit | None:
    """The latest audit of a task (of the first `upto` links), rebuilt from facts and events; None before the first.

    `secret` is the seed that a claim names, by default the one of this ledger.

    Cost: a pass over the events, and a hash of each unreviewed item.
    """
    facts = [fact for fact in chain.facts_of(conn, "draw", task) if upto is None or fact.n <= upto]
    if not facts:
        return None
    own = [fact for fact in facts if fact.facts["audit"] == facts[-1].facts["audit"]]
    number = int(own[0].facts["audit"])
    pool = ids_of_runs(own[0].facts["pool"])
    reviewed, was = with_class(conn, task, pool, chain.last_event(conn, own[0].n))
    unreviewed = without(pool, reviewed)
    seed = seed_of(secret or str(chain.secret_of(conn)), task, number)
    return Audit(
        task=task,
        number=number,
        seed=seed,
        drawn=first_drawn(seed, unreviewed, int(own[-1].facts["m"])),
        pool=pool,
        reviewed=reviewed,
        was=was,
        unreviewed=unreviewed,
        hidden=tuple((int(q), int(i), str(w)) for fact in facts for q, i, w in fact.facts["hidden"]),
        queries=tuple(int(fact.facts["query"]) for fact in own),
        links=tuple(fact.n for fact in own),
        looks=own[0].facts["looks"],
    )


def count_audit(conn: sqlite3.Connection, audit: Audit, upto: int | None = None) -> Count:
    """What the answers (those among the first `upto` links) say of an audit.

    Reviewed items that lost their class count as odd and overlooked; drawn ones without a class (skip, unsure) as odd.
    """
    end = None if upto is None else chain.last_event(conn, upto)
    ids, code = folding.reviewed(conn, audit.task, end)
    known = audit.pool[positions(audit.pool, ids)] if len(ids) else ids
    here = code[np.isin(ids, known)]
    now = _codes(known, here, audit.reviewed)
    drawn = _codes(known, here, audit.drawn)
    unsure = int((drawn == folding.OUT).sum())
    late = int((((audit.was != ODD) & (now == ODD)) | (now == folding.OUT) | (now == NEVER)).sum())
    tally = Tally(
        found=int(((audit.was == ODD) & (now == ODD)).sum()),
        late=late,
        unreviewed=len(audit.unreviewed),
        audited=len(audit.drawn),
        odd=int((drawn == ODD).sum()) + unsure,
        unsure=unsure,
        known=int((here == ODD).sum()),
    )
    caught = hidden_answers(conn, audit, end)
    by_way: dict[str, tuple[int, int]] = {}
    for pair, way in ((hidden[:2], hidden[2]) for hidden in audit.hidden):
        if pair in caught:
            shown, right = by_way.get(way, (0, 0))
            by_way[way] = shown + 1, right + caught[pair]
    return Count(tally, int((drawn == NEVER).sum()), by_way, sum(h[:2] not in caught for h in audit.hidden))


def _codes(ids: Ids, code: Ids, wanted: Ids) -> Ids:
    """The code of each wanted id (m,), NEVER where there is none."""
    out = np.full(len(wanted), NEVER)
    if len(ids):
        at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
        out = np.where(ids[at] == wanted, code[at], NEVER)
    return out


def hidden_answers(conn: sqlite3.Connection, audit: Audit, upto: int | None = None) -> dict[tuple[int, int], bool]:
    """Whether the last answer to each hidden (query, item) called it odd; those without an answer are left out."""
    task = tasks.get(conn, audit.task)
    dull = task.classes.index(task.dull) if task.dull in task.classes else None
    end = live.LAST if upto is None else upto
    dead = live.not_live(conn, task, np.array([item for _, item, _ in audit.hidden], np.int64), end)
    sql = """SELECT seq, query, item, tag, code FROM events WHERE task = ? AND seq <= ? AND tag IS NOT NULL
      AND query IN (SELECT value FROM json_each(?)) ORDER BY seq"""
    asked = {(query, item) for query, item, _ in audit.hidden}
    rows = conn.execute(sql, (task.id, end, json.dumps(sorted({query for query, _ in asked}))))
    return {
        (query, item): tag == "class" and code != dull
        for seq, query, item, tag, code in rows
        if (query, item) in asked and seq not in dead
    }


def runs_of(ids: Ids) -> list[list[int]]:
    """Ascending ids as runs [first, count].

    >>> runs_of(np.array([3, 4, 5, 9]))
    [[3, 3], [9, 1]]
    """
    start = np.flatnonzero(np.diff(ids, prepend=ids[:1] - 2) != 1)
    return [[int(ids[at]), int(n)] for at, n in zip(start, np.diff(np.append(start, len(ids))), strict=True)]


def ids_of_runs(runs: Sequence[Sequence[int]]) -> Ids:
    """The ids (m,) of runs."""
    return np.concatenate([np.empty(0, np.int64), *(np.arange(first, first + n) for first, n in runs)])


def digest_of(ids: Ids) -> str:
    """A digest of ids in their order."""
    return blake2b(np.ascontiguousarray(ids, "<i8").tobytes(), digest_size=16).hexdigest()
