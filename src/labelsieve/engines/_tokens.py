"""Texts of any script -> words and character n-grams."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

SHORTEST, LONGEST = 3, 5  # characters of an n-gram, the word's two ends counted
LONG_WORD = 40  # characters: what follows in a longer word (base64, a URL) is left out
LONG_TEXT = 20_000  # characters: what follows in a longer text is left out


def tokens_of(text: str) -> list[str]:
    """Words, single signs, and single characters of scripts that put no space between words; case folded.

    >>> tokens_of("Don't panic, 東京!")
    ['don', "'", 't', 'panic', ',', '東', '京', '!']
    """
    folded = unicodedata.normalize("NFKC", text[:LONG_TEXT]).casefold()
    return _pattern().findall(folded)


def grams(token: str) -> Iterator[str]:
    """The n-grams of a word with its ends marked by a space.

    >>> list(grams("ab"))
    [' ab', 'ab ', ' ab ']
    """
    marked = f" {token[:LONG_WORD]} "
    for length in range(SHORTEST, min(LONGEST, len(marked)) + 1):
        for start in range(len(marked) - length + 1):
            yield marked[start : start + length]


@cache
def _pattern() -> re.Pattern[str]:
    """A character of a script without spaces; else a word with its vowel signs and accents; else one sign."""
    single = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    return re.compile(f"[{single}]|(?:(?![{single}])[\\w{_marks()}])+|[^\\w\\s]")


@cache
def _marks() -> str:
    """All combining marks as ranges: Python's \\w leaves them out and would cut Hindi or Thai words in pieces."""
    points = [
        point for point in (*range(0x20000), *range(0xE0100, 0xE01F0)) if unicodedata.category(chr(point))[0] == "M"
    ]
    ranges: list[list[int]] = []
    for point in points:
        if ranges and point == ranges[-1][1] + 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in ranges)
