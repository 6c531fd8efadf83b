"""Fit the head of a task, measure it on the audit slice, keep it under cache/heads, and predict with it."""

import hashlib
import json
import time
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.rounds import BLOCK
from labelsieve.core.sockets import Head
from labelsieve.core.types import Ids, Interval, Labels, Matrix, Task
from labelsieve.heads.mixup import Mixup, keeps
from labelsieve.heads.temperature import Temperature, cross_fitted
from labelsieve.project import headfiles
from labelsieve.project.context import Context
from labelsieve.project.curves import audit_score
from labelsieve.project.database import now, transaction
from labelsieve.project.lessons.judging import Verdict, as_facts, from_facts, judged, kept_of
from labelsieve.project.lessons.taught import MISSED
from labelsieve.project.slices import LEAST_AUDIT
from labelsieve.project.standing import Stand, stand, with_taught
from labelsieve.project.training import MIXUP, Chooser, Watch, among_pool, fit, right, watched


@dataclass(frozen=True, slots=True)
class Fitted:
    """A head with what it was fitted on. `audit` is None under 10 audit items: nothing is claimed then."""

    head: Head
    temperature: Temperature
    stand: Stand
    mark: str  # digest of labels, embeddings and head: the same mark, the same head
    kind: str  # class name of the head
    audit: Interval | None
    seconds: float
    right: tuple[float, ...] = ()  # how right the head is about each audit item
    verdicts: tuple[Verdict, ...] = ()  # which sources of taught items take part

    @property
    def labels(self) -> Labels:
        """What the head was fitted on: the training labels, and what was taught beside them and takes part."""
        return with_taught(self.stand.train, kept_of(self.stand.taught, self.verdicts))

    def proba(self, ids: Ids) -> Matrix:
        """Calibrated probabilities (m, c) of pool ids, computed in blocks."""
        multilabel = self.stand.train.kind == "multilabel"
        blocks = [ids[first : first + BLOCK] for first in range(0, len(ids), BLOCK)] or [ids]
        raw = (self.head.predict_proba(self.stand.pool.take(block)) for block in blocks)
        return np.concatenate([self.temperature(proba, multilabel) for proba in raw])


def fit_task(context: Context, standing: Stand | None = None) -> Fitted:
    """The head for the labels as they are now; the cached one where they have not changed.

    NotEnoughLabels where no item may train. Warm start from the cached head unless a class has appeared.
    """
    began = time.perf_counter()
    standing = standing or stand(context)
    mark = mark_of(context, standing)
    folder = context.cache / "heads" / context.task_name
    cached = headfiles.load(folder, len(standing.train.classes))
    if cached is not None and cached.mark == mark:
        head = among_pool(cached.head, standing.pool, standing.train.ids, standing.sides.aside)
        fitted = replace(_finished(head, standing, mark, began), verdicts=_kept_verdicts(cached))
        if context.conn.writable:
            _measured_again(context, fitted)
        return fitted
    same = cached is not None and cached.facts.get("embeddings") == context.settings.embeddings
    before = cached.head if cached is not None and same else None
    verdicts = judged(standing, lambda labels: fit(standing.choose, standing.pool, labels, None, standing.sides.aside))
    labels = with_taught(standing.train, kept_of(standing.taught, verdicts))
    head = _proven(fit(standing.choose, standing.pool, labels, before, standing.sides.aside), standing, labels)
    fitted = replace(_finished(head, standing, mark, began), verdicts=verdicts)
    if context.conn.writable:  # who may only read the project may still predict
        facts = {"embeddings": context.settings.embeddings, "taught": as_facts(verdicts)}
        headfiles.save(folder, head, mark, facts)
        _record(context, fitted, before)
    return fitted


def _kept_verdicts(cached: headfiles.SavedFile) -> tuple[Verdict, ...]:
    return from_facts(cached.facts.get("taught", ()))


def _proven(head: Head, standing: Stand, labels: Labels) -> Head:
    """`head`; but one with mixtures only where the audit slice shows that it gains on the same head without them."""
    if not isinstance(head, Mixup):
        return head
    plain = fit(_without_mixtures(standing), standing.pool, labels)
    if len(standing.audit) < LEAST_AUDIT:
        return plain
    x = standing.pool.take(standing.audit.ids)
    return head if keeps(plain.predict_proba(x), head.predict_proba(x), standing.audit.y) else plain


def _without_mixtures(standing: Stand) -> Chooser:
    return replace(standing.choose, name="auto")


def _finished(head: Head, standing: Stand, mark: str, began: float) -> Fitted:
    audit, pool = standing.audit, standing.pool
    temperature, score, hits = Temperature(), None, ()
    if len(audit) >= LEAST_AUDIT:
        proba = head.predict_proba(pool.take(audit.ids))
        temperature = Temperature.fit(proba, audit.y)
        score = audit_score(audit.y, cross_fitted(proba, audit.y))
        hits = tuple(right(audit, proba).round(3).tolist())
    seconds = time.perf_counter() - began
    return Fitted(head, temperature, standing, mark, type(head).__name__, score, seconds, hits)


