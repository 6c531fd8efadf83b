"""How far the people of a task agree, what is most likely true, and which items a reviewer should decide.

agreement_now(context) -> Known      from cache/agreement where nothing was answered since, else computed
measure(context) -> dict             the computation itself: plain data
"""

import json
import math
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from labelsieve.core.randomness import stream
from labelsieve.core.statistics import wilson
from labelsieve.core.types import Ids, Interval, Task
from labelsieve.project import deciding, folding
from labelsieve.project.context import Context
from labelsieve.project.folding import Stances
from labelsieve.project.jobs import table
from labelsieve.project.wholefiles import write_whole
from labelsieve.weak import agreement
from labelsieve.weak.answersets import Answers
from labelsieve.weak.consensus import Consensus, dawid_skene, dawid_skene_each

DOUBT = 0.2  # items whose consensus is less sure than this go to a reviewer too
MOST_OPEN = 5000  # items that are kept for a reviewer, the most doubtful first
MOST_CONFUSIONS = 20
MOST_PAIRS = 200  # pairs of people, those with most items in common
LARGEST = 50_000_000  # numbers of a posterior
DRAWS = 500
AT_ONCE = 50_000  # events up to which a request may compute
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known, and whether answers have come since that are not in it. `open` are (item, reason, names, p)."""

    data: dict[str, Any]
    open: list[dict[str, Any]]
    stale: bool


def agreement_now(context: Context, wait: bool = False) -> Known:
    """Agreement of the task as it is now. With many answers the last that was computed, unless it may `wait`."""
    mark = _mark(context)
    path = context.cache / "agreement" / f"{context.task_name}.json"
    with _ONE_AT_A_TIME:
        found: dict[str, Any] | None = None
        with suppress(OSError, ValueError):
            found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict) and found.get("mark") == mark:
            return Known(found["data"], found["open"], False)
        if mark[0] > AT_ONCE and not wait:
            return Known(found["data"], found["open"], True) if isinstance(found, dict) else Known({}, [], True)
        data, open_ = measure(context)
        with suppress(OSError):
            write_whole(path, json.dumps({"mark": mark, "data": data, "open": open_}))
    return Known(data, open_, False)


def ask_again(context: Context, by: str) -> None:
    """Adds a job that computes agreement anew, where none waits or runs."""
    last = table.last_of(context.conn, "agreement", context.task_name, {})
    if last is None or last.state not in ("waiting", "running"):
        table.add(context.conn, "agreement", "rounds", context.task_name, {}, by)


def _mark(context: Context) -> list[int]:
    """What agreement depends on: the last event that is no decision, and how many classes there are."""
    sql = """SELECT seq FROM events WHERE task = ? AND (query IS NULL OR query NOT IN
      (SELECT id FROM queries WHERE task = ? AND strategy = ?)) ORDER BY seq DESC LIMIT 1"""
    task = context.task
    row = context.conn.execute(sql, (task.id, task.id, deciding.STRATEGY)).fetchone()
    return [row[0] if row else 0, len(task.classes)]


def measure(context: Context) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Agreement as plain data, and the items that a reviewer should decide, most doubtful first.

    Cost: one fold, the bootstrap of each pair, and O((v + a c) c) a step of the consensus; v answers to items that
    several people answered.
    """
    said = folding.independent(context.conn, context.task_name)
    task = context.task
    if not len(said.ids):
        return _nothing(), []
    answers, parts = coded_answers(said, task)
    fits = len(said.ids) * max(answers.n_classes, 1) <= LARGEST
    found = (dawid_skene_each(answers, parts) if parts else [dawid_skene(answers)]) if fits else []
    names = code_names(task)
    data = {
        "items": len(said.ids),
        "answers": len(answers),
        "people": _people(said, answers, parts, found),
        "pairs": _pairs(context, said, answers, parts),
        "confusions": _confusions(said, names, answers, found) if not parts else [],
        "classes": names,
        **_overall(context, answers, parts),
        "consensus": _told(found, answers, parts),
    }
    return data, _open(said, answers, parts, found, names)


