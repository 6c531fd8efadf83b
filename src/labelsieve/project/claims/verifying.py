"""A claim, checked by somebody else: log, seed, draw, answers, bound, prices, dates, all computed again.

verify_claim(path, project) -> tuple[Check]      every check with its facts; opens the project for reading only
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError, LabelsieveError
from labelsieve.core.idsets import common
from labelsieve.core.types import Ids
from labelsieve.project import chain, manifest, queries
from labelsieve.project.claims.audits import Audit, audit_of, count_audit, digest_of
from labelsieve.project.claims.certifying import Look
from labelsieve.project.claims.claiming import (
    FORMAT,
    counted_events,
    counts_of,
    decisive,
    promises_of,
    scoped,
    seed_facts,
)
from labelsieve.project.claims.particulars import dates_differ, names_differ, prices_differ, told_alone
from labelsieve.project.database import connect
from labelsieve.project.swapping import LEDGER

SHOWN = 20  # events that are named
MARK = 8  # characters of each hash in a trail


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a claim says, and whether the project says so too; `said` holds the facts."""

    name: str
    ok: bool
    said: tuple[str, ...]


@dataclass
class _Case:
    """A claim file beside the ledger of a project."""

    claim: dict[str, Any]
    conn: sqlite3.Connection

    @property
    def task(self) -> str:
        return str(self.claim["task"]["name"])

    @property
    def length(self) -> int:
        return int(self.claim["chain"]["length"])

    @cached_property
    def audit(self) -> Audit:
        audit = audit_of(self.conn, self.task, self.length, str(self.claim["seed"]["secret"]))
        if audit is None:
            raise InputError("the log holds no draw.", "")
        return audit


def verify_claim(path: Path | str, project: Path | str) -> tuple[Check, ...]:
    """Every check of a claim file against a project folder, which is opened for reading only.

    ok for all: the project says what the claim says, and nothing was edited. Labels that came later are fine.
    InputError for a file that is no claim. Cost: a pass over the events, a hash of each unreviewed item.
    """
    claim = _read(Path(path))
    with closing(connect(Path(project) / LEDGER, readonly=True)) as conn:
        case = _Case(claim, conn)
        return tuple(_checked(name, case, check) for name, check in _CHECKS.items())


def _read(path: Path) -> dict[str, Any]:
    try:
        claim = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", "labelsieve verify CLAIM PROJECT") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no claim: {error}.", "labelsieve certify PROJECT --out claim.json") from error
    needed = ("format", "task", "claim", "seed", "audit", "events", "chain")
    if not isinstance(claim, dict) or not all(name in claim for name in needed):
        raise InputError(f"{path} is no claim; expected {', '.join(needed)}.", "labelsieve certify PROJECT --out FILE")
    if claim["format"] != FORMAT:
        fact = f"{path} has the format {claim['format']}; this labelsieve knows {FORMAT}."
        raise InputError(fact, "pip install --upgrade labelsieve")
    return claim


def _checked(name: str, case: _Case, check: Callable[[_Case], tuple[bool, list[str]]]) -> Check:
    try:
        ok, said = check(case)
    except (
        LabelsieveError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        sqlite3.Error,
    ) as error:
        fact = error.fact if isinstance(error, LabelsieveError) else f"{type(error).__name__}: {error}"
        ok, said = False, [f"cannot be computed again: {fact}"]
    return Check(name, ok, tuple(said))


def _log(case: _Case) -> tuple[bool, list[str]]:
    """Every link is as it was written."""
    faults = chain.verify_chain(case.conn)
    if not faults:
        length, head = chain.head_of(case.conn)
        return True, [f"{length:,} links, each as it was written; the last is {head[:16]}"]
    more = [f"and {len(faults) - SHOWN:,} more"] if len(faults) > SHOWN else []
    return False, [fault.sentence for fault in faults[:SHOWN]] + more


def _beginning(case: _Case) -> tuple[bool, list[str]]:
    """The log of the claim is the beginning of this one."""
    length, head, trail = case.length, case.claim["chain"]["head"], str(case.claim["chain"]["trail"])
    there = case.conn.execute("SELECT hash FROM links WHERE n = ?", (length,)).fetchone()
    now, here = chain.head_of(case.conn)[0], chain.trail_of(case.conn, length)
    if there is not None and there[0] == head and here == trail:
        later = f"{now - length:,} links came since" if now > length else "nothing came since"
        return True, [f"the claim's {length:,} links are the beginning of this log; {later}"]
    said = [f"the log is not the one that the claim was made from: {now:,} links, of the claim's {length:,}"]
    first = next((i for i in range(0, len(trail), MARK) if trail[i : i + MARK] != here[i : i + MARK]), None)
    if first is not None:
        said.append(f"they part at link {first // MARK + 1:,}: {_at(case.conn, first // MARK + 1)}")
    return False, [*said, *_differences(case)]


