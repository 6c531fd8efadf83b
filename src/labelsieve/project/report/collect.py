"""A project -> ReportData. Everything is measured here anew, from the labels as they are now."""

import hashlib
import platform
from collections import Counter
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from labelsieve.core.errors import LabelsieveError
from labelsieve.core.types import Label
from labelsieve.project import folding, queries, state
from labelsieve.project.auditing import LEAST, AuditTables, audit_tables
from labelsieve.project.context import Context
from labelsieve.project.database import now
from labelsieve.project.exports import label_names
from labelsieve.project.fitting import Fitted, audit_proba, fit_task
from labelsieve.project.queries import StoredQuery
from labelsieve.project.report.data import (
    AnnotatorSpending,
    AsideShown,
    ConfusionShown,
    Curve,
    Exhibit,
    QueryShown,
    ReportData,
    Spending,
)
from labelsieve.project.report.doubts import doubts_of
from labelsieve.project.report.exhibits import shown_items
from labelsieve.project.report.gathering import gathered_curve
from labelsieve.project.report.screened import search_shown
from labelsieve.project.report.words import percent
from labelsieve.project.slips import doubtful_labels
from labelsieve.project.spending import FREE
from labelsieve.project.standing import Stand, stand

CONFUSIONS, CONFUSION_ITEMS = 18, 4
QUERIES, QUERY_ITEMS, REASONS = 12, 8, 6
ASIDE, DOUBTFUL = 200, 12
PACKAGES = ("labelsieve", "numpy", "scipy", "scikit-learn", "onnxruntime", "pillow", "pyarrow")


def gathered(context: Context) -> ReportData:
    """All that the report of the context's task says. What is not there yet (embeddings, labels, an audit slice)
    is left empty. Cost: about 50 fits for the curves, and a few hundred items are read to be shown."""
    standing = _standing(context)
    fitted = _fitted(context, standing)
    audit, confusions = _audit(context, fitted)
    doubts, doubted = doubts_of(context, fitted) if fitted else ((), 0)
    known = state.status(context)
    history = queries.history(context.conn, context.task_name)
    return ReportData(
        project=context.root.resolve().name,
        task=context.task_name,
        kind=context.task.kind,
        made=now(),
        items=known["items"],
        labels=known["labels"],
        dull=context.task.dull,
        class_counts=tuple(known["classes"].items()),
        audit=audit,
        audit_labels=len(standing.audit) if standing else 0,
        curve=gathered_curve(context, standing) if standing and fitted else Curve(),
        confusions=confusions,
        doubts=doubts,
        doubted=doubted,
        queries=_queries(context, history),
        queries_total=len(history),
        purposes=_purposes(history),
        spending=_spending(context),
        search=search_shown(known, _doubtful(context) if standing else ()),
        stop=bool(known["advice"]["stop"]) if fitted else False,
        reasons=tuple(known["advice"]["reasons"]) if fitted else ("No head is fitted yet.",),
        set_aside=tuple(AsideShown(row["key"], row["stage"], row["reason"]) for row in known["set_aside"][:ASIDE]),
        set_aside_total=known["set_aside_total"],
        facts=_facts(context, standing, fitted),
        commands=_commands(context),
    )


def _standing(context: Context) -> Stand | None:
    """Where the task stands; None before there are embeddings."""
    try:
        return stand(context)
    except LabelsieveError:
        return None


def _fitted(context: Context, standing: Stand | None) -> Fitted | None:
    """The head; None before there are labels for one."""
    if standing is None or not len(standing.train):
        return None
    return fit_task(context, standing)


def _audit(context: Context, fitted: Fitted | None) -> tuple[AuditTables | None, tuple[ConfusionShown, ...]]:
    """The audit tables, and the confusions with some of their items; nothing under 10 audit items."""
    if fitted is None or len(fitted.stand.audit) < LEAST:
        return None, ()
    audit, proba = fitted.stand.audit, audit_proba(fitted)
    tables = audit_tables(audit.y, proba, audit.classes, audit.kind)
    shown = []
    for one in tables.confusions[:CONFUSIONS]:
        rows = np.array(one.rows[:CONFUSION_ITEMS])
        code = audit.classes.index(one.said or one.true)
        notes = [f"{percent(float(proba[row, code]))} sure" for row in rows]
        shown.append(ConfusionShown(one.true, one.said, len(one.rows), shown_items(context, audit.ids[rows], notes)))
    return tables, tuple(shown)


def _queries(context: Context, history: list[StoredQuery]) -> tuple[QueryShown, ...]:
    """The newest queries, newest first, with what was answered."""
    latest: dict[int, Label] = {}
    if history:
        latest = {label.item: label for label in folding.answers(context.conn, context.task_name)}
    first = max(len(history) - QUERIES, 0)
    shown = [_query(context, number, one, latest) for number, one in enumerate(history[first:], first + 1)]
    return tuple(reversed(shown))


