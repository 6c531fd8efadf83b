"""HTML and SVG from plain Python: every text is escaped, unless it is Markup already."""

import html
import re
from collections.abc import Iterable
from typing import Any, TypeAlias


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()

    def __add__(self, other: str) -> "Markup":
        """Both, the other one escaped unless it is Markup too."""
        return Markup(str.__add__(self, escaped(other)))


Child: TypeAlias = "str | int | float | Iterable[Child] | None"

VOID = frozenset({"meta", "img", "br", "hr", "wbr"})
# What HTML and XML cannot carry: control characters and lone surrogates, as file names may hold them.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def escaped(text: Any) -> Markup:
    """The text as HTML: what would be markup is shown, what cannot be shown becomes a replacement character.

    >>> escaped('<b>"&')
    '&lt;b&gt;&quot;&amp;'
    """
    return text if isinstance(text, Markup) else Markup(html.escape(UNPRINTABLE.sub("\ufffd", str(text))))


def joined(children: Child) -> Markup:
    """All children one after the other; None is nothing."""
    if children is None:
        return Markup()
    if isinstance(children, (str, int, float)):
        return escaped(children)
    return Markup("".join([joined(child) for child in children]))


def el(tag: str, *children: Child, **attributes: Any) -> Markup:
    """One element. `class_` and `for_` lose their underscore, others become hyphens; None and False are left out.

    >>> el("a", "1 < 2", href="#x", class_="quiet")
    '<a href="#x" class="quiet">1 &lt; 2</a>'
    """
    parts = [tag]
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        shown = name.rstrip("_").replace("_", "-")
        parts.append(shown if value is True else f'{shown}="{escaped(_short(value))}"')
    opening = f"<{' '.join(parts)}>"
    return Markup(opening if tag in VOID else f"{opening}{joined(children)}</{tag}>")


def _short(value: Any) -> Any:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