def _at(conn: sqlite3.Connection, n: int) -> str:
    row = conn.execute("SELECT kind, body FROM links WHERE n = ?", (n,)).fetchone()
    if row is None:
        return "it is not there any more"
    if row[0] == "fact":
        return f"now the fact {json.loads(row[1]).get('fact')!r}"
    uuid, key, _ = json.loads(row[1])
    return f"now event {uuid} of item {key}; it was changed, added, or one before it removed"


def _differences(case: _Case) -> Iterator[str]:
    """The events that the claim lists and this log does not have, or has otherwise; the first few."""
    listed = {row[0]: row[1:] for row in case.claim["events"]}
    names = {(t, code): name for t, code, name in case.conn.execute("SELECT task, code, name FROM classes")}
    sql = """SELECT e.id, e.item, e.tag, e.task, e.code, e.annotator FROM events e
      WHERE e.id IN (SELECT value FROM json_each(?))"""
    rows = case.conn.execute(sql, (json.dumps(list(listed)),)).fetchall()
    keys = manifest.keys(case.conn, np.array([row[1] for row in rows], np.int64)) if rows else []
    here = {row[0]: [key, row[2], names.get((row[3], row[4])), row[5]] for row, key in zip(rows, keys, strict=True)}
    wrong = [uuid for uuid in listed if here.get(uuid) != listed[uuid]]
    for uuid in wrong[:SHOWN]:
        was = f"event {uuid} of item {listed[uuid][0]}: {listed[uuid][2] or listed[uuid][1]} by {listed[uuid][3]}"
        is_ = here.get(uuid)
        yield f"{was} in the claim, " + (
            f"{is_[2] or is_[1]} by {is_[3]} of item {is_[0]} here" if is_ else "gone here"
        )


def _seed(case: _Case) -> tuple[bool, list[str]]:
    """The seed is the one that was committed, when the claim says."""
    seed, found = case.claim["seed"], seed_facts(case.conn, case.task)
    given = chain.commitment_of(str(seed["secret"]))
    said = [
        f"the seed's hash {given[:16]} was committed at link {found['link']}, after {found['labels_before']:,} labels"
    ]
    if given != found["commitment"]:
        said = [f"the claim's seed has the hash {given[:16]}; committed was {str(found['commitment'])[:16]}"]
    kept = chain.secret_of(case.conn) == seed["secret"]
    if not kept:
        said.append("the seed that this project keeps is not the one of the claim: it was changed or removed")
    same = all(seed[name] == found[name] for name in ("commitment", "link", "labels_before"))
    first = min(case.audit.links)
    if found["link"] is not None and first < found["link"]:
        said.append(f"the draw at link {first:,} came before")
    return given == found["commitment"] and same and kept and first > found["link"], said


def _draw(case: _Case) -> tuple[bool, list[str]]:
    """The audit holds what the seed draws from what was unreviewed."""
    audit, draws = case.audit, case.claim["audit"]["draws"]
    facts = {str(fact.n): fact.facts for fact in chain.facts_of(case.conn, "draw", case.task)}
    wrong = [f"the fact at link {n} says otherwise than the claim" for n in draws if facts.get(n) != draws[n]]
    first = facts[str(audit.links[0])]
    for what, here, there in (
        ("items drawn", digest_of(audit.drawn), case.claim["audit"]["drawn"]),
        ("items drawn", digest_of(audit.drawn), facts[str(audit.links[-1])]["drawn"]),
        ("pool", digest_of(audit.pool), first["pool_digest"]),
        ("reviewed items", digest_of(audit.reviewed), first["reviewed_digest"]),
        ("number of unreviewed items", len(audit.unreviewed), first["unreviewed"]),
        ("number of odd items found before", audit.found, first["found"]),
        ("dull class", case.claim["task"]["dull"], first["dull"]),
        ("dull class of the project", _dull(case), first["dull"]),
    ):
        if here != there:
            wrong.append(f"the {what}: computed again {here}, written {there}")
    wrong += _asked(case.conn, audit)
    gone = len(audit.pool) - len(common(manifest.ids(case.conn), audit.pool))
    if len(audit.pool) and audit.pool[-1] > manifest.last_id(case.conn):
        wrong.append(f"the pool holds the item number {audit.pool[-1]}, which was never given out")
    said = [f"{len(audit.drawn):,} of {len(audit.unreviewed):,} unreviewed items, as the seed draws them"]
    if gone:
        said.append(f"{gone:,} items of the pool have gone from their source since; their numbers and answers are here")
    return not wrong, wrong or said


