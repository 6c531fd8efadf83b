"""What a grid shows of items: little of each, for many at once.

tiles_of(context, ids, by) -> list        one an id, in order
newest(context) -> str                 changes when a tile could look otherwise
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import LabelsieveError
from labelsieve.core.types import Ids, Label, Value
from labelsieve.project import folding, manifest
from labelsieve.project.context import Context
from labelsieve.project.current import standing_answers
from labelsieve.project.deciding import decision_queries
from labelsieve.project.desk import flags
from labelsieve.project.desk.cards import shown_value, value_data
from labelsieve.project.manifest import Entry
from labelsieve.project.seeing import picture_tag, sights
from labelsieve.project.views import foreseen
from labelsieve.project.views.telling import in_order
from labelsieve.project.views.veiling import audited

MOST = 500  # tiles that are made at once
LONGEST = 400  # characters of a text
CELLS = 8  # columns of a row
CELL = 100  # characters of one of its texts
SIDE = 160  # pixels of a thumbnail


def tiles_of(context: Context, ids: Ids, by: str | None = None, columns: Sequence[str] = ()) -> list[dict[str, Any]]:
    """One tile an id (m,): key, thumbnail or text or cells, label, guess and its probability, flag.

    `by` names the annotator whose answers alone are shown, and none of the head's guesses at an audit's items; without
    it those of answered ones are shown. Rows show these `columns`, or those that tell most.
    Cost: O(m), whatever the pool holds.
    """
    ids = np.asarray(ids, np.int64)
    entries = manifest.entries(context.conn, ids)
    contents = _contents(context, entries, columns or in_order(context).columns)
    labels = standing_answers(context.conn, context.task, ids, by)
    decisive = decision_queries(context.conn, context.task)
    voted = _voted(context, labels)
    known = foreseen.read(context)
    guesses = known.of(ids) if known is not None else [None] * len(ids)
    veiled = set(audited(context.conn, context.task).tolist()) - (set(labels) if by is None else set())
    flagged = flags.flags_of(context.conn, context.task, ids)
    return [
        {"item": entry.id, "key": entry.key, "modality": context.modality(entry.source)}
        | content
        | {
            "label": _standing(labels.get(entry.id, []), decisive, voted.get(entry.id)),
            "guess": guess[0] if guess and entry.id not in veiled else None,
            "p": guess[1] if guess and entry.id not in veiled else None,
            "flagged": entry.id in flagged,
        }
        for entry, content, guess in zip(entries, contents, guesses, strict=True)
    ]


def newest(context: Context) -> str:
    """A short text that changes with labels, flags, predictions, audits, the pool and the order of its columns."""
    sql = """SELECT (SELECT MAX(seq) FROM events), (SELECT MAX(id) FROM flags), (SELECT COUNT(gone) FROM flags),
      (SELECT MAX(seq) FROM changes), (SELECT MAX(synced) FROM sources),
      (SELECT MAX(id) FROM queries WHERE strategy = 'certify')"""
    known = foreseen.read(context)
    return repr(
        (*context.conn.execute(sql).fetchone(), known.mark if known is not None else None, in_order(context).columns)
    )


def _contents(context: Context, entries: Sequence[Entry], columns: Sequence[str]) -> list[dict[str, Any]]:
    """What each item shows; those without a picture are read together."""
    out: list[dict[str, Any]] = [{} for _ in entries]
    read = []
    for at, entry in enumerate(entries):
        if entry.gone is not None:
            out[at] = {"fault": "it has gone from its source"}
        elif context.modality(entry.source) == "image":
            out[at] = {"thumb": thumb_of(entry.id, entry.digest)}
        else:
            read.append(at)
    things = context.things(np.array([entries[at].id for at in read], np.int64))
    seen = sights(context, np.array([entries[at].id for at in read], np.int64))
    for at, thing, sight in zip(read, things, seen, strict=True):
        if isinstance(sight, Path):
            out[at] = {"modality": "image", "thumb": thumb_of(entries[at].id, picture_tag(sight))}
        elif isinstance(sight, str):
            out[at] = {"modality": "text"} | _excerpt(sight, columns)
        else:
            out[at] = _excerpt(thing, columns) | ({"lacks": sight.fact} if isinstance(sight, LabelsieveError) else {})
    return out


def thumb_of(item: int, digest: str) -> str:
    """Where the thumbnail of an item is."""
    return f"/api/v1/items/{item}/thumb?side={SIDE}&v={digest[:16]}"


def _excerpt(thing: Any, columns: Sequence[str] = ()) -> dict[str, Any]:
    if isinstance(thing, LabelsieveError):
        return {"fault": thing.fact}
    if isinstance(thing, str):
        return {"text": thing[:LONGEST]}
    if isinstance(thing, Mapping):
        return {"row": _few({str(name): shown_value(value) for name, value in thing.items()}, columns)}
    return {"numbers": [round(float(value), 4) for value in thing[:CELLS]]}


def _few(row: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """The first CELLS of these columns that a row has, its own first ones where it has none of them."""
    names = [name for name in columns if name in row] or list(row)
    return {name: cell[:CELL] if isinstance(cell := row[name], str) else cell for name in names[:CELLS]}


def _voted(context: Context, labels: Mapping[int, Sequence[Label]]) -> dict[int, tuple[str, ...]]:
    """What several people agree on class by class, of items with several classes; none of any other task."""
    if context.task.kind != "multilabel":
        return {}
    shared = np.array([item for item, said in labels.items() if len(said) > 1], np.int64)
    return folding.agreed(context.conn, context.task_name, shared) if len(shared) else {}


def _standing(
    labels: Sequence[Label], decisive: frozenset[int], voted: tuple[str, ...] | None
) -> dict[str, Any] | None:
    """What most say, in a tie what was said last; decisions outweigh all others. As the fold agrees, for one item.

    `voted` is what the fold agrees on where several classes an item are voted on one by one.
    """
    labels = [one for one in labels if one.query in decisive] or labels
    said = [(_plain(label.value), label) for label in labels if label.value is not None]
    if not said:
        return None
    votes = Counter(plain for plain, _ in said)
    last = {plain: at for at, (plain, _) in enumerate(said)}
    best = max(votes, key=lambda plain: (votes[plain], last[plain]))
    label = said[last[best]][1]
    alike = len({one.value for _, one in said}) == 1
    value = label.value if voted is None or alike else Value("classes", voted)
    return (value_data(value) or {}) | {"people": len(said), "differ": len({one for one in votes if one[1]}) > 1}


def _plain(value: Value | None) -> tuple[str, tuple[str, ...]]:
    """An answer as it is counted: skip and unsure are one, soft answers count as their heaviest class."""
    if value is None or (not value.names and value.tag in ("skip", "unsure")):
        return "out", ()
    if value.tag == "soft":
        return "class", (max(zip(value.weights, value.names, strict=True), key=lambda pair: pair[0])[1],)
    return value.tag, tuple(sorted(value.names))


def small_cards(context: Context, cards: Sequence[dict[str, Any]], columns: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Cards with a thumbnail, and with no more of a text or a row than a tile shows (`columns` as in `tiles_of`)."""
    columns = columns or in_order(context).columns
    ids = np.array([card["item"] for card in cards], np.int64)
    bare = [at for at, card in enumerate(cards) if "numbers" in card]
    numbers = dict(zip(bare, map(_excerpt, context.things(ids[bare])), strict=True))
    out = []
    for at, card in enumerate(cards):
        less: dict[str, Any] = numbers.get(at, {})
        card = {name: value for name, value in card.items() if name != "values"}
        if "image" in card:
            less["thumb"] = thumb_of(card["item"], card["image"].rpartition("?v=")[2])
        if "text" in card:
            less["text"] = card["text"][:LONGEST]
        if "row" in card:
            less["row"] = _few(card["row"], columns)
        out.append(card | less)
    return out
