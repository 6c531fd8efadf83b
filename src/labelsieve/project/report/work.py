"""The sections on the work: what was asked and why, what it cost, what was set aside, how to repeat it."""

from collections import Counter

from labelsieve.project.report.data import QueryShown, ReportData
from labelsieve.project.report.markup import Child, Markup, el
from labelsieve.project.report.parts import command, empty, folded, grid, section, side_by_side
from labelsieve.project.report.words import count, duration, listed, moment

OPEN = 4  # queries shown before the rest is folded
PURPOSES = {
    "search": "wanted by the strategy",
    "audit": "random, to measure",
    "control": "random, to compare",
    "calibration": "random, to calibrate",
    "repeat": "asked again, to check the annotators",
}


def asked(data: ReportData) -> Markup:
    """Every query: what it asked for, why, and some of its items."""
    title = "What was asked, and why"
    if not data.queries:
        said = "No query yet: labels came in by import only. " if data.labels else "No query yet. "
        return section("asked", title, None, empty(said, command("labelsieve next"), " asks for what helps most."))
    parts = listed([f"{n:,} items {PURPOSES.get(purpose, purpose)}" for purpose, n in data.purposes])
    lede = f"{count(data.queries_total, 'query')}, newest first{': ' if parts else ''}{parts}."
    if data.queries_total > len(data.queries):
        lede += f" {count(len(data.queries), 'query')} of them are shown."
    cards = [_query(one) for one in data.queries]
    rest = folded(count(len(cards) - OPEN, "earlier query"), el("ol", cards[OPEN:], class_="queries"))
    return section("asked", title, lede, el("ol", cards[:OPEN], class_="queries"), rest if len(cards) > OPEN else None)


def _query(one: QueryShown) -> Markup:
    facts = [f"{one.answered} of {one.asked} answered"]
    facts += [f"{n} {purpose}" for purpose, n in one.purposes if purpose != "search"]
    facts += [f"{one.scored:,} scored"] if one.scored else []
    facts += [f"chosen in {one.seconds:.1f} s"] if one.seconds is not None else []
    head = el("h3", f"Query {one.number}", el("span", one.strategy, class_="chip"))
    about = el("p", [el("span", fact) for fact in [moment(one.at), *facts]], class_="about")
    why = el("ul", [el("li", el("b", f"{n}×"), el("span", reason)) for reason, n in one.reasons], class_="reasons")
    return el("li", head, about, why if one.reasons else None, side_by_side(one.items), class_="query")


def costs(data: ReportData) -> Markup:
    """Labels, minutes and money, in all and by annotator."""
    title = "What it cost"
    spent = data.spending
    if not spent.annotators:
        return section("spending", title, None, empty("Nothing is spent yet."))
    priced = any(one.money for one in spent.annotators)
    head: list[Child] = ["annotator", "answers", "skipped", "unsure", "time", "seconds an item"]
    rows: list[list[Child]] = []
    for one in spent.annotators:
        median = f"{one.median_seconds:.1f}" if one.median_seconds is not None else "–"
        time = duration(one.seconds) if one.timed else "–"
        row: list[Child] = [one.name, f"{one.answers:,}", one.skipped or "–", one.unsure or "–", time, median]
        rows.append([*row, f"{one.money:,.2f}"] if priced else row)
    money = f"money {spent.currency}".strip()
    untimed = spent.answers - spent.timed
    note = f"{count(untimed, 'answer')} came without a time, as imported ones do. " if untimed else ""
    price = "" if priced else "No price is set: labelsieve.toml takes cost, or costs by annotator."
    rows = [[_labelled(title_, cell) for title_, cell in zip([*head, money], row, strict=False)] for row in rows]
    whole = grid([*head, money] if priced else head, rows, "spent")
    return section("spending", title, None, whole, el("p", note, price, class_="quiet") if note or price else None)


def _labelled(title: Child, cell: Child) -> Markup:
    """A cell that carries its column's title for narrow pages, where rows become blocks."""
    return el("span", el("span", title, class_="label"), cell)


def aside(data: ReportData) -> Markup | None:
    """What was set aside, with the reasons; nothing at all where nothing was."""
    if not data.set_aside_total:
        return None
    rows = [[el("span", one.key, class_="key"), one.stage, one.reason] for one in data.set_aside]
    reasons = Counter(one.stage for one in data.set_aside)
    lede = f"{count(data.set_aside_total, 'item')} could not be used and were left out; the rest went on without them."
    shown = grid(["key", "at", "why"], rows[:12], "aside")
    rest = folded(f"{len(rows) - 12} more", grid(["key", "at", "why"], rows[12:], "aside"))
    left = data.set_aside_total - len(rows)
    more = el("p", f"And {left:,} more: ", command("labelsieve status --json"), " names all.", class_="quiet")
    where = listed([f"{stage} ({n})" for stage, n in reasons.most_common()])
    stages = el("p", f"Set aside at {where}.", class_="quiet")
    return section("aside", "Set aside", lede, stages if len(reasons) > 1 and len(rows) > 12 else None, shown,
                   rest if len(rows) > 12 else None, more if left > 0 else None)  # fmt: skip


def repeat(data: ReportData) -> Markup:
    """What somebody needs to get the same numbers again."""
    lede = "Every choice follows from the seed and the answers; nothing here depends on when it is run."
    facts = el("dl", [el("div", el("dt", name), el("dd", value)) for name, value in data.facts], class_="facts")
    lines = el("pre", el("code", "\n".join(data.commands)), tabindex=0) if data.commands else None
    return section("repeat", "How to repeat it", lede, facts, lines)
