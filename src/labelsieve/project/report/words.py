"""Numbers and names as the report writes them."""

import math
from collections.abc import Iterable

from labelsieve.core.types import Interval

NARROW = "\u202f"  # a thin space that does not break


def percent(share: float, digits: int = 0) -> str:
    """A share as text: "91 %"; a dash where it is not known."""
    return "–" if math.isnan(share) else f"{100 * share:.{digits}f}{NARROW}%"


def between(interval: Interval, digits: int = 0) -> str:
    """The bounds of a share: "82–96 %"."""
    return f"{100 * interval.low:.{digits}f}–{100 * interval.high:.{digits}f}{NARROW}%"


def points(gain: float) -> str:
    """A gain in percentage points, with its sign: "+1.4"."""
    return f"{100 * gain:+.1f}".replace("-", "−")


def count(n: int, noun: str = "") -> str:
    """A count with its noun: "1 label", "1,200 labels"."""
    return f"{n:,}" if not noun else f"{n:,} {noun}" if n == 1 else f"{n:,} {plural(noun)}"


def plural(noun: str) -> str:
    """More than one of it: "query" -> "queries"."""
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}es" if noun.endswith("s") else f"{noun}s"


def duration(seconds: float) -> str:
    """Seconds as a person says them: "48 s", "12 min", "3.4 h"."""
    if seconds < 90:
        return f"{seconds:.0f}{NARROW}s"
    return f"{seconds / 60:.0f}{NARROW}min" if seconds < 5400 else f"{seconds / 3600:.1f}{NARROW}h"


def moment(text: str) -> str:
    """An ISO time, short: "2024-05-01 14:30"."""
    return text[:16].replace("T", " ")


def listed(names: Iterable[str], most: int = 5) -> str:
    """Names in a sentence, the last ones counted: "a, b and 3 more"."""
    all_ = list(names)
    head, rest = all_[:most], len(all_) - most
    if rest > 0:
        return f"{', '.join(head)} and {rest} more"
    return " and ".join([", ".join(head[:-1]), head[-1]]) if len(head) > 1 else "".join(head)
