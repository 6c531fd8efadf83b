"""Words of texts that speak for the guess of the head, and words against it: for whoever looks at the guess.

    told(context, ids, by, add) -> Telling     what is known of these items; asks the worker for the others
    look_into(context, ids, tell) -> int       the worker's part: hides the words of each text in turn

A word is worth what the score of the guessed class loses when the word is left out of the text, whatever the engine:
see docs/decisions/0014-speaking-words.md. The head is the one that made the predictions, and nothing is fitted. Who
may not see a guess is told no words either: only items that the person has on the desk, asked by a search.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import LabelsieveError
from labelsieve.core.idsets import common
from labelsieve.core.sockets import Head
from labelsieve.core.types import ODD, Item, Matrix, Vector
from labelsieve.project import headfiles
from labelsieve.project.context import Context
from labelsieve.project.desk.cards import guess_may_show
from labelsieve.project.desk.handing import held_for
from labelsieve.project.hiding import words_hidden
from labelsieve.project.jobs import table
from labelsieve.project.standing import Stand, stand
from labelsieve.project.streams.detecting import open_score
from labelsieve.project.training import among_pool
from labelsieve.project.views import foreseen
from labelsieve.project.views.foreseen import Foreseen
from labelsieve.project.weighing import Judge
from labelsieve.project.wholefiles import write_whole
from labelsieve.screening.explain import both_ways

KIND = "words"
MOST = 12  # items that one job looks into
LONGEST = 50_000  # characters of a text beyond which its words are not looked for
Tell = Callable[[int, int, str], None]
Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Telling:
    """`items`: one entry an item that is known: its guess, the words that speak for it (`speak`) and `against` it."""

    state: str  # ready, preparing, failed
    items: list[Entry]
    note: str = ""


def told(context: Context, ids: Sequence[int], by: str) -> Telling:
    """What is known of these items, and a job for what is not. Items whose guess the person may not see are left out.

    Cost: a look into two files and the leases; nothing is computed here.
    """
    known = foreseen.read(context)
    wanted = [] if known is None else _foreseen(known, _allowed(context, ids, by))
    if known is None or not wanted:
        return Telling("ready", [])
    kept = _kept(context, known.mark)
    lacking = [item for item in wanted if str(item) not in kept]
    items = [_entry(known, item, kept[str(item)]) for item in wanted if str(item) in kept]
    if not lacking:
        return Telling("ready", items)
    mine = [job for job in table.open_jobs(context.conn) if (job.kind, job.task) == (KIND, context.task_name)]
    args = {"items": ",".join(map(str, lacking[:MOST]))}
    last = table.last_of(context.conn, KIND, context.task_name, args)
    if not mine and last is not None and last.state == "failed":
        return Telling("failed", items, str(last.result.get("error", "")))
    if not any(job.state == "waiting" for job in mine):
        table.add(context.conn, KIND, "rounds", context.task_name, args, by)
    return Telling("preparing", items)


def _allowed(context: Context, ids: Sequence[int], by: str) -> list[int]:
    """Texts that the person has on the desk and whose guess may be shown, in the order given."""
    held = held_for(context, by)
    may = guess_may_show(context, np.array(list(held), np.int64), list(held.values()))
    open_ = {item for item, allowed in zip(held, may, strict=True) if allowed}
    return [item for item in ids if item in open_]


def _foreseen(known: Foreseen, ids: Sequence[int]) -> list[int]:
    """Those that the predictions have, in the order given, each once."""
    found = set(common(known.ids, np.array(sorted(set(ids)), np.int64)).tolist())
    return [item for item in dict.fromkeys(ids) if item in found]


def _entry(known: Foreseen, item: int, words: dict[str, list[str]]) -> Entry:
    (guess,) = known.of(np.array([item], np.int64))
    named = None if guess is None else {"name": guess[0], "p": guess[1]}
    return {"item": item, "guess": named, "speak": words.get("speak", []), "against": words.get("against", [])}


def look_into(context: Context, ids: Sequence[int], tell: Tell) -> int:
    """Hides the words of each text that is not known yet, and keeps what that showed. How many texts it looked into.

    It stops after a text where another job waits for the lane: a round is worth more, and the page asks again.
    Cost: at most 41 + 65 embeddings a text. What cannot be looked into is kept as a text of which no word speaks.
    """
    known = foreseen.read(context)
    if known is None:
        return 0
    kept = _kept(context, known.mark)
    wanted = [item for item in _foreseen(known, ids) if str(item) not in kept]
    score = _scorer(context, known)
    for at, item in enumerate(context.items(np.array(wanted, np.int64))):
        if at and _others_wait(context):
            return at
        tell(at, len(wanted), "looking for words that speak for a guess")
        kept[str(item.id)] = {} if score is None else _words(known, item, score)
        write_whole(_file(context), json.dumps({"mark": known.mark, "items": kept}))
    return len(wanted)


def _others_wait(context: Context) -> bool:
    jobs = table.open_jobs(context.conn)
    return any(job.state == "waiting" and job.lane == "rounds" and job.kind != KIND for job in jobs)


Scorer = Callable[[int, Sequence[Any]], Vector]  # (code of a class, changed texts) -> how far they are taken for it


def _words(known: Foreseen, item: Item, score: Scorer) -> dict[str, list[str]]:
    text = item.data
    if not isinstance(text, str) or len(text) > LONGEST:
        return {}
    code = int(known.code[np.searchsorted(known.ids, item.id)])
    try:
        parts, _ = words_hidden(text, lambda things: score(code, things))
    except LabelsieveError:
        return {}
    speak, against = both_ways(parts)
    return {"speak": [part.name for part in speak], "against": [part.name for part in against]}


def _scorer(context: Context, known: Foreseen) -> Scorer | None:
    """What scores changed texts as the head did that made the predictions; None where another one is kept by now."""
    cached = headfiles.load(context.cache / "heads" / context.task_name, len(known.classes))
    if cached is None or cached.mark != known.mark:
        return None
    standing = stand(context)
    head = among_pool(cached.head, standing.pool, standing.train.ids, standing.sides.aside)
    judge = Judge(context, standing, None)
    return lambda code, things: _taken_for(head, standing, code, judge.embedded(things))


def _taken_for(head: Head, standing: Stand, code: int, rows: Matrix) -> Vector:
    """Log-odds (m,) of one class for raw rows (m, d); of a screen its open score, or what speaks against it."""
    x = standing.view(rows)
    if standing.train.kind == "screen":
        score = open_score(head, x, bool((standing.train.y == ODD).any()))
        return score if code == ODD else -score
    proba = np.asarray(head.predict_proba(x), np.float64)
    alone = standing.train.kind == "multilabel" or proba.shape[1] == 1
    others = 1 - proba[:, code] if alone else np.delete(proba, code, axis=1).sum(axis=1)
    return np.asarray(np.log(np.maximum(proba[:, code], _TINY)) - np.log(np.maximum(others, _TINY)))


_TINY = 1e-12


def _file(context: Context) -> Path:
    return context.cache / "words" / f"{context.task.id}.json"


def _kept(context: Context, mark: str) -> dict[str, Any]:
    """What is known by the head of that mark: item -> words."""
    try:
        found = json.loads(_file(context).read_text(encoding="utf-8"))
        return dict(found["items"]) if found["mark"] == mark else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
