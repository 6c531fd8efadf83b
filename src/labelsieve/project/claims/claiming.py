"""What can honestly be claimed of a screen now, and the file by which others can check it.

certify(context, recall, confidence) -> Claim      reads a look where the audit is answered
write_claim(context, claim, path)                  everything that `verify_claim` recomputes
last_look(context) -> dict | None                  the last look, as `status` shows it
"""

import json
import sqlite3
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from labelsieve import __version__
from labelsieve.core.errors import NotEnoughLabels
from labelsieve.core.idsets import common
from labelsieve.core.types import ODD, Cost, Guarantee, Ids
from labelsieve.project import chain, folding, live, manifest, tasks
from labelsieve.project.claims.audits import (
    Audit,
    Count,
    audit_of,
    count_audit,
    digest_of,
    require_drawn,
    require_screen,
    with_class,
)
from labelsieve.project.claims.certifying import Look, gone_said, looks_read, open_items, read_look
from labelsieve.project.context import Context
from labelsieve.project.database import now
from labelsieve.project.wholefiles import write_whole
from labelsieve.screening.bounds import LEVELS, rest_bound
from labelsieve.screening.draws import between
from labelsieve.screening.planning import affordable_labels
from labelsieve.screening.promising import Tally, corrected, look_confidence, look_promises, next_price
from labelsieve.screening.reviewers import FEW, pooled_ways, reviewer_bound
from labelsieve.screening.thresholds import spikes_needed

FORMAT = 1
SCOPE = "items added, or set aside as unusable, are no part of it: it speaks of the pool as it was at the draw"
BLINDLY = "nobody worked out the draw from the seed before it was made"
State = Literal["no audit", "open", "read"]


@dataclass(frozen=True, slots=True)
class Price:
    """What more audit shows that `recall` of the odd items is known, if it is all dull; `cost` None where none can."""

    recall: float
    cost: Cost | None
    affordable: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """What can be claimed. `promises`: "found" before the audit, "known" by now, what is left ("rest"), and "corrected"
    for what the reviewer overlooks, once hidden items were answered. None of them while an audit is `open`."""

    task: str
    state: State
    confidence: float
    counts: dict[str, int]
    seed: dict[str, Any]
    look: dict[str, Any] | None = None
    promises: dict[str, Guarantee] | None = None
    reviewer: dict[str, Guarantee] | None = None
    prices: tuple[Price, ...] = ()
    affordable: int = 0  # labels
    instead: tuple[str, ...] = ()  # what is honest where no price is affordable
    notes: tuple[str, ...] = ()
    recall: float | None = None
    certified: bool | None = None  # whether `recall` is; None where none was asked for

    @property
    def bound(self) -> float:
        """The share of all odd items that is known for certain enough: what `recall` is held against."""
        return decisive(self.promises) if self.promises else 0.0


def decisive(promises: dict[str, Guarantee]) -> float:
    """The bound that counts: what is known by now, or the corrected one once the reviewer overlooked something."""
    return promises[_decides(promises)].bound


def _decides(promises: dict[str, Guarantee]) -> Literal["corrected", "known"]:
    return "corrected" if "corrected" in promises and _missed(promises) else "known"


def _missed(promises: dict[str, Guarantee]) -> bool:
    return promises["corrected"].checked["hidden_caught"] < promises["corrected"].checked["hidden_shown"]


def certify(context: Context, recall: float | None = None, confidence: float = 0.95) -> Claim:
    """What the audits of the task show, and the price of the next step. An answered audit is read: that is a look.

    InputError for a task of another kind, shares outside 0 to 1, or where all looks that were declared are spent.
    Cost: a pass over the events, a hash of each unreviewed item.
    """
    require_screen(context)
    between("confidence", confidence)
    if recall is not None:
        between("recall", recall)
    chain.commit_seed(context.conn)
    audit = audit_of(context.conn, context.task_name)
    if audit is not None:
        require_drawn(context.conn, audit)
    claim = _before(context, confidence, recall) if audit is None else _after(context, audit, confidence, recall)
    return claim if recall is None else replace(claim, certified=claim.bound >= recall)


