"""Several classes in one cell of a table.

joined_names(names, separator=";", several=False) -> str     what stands in the cell
split_names(cell, separator=";") -> tuple[str, ...]          the classes in it, each once

Names stand between separators: `joy;love`. Where that would be read back as other names (one holds a separator, begins
or ends with a space), the cell is a JSON list of them: `["joy; love", "tea"]`.
"""

import json
from collections.abc import Sequence
from functools import lru_cache

from labelsieve.sources.options import SEPARATOR


def joined_names(names: Sequence[str], separator: str = SEPARATOR, several: bool = False) -> str:
    """The names in one cell, one alone as it is. `several`: the cell is read by `split_names`, also where there is one.

    >>> joined_names(("joy", "love")), joined_names(("a;b", "c")), joined_names(("a;b",))
    ('joy;love', '["a;b", "c"]', 'a;b')
    """
    plain = separator.join(names)
    if (several or len(names) > 1) and split_names(plain, separator) != tuple(dict.fromkeys(names)):
        return json.dumps(names, ensure_ascii=False)
    return plain


@lru_cache(4096)  # whole files have few
def split_names(cell: str, separator: str = SEPARATOR) -> tuple[str, ...]:
    """The classes in a cell, each once: a JSON list of texts, or what stands between separators.

    >>> split_names("joy; love;"), split_names('["a;b", "c"]'), split_names('["a"; [1]')
    (('joy', 'love'), ('a;b', 'c'), ('["a"', '[1]'))
    """
    listed = _listed(cell.strip())
    return tuple(dict.fromkeys(listed or (part.strip() for part in cell.split(separator) if part.strip())))


def _listed(cell: str) -> list[str]:
    """The names of a JSON list; empty for any other cell."""
    if not (cell.startswith("[") and cell.endswith("]")):
        return []
    try:
        found = json.loads(cell)
        return found if all(name.strip() and name.encode() for name in found) else []
    except (ValueError, TypeError, AttributeError, RecursionError):  # other JSON, or half of a surrogate pair
        return []