def audit_proba(fitted: Fitted) -> Matrix:
    """Probabilities (a, c) on the audit slice, each with a temperature fitted on the other audit items."""
    audit = fitted.stand.audit
    raw = fitted.head.predict_proba(fitted.stand.pool.take(audit.ids))
    return cross_fitted(raw, audit.y)


def final_head(fitted: Fitted) -> Head:
    """The head for export: fitted anew, cold, on training and audit labels together, and on what was taught."""
    choose = fitted.stand.choose
    if choose.name == MIXUP and not isinstance(fitted.head, Mixup):
        choose = _without_mixtures(fitted.stand)
    labels = with_taught(fitted.stand.both, kept_of(fitted.stand.taught, fitted.verdicts))
    return fit(choose, fitted.stand.pool, labels, None)


def mark_of(context: Context, standing: Stand) -> str:
    """Digest of everything that a fitted head depends on."""
    train = standing.train
    parts = (context.settings.embeddings, context.settings.seed, standing.choose, standing.view.how, train.classes)
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=16)
    for array in (train.ids, np.ascontiguousarray(train.y), standing.view.mean, standing.view.scale):
        digest.update(array.tobytes())
    if (taught := standing.taught) is not None:
        foreign = bool(np.any(taught.source != MISSED))  # then the audit slice says whether it takes part
        judge = (standing.audit.ids, standing.audit.y) if foreign else ()
        for array in (taught.ids, taught.y, taught.weight, *judge):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def pool_mark(context: Context, standing: Stand) -> str:
    """Digest of everything that an array over the viewed pool depends on, labels apart."""
    parts = (context.settings.embeddings, standing.view.how, standing.pool.dim)
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=16)
    for array in (standing.pool.ids, standing.view.mean, standing.view.scale):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _audited(fitted: Fitted) -> dict[str, Any]:
    """What the audit slice says of the head: as a whole, and item by item, to be paired with later heads."""
    audit = fitted.stand.audit
    if fitted.audit is None:
        return {"audit": None}
    return {
        "audit": asdict(fitted.audit) | {"n": len(audit)},
        "right": {"ids": audit.ids.tolist(), "right": list(fitted.right)} if audit.kind != "screen" else None,
    }


def _measured_again(context: Context, fitted: Fitted) -> None:
    """New answers to audit items measure the head anew though it has not changed."""
    sql = "SELECT id, head, metrics FROM fits WHERE task = ? ORDER BY id DESC LIMIT 1"
    row = context.conn.execute(sql, (context.task.id,)).fetchone()
    if row is None or json.loads(row[1])["mark"] != fitted.mark:
        return
    metrics = json.loads(row[2])
    if metrics["audit"] != _audited(fitted)["audit"]:
        with transaction(context.conn):
            text = json.dumps(metrics | _audited(fitted))
            context.conn.execute("UPDATE fits SET metrics = ? WHERE id = ?", (text, row[0]))


def _record(context: Context, fitted: Fitted, before: Head | None) -> None:
    """One row in the ledger a fit: what advice to stop and the report look back on."""
    standing = fitted.stand
    watch = watched(standing.pool, before, fitted.proba, standing.train.kind, context.settings.seed)
    metrics = {
        **_audited(fitted),
        **_finite(watch),
        "seconds": round(fitted.seconds, 4),
        "classes": len(standing.train.classes),
        "doubtful": len(standing.doubts.at),
        **({"from_taught": len(fitted.labels) - len(standing.train)} if standing.taught is not None else {}),
        **({"taught": as_facts(fitted.verdicts)} if fitted.verdicts else {}),
    }
    head = {"name": fitted.kind, "mark": fitted.mark}
    with transaction(context.conn):
        sql = "INSERT INTO fits (task, at, labels, head, metrics) VALUES (?, ?, ?, ?, ?)"
        values = (context.task.id, now(), len(standing.train), json.dumps(head), json.dumps(metrics))
        context.conn.execute(sql, values)


def _finite(watch: Watch) -> dict[str, float | None]:
    return {name: value if isfinite(value) else None for name, value in asdict(watch).items()}


@dataclass(frozen=True, slots=True)
class Predictions:
    """What the head says of items: `names` (m,) the class (for multilabel all above .5), `proba` (m, c)."""

    ids: Ids
    keys: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    proba: Matrix


def predictions(fitted: Fitted, task: Task, ids: Ids, keys: tuple[str, ...]) -> Predictions:
    """What the head says of pool items (m,), in the order given."""
    classes = fitted.stand.train.classes
    proba = fitted.proba(ids)
    return Predictions(ids, keys, named(proba, task, classes), classes, proba)


def named(proba: NDArray[Any], task: Task, classes: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The class names (m,) that probabilities (m, c) stand for."""
    if task.kind == "multilabel":
        return tuple(tuple(classes[j] for j in np.flatnonzero(row > 0.5)) for row in proba)
    return tuple((classes[j],) for j in proba.argmax(axis=1))
