"""The sections of a screen: which way of searching found what, query by query, and what is promised of the rest."""

from labelsieve.core.statistics import wilson
from labelsieve.project.report.data import Found, ReportData, Search
from labelsieve.project.report.markup import Child, Markup, el
from labelsieve.project.report.parts import command, empty, grid, numbers, rate, section, side_by_side
from labelsieve.project.report.words import count

ARMS = {
    "patches": "a place that no dull picture has, by feature maps",
    "anomaly": "most unusual in the pool",
    "apart": "far from the items nearest to it",
    "tails": "values of single columns that few others reach",
    "isolation": "an isolation forest that learns from answers",
    "medoids": "typical of a corner without a label",
    "explore": "at random",
    "linear": "most like the odd items found, by a linear head",
    "forest": "most like the odd items found, by decision trees",
    "fuse": "like the odd items found, and unusual",
}


def searched(data: ReportData) -> Markup | None:
    """What each arm of the search had on its list and what of it was odd; and the same query by query."""
    search = data.search
    if search is None:
        return None
    title = "What found them"
    if not search.steps:
        said = "Nothing has been searched for yet: "
        return section("search", title, None, empty(said, command("labelsieve next"), " asks for the likeliest."))
    lede = (
        "Each way of searching is an arm, and gets places by what it has found. An item counts for every arm that had "
        "it on its list, so the arms add up to more than the whole. The bar is the share that was odd, with its 95 % "
        "interval."
    )
    rows = [_arm(one) for one in search.arms]
    rows += [_line("random", "drawn at random from the whole pool", search.drawn)]
    return section("search", title, lede, grid(["arm", "looks for", "odd"], rows, "arms"), _steps(search))


def _arm(one: Found) -> list[Child]:
    return _line(one.name, ARMS.get(one.name, ""), one)


def _line(name: str, about: str, one: Found) -> list[Child]:
    share: Child = rate(wilson(one.odd, one.answered), one.answered) if one.answered else "–"
    return [
        name,
        el("span", about, class_="quiet"),
        el("span", el("b", f"{one.odd:,}", class_="odd"), share, class_="arm"),
    ]


def _steps(search: Search) -> Markup:
    rows: list[list[Child]] = [
        [
            f"query {step.number}",
            f"{step.labels:,}",
            f"{step.found:,}",
            f"{step.search.odd:,} of {step.search.answered:,}",
            f"{step.drawn.odd:,} of {step.drawn.answered:,}" if step.drawn.answered else "–",
            ", ".join(f"{arm.name} {arm.odd:,} of {arm.answered:,}" for arm in step.arms) or "–",
        ]
        for step in search.steps
    ]
    head: list[Child] = ["", "labels so far", "found so far", "searched, odd", "random, odd", "arms, odd"]
    return numbers("Query by query", grid(head, rows, "plain"))


def missed(data: ReportData) -> Markup | None:
    """What is promised of the items that nobody has looked at, and what would be promised for how much."""
    search = data.search
    if search is None:
        return None
    title = "What was missed"
    lede = "A search cannot say what it did not find; only items drawn at random from the rest can."
    parts: list[Child] = []
    if search.promises:
        parts += [el("ul", [el("li", el("b", line)) for line in search.promises], class_="promises")]
        parts += [el("p", search.look), el("p", "This holds if:", class_="quiet")]
        parts += [el("ul", [el("li", line) for line in search.assumes], class_="assumes")]
        parts += [el("p", "The next step: ", search.next_cost, ".")] if search.next_cost else []
    elif not search.waiting:
        parts += [empty("No audit yet. ", command("labelsieve certify"), " says what one would show, and draws it; ",
                        command("labelsieve plan"), " says so before anyone starts.")]  # fmt: skip
    if search.waiting:
        parts += [empty(search.waiting, " Nothing can be said from a part of it.")]
    if search.calibration:
        dull = count(search.calibration, "dull calibration item")
        parts.append(el("p", f"{dull}: false alarms on new items can be held to 1 in {search.calibration + 1:,}."))
    if search.taught:
        parts.append(el("ul", [el("li", "Taught from outside: ", line) for line in search.taught], class_="assumes"))
    return section("missed", title, lede, parts, _doubtful(search))


def _doubtful(search: Search) -> list[Markup]:
    if not search.doubtful:
        return []
    said = "Labelled dull, and closer to a known odd item than to the other dull ones. Look again:"
    shown = el("div", side_by_side(search.doubtful), class_="query doubtful")
    return [el("h3", "Unsure?", class_="within"), el("p", said, class_="quiet"), shown]