def _nothing() -> dict[str, Any]:
    lists: dict[str, Any] = {name: [] for name in ("people", "pairs", "confusions", "classes")}
    return {"items": 0, "answers": 0, "alpha": None, "fleiss": None, "consensus": None} | lists


def code_names(task: Task) -> list[str]:
    """The names of the codes that agreement is measured on."""
    if task.kind != "screen":
        return list(task.classes)
    odd = [name for name in task.classes if name != task.dull]
    return [task.dull, odd[0] if len(odd) == 1 else "odd"]


def coded_answers(said: Stances, task: Task) -> tuple[Answers, list[Ids]]:
    """The answers; and of a task with several classes an item, whether each names each class (1, 0, -1 not asked)."""
    if task.kind != "multilabel":
        c = 2 if task.kind == "screen" else len(task.classes)
        return Answers(said.item, said.by, said.code, len(said.ids), len(said.people), c), []
    one = Answers(said.item, said.by, np.zeros(len(said.item), np.int64), len(said.ids), len(said.people), 1)
    asked = ~np.isnan(said.several)
    codes = np.where(asked, said.several >= 0.5, -1).astype(np.int64)
    return one, list(codes.T)


def _each(answers: Answers, parts: Sequence[Ids]) -> list[Answers]:
    """Two-class answers a class; the answers themselves where an item has one class."""
    if not parts:
        return [answers]
    out = []
    for codes in parts:
        on = codes >= 0
        out.append(Answers(answers.item[on], answers.by[on], codes[on], answers.n_items, answers.n_people, 2))
    return out


def _overall(context: Context, answers: Answers, parts: Sequence[Ids]) -> dict[str, Any]:
    """alpha, and Fleiss' kappa where every item has as many answers. Of several classes an item: the mean of theirs."""
    rng = stream(context.settings.seed, "agreement", context.task_name)
    if parts:
        each = [agreement.krippendorff_alpha(part.counts()) for part in _each(answers, parts)]
        defined = [alpha for alpha in each if not math.isnan(alpha)]
        mean = float(np.mean(defined)) if defined else None
        by_class = dict(zip(code_names(context.task), map(_number, each), strict=True))
        return {"alpha": {"mean": mean, "low": None, "high": None}, "fleiss": None, "alpha_of": by_class}
    counts = answers.counts()
    even = len(np.unique(counts.sum(axis=1))) == 1
    return {
        "alpha": _interval(agreement.alpha_interval(counts, rng, DRAWS)),
        "fleiss": _interval(agreement.fleiss_interval(counts, rng, DRAWS)) if even else None,
        "alpha_of": {},
    }


def _people(said: Stances, answers: Answers, parts: Sequence[Ids], found: Sequence[Consensus]) -> list[dict[str, Any]]:
    """Each person with the answers that others gave too, and the share of them that the consensus holds for right."""
    total, hits = np.zeros(answers.n_people), np.zeros(answers.n_people)
    for part, consensus in zip(_each(answers, parts), found, strict=False):
        total += np.bincount(part.by, minlength=answers.n_people)
        hits += np.bincount(part.by, consensus.posterior[part.item, part.code], minlength=answers.n_people)
    shared = np.bincount(answers.by, minlength=answers.n_people)
    out = []
    for k in np.argsort(said.people).tolist():
        if shared[k]:
            right = wilson(round(hits[k]), round(total[k])) if total[k] else None
            out.append({"name": said.people[k], "answers": int(shared[k]), "right": _interval(right)})
    return out