def _before(context: Context, confidence: float, recall: float | None) -> Claim:
    """Without an audit: what one would cost."""
    conn, task = context.conn, context.task_name
    pool = manifest.ids(conn, usable=True)
    reviewed, code = with_class(conn, task, pool)
    found, rest = int((code == ODD).sum()), len(pool) - len(reviewed)
    tally = Tally(found, 0, rest, 0, 0, 0, found)
    each = look_confidence(1, None, confidence)
    promises = look_promises(tally, each, confidence, 1)
    counts = {"pool": len(pool), "reviewed": len(reviewed), "found": found, "unreviewed": rest, "known": found}
    seed = seed_facts(conn, task)
    return Claim(
        task, "no audit", confidence, counts, seed, promises=scoped(promises, seed, None),
        **_steps(tally, each, len(pool), recall), notes=tuple(_notes(context, seed, None)), recall=recall,
    )  # fmt: skip


def _after(context: Context, audit: Audit, confidence: float, recall: float | None) -> Claim:
    conn = context.conn
    count = count_audit(conn, audit)
    counts = counts_of(audit, count)
    seed = seed_facts(conn, audit.task)
    notes = tuple(_notes(context, seed, count))
    if count.open or count.hidden_open:
        fact, hint = gone_said(conn, open_items(conn, audit))
        notes += (f"{fact}: {hint}",) if fact else ()
        return Claim(audit.task, "open", confidence, counts, seed, notes=notes, recall=recall)
    look = read_look(conn, audit, count)
    promises, reviewer = promises_of(count, look, confidence)
    more = next_steps(audit, count, looks_read(conn, audit.task), (promises, confidence), recall)
    if not more:
        notes += (f"all {audit.looks} looks that were declared are read: what this one shows stands.",)
    facts = {"number": look.number, "declared": look.declared, "this_look": look.confidence(confidence)}
    return Claim(
        audit.task, "read", confidence, counts, seed, facts | {"link": look.link},
        scoped(promises, seed, audit), reviewer, **more, notes=notes, recall=recall,
    )  # fmt: skip


def promises_of(count: Count, look: Look, confidence: float) -> tuple[dict[str, Guarantee], dict[str, Guarantee]]:
    """The promises of a look, and what it says of the reviewer: nothing without hidden items."""
    each = look.confidence(confidence)
    promises = look_promises(count.tally, each, confidence, look.number)
    if not count.hidden:
        return promises, {}
    right = corrected(count.tally, count.hidden, each, confidence, look.number)
    shown = sum(shown for shown, _ in count.hidden.values())
    caught = sum(caught for _, caught in count.hidden.values())
    right = replace(right, checked={**right.checked, "hidden_shown": shown, "hidden_caught": caught})
    return promises | {"corrected": right}, reviewer_bound(count.hidden, each)


def scoped(promises: dict[str, Guarantee], seed: dict[str, Any], audit: Audit | None) -> dict[str, Guarantee]:
    """The promises with what has to hold of the seed and the pool, and with the seed of the draw."""
    after = seed["labels_before"]
    committed = "the seed of the draw was committed before the first label of the task"
    late = f"ASSUMED, not shown: the seed was not chosen to suit; it was committed only after {after:,} labels"
    more = (late if after else committed, BLINDLY, SCOPE)
    number = audit.seed if audit else None
    return {
        name: replace(one, assumes=(*one.assumes, *more), seed=number, task=audit.task if audit else None)
        for name, one in promises.items()
    }


def next_steps(
    audit: Audit, count: Count, read: int, shown: tuple[dict[str, Guarantee], float], recall: float | None
) -> dict[str, Any]:
    """Prices of what is more than a look `shown` (promises, confidence) after `read` looks; {} where none is left."""
    promises, confidence = shown
    if audit.looks is not None and read >= audit.looks:
        return {}
    more = _steps(count.tally, look_confidence(read + 1, audit.looks, confidence), len(audit.pool), recall)
    bound = decisive(promises)
    return more | {"prices": tuple(price for price in more["prices"] if price.recall > bound)}


def _steps(tally: Tally, each: float, pool: int, recall: float | None) -> dict[str, Any]:
    """Prices of the next look, which of them are affordable, and what is honest where none is."""
    most = min(affordable_labels(pool), tally.unreviewed)
    prices = []
    for level in sorted({*LEVELS, *([recall] if recall else [])}):
        cost = next_price(tally, level, each)
        prices.append(Price(level, cost, cost is not None and cost.labels <= most))
    instead: tuple[str, ...] = ()
    if not any(price.affordable for price in prices):
        more = min(most, tally.unreviewed - tally.audited)
        if more > 0:
            rest = rest_bound(tally.unreviewed, tally.audited + more, tally.odd, each)
            instead = (f"{more:,} more labels, all dull: {rest.claim}, whatever was found",)
        instead += (f"{spikes_needed(0.9)} known odd items put in, all caught: 0.9 of odd items LIKE THOSE are caught",)
    return {"prices": tuple(prices), "affordable": most, "instead": instead}


