"""Pieces that several sections share: sections, tables, interval bars, items, folded rests."""

from collections.abc import Iterable, Sequence

from labelsieve.core.types import Interval
from labelsieve.project.report.data import Exhibit
from labelsieve.project.report.markup import Child, Markup, el
from labelsieve.project.report.words import between, percent


def section(anchor: str, title: str, lede: Child, *children: Child) -> Markup:
    """One section of the page with its heading and a line on how to read it."""
    head = el("h2", title, id=f"{anchor}-title")
    said = el("p", lede, class_="lede") if lede else None
    return el("section", head, said, children, id=anchor, aria_labelledby=f"{anchor}-title")


def empty(*children: Child) -> Markup:
    """What stands in the place of a section's content: why there is none, and what to do next."""
    return el("p", children, class_="empty")


def command(text: str) -> Markup:
    """A command to copy."""
    return el("code", text)


def grid(head: Sequence[Child], rows: Iterable[Sequence[Child]], class_: str = "", caption: str = "") -> Markup:
    """A table whose first column names the row; it scrolls sideways in its own box where it must."""
    rows = list(rows)
    titles = el("tr", [el("th", title, scope="col") for title in head])
    body = [el("tr", el("th", row[0], scope="row"), [el("td", cell) for cell in row[1:]]) for row in rows]
    said = el("caption", caption, class_="unseen") if caption else None
    return el("table", said, el("thead", titles), el("tbody", body), class_=class_ or None)


def numbers(title: str, content: Child) -> Markup:
    """A chart's numbers as a table, folded away."""
    return el("details", el("summary", title), el("div", content, class_="scroll", tabindex=0), class_="numbers")


def rate(interval: Interval, n: int) -> Markup:
    """A share as a bar with its interval, and as text."""
    low, high, mean = (100 * min(max(v, 0.0), 1.0) for v in (interval.low, interval.high, interval.mean))
    bar = el(
        "span",
        el("span", class_="range", style=f"left:{low:.1f}%;width:{high - low:.1f}%"),
        el("span", class_="mean", style=f"left:{mean:.1f}%"),
        class_="bar",
        aria_hidden="true",
    )
    text = el("span", el("b", percent(interval.mean)), " ", el("small", between(interval), " of ", n), class_="said")
    return el("span", bar, text, class_="rate")


def exhibit(one: Exhibit) -> Markup:
    """One item: picture, text or fields, with its key and a note."""
    if one.picture:
        kind = "tiny" if one.tiny else None
        shown = el("img", src=one.picture, alt=one.key, class_=kind)
    elif one.fields:
        shown = el("dl", [(el("dt", name), el("dd", value, dir="auto")) for name, value in one.fields])
    else:
        shown = el("blockquote", one.text or "(no content to show)", dir="auto")
    note = el("span", one.note, class_="note") if one.note else None
    caption = el("figcaption", note, el("span", one.key, class_="key", title=one.key))
    class_ = "item picture" if one.picture else "item fields" if one.fields else "item text"
    return el("figure", shown, caption, class_=class_)


def side_by_side(items: Sequence[Exhibit]) -> Markup | None:
    """Items side by side."""
    if not items:
        return None
    return el("div", [exhibit(one) for one in items], class_="items texts" if not items[0].picture else "items")


def folded(title: str, content: Child) -> Markup:
    """What is there for who wants it."""
    return el("details", el("summary", title), content)
