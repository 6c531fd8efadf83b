"""The event log as a chain: each link holds the hash of its event and of the link before, so that edits show.

    link_events(conn)                  links for the events that have none, in the transaction that wrote them
    add_fact(conn, name, facts) -> n   a fact as a link: a commitment, a draw, a look
    facts_of(conn, name, task)         the facts of a kind, oldest first
    commit_seed(conn)                  commits the secret seed of audits, once a project
    verify_chain(conn) -> [Fault]      every event that was changed, removed or slipped in, by name
    head_of(conn) -> (length, hash)

A link's hash covers the whole event and the key and digest of its item as they were. Somebody who may write the file
can compute a whole new chain; a claim holds the head of the old one, and so the new one shows beside it.
"""

import json
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np

from labelsieve.core.errors import ProjectError
from labelsieve.project import manifest
from labelsieve.project.database import RESTORE, now, transaction

SECRET = "audit_secret"  # its name in the table meta
DECISIONS = "decisions"  # the fact that names the query of a task's decisions
BLOCK = 50_000
DAMAGED = f"{RESTORE} from before it."
_quoted = json.encoder.encode_basestring_ascii
_encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode
_CELLS = """e.seq, e.id, e.task, e.part, e.tag, e.code, e.detail, e.annotator, e.at, e.seconds, e.source, e.query,
  (SELECT s.id FROM events s WHERE s.seq = e.supersedes), e.item"""


