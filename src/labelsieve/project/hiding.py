"""Items with a part hidden, by what they are: a text without a word, a row with a usual value, a picture with a grey
cell, an embedding with the mean of the dull in one column."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Modality, Vector
from labelsieve.screening.explain import (
    WORDS,
    Part,
    as_number,
    cells_of,
    place_in_words,
    sentences_of,
    without,
    words_of,
)

Score = Callable[[Sequence[Any]], Vector]  # scores (m,) of changed things
GRID = 7  # cells of a picture in each direction
SIDE = 320  # pixels to which a picture is made smaller before parts of it are hidden
NAMELESS = 64  # columns of ready embeddings from which on a number by itself means nothing to anybody
TOP_SENTENCES = 3


@dataclass(frozen=True, slots=True)
class Hidden:
    """What hiding each part showed; `tried` changed things were scored for it."""

    parts: tuple[Part, ...] = ()
    heat: NDArray[np.float64] | None = None
    tried: int = 0
    note: str = ""


def hidden_parts(kind: Modality, thing: Any, usual: Any, score: Score) -> Hidden:
    """The parts of one thing and what each is worth. `usual` is a row, or an embedding (d,), of what is usual."""
    if kind == "row":
        return _columns(thing, usual, score)
    if kind == "embedding":
        return _numbers(np.asarray(thing, np.float32), np.asarray(usual, np.float32), score)
    if kind == "text":
        found, tried = words_hidden(str(thing), score)
        return Hidden(tuple(Part(f'"{part.name}"', part.drop) for part in found), None, tried)
    return _cells(thing, score)


def _columns(row: Mapping[str, Any], usual: Mapping[str, Any], score: Score) -> Hidden:
    """Each column as it usually is, and each put alone into a usual row: the mean of both, since two columns that say
    the same hide each other's loss."""
    names = [name for name, value in row.items() if str(value) != str(usual.get(name))]
    whole, plain = dict(row), {**row, **{name: usual.get(name) for name in names}}
    tried = [
        whole,
        plain,
        *({**whole, name: usual.get(name)} for name in names),
        *({**plain, name: row[name]} for name in names),
    ]
    found = score(tried)
    lost, gained = found[0] - found[2 : 2 + len(names)], found[2 + len(names) :] - found[1]
    parts = tuple(
        Part(str(name), float(drop), _said(row[name]), _about(usual.get(name)))
        for name, drop in zip(names, (lost + gained) / 2, strict=True)
    )
    return Hidden(parts, None, len(tried))


def _numbers(row: NDArray[Any], usual: NDArray[Any], score: Score) -> Hidden:
    """As of columns, for the numbers of a ready embedding."""
    columns = np.arange(len(row))
    alone, hidden = np.tile(usual, (len(row), 1)), np.tile(row, (len(row), 1))
    alone[columns, columns], hidden[columns, columns] = row, usual
    found = score([row, usual, *hidden, *alone])
    drops = (found[0] - found[2 : 2 + len(row)] + found[2 + len(row) :] - found[1]) / 2
    parts = tuple(
        Part(f"column {i}", float(drops[i]), _said(float(row[i])), _about(float(usual[i]))) for i in columns.tolist()
    )
    note = "the numbers of an embedding have no names: the nearest items say more" if len(row) >= NAMELESS else ""
    return Hidden(parts, None, len(found), note)


def words_hidden(text: str, score: Score) -> tuple[tuple[Part, ...], int]:
    """The different words of a text, each with what the score loses without it; and how many texts were scored.

    Of a text with many words only those of its three weightiest sentences are hidden. Cost: at most 41 + 65 scores.
    """
    words = words_of(text)
    tried = 1
    spans = sentences_of(text)
    if sum(map(len, words.values())) > WORDS and len(spans) > TOP_SENTENCES:
        found = score([text, *(without(text, [span]) for span in spans)])
        tried += len(spans)
        best = np.argsort(found[1:] - found[0], kind="stable")[:TOP_SENTENCES]
        words = words_of(text, [spans[at] for at in sorted(best.tolist())])
    found = score([text, *(without(text, where) for where in words.values())])
    parts = tuple(Part(word, float(drop)) for word, drop in zip(words, found[0] - found[1:], strict=True))
    return parts, tried + len(words)


def _cells(thing: Any, score: Score) -> Hidden:
    """Each cell of a 7 x 7 grid painted in the mean colour of the picture."""
    from labelsieve.engines.images import load_image

    image = load_image(thing)
    image.thumbnail((SIDE, SIDE))
    colour = tuple(round(value) for value in np.asarray(image, np.float64).reshape(-1, 3).mean(axis=0))
    boxes = cells_of(*image.size, GRID)
    columns = min(GRID, image.size[0])
    things = [image.copy() for _ in range(len(boxes) + 1)]
    for changed, box in zip(things[1:], boxes, strict=True):
        changed.paste(colour, box)
    found = score(things)
    heat = (found[0] - found[1:]).reshape(-1, columns)
    where = [f"the {place_in_words(row, at, len(heat), columns)}" for row in range(len(heat)) for at in range(columns)]
    parts = tuple(
        Part(name, float(drop), _box(box, image.size))
        for name, drop, box in zip(where, heat.ravel(), boxes, strict=True)
    )
    return Hidden(parts, heat, len(things))


def _box(box: tuple[int, int, int, int], size: tuple[int, int]) -> str:
    left, top, right, bottom = (100 * edge / size[at % 2] for at, edge in enumerate(box))
    return f"({left:.0f}-{right:.0f} % from the left, {top:.0f}-{bottom:.0f} % from the top)"


def _said(value: Any) -> str:
    number = as_number(value)
    if number is None or isinstance(value, str):
        return "-" if value is None or value == "" else str(value)[:80]
    return f"{number:,.4g}" if abs(number) < 1e4 else f"{number:,.0f}"


def _about(value: Any) -> str:
    text = _said(value)
    return f"about {text}" if as_number(value) is not None else f"mostly {text}"