def _pairs(context: Context, said: Stances, answers: Answers, parts: Sequence[Ids]) -> list[dict[str, Any]]:
    """Each two people who answered the same items: how often they said the same, and kappa."""
    met = np.zeros((answers.n_people, answers.n_items), np.float32)
    met[answers.by, answers.item] = 1.0
    both = np.rint(met @ met.T).astype(np.int64)
    common = {(a, b): int(both[a, b]) for a, b in combinations(range(answers.n_people), 2)}
    most = sorted((pair for pair in common if common[pair]), key=lambda pair: -common[pair])[:MOST_PAIRS]
    rows = []
    for a, b in most:
        tables = [part.pair_counts(a, b) for part in _each(answers, parts)]
        same, n = sum(int(np.trace(table)) for table in tables), sum(int(table.sum()) for table in tables)
        first, second = sorted((said.people[a], said.people[b]))
        rng = stream(context.settings.seed, "agreement", context.task_name, first, second)
        kappas = [agreement.cohen_kappa(table) for table in tables]
        defined = [kappa for kappa in kappas if not math.isnan(kappa)]
        kappa = (
            {"mean": float(np.mean(defined)) if defined else None, "low": None, "high": None}
            if parts
            else _interval(agreement.cohen_interval(tables[0], rng, DRAWS))
        )
        rows.append(
            {
                "first": first,
                "second": second,
                "items": common[a, b],
                "same": _interval(wilson(same, n)),
                "kappa": kappa,
            }
        )
    return rows


def _confusions(
    said: Stances, names: Sequence[str], answers: Answers, found: Sequence[Consensus]
) -> list[dict[str, Any]]:
    """Who takes what for what, by the consensus: those that happen most often first."""
    if not found:
        return []
    weight = np.zeros((answers.n_people, answers.n_classes, answers.n_classes))
    for k in range(answers.n_people):
        rows = answers.by == k
        np.add.at(weight[k].T, answers.code[rows], found[0].posterior[answers.item[rows]])
    total = weight.sum(axis=2)
    weight[:, range(len(names)), range(len(names))] = 0.0
    best = np.argsort(-weight, axis=None, kind="stable")[:MOST_CONFUSIONS]
    out = []
    for who, true, code in zip(*np.unravel_index(best, weight.shape), strict=True):
        times = float(weight[who, true, code])
        if times >= 0.5:
            row = {"name": said.people[who], "true": names[true], "said": names[code]}
            out.append(row | {"times": round(times, 1), "share": times / float(total[who, true])})
    return out


def _told(found: Sequence[Consensus], answers: Answers, parts: Sequence[Ids]) -> dict[str, Any] | None:
    """The consensus in a few numbers; None where there are too many items and classes for it."""
    if not found:
        return None
    doubt = np.max([one.doubt for one in found], axis=0)
    if not parts:
        counts = answers.counts()
        top = counts.max(axis=1)
        clear = (counts == top[:, None]).sum(axis=1) == 1
        other = int((clear & (counts.argmax(axis=1) != found[0].codes)).sum())
    return {
        "doubtful": int((doubt > DOUBT).sum()),
        "against_majority": None if parts else other,
        "steps": max(one.steps for one in found),
        "converged": all(one.converged for one in found),
    }


def _open(
    said: Stances, answers: Answers, parts: Sequence[Ids], found: Sequence[Consensus], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Items on which people differ, or of which the consensus is not sure."""
    differ = np.zeros(answers.n_items, bool)
    for part in _each(answers, parts):
        differ |= (part.counts() > 0).sum(axis=1) > 1
    doubt = np.max([one.doubt for one in found], axis=0) if found else np.where(differ, 1.0, 0.0)
    wanted = np.flatnonzero(differ | (doubt > DOUBT))
    order = wanted[np.lexsort((said.ids[wanted], -doubt[wanted].round(9)))][:MOST_OPEN]
    return [
        {
            "item": int(said.ids[k]),
            "reason": "differ" if differ[k] else "doubtful",
            "names": _likely(found, bool(parts), names, k),
            "p": round(float(1.0 - doubt[k]), 4) if found else None,
        }
        for k in order.tolist()
    ]


def _likely(found: Sequence[Consensus], several: bool, names: Sequence[str], k: int) -> list[str]:
    if several:
        return [name for name, one in zip(names, found, strict=False) if one.posterior[k, 1] >= 0.5]
    return [names[int(found[0].posterior[k].argmax())]] if found else []


def _interval(found: Interval | None) -> dict[str, float | None] | None:
    if found is None or math.isnan(found.mean):
        return None
    return {name: _number(value) for name, value in asdict(found).items()}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)
