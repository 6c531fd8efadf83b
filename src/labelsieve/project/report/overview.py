"""The first screen of the report: how good, how much was spent, whether to go on."""

from labelsieve.core.statistics import wilson
from labelsieve.core.types import Interval
from labelsieve.project.auditing import LEAST
from labelsieve.project.report.data import ReportData, Search
from labelsieve.project.report.markup import Markup, el
from labelsieve.project.report.words import between, count, duration, moment, percent

KINDS = {"classes": "one class an item", "multilabel": "several classes an item", "screen": "dull or odd"}


def page_head(data: ReportData) -> Markup:
    """Project, task, size and date."""
    about = [count(data.items, "item"), KINDS[data.kind], f"task {data.task}", f"made {moment(data.made)} UTC"]
    said = el("p", [el("span", text) for text in about], class_="about")
    return el("header", el("p", "labelsieve report", class_="eyebrow"), el("h1", data.project), said)


def where_it_stands(data: ReportData) -> Markup:
    """The headline with its interval, the tiles, and the advice."""
    return el(
        "section",
        el("h2", "Where it stands", class_="unseen", id="standing-title"),
        el("div", _headline(data), advice(data), class_="hero"),
        _tiles(data),
        id="standing",
        aria_labelledby="standing-title",
    )


def _headline(data: ReportData) -> Markup:
    if data.search is not None and data.labels:
        return _screen_headline(data, data.search)
    if data.audit is None:
        why = f"{data.audit_labels} of the 10 random audit items that a number needs are answered."
        return el(
            "div",
            el("p", "Not measured yet", class_="big wordy"),
            el("p", why, " Every query of ", el("code", "labelsieve next"), " carries some of them."),
            class_="headline",
        )
    score, n = data.audit.score, data.audit.n
    if data.audit.metric == "accuracy":
        says = [f"right on {n:,} items drawn at random, so ", el("b", between(score)), " on the whole pool"]
        measured = "The 95 % interval. No head was trained on these items."
    else:
        says = ["average precision over the classes, ", el("b", between(score)), f", on {n:,} items drawn at random"]
        measured = "A 95 % bootstrap; classes without an audit item do not count. No head was trained on these items."
    big = el("p", percent(score.mean), el("span", says), class_="big")
    return el("div", big, _scale(score), el("p", measured, class_="quiet"), class_="headline")


def _screen_headline(data: ReportData, search: Search) -> Markup:
    odd = f"odd {'item' if search.found == 1 else 'items'} found in {count(data.labels, 'label')}"
    big = el("p", f"{search.found:,}", el("span", odd), class_="big")
    more = search.found - search.looked_at
    near = f"{more:,} of them as near-duplicates of one that was looked at. " if more else ""
    n, drawn = search.drawn.answered, search.drawn.odd
    if n < LEAST:
        rest = "How many are left is not known yet: fewer than 10 random items are answered."
    else:
        share = between(wilson(drawn, n), 1)
        rest = f"Of {n:,} items drawn at random {drawn:,} were odd: {share} of the pool are, at 95 %."
    return el("div", big, el("p", near, rest, class_="quiet"), class_="headline")


def _scale(score: Interval) -> Markup:
    """0 to 100 % with the interval on it."""
    low, high, mean = (100 * value for value in (score.low, score.high, score.mean))
    marks = [
        el("span", class_="range", style=f"left:{low:.1f}%;width:{high - low:.1f}%"),
        el("span", class_="mean", style=f"left:{mean:.1f}%"),
    ]
    ends = el("span", el("span", "0"), el("span", percent(1.0)), class_="ends")
    return el("span", el("span", marks, class_="bar"), ends, class_="scale", aria_hidden="true")


def advice(data: ReportData) -> Markup:
    """Whether to go on, with the reasons."""
    title = "You may stop" if data.stop else "Go on labelling" if data.labels else "Start labelling"
    if not data.stop and data.search and data.search.promises:
        title = "Is it enough?"  # an audit has said what is known; nothing here can say more
    reasons = el("ul", [el("li", reason) for reason in data.reasons]) if data.reasons else None
    note = el("p", "Advice, not a decision.", class_="quiet")
    return el("aside", el("p", title, class_="title"), reasons, note, class_="advice stop" if data.stop else "advice")


def _tiles(data: ReportData) -> Markup:
    spent = data.spending
    unanswered = spent.answers - data.labels
    answers = f"{spent.answers:,} answers" if unanswered > 0 else None
    timed = f"{spent.timed:,} of {spent.answers:,} timed" if spent.timed < spent.answers else None
    time, money = duration(60 * spent.minutes), f"{spent.money:,.2f} {spent.currency}".strip()
    classes, there = sum(1 for _, n in data.class_counts if n), len(data.class_counts)
    tiles = [
        _tile("labels", f"{data.labels:,}", answers, _of(spent.budget_labels, "{:,}")),
        _tile("classes seen", f"{classes:,}", f"of {there:,}" if classes < there else None),
        _tile("time", *((time, timed, _of(spent.budget_minutes, "{:g} min")) if spent.timed else ("–", "not timed"))),
        _tile("money", *((money, _of(spent.budget_money, "{:,.2f}")) if spent.money else ("–", "no price set"))),
        _tile("set aside", f"{data.set_aside_total:,}"),
    ]
    return el("dl", tiles, class_="tiles")


def _of(budget: float, form: str) -> str | None:
    return f"of {form.format(budget)} budgeted" if budget else None


def _tile(name: str, value: str, *notes: str | None) -> Markup:
    return el("div", el("dt", name), el("dd", value, [el("small", note) for note in notes if note]))