def _dull(case: _Case) -> str:
    return str(case.conn.execute("SELECT dull FROM tasks WHERE name = ?", (case.task,)).fetchone()[0])


def _asked(conn: sqlite3.Connection, audit: Audit) -> list[str]:
    """What is wrong with the stored queries of the draw."""
    stored = [queries.load(conn, query).query for query in audit.queries]
    parts: list[Ids] = [q.ids[np.array([p == "certify" for p in q.purpose], bool)] for q in stored]
    asked = np.concatenate([np.empty(0, np.int64), *parts])
    if np.array_equal(np.sort(asked), np.sort(audit.drawn)):
        return []
    odd_ones = np.setxor1d(asked, audit.drawn)[:SHOWN]
    return [f"the stored query asked for other items than were drawn: {', '.join(manifest.keys(conn, odd_ones))}"]


def _names(case: _Case) -> tuple[bool, list[str]]:
    """The claim names the task, the seed and the audit that it is of."""
    wrong = names_differ(case.conn, case.claim, case.audit)
    return not wrong, wrong or [f"audit {case.audit.number} of the task {case.task!r}"]


def _answers(case: _Case) -> tuple[bool, list[str]]:
    """The answers, as they stood at the claim, give its counts."""
    audit = case.audit
    count = count_audit(case.conn, audit, case.length)
    here, there = counts_of(audit, count), case.claim["claim"]["counts"]
    wrong = [
        f"{name}: {here.get(name)} counted again, {there.get(name)} claimed"
        for name in here | there
        if here.get(name) != there.get(name)
    ]
    hidden = {way: list(pair) for way, pair in count.hidden.items()}
    if hidden != case.claim["hidden"]:
        wrong.append(f"hidden items: {hidden} counted again, {case.claim['hidden']} claimed")
    tally = count.tally
    said = [
        f"{tally.found:,} odd found before, {tally.odd:,} odd among {tally.audited:,} audited, {tally.known:,} known"
    ]
    if not wrong and counted_events(case.conn, audit, case.length) != case.claim["events"]:
        wrong = list(_differences(case)) or ["the standing answers to odd items are not those of the claim"]
    later = counts_of(audit, count_audit(case.conn, audit))
    said += [
        f"since then {name} is {later[name]}, no longer {here[name]}" for name in here if later[name] != here[name]
    ]
    return not wrong, wrong or said


def _looks(case: _Case) -> tuple[bool, list[str]]:
    """Every look is counted: also those that were spent by drawing more after answers were seen."""
    looks = [fact for fact in chain.facts_of(case.conn, "look", case.task) if fact.n <= case.length]
    claimed = case.claim["claim"]["look"]
    wrong = [
        f"look {i + 1} is numbered {fact.facts['look']}" for i, fact in enumerate(looks) if fact.facts["look"] != i + 1
    ]
    own = next((fact for fact in looks if fact.facts["look"] == claimed["number"]), None)
    if own is None or own.n != claimed["link"] or case.audit.looks != claimed["declared"]:
        wrong.append(f"look {claimed['number']} does not stand at link {claimed['link']} as claimed")
    elif any(own.facts[name] != value for name, value in _seen(case.audit, case.length, case.conn).items()):
        wrong.append(f"look {claimed['number']} was one at other counts")
    for fact in chain.facts_of(case.conn, "draw", case.task)[1:]:
        before = audit_of(case.conn, case.task, fact.n - 1, str(case.claim["seed"]["secret"]))
        if fact.n > case.length or before is None:
            continue
        seen = _seen(before, fact.n - 1, case.conn)
        spent = any(all(look.facts[k] == v for k, v in seen.items()) for look in looks if look.n < fact.n)
        if seen["open"] < seen["m"] and not spent:
            wrong.append(f"the draw at link {fact.n:,} followed answers of the audit without a look")
    declared = f"of {claimed['declared']} declared" if claimed["declared"] else "none were declared"
    return not wrong, wrong or [f"look {claimed['number']}, {declared}; each as the log has it"]