def _notes(context: Context, seed: dict[str, Any], count: Count | None) -> list[str]:
    notes = []
    aside = len({row.item for row in manifest.set_asides(context.conn) if row.item is not None})
    if aside:
        notes.append(f"{aside:,} items are set aside as unusable, and no part of any claim.")
    if seed["labels_before"]:
        notes.append(f"the seed was committed after {seed['labels_before']:,} labels of this task, and says so.")
    others = {fact.facts["task"] for fact in chain.facts_of(context.conn, "look")} - {context.task_name}
    if others:
        said = f"audits of other tasks were read too ({', '.join(sorted(others))}); this confidence is of one task"
        notes.append(f"{said}: where they ask the same, name beforehand which one counts.")
    return notes if count is None else notes + _audit_notes(count)


def _audit_notes(count: Count) -> list[str]:
    """What the answers to an audit say beside its bounds."""
    notes, tally = [], count.tally
    if tally.unsure:
        notes.append(f"{tally.unsure:,} items of the audit were skipped or unsure: they count as odd until answered.")
    if tally.late:
        notes.append(
            f"{tally.late:,} reviewed items were called odd, or lost their answer, after the draw: overlooked."
        )
    for way, (shown, caught) in sorted(count.hidden.items()):
        if caught < shown:
            said = f"{shown - caught} of {shown} hidden odd items (found by {way}) were overlooked"
            notes.append(f"{said}: the corrected bound counts.")
    for group in pooled_ways(count.hidden):
        if len(group) > 1:
            said = ", ".join(f"{way} ({count.hidden[way][0]})" for way in group)
            notes.append(
                f"hidden items found by {said} are judged together: fewer than {FEW} of a way show next to nothing."
            )
    if not count.open and tally.odd and tally.odd * tally.unreviewed > tally.audited * max(tally.found, 1):
        notes.append("the audit says that more odd items are left than were found: search on, then draw --fresh.")
    return notes


def seed_facts(conn: sqlite3.Connection, task: str) -> dict[str, Any]:
    """The commitment of the seed, its place in the chain, and how many labels of the task stood before it."""
    fact = next(iter(chain.facts_of(conn, "seed")), None)
    if fact is None:
        return {"commitment": None, "link": None, "at": None, "labels_before": 0}
    sql = "SELECT COUNT(*) FROM events WHERE task = ? AND tag IS NOT NULL AND seq <= ?"
    before = conn.execute(sql, (tasks.get(conn, task).id, chain.last_event(conn, fact.n))).fetchone()[0]
    return {"commitment": fact.facts["commitment"], "link": fact.n, "at": fact.at, "labels_before": before}


def counts_of(audit: Audit, count: Count) -> dict[str, int]:
    """The counts of an audit, by name."""
    tally = {name: int(value) for name, value in asdict(count.tally).items()}
    more = {"audit": audit.number, "pool": len(audit.pool), "reviewed": len(audit.reviewed)}
    return more | tally | {"open": count.open + count.hidden_open}


def write_claim(context: Context, claim: Claim, path: Path) -> None:
    """A file with all that recomputes a claim elsewhere. Only what was read can be written."""
    audit = audit_of(context.conn, claim.task)
    if audit is None or claim.look is None:
        said = "no audit is drawn" if audit is None else f"{claim.counts['open']:,} items of the audit are open"
        raise NotEnoughLabels(f"there is nothing to claim: {said}.", "a claim needs an audit that is answered.")
    write_whole(path, json.dumps(_document(context, claim, audit), indent=1, ensure_ascii=False) + "\n")


