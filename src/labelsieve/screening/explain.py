"""Which parts of an item count: each is hidden in turn, and what the score loses is what the part was worth."""

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Matrix, Vector

WORDS = 64  # words of a text that are hidden one by one; a longer text is narrowed to its weightiest sentences
SENTENCES = 40
NUMERIC = 0.8  # share of numbers from which on a column is one of numbers
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*\s*|[.!?\n]+")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an item: a word, a column, a cell. `drop` is what the score loses without it, `usual` what a dull
    item has in its place."""

    name: str
    drop: float
    value: str = ""
    usual: str = ""


def leading(parts: Sequence[Part], n: int = 5, least: float = 0.1) -> tuple[Part, ...]:
    """At most n parts, the weightiest first: those that speak for odd, and for at least a tenth of what the first does.

    >>> [part.name for part in leading([Part("a", 0.2), Part("b", 2.0), Part("c", 0.01), Part("d", -3.0)])]
    ['b', 'a']
    """
    order = sorted(parts, key=lambda part: (-part.drop, part.name))
    return tuple(part for part in order[:n] if part.drop > 0 and part.drop >= least * order[0].drop)


def both_ways(parts: Sequence[Part], n: int = 5, least: float = 0.2) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """At most n parts that speak for what the score stands for, and at most n against it, the weightiest first.

    Parts that are worth less than a fifth of the weightiest of all say nothing.

    >>> [[part.name for part in side] for side in both_ways([Part("a", 0.5), Part("b", -2.0), Part("c", 0.1)])]
    [['a'], ['b']]
    """
    floor = least * max((abs(part.drop) for part in parts), default=0.0)
    heavy = [part for part in parts if part.drop and abs(part.drop) >= floor]
    order = sorted(heavy, key=lambda part: (-abs(part.drop), part.name))
    speaking = tuple(part for part in order if part.drop > 0)[:n]
    return speaking, tuple(part for part in order if part.drop < 0)[:n]


def similarities(row: NDArray[Any], known: Matrix) -> Vector:
    """Similarity (k,) of a row (d,) with known rows (k, d), in [-1, 1]: 1 only for equal ones, the cosine of rows of
    one length. Cost: O(k d)."""
    row, known = np.asarray(row, np.float64), np.asarray(known, np.float64)
    size = np.einsum("ij,ij->i", known, known) + row @ row
    return np.asarray(2 * (known @ row) / np.where(size > 0, size, 1.0))


def sentences_of(text: str) -> list[Span]:
    """Where the sentences of a text stand; a text with very many is cut into 40 parts."""
    spans = [match.span() for match in _SENTENCE.finditer(text) if match.group().strip()]
    if len(spans) <= SENTENCES:
        return spans
    starts = np.linspace(0, len(spans), SENTENCES, endpoint=False).astype(int)
    return [(spans[a][0], spans[b - 1][1]) for a, b in zip(starts, [*starts[1:], len(spans)], strict=True)]


def words_of(text: str, within: Sequence[Span] | None = None) -> dict[str, list[Span]]:
    """The different words of a text (inside some spans of it), and where each stands; at most 64, the longest ones.

    >>> words_of("No, no: my card")
    {'No': [(0, 2), (4, 6)], 'my': [(8, 10)], 'card': [(11, 15)]}
    """
    found: dict[str, list[Span]] = {}
    shown: dict[str, str] = {}
    for start, stop in within or [(0, len(text))]:
        for match in _WORD.finditer(text, start, stop):
            word = match.group()
            found.setdefault(shown.setdefault(word.casefold(), word), []).append(match.span())
    kept = set(sorted(found, key=lambda word: -len(word))[:WORDS])
    return {word: spans for word, spans in found.items() if word in kept}


def without(text: str, spans: Sequence[Span]) -> str:
    """The text with these spans left out.

    >>> without("my card is lost", [(3, 7)])
    'my is lost'
    """
    kept, at = [], 0
    for start, stop in sorted(spans):
        kept.append(text[at:start])
        at = stop
    return " ".join("".join([*kept, text[at:]]).split())


def as_number(value: Any) -> float | None:
    """The number that a cell holds, None where it holds none.

    >>> as_number("9,800"), as_number(True), as_number("XX"), as_number(None)
    (9800.0, None, None, None)
    """
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(str(value).replace(",", "").strip())
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def usual_row(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a row has as a rule, column by column: the value nearest to the median of numbers, else the most frequent.

    Every value is one that some row has. Cost: O(rows x columns).
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: _usual([row.get(name) for row in rows]) for name in names}


def _usual(values: Sequence[Any]) -> Any:
    numbers = [(number, value) for value in values if (number := as_number(value)) is not None]
    if len(numbers) >= NUMERIC * max(len(values), 1):
        middle = float(np.median([number for number, _ in numbers]))
        return min(numbers, key=lambda pair: (abs(pair[0] - middle), pair[0]))[1]
    counts = Counter(map(str, values))
    most = max(counts.values())
    return next(value for value in values if counts[str(value)] == most)


def cells_of(width: int, height: int, n: int) -> list[tuple[int, int, int, int]]:
    """Boxes (left, top, right, bottom) of the n x n cells of a picture, row by row; fewer where it has fewer pixels.

    >>> cells_of(4, 2, 2)
    [(0, 0, 2, 1), (2, 0, 4, 1), (0, 1, 2, 2), (2, 1, 4, 2)]
    """
    x = np.linspace(0, width, min(n, width) + 1).round().astype(int).tolist()
    y = np.linspace(0, height, min(n, height) + 1).round().astype(int).tolist()
    return [(a, b, c, d) for b, d in itertools.pairwise(y) for a, c in itertools.pairwise(x)]


def place_in_words(row: int, column: int, rows: int, columns: int) -> str:
    """Where a cell of a picture lies.

    >>> place_in_words(0, 6, 7, 7), place_in_words(3, 3, 7, 7), place_in_words(3, 0, 7, 7)
    ('top right', 'middle', 'left')
    """
    up = "top" if 3 * row + 1.5 < rows else "bottom" if 3 * row + 1.5 > 2 * rows else ""
    side = "left" if 3 * column + 1.5 < columns else "right" if 3 * column + 1.5 > 2 * columns else ""
    return " ".join(word for word in (up, side) if word) or "middle"
