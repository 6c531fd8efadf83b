"""Why an item counts as odd: the parts that weigh, and the known items that it is most like.

One way for everything: hide a part, embed what is left with the project's engine, and see how much the head's score
drops. Heads and engines need to know nothing of it.

    explained(context, ids, out=None) -> list[Explained]       items of the pool
    explain_things(context, things, rows, keys) -> list[...]   what is not in the pool: its data and its embeddings
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, LabelsieveError, UnknownName
from labelsieve.core.idsets import holds
from labelsieve.core.types import DULL, ODD, Ids, Item, Matrix
from labelsieve.project import manifest
from labelsieve.project.context import Context
from labelsieve.project.hiding import Hidden, hidden_parts
from labelsieve.project.pictures.overlays import save_overlay
from labelsieve.project.pictures.places import PAIRED, draw_places, odd_places
from labelsieve.project.weighing import OUTSIDE, Judge, Near, judge_of
from labelsieve.screening.explain import Part, leading

PARTS, PLACES = 5, 3  # parts of an item, and of a picture, that are named


@dataclass(frozen=True, slots=True)
class Explained:
    """Why an item has its score. `parts` are those that speak for odd, the weightiest first; `heat` (rows, columns)
    is how much each cell of a picture does. `tried` changed items were embedded for it."""

    key: str
    by: str
    score: float
    odd: bool | None  # whether the head takes it for odd; None while nothing odd is known
    parts: tuple[Part, ...] = ()
    near_odd: tuple[Near, ...] = ()
    near_dull: tuple[Near, ...] = ()
    heat: NDArray[np.float64] | None = None
    tried: int = 0
    usual: str = "dull"  # what says what is usual: dull items, or the pool
    note: str = ""  # why there are no parts
    p: float | None = None  # chance of a score so high, were the item dull: by the calibration items; None if `trained`
    trained: bool = False  # whether its own label trained what scores it, so that no chance can be given
    patches: bool = False  # whether the heat is that of patches, by feature maps: 1 = as odd as the oddest of the dull
    picture: Path | None = None  # where the item was drawn with its heat over it

    @property
    def said(self) -> tuple[str, ...]:
        """The same in plain sentences."""
        lines = [self.note or _because(self.parts, self.odd, self.usual, self.patches)]
        for kind, near in (("odd", self.near_odd), ("dull", self.near_dull)):
            named = ", ".join(f"{one.key} ({one.similarity:.2f})" for one in near)
            lines.append(f"nearest {kind} items: {named}" if named else f"no item is known to be {kind}")
        return tuple(lines)


def _because(parts: Sequence[Part], odd: bool | None, usual: str, patches: bool = False) -> str:
    if not parts:
        return "no part counts by itself: it is the whole that is scored so"
    named = ", ".join(
        f"{part.name} {part.value} ({usual}: {part.usual})" if part.usual else f"{part.name} {part.value}".strip()
        for part in parts
    )
    if patches and parts[0].usual == PAIRED and all(part.drop < 1 for part in parts):
        return f"no place is less like its template than in the median picture; its oddest: {named}"
    if patches and all(part.drop < 1 for part in parts):
        return f"no place is as odd as the oddest of the dull pictures; its oddest: {named}"
    first = {True: "odd because of", False: "taken for dull; what speaks for odd", None: "unusual because of"}[odd]
    return f"{first}: {named}"


def keys_in_pool(context: Context, given: Sequence[int] | Sequence[str] | Ids) -> Ids:
    """Ids (m,) of ids or keys of the pool. UnknownName for another key, with what explains a file that is not in it."""
    try:
        return context.ids_of(given)
    except UnknownName as error:
        raise UnknownName(
            "item key of the pool",
            str(next(one for one in given if str(one) not in manifest.by_key(context.conn, [str(one)]))),
            None,
            f"labelsieve screen {context.root} FILE --explain why/ explains what is not in the pool.",
        ) from error


def explained(context: Context, ids: Ids, out: Path | None = None) -> list[Explained]:
    """Why each of these items of the pool has its score; pictures that show where go into the folder `out`.

    InputError for an item that has no embedding.

    Cost: up to 64 changed items are embedded for each (49 cells of a picture, twice the columns of a row).
    """
    judge = judge_of(context)
    lost = np.setdiff1d(ids, judge.standing.raw.ids)
    if len(lost):
        (entry,) = manifest.entries(context.conn, lost[:1])
        gone = entry.gone is not None
        what = "gone from its source" if gone else "no embedding"
        raise InputError(
            f"the item {entry.key!r} has {what}, so nothing can be said of it.",
            "put it back and sync." if gone else "labelsieve status shows what was set aside, and why.",
        )
    rows = judge.standing.raw.take(ids)
    items = context.items(ids)
    found = [_one(judge, item, rows[at : at + 1]) for at, item in enumerate(items)]
    if out is None:
        return found
    return [_drawn(one, item, out) for one, item in zip(found, items, strict=True)]


def _drawn(one: Explained, item: Item, out: Path) -> Explained:
    if one.heat is None:
        return one
    if one.patches:
        return replace(one, picture=draw_places(item.data, one.heat.astype(np.float32), out, item.key))
    return replace(one, picture=save_overlay(item.data, one.heat, out, item.key))


def explain_things(
    context: Context, things: Sequence[Any], rows: Matrix, keys: Sequence[str] | None = None, out: Path | None = None
) -> list[Explained]:
    """The same for things (m,) that are not in the pool: their data, raw embeddings (m, d) by the project's engine,
    and names. Cost: as `explained`; the head is fitted and the engine opened once."""
    judge = judge_of(context)
    names = [str(at) for at in range(len(things))] if keys is None else keys
    kind = context.modality(next(iter(context.rows)))
    items = [Item(OUTSIDE, name, "", kind, thing) for name, thing in zip(names, things, strict=True)]
    found = [_one(judge, item, rows[at : at + 1]) for at, item in enumerate(items)]
    return found if out is None else [_drawn(one, item, out) for one, item in zip(found, items, strict=True)]


def _one(judge: Judge, item: Item, row: Matrix) -> Explained:
    score = judge.judged(item, row)
    trained = item.id != OUTSIDE and holds(judge.labels.ids, np.array([item.id], np.int64))
    out = Explained(
        key=item.key,
        by=judge.by,
        usual="dull" if judge.enough else "usual",
        score=round(score, 4),
        odd=judge.is_odd(row, score),
        p=None if trained else judge.p_of(score),
        trained=trained,
        near_odd=judge.nearest(row, ODD, item.id),
        near_dull=judge.nearest(row, DULL, item.id),
    )
    try:
        hidden = _parts(judge, item, row)
    except LabelsieveError as error:
        return replace(out, note=f"its parts cannot be looked at: {error.fact}")
    return replace(
        out,
        parts=leading(hidden.parts, PLACES if item.modality == "image" else PARTS),
        heat=hidden.heat,
        patches=item.modality == "image" and not hidden.tried,
        tried=hidden.tried,
        note=hidden.note,
    )


def _parts(judge: Judge, item: Item, row: Matrix) -> Hidden:
    if isinstance(item.data, InputError):
        raise item.data
    places = odd_places(judge.finder, item.id, item.data) if item.modality == "image" else None
    if places is not None:
        return places
    ready = item.modality == "embedding"
    usual = judge.usual if ready or item.modality == "row" else None
    return hidden_parts(
        item.modality, row[0] if ready else item.data, usual, lambda things: judge.score(judge.embedded(things))
    )