def _purposes(history: list[StoredQuery]) -> tuple[tuple[str, int], ...]:
    """Items asked for by all queries, by purpose, the most first."""
    totals: Counter[str] = Counter()
    for one in history:
        totals.update(one.query.purpose or ("search",) * len(one.query))
    return tuple(totals.most_common())


def _query(context: Context, number: int, stored: StoredQuery, latest: dict[int, Label]) -> QueryShown:
    query, ids = stored.query, stored.query.ids.tolist()
    reasons = Counter(query.why).most_common()
    few = reasons[:REASONS] if len(reasons) <= REASONS else reasons[: REASONS - 1]
    rest = sum(n for _, n in reasons[len(few) :])
    return QueryShown(
        number=number,
        at=stored.at,
        strategy=query.strategy,
        purposes=tuple(Counter(query.purpose or ("search",) * len(ids)).most_common()),
        answered=sum(id_ in latest for id_ in ids),
        reasons=(*few, ("other reasons", rest)) if rest else tuple(few),
        items=shown_items(context, query.ids[:QUERY_ITEMS], [_answer(latest.get(id_)) for id_ in ids[:QUERY_ITEMS]]),
        scored=query.scored,
        seconds=stored.select_seconds,
    )


def _answer(label: Label | None) -> str:
    if label is None or label.value is None:
        return "not answered"
    return ", ".join(label_names(label.value)) or ("none" if label.value.tag == "classes" else label.value.tag)


def _doubtful(context: Context) -> tuple[Exhibit, ...]:
    """Dull labels of a screen that look odd, most doubtful first."""
    if context.task.kind != "screen":
        return ()
    found = doubtful_labels(context)[:DOUBTFUL]
    notes = [f"{'near' if one.ratio else 'equal to'} the odd item {one.odd}" for one in found]
    return shown_items(context, context.ids_of([one.key for one in found]), notes)


def _spending(context: Context) -> Spending:
    sql = """SELECT annotator, source, tag, seconds FROM events WHERE task = ? AND tag IS NOT NULL"""
    rows: dict[str, list[tuple[str, str, float | None]]] = {}
    for name, *rest in context.conn.execute(sql, (context.task.id,)):
        rows.setdefault(name, []).append(tuple(rest))
    limits, settings = context.task_settings, context.settings
    people = []
    for name, answers in rows.items():
        seconds = [time for _, _, time in answers if time is not None]
        paid = sum(source not in FREE for source, _, _ in answers)
        people.append(
            AnnotatorSpending(
                name,
                len(answers),
                skipped=sum(tag == "skip" for _, tag, _ in answers),
                unsure=sum(tag == "unsure" for _, tag, _ in answers),
                timed=len(seconds),
                seconds=sum(seconds),
                median_seconds=float(np.median(seconds)) if seconds else None,
                money=paid * settings.costs.get(name, settings.cost),
            )
        )
    people.sort(key=lambda one: (-one.answers, one.name))
    budget = (limits.budget_labels, limits.budget_minutes, limits.budget_money)
    return Spending(tuple(people), settings.currency, *budget)


def _facts(context: Context, standing: Stand | None, fitted: Fitted | None) -> tuple[tuple[str, str], ...]:
    settings = context.settings
    facts = [("seed", str(settings.seed)), ("sources", ", ".join(spec.path for spec in settings.sources))]
    if settings.engine:
        facts.append(("engine", f"{settings.engine} @ {settings.revision or 'this pool'}"))
        facts.append(("embeddings", settings.embeddings))
    if standing is not None:
        facts.append(("audit slice", f"{len(standing.audit)} labelled, {100 * standing.sides.share:.2g} % of the pool"))
        facts.append(("view of the embeddings", standing.view.how))
    if fitted is not None:
        facts.append(("head", f"{fitted.kind}, temperature {fitted.temperature.t:.3g}"))
        facts.append(("labels it was fitted on", f"{len(fitted.stand.train):,}"))
    facts.append(("label events", _events(context)))
    return (*facts, ("Python", platform.python_version()), ("packages", ", ".join(map(_version, PACKAGES))))


def _events(context: Context) -> str:
    """How many label events there are, and the digest of their UUIDs in order."""
    rows = context.conn.execute("SELECT id FROM events WHERE task = ? ORDER BY seq", (context.task.id,))
    ids = [id_ for (id_,) in rows]
    mark = hashlib.blake2b("\n".join(ids).encode(), digest_size=8).hexdigest()
    return f"{len(ids):,}, digest {mark}" if ids else "none"


def _version(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} –"


def _commands(context: Context) -> tuple[str, ...]:
    name, task = context.root.resolve().name, context.task_name
    on_task = "" if task == "main" else f" --task-name {task}"
    engine = f" --engine {context.settings.engine}" if context.settings.engine else ""
    return (f"labelsieve embed {name}{engine}", f"labelsieve fit {name}{on_task}", f"labelsieve report {name}{on_task}")