def _document(context: Context, claim: Claim, audit: Audit) -> dict[str, Any]:
    conn, task = context.conn, context.task
    length, head = chain.head_of(conn)
    drawn = {fact.n: fact.facts for fact in chain.facts_of(conn, "draw", task.name) if fact.n in audit.links}
    count = count_audit(conn, audit)
    return {
        "labelsieve": __version__,
        "format": FORMAT,
        "created": now(),
        "task": {"name": task.name, "kind": task.kind, "dull": task.dull, "classes": list(task.classes)},
        "claim": asdict(claim),
        "hidden": {way: list(pair) for way, pair in count.hidden.items()},
        "seed": {"secret": chain.secret_of(conn), **claim.seed},
        "audit": {"number": audit.number, "drawn": digest_of(audit.drawn), "looks": audit.looks, "draws": drawn},
        "events": counted_events(conn, audit),
        "chain": {"length": length, "head": head, "trail": chain.trail_of(conn, length)},
    }


def counted_events(conn: sqlite3.Connection, audit: Audit, upto: int | None = None) -> list[list[Any]]:
    """[UUID, key, tag, class, annotator] of every standing answer (of the first `upto` links) to an item that counts as
    odd, or was skipped."""
    end = live.LAST if upto is None else chain.last_event(conn, upto)
    ids, code = folding.reviewed(conn, audit.task, end)
    mine = np.union1d(audit.reviewed[audit.was == ODD], common(audit.pool, ids[code == ODD]))
    mine = np.union1d(mine, np.intersect1d(audit.drawn, ids[code == folding.OUT]))
    return _standing(conn, audit.task, mine, end)


def _standing(conn: sqlite3.Connection, name: str, ids: Ids, upto: int) -> list[list[Any]]:
    task = tasks.get(conn, name)
    dead = live.not_live(conn, task, ids, upto) | live.repeated(conn, task)
    keys, names = dict(zip(ids.tolist(), manifest.keys(conn, ids), strict=True)), dict(enumerate(task.classes))
    sql = """SELECT seq, id, item, tag, code, annotator FROM events WHERE task = ? AND seq <= ?
      AND tag IS NOT NULL AND item IN (SELECT value FROM json_each(?)) ORDER BY seq"""
    return [
        [uuid, keys[item], tag, names.get(code), by]
        for seq, uuid, item, tag, code, by in conn.execute(sql, (task.id, upto, json.dumps(ids.tolist())))
        if seq not in dead
    ]


def last_look(context: Context) -> dict[str, Any] | None:
    """What the last look at an answered audit showed, at .95; None before the first. It reads, and spends nothing."""
    conn, task = context.conn, context.task_name
    read = [fact for fact in chain.facts_of(conn, "look", task) if not fact.facts["open"]]
    if not read:
        return None
    audit = audit_of(conn, task, read[-1].n)
    if audit is None:
        return None
    count = count_audit(conn, audit, read[-1].n)
    look = Look(int(read[-1].facts["look"]), read[-1].n, audit.looks)
    promises, _ = promises_of(count, look, 0.95)
    said = {name: _shown(one) for name, one in scoped(promises, seed_facts(conn, task), audit).items()}
    facts = {"at": read[-1].at, "look": look.number, "declared": look.declared, "confidence": 0.95}
    facts["decides"] = _decides(promises)
    return facts | said | {"counts": counts_of(audit, count), "next": _next_price(audit, count, look, promises)}


def _next_price(audit: Audit, count: Count, look: Look, promises: dict[str, Guarantee]) -> dict[str, Any] | None:
    """What the next better recall takes, and whether that is affordable; None where no more audit can show it."""
    if audit.looks is not None and look.number >= audit.looks:
        return None
    steps = _steps(count.tally, look_confidence(look.number + 1, audit.looks, 0.95), len(audit.pool), None)
    bound = decisive(promises)
    better = [price for price in steps["prices"] if price.recall > bound and price.cost is not None]
    return asdict(better[0]) if better else None


def _shown(one: Guarantee) -> dict[str, Any]:
    return {"claim": one.claim, "bound": one.bound, "assumes": list(one.assumes)}


def audit_state(context: Context) -> dict[str, Any] | None:
    """The audit that is drawn, and how much of it is open; None before the first draw."""
    audit = audit_of(context.conn, context.task_name)
    if audit is None:
        return None
    count = count_audit(context.conn, audit)
    return {
        "number": audit.number,
        "drawn": len(audit.drawn),
        "open": count.open + count.hidden_open,
        "hidden": sum(shown for shown, _ in count.hidden.values()) + count.hidden_open,
        "unreviewed": len(audit.unreviewed),
        "looks_declared": audit.looks,
        "looks_read": looks_read(context.conn, context.task_name),
    }
