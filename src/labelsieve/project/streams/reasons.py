"""Why a new item is escalated: in words for its row, and with pictures where they are wanted."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from labelsieve.core.types import Ids
from labelsieve.project.context import Context
from labelsieve.project.explaining import Explained, explain_things
from labelsieve.project.lessons.outside import embedded, engine_for
from labelsieve.project.streams.incoming import Incoming
from labelsieve.project.streams.judging import Known
from labelsieve.project.streams.scoring import Scorer
from labelsieve.project.wholefiles import write_whole

Nearest = tuple[str, float | None]  # key and similarity of a known item; "" and None of none


def reasons_of(
    scorer: Scorer, known: Known, i: int, p: float | None, far: float, near: tuple[Nearest, Nearest]
) -> Iterator[str]:
    """The reasons of the item at place i. `far` is the p-value of its distance, `near` the nearest odd and dull one."""
    odd, dull = near
    if known.there[i]:
        label = known.labels[i]
        yield f"it is in the pool{f', labelled {label}' if label else ', not labelled'}"
    m = len(scorer.dull_scores)
    if p is not None:
        above = round(p * (m + 1)) - 1
        yield f"{above or 'none'} of {m} dull items drawn at random {'score' if above != 1 else 'scores'} as high"
    if far <= 0.05:
        yield f"farther from the pool than {np.floor((1 - far) * 1000) / 10:g} % of it"
    if odd[1] is not None and (dull[1] is None or odd[1] > dull[1]):
        yield f"more like the odd item {odd[0]} than like any dull one"


def explained_items(context: Context, scorer: Scorer, given: Incoming, at: Ids, folder: Path) -> tuple[Explained, ...]:
    """Why some items are escalated, with pictures where there are any; the same as lines of JSON in the folder."""
    things = [given.thing(i) for i in at.tolist()]
    keys = [given.key(i) for i in at.tolist()]
    raw = scorer.standing.raw
    made = embedded(engine_for(context, {part.modality for part in given.parts}, raw), things)
    kept = made.at.tolist()  # all of them: they were embedded before
    folder.mkdir(parents=True, exist_ok=True)
    found = explain_things(context, [things[i] for i in kept], made.rows, [keys[i] for i in kept], folder)
    lines = (
        {"key": one.key, "score": one.score, "why": one.said, "picture": one.picture and one.picture.name}
        for one in found
    )
    write_whole(folder / "explained.jsonl", "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return tuple(found)