def _seen(audit: Audit, upto: int, conn: sqlite3.Connection) -> dict[str, Any]:
    count = count_audit(conn, audit, upto)
    hidden = [[way, *pair] for way, pair in sorted(count.hidden.items())]
    says = {"audit": audit.number, "m": len(audit.drawn), "odd": count.tally.odd, "open": count.open}
    return says | {"hidden": hidden}


def _bound(case: _Case) -> tuple[bool, list[str]]:
    """The counts give the bounds that are claimed."""
    claim = case.claim["claim"]
    number, read = claim["look"]["number"], len(chain.facts_of(case.conn, "look", case.task))
    if not 0 < number <= read:
        return False, [f"look {number} is claimed; {read} are read"]
    look = Look(int(number), int(claim["look"]["link"]), case.audit.looks)
    count = count_audit(case.conn, case.audit, case.length)
    promises, reviewer = promises_of(count, look, float(claim["confidence"]))
    promises = scoped(promises, seed_facts(case.conn, case.task), case.audit)
    wrong, said = [], []
    pairs = [(name, one, (claim["promises"] or {}).get(name)) for name, one in promises.items()]
    pairs += [(f"reviewer, {way}", one, (claim["reviewer"] or {}).get(way)) for way, one in reviewer.items()]
    for name, one, there in pairs:
        if there is None or not abs(there["bound"] - one.bound) <= 1e-9 or there["claim"] != one.claim:
            wrong.append(f"{name}: computed again {one.bound:.6g} ({one.claim}), claimed {there and there['bound']}")
        elif there["confidence"] != one.confidence or there["assumes"] != list(one.assumes):
            lacks = [line for line in one.assumes if line not in there["assumes"]]
            wrong.append(f"{name}: it assumes, and the claim does not say: {'; '.join(lacks) or 'in these words'}")
        elif not _same(there["checked"], one.checked):
            wrong.append(f"{name}: computed again from {one.checked}, claimed from {there['checked']}")
        else:
            said.append(f"{one.claim} (confidence {one.confidence:g})")
    if not _same({"at": claim["look"]["this_look"]}, {"at": look.confidence(claim["confidence"])}):
        wrong.append(f"look {number} is worth {look.confidence(claim['confidence']):.6g}, claimed {claim['look']}")
    extra = {*(claim["promises"] or {}), *(claim["reviewer"] or {})} - {*promises, *reviewer}
    wrong += [f"{name}: claimed, and not computed" for name in sorted(extra)]
    shown = claim["recall"] is not None and decisive(promises) >= claim["recall"]
    if claim["certified"] is not (None if claim["recall"] is None else shown):
        is_ = f"certified is {claim['certified']}, shown is {decisive(promises):.6g}"
        wrong.append(f"recall of {claim['recall']}: {is_}")
    return not wrong, wrong or said


def _particulars(case: _Case) -> tuple[bool, list[str]]:
    """Prices and dates are those that the log gives; what nobody can compute again is named."""
    looks = [fact for fact in chain.facts_of(case.conn, "look", case.task) if fact.n <= case.length]
    count = count_audit(case.conn, case.audit, case.length)
    wrong = prices_differ(case.claim, case.audit, count, len(looks))
    wrong += dates_differ(case.conn, case.claim, case.length)
    said = [f"{len(case.claim['claim']['prices'])} prices, and the dates that the log knows"]
    return not wrong, wrong or [*said, *told_alone(case.claim)]


def _same(there: dict[str, Any], here: Mapping[str, float]) -> bool:
    return there.keys() == here.keys() and all(abs(there[name] - here[name]) <= 1e-9 for name in here)


_CHECKS: dict[str, Callable[[_Case], tuple[bool, list[str]]]] = {
    "event log": _log,
    "log of the claim": _beginning,
    "seed": _seed,
    "draw": _draw,
    "task and audit": _names,
    "answers": _answers,
    "looks": _looks,
    "bound": _bound,
    "prices and dates": _particulars,
}


def as_facts(checks: tuple[Check, ...]) -> dict[str, Any]:
    """The checks as plain data."""
    return {"ok": all(check.ok for check in checks), "checks": [asdict(check) for check in checks]}