@dataclass(frozen=True, slots=True)
class Fact:
    """A link that is no event: the `facts` that were chained as `name`, at place `n`."""

    n: int
    name: str
    at: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in the log that is not as it was written, at link `n`; the event's UUID and its item's key if known."""

    n: int
    what: str
    event: str = ""
    key: str = ""

    @property
    def sentence(self) -> str:
        which = f"event {self.event} of item {self.key}" if self.event else f"link {self.n:,}"
        return f"{which}: {self.what}"


def link_events(conn: sqlite3.Connection) -> int:
    """How many events got a link. Call it in the transaction that writes them. Cost: about 6 us an event."""
    count, (length, previous) = 0, head_of(conn)
    names = _Names(conn)
    after = last_event(conn)
    sql = f"""SELECT {_CELLS}, i.key, i.digest FROM events e LEFT JOIN items i ON i.id = e.item
      WHERE e.seq > ? ORDER BY e.seq LIMIT {BLOCK}"""
    while rows := conn.execute(sql, (after,)).fetchall():
        absent = [row[13] for row in rows if row[14] is None]
        keys = dict(zip(absent, manifest.range_keys(conn, np.array(absent, np.int64)), strict=True)) if absent else {}
        links = []
        for row in rows:
            key, digest = (keys[row[13]], "") if row[14] is None else row[14:]
            item = f"{_text(key)},{_text(digest)}"
            previous = _hash(previous, _content(row, names, item))
            length += 1
            links.append((length, "event", row[0], f'["{row[1]}",{item}]', "", previous))
        conn.executemany(_INSERT, links)
        after, count = rows[-1][0], count + len(rows)
    return count


_INSERT = "INSERT INTO links (n, kind, event, body, at, hash) VALUES (?, ?, ?, ?, ?, ?)"


def add_fact(conn: sqlite3.Connection, name: str, facts: dict[str, Any]) -> int:
    """The place in the chain of a new fact."""
    with transaction(conn):
        length, previous = head_of(conn)
        body, at = _encode({"fact": name, **facts}), now()
        row = (length + 1, "fact", None, body, at, _hash(previous, _encode(["fact", body, at])))
        conn.execute(_INSERT, row)
    return length + 1


def facts_of(conn: sqlite3.Connection, name: str, task: str | None = None) -> list[Fact]:
    """The facts chained under a name (of one task), oldest first."""
    rows = conn.execute("SELECT n, at, body FROM links WHERE kind = 'fact' ORDER BY n").fetchall()
    found = [_fact(*row) for row in rows]
    return [fact for fact in found if fact.name == name and (task is None or fact.facts.get("task") == task)]


def _fact(n: int, at: str, body: str) -> Fact:
    try:
        facts = dict(json.loads(body))
        return Fact(n, str(facts.pop("fact")), at, facts)
    except (ValueError, TypeError, LookupError) as error:
        raise ProjectError(f"link {n:,} of the event log was changed: it holds no fact any more.", DAMAGED) from error


def head_of(conn: sqlite3.Connection) -> tuple[int, str]:
    """Length of the chain and the hash of its last link; (0, "") of an empty one."""
    row = conn.execute("SELECT n, hash FROM links ORDER BY n DESC LIMIT 1").fetchone()
    return (int(row[0]), str(row[1])) if row else (0, "")


def last_event(conn: sqlite3.Connection, upto: int | None = None) -> int:
    """Sequence number of the last event that has a link (among the first `upto` links); 0 before the first."""
    sql = "SELECT event FROM links WHERE event IS NOT NULL AND n <= ? ORDER BY n DESC LIMIT 1"
    row = conn.execute(sql, (head_of(conn)[0] if upto is None else upto,)).fetchone()
    return int(row[0]) if row else 0


def trail_of(conn: sqlite3.Connection, length: int) -> str:
    """The first 8 characters of the hash of each of the first `length` links, one after another."""
    return "".join(mark for (mark,) in conn.execute("SELECT substr(hash, 1, 8) FROM links WHERE n <= ?", (length,)))


def commitment_of(secret: str) -> str:
    """What is published of a secret seed before it is used."""
    return blake2b(f"labelsieve audit seed {secret}".encode(), digest_size=32).hexdigest()


def commit_seed(conn: sqlite3.Connection) -> None:
    """Makes the secret seed of all audits of the project and chains its commitment; once, then never again."""
    if secret_of(conn) or not getattr(conn, "writable", True):
        return
    with transaction(conn):
        if not secret_of(conn):  # another process may have been faster
            secret = secrets.token_hex(16)
            conn.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (SECRET, json.dumps(secret)))
            add_fact(conn, "seed", {"commitment": commitment_of(secret)})


def secret_of(conn: sqlite3.Connection) -> str | None:
    """The secret seed; None before it was committed."""
    row = conn.execute("SELECT value FROM meta WHERE key = ?", (SECRET,)).fetchone()
    try:
        return str(json.loads(row[0])) if row else None
    except ValueError as error:
        raise ProjectError("the secret seed of audits was changed: it is no text any more.", DAMAGED) from error


def verify_chain(conn: sqlite3.Connection) -> list[Fault]:
    """What is not as it was written, in the order of the chain; empty where everything is.

    Each link is recomputed from the *stored* hash before it, so that a changed event is named and not all after it.
    Cost: one pass, about 10 us an event.
    """
    found, before, previous, names = [], 0, "", _Names(conn)
    linked: set[int] = set()
    synced = {item for (item,) in conn.execute("SELECT DISTINCT item FROM changes")}
    sql = f"""SELECT l.n, l.kind, l.body, l.at, l.hash, i.digest, {_CELLS} FROM links l
      LEFT JOIN events e ON e.seq = l.event LEFT JOIN items i ON i.id = e.item ORDER BY l.n"""
    for n, kind, body, at, hash_, digest, *row in conn.execute(sql):
        if n != before + 1:
            missing = f"{before + 1:,}" if n == before + 2 else f"{before + 1:,} to {n - 1:,}"
            found.append(Fault(n - 1, f"removed, with what it held ({missing})"))
        uuid, key, was = _named(body) if kind == "event" else ("", "", "")
        item = f"{_text(key)},{_text(was)}"
        content = _encode(["fact", body, at]) if kind == "fact" else _content(row, names, item)
        if kind == "event" and row[0] is None:
            found.append(Fault(n, "removed", uuid, key))
        elif n == before + 1 and hash_ != _hash(previous, content):
            found.append(Fault(n, "changed: its hash is not that of what it says now", row[1] or "", key))
        elif kind == "event" and at:
            found.append(Fault(n, f"its link was given the time {at}; links of events have none", uuid, key))
        elif digest is not None and digest != was and row[13] not in synced:
            found.append(Fault(n, "its item has another digest than when it was answered, and no sync", uuid, key))
        before, previous = n, hash_
        linked.add(row[0])
    return [*found, *_unlinked(conn, linked), *_cut_off(conn), *_decisions(conn)]


def _unlinked(conn: sqlite3.Connection, linked: set[int]) -> Iterator[Fault]:
    for seq, uuid, item in conn.execute("SELECT seq, id, item FROM events ORDER BY seq").fetchall():
        if seq not in linked:
            yield Fault(0, "slipped in: it has no link in the chain", uuid, _key_now(conn, item))


def _cut_off(conn: sqlite3.Connection) -> Iterator[Fault]:
    last = max(last_event(conn), conn.execute("SELECT COALESCE(MAX(seq), 0) FROM events").fetchone()[0])
    given = conn.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    if given and given[0] > last:
        yield Fault(head_of(conn)[0] + 1, f"the last {given[0] - last:,} events were removed")


def _decisions(conn: sqlite3.Connection) -> Iterator[Fault]:
    """Which answers outweigh others is told by their query: what was chained of it against what it says now."""
    try:
        chained = {fact.facts.get("query") for fact in facts_of(conn, DECISIONS)}
    except ProjectError:  # the link that was changed is among the faults already
        return
    there = {query for (query,) in conn.execute("SELECT id FROM queries WHERE strategy = 'adjudicate'")}
    for query in sorted(there - chained, key=str):
        yield Fault(0, f"query {query} was made into one that holds decisions")
    for query in sorted(chained - there, key=str):
        yield Fault(0, f"query {query} holds decisions, and says so no more")
    sql = """SELECT e.id, e.item FROM events e WHERE e.query IN (SELECT value FROM json_each(?)) AND NOT EXISTS
      (SELECT 1 FROM query_items i WHERE i.query = e.query AND i.item = e.item)"""
    for uuid, item in conn.execute(sql, (json.dumps(sorted(chained, key=str)),)).fetchall():
        yield Fault(0, "a decision that was taken out of its query", uuid, _key_now(conn, item))


def _key_now(conn: sqlite3.Connection, item: int) -> str:
    try:
        return manifest.keys(conn, np.array([item], np.int64))[0]
    except LookupError:
        return str(item)


def _named(body: str) -> tuple[str, str, str]:
    try:
        uuid, key, digest = json.loads(body)
        return str(uuid), str(key), str(digest)
    except (ValueError, TypeError):
        return "", "", ""


class _Names:
    """Names of tasks, and of their classes by code, as texts in quotes; `said` has the part of a content that many
    events share."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self.tasks = {task: _text(name) for task, name in conn.execute("SELECT id, name FROM tasks")}
        sql = "SELECT task, code, name FROM classes"
        self.classes = {(task, code): _text(name) for task, code, name in conn.execute(sql)}
        self.said = lru_cache(4096, typed=True)(self._said)

    def _said(self, task: Any, part: Any, tag: Any, code: Any, detail: Any, by: Any) -> str:
        """What is said of which part of an item, and by whom."""
        answer = self.classes.get((task, code), "null") if code is not None else "null"
        if detail is not None:
            answer = _several(task, detail, self)
        return f"{_text(part)},{_text(tag)},{answer},{_text(by)}"


