"""What a claim says beside its bounds, computed again: task, seed, prices of the next step, every date the log knows.

names_differ(conn, claim, audit) -> [str]             the task, the seed's place, the number of the audit and its looks
prices_differ(claim, audit, count, read) -> [str]     prices, what is affordable, what is honest instead
dates_differ(conn, claim, length) -> [str]            the seed's date, and whether the claim is older than its look
told_alone(claim) -> [str]                            what nobody can compute again, by name
"""

import json
import sqlite3
from dataclasses import asdict
from datetime import datetime
from typing import Any

from labelsieve.project import tasks
from labelsieve.project.claims.audits import Audit, Count
from labelsieve.project.claims.certifying import Look
from labelsieve.project.claims.claiming import next_steps, promises_of, seed_facts


def names_differ(conn: sqlite3.Connection, claim: dict[str, Any], audit: Audit) -> list[str]:
    """What the claim says of its task, its seed and its audit otherwise than the log; empty where nothing."""
    told, task, seed = claim["claim"], tasks.get(conn, audit.task), seed_facts(conn, audit.task)
    classes = list(claim["task"]["classes"])
    pairs = [
        ("the task's kind", claim["task"]["kind"], "screen"),
        ("the task's kind in the project", task.kind, "screen"),
        ("the task's classes", classes, list(task.classes[: len(classes)])),
        ("the task of what is claimed", told["task"], audit.task),
        ("the state", told["state"], "read"),
        ("the number of the audit", claim["audit"]["number"], audit.number),
        ("the declared looks", claim["audit"]["looks"], audit.looks),
        *((f"the seed's {name}", told["seed"][name], seed[name]) for name in ("commitment", "link", "labels_before")),
    ]
    return [f"{what}: {_said(there)} written, {_said(here)} by the log" for what, there, here in pairs if there != here]


def prices_differ(claim: dict[str, Any], audit: Audit, count: Count, read: int) -> list[str]:
    """What is not as it is computed again after `read` looks; empty where all is. Cost: that of `certify`."""
    told, confidence = claim["claim"], float(claim["claim"]["confidence"])
    if not 0 < told["look"]["number"] <= read:
        return [f"look {told['look']['number']} is claimed; {read} are read"]
    look = Look(int(told["look"]["number"]), int(told["look"]["link"]), audit.looks)
    promises, _ = promises_of(count, look, confidence)
    here: dict[str, Any] = {"prices": (), "affordable": 0, "instead": ()}
    here |= next_steps(audit, count, read, (promises, confidence), told["recall"])
    here["prices"] = [asdict(price) for price in here["prices"]]
    wrong = [
        f"{name}: computed again {_said(value)}, claimed {_said(told[name])}"
        for name, value in here.items()
        if _plain(value) != told[name]
    ]
    for name, one in (told["promises"] or {}).items():
        if (one["seed"], one["task"], one["next_cost"]) != (audit.seed, audit.task, None):
            wrong.append(f"{name}: it names another draw or task than the log, or a price of its own")
    return wrong


def dates_differ(conn: sqlite3.Connection, claim: dict[str, Any], length: int) -> list[str]:
    """The dates that are not those of the log, or come in no possible order; empty where none."""
    at = seed_facts(conn, str(claim["task"]["name"]))["at"]
    wrong = [
        f"the seed was committed at {at}; the claim says {there}"
        for there in (claim["seed"]["at"], claim["claim"]["seed"]["at"])
        if there != at
    ]
    row = conn.execute("SELECT at FROM links WHERE kind = 'fact' AND n <= ? ORDER BY n DESC LIMIT 1", (length,))
    last, created = str(row.fetchone()[0]), str(claim["created"])
    if datetime.fromisoformat(created) < datetime.fromisoformat(last):
        wrong.append(f"the claim says that it was made at {created}; the last fact of its log is of {last}")
    return wrong


def told_alone(claim: dict[str, Any]) -> list[str]:
    """What stands in a claim and cannot be computed again, by name."""
    notes = f"its {len(claim['claim']['notes'])} notes, " if claim["claim"]["notes"] else ""
    version = claim.get("labelsieve")
    return [f"not checked, for no log tells: {notes}its date beyond that, the version that wrote it ({version})"]


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _said(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