def _content(row: Any, names: _Names, item: str) -> str:
    """An event in one way of writing: classes by name, nothing left out. `item` is the item's key and digest."""
    uuid, task, part, tag, code, detail, by, at, seconds, source, query, superseded, id_ = row[1:14]
    said, origin = names.said(task, part, tag, code, detail, by), _texts(source, query, superseded)
    what = f"{_text(uuid)},{names.tasks.get(task)},{_text(id_)},{item},{said}"
    return f"[{what},{_text(at)},{_text(seconds)},{origin}]"


def _several(task: int, detail: str, names: _Names) -> str:
    """Classes and weights of an answer, sorted; the text itself where somebody edited it into something else."""
    pairs = [pair if isinstance(pair, list) else [pair, 1] for pair in _loaded(detail)]
    try:
        named = sorted(f"[{names.classes.get((task, pair[0]))},{float(pair[1])!r}]" for pair in pairs)
    except (LookupError, TypeError, ValueError, OverflowError):
        return f"edited {_text(detail)}"
    return f"[{','.join(named)}]"


def _text(value: Any) -> str:
    """A cell as JSON has it."""
    if value is None:
        return "null"
    return _quoted(value) if isinstance(value, str) else repr(value)


@lru_cache(4096, typed=True)
def _texts(*values: Any) -> str:
    return ",".join(map(_text, values))


def _loaded(detail: str) -> list[Any]:
    try:
        found = json.loads(detail)
        return found if isinstance(found, list) else []
    except (ValueError, TypeError, RecursionError):
        return []


def _hash(previous: str, content: str) -> str:
    return blake2b(f"{previous}\n{content}".encode(), digest_size=32).hexdigest()
