"""The sections on how good the head is: learning curve, classes, confusions, calibration."""

from collections.abc import Mapping, Sequence

from labelsieve.project.auditing import LEAST, Calibration, ClassRates
from labelsieve.project.report import svg
from labelsieve.project.report.data import ConfusionShown, Curve, ReportData
from labelsieve.project.report.markup import Child, Markup, el
from labelsieve.project.report.parts import command, empty, folded, grid, numbers, rate, section, side_by_side
from labelsieve.project.report.words import between, count, listed, percent, points

FIRST = 20  # classes shown before the rest is folded
MATRIX = 20  # classes that a matrix can show


def bought(data: ReportData) -> Markup:
    """What labels have bought so far, and what 100 more would."""
    curve = data.curve
    title = "What labels have bought"
    if not curve.points and not curve.found:
        why = f"A curve needs {LEAST} answered audit items; there are {data.audit_labels}. Each query brings some: "
        return section("curve", title, None, empty(why, command("labelsieve next"), "."))
    if not curve.points:
        said = "Odd items found, in the order in which items were labelled."
        if data.search is not None and data.search.found > data.search.looked_at:
            said += " Near-duplicates that were answered with another item are left out."
        return section("curve", title, said, el("figure", svg.found_chart(curve.found), class_="plot"), _found(curve))
    lede = (
        f"Each point is a head trained on the first labels only, and measured on the same {curve.points[-1].n} random "
        "audit items. The band is the 95 % interval."
    )
    plot = el("figure", _legend(curve), svg.learning_chart(curve), class_="plot")
    found = el("figure", svg.found_chart(curve.found), class_="plot") if curve.found else None
    return section("curve", title, lede, found, plot, _forecast(curve), _control(curve), _numbers(curve))


def _legend(curve: Curve) -> Markup:
    entries = [("line", f"{curve.metric} of this project")]
    entries += [("control", "random control")] if curve.control else []
    entries += [("estimate", "estimate")] if curve.forecast else []
    return el("figcaption", [el("span", el("i", class_=f"key-{c}"), text) for c, text in entries], class_="legend")


def _forecast(curve: Curve) -> Markup:
    then = curve.forecast
    if then is None:
        return empty("What 100 more labels would buy can be estimated once the curve has four points.")
    gain = f"{points(then.gain.mean)} points ({points(then.gain.low)} to {points(then.gain.high)})"
    said = [
        el("span", "Estimate", class_="mark"),
        el("b", f"{then.more} more labels would buy about {gain}"),
        f": {percent(then.score.mean)} {curve.metric}, and somewhere within {between(then.score)}. ",
        el("small", "An inverse power law through the curve above. It knows nothing of classes that nobody has seen."),
    ]
    return el("p", said, class_="estimate")


def _control(curve: Curve) -> Markup | None:
    if not curve.control:
        return el("p", "No random control was asked for, so the gain over random labelling is not measured here: ",
                  command("labelsieve next --control"), " adds one.", class_="quiet")  # fmt: skip
    n, gain = curve.control[-1].labels, curve.over_control
    if gain is None:
        return None
    low, high = points(gain.low), points(gain.high)
    said = el("b", f"{points(gain.mean)} points over random"), f" ({low} to {high}) with {count(n, 'label')} each. "
    if gain.low > 0:
        verdict = "The strategy earns its keep."
    elif gain.high < 0:
        verdict = "The strategy does worse than random here: try another one."
    else:
        verdict = "Not enough evidence that the strategy makes a difference."
    return el("p", said, verdict)


def _numbers(curve: Curve) -> Markup:
    rows: list[list[Child]] = [["project", p.labels, percent(p.score.mean, 1), between(p.score)] for p in curve.points]
    rows += [["random control", p.labels, percent(p.score.mean, 1), between(p.score)] for p in curve.control]
    if curve.forecast:
        then = curve.forecast
        rows.append(["estimate", then.labels, percent(then.score.mean, 1), between(then.score)])
    return numbers("The curve in numbers", grid(["", "labels", curve.metric, "95 % interval"], rows, "plain"))


def _found(curve: Curve) -> Markup:
    rows: list[list[Child]] = [[f"{labels:,}", found] for labels, found in curve.found]
    return numbers("The curve in numbers", grid(["labels", "odd found"], rows, "plain"))


def per_class(data: ReportData) -> Markup:
    """Labels of each class, and precision and recall where the audit slice allows."""
    title = "Class by class"
    if not data.class_counts:
        return section("classes", title, None, empty("No class has a label yet."))
    rates = {one.name: one for one in data.audit.classes} if data.audit else {}
    if data.kind == "screen":
        said = f"Labels of each class; every class but {data.dull!r} counts as odd."
        return section("classes", title, said, _shares(data))
    if not any(one.precision or one.recall for one in rates.values()):
        n = data.audit.n if data.audit else data.audit_labels
        lede = (
            f"Labels of each class. Precision and recall of a class appear once {LEAST} random audit items speak for "
            f"it; the slice holds {n} in all."
        )
        return section("classes", title, lede, _shares(data))
    lede = (
        "Precision: of the items said to be of the class, how many are. Recall: of the items of the class, how many "
        "are found. On the audit slice only, with 95 % intervals, worst recall first; hidden where fewer than "
        f"{LEAST} audit items speak."
    )
    counts = dict(data.class_counts)
    known = sorted((one for one in rates.values() if one.precision or one.recall), key=_worst)
    hidden = sorted((one for one in rates.values() if not one.precision and not one.recall), key=_worst)
    shown = _rates(known[:FIRST], counts)
    more = count(len(known) - FIRST, "further class"), _rates(known[FIRST:], counts)
    few = f"{count(len(hidden), 'class')} with fewer than {LEAST} audit items", _rates(hidden, counts)
    rest = [folded(*part) for part, there in ((more, len(known) > FIRST), (few, hidden)) if there]
    return section("classes", title, lede, shown, rest)


def _rates(rates: Sequence[ClassRates], counts: Mapping[str, int]) -> Markup:
    rows: list[list[Child]] = [
        [one.name, f"{counts.get(one.name, 0):,}", _cell(one, "precision"), _cell(one, "recall")] for one in rates
    ]
    return grid(["class", "labels", "precision", "recall"], rows, "rates")


def _worst(one: ClassRates) -> tuple[float, float, str]:
    recall = one.recall.mean if one.recall else 2.0
    return recall, one.precision.mean if one.precision else 2.0, one.name


def _cell(one: ClassRates, which: str) -> Markup:
    interval, n = (one.precision, one.said) if which == "precision" else (one.recall, one.true)
    label = el("span", which, class_="label")
    return el(
        "span", label, rate(interval, n) if interval else el("small", f"{n} of {LEAST} audit items", class_="quiet")
    )


def _shares(data: ReportData) -> Markup:
    most = max((n for _, n in data.class_counts), default=0) or 1
    ranked = sorted(data.class_counts, key=lambda pair: (-pair[1], pair[0]))
    rows = [
        el("li", el("span", name, class_="name"), _fill(n / most), el("span", f"{n:,}", class_="count"))
        for name, n in ranked
    ]
    width = f"--name:{min(max(len(name) for name, _ in ranked), 24) + 1}ch"
    first = el("ul", rows[:FIRST], class_="shares", style=width)
    more = folded(count(len(rows) - FIRST, "further class"), el("ul", rows[FIRST:], class_="shares", style=width))
    return first + (more if len(rows) > FIRST else Markup())


def _fill(share: float) -> Markup:
    return el("span", el("i", style=f"width:{100 * share:.1f}%"), class_="fill", aria_hidden="true")


def confusions(data: ReportData) -> Markup:
    """What is taken for what, with the items themselves."""
    title = "What it gets wrong"
    if data.audit is None:
        said = "Mistakes are read from the audit slice, which is too small yet."
        return section("confusions", title, None, empty(said), _doubts(data))
    wrong = sum(one.count for one in data.confusions)
    if not wrong:
        said = f"None of the {data.audit.n:,} audit items is predicted wrong. More audit items may still show some."
        return section("confusions", title, None, empty(said), _doubts(data))
    noun = "wrong answer" if data.kind == "multilabel" else "wrong item"
    lede = f"{count(wrong, noun)} on {data.audit.n:,} random audit items, most frequent confusion first."
    cards = [_confusion(one) for one in data.confusions]
    few = el("div", cards[:6], class_="cards")
    rest = folded(count(len(cards) - 6, "further confusion"), el("div", cards[6:], class_="cards"))
    return section("confusions", title, lede, few, rest if len(cards) > 6 else None, _matrix(data), _doubts(data))


def _confusion(one: ConfusionShown) -> Markup:
    if not one.said:
        names: Child = [el("b", one.true), " missed"]
    elif not one.true:
        names = [el("b", one.said), " said, and not there"]
    else:
        names = [el("b", one.true), el("span", " said to be ", class_="quiet"), el("b", one.said)]
    times = el("span", f"{one.count}×", class_="times")
    more = one.count - len(one.items)
    rest = el("p", f"and {more} more", class_="quiet more") if more > 0 and one.items else None
    return el("article", el("h3", names, " ", times), side_by_side(one.items), rest, class_="card")


def _doubts(data: ReportData) -> list[Markup]:
    """What the head itself is unsure of among the unlabelled: not measured, and often the next thing to look at."""
    if not data.doubts:
        return []
    said = f"Of the {data.doubted:,} unlabelled items it is least sure of: the classes it most often hesitates between."
    cards = [_doubt(one) for one in data.doubts]
    head = el("h3", "Where it hesitates", class_="within")
    return [head, el("p", said, " Its own word, not a measurement.", class_="quiet"), el("div", cards, class_="cards")]


def _doubt(one: ConfusionShown) -> Markup:
    names: Child = [el("b", one.true), el("span", " or ", class_="quiet"), el("b", one.said)]
    times = el("span", f"{one.count}×", class_="quiet")
    return el("article", el("h4", names, " ", times), side_by_side(one.items), class_="card")


def _matrix(data: ReportData) -> Markup | None:
    audit = data.audit
    if audit is None or not audit.matrix.size or not 2 <= len(audit.classes) <= MATRIX:
        return None
    names = [one.name for one in audit.classes]
    total = audit.matrix.sum(axis=1)
    rows: list[list[Child]] = []
    for i, name in enumerate(names):
        cells = [_shade(int(n), int(total[i]), i == j) for j, n in enumerate(audit.matrix[i].tolist())]
        rows.append([name, *cells])
    content = el("div", grid(["is \\ said", *names], rows, "matrix"), class_="scroll", tabindex=0)
    return folded(f"All {len(names)} × {len(names)} counts", content)


def _shade(n: int, total: int, right: bool) -> Markup:
    if not n:
        return el("span", "·", class_="nil")
    return el("span", n, class_="hit" if right else "miss", style=f"--share:{n / max(total, 1):.2f}")


def calibrated(data: ReportData) -> Markup:
    """Whether the head's probabilities mean what they say."""
    title = "Can its probabilities be trusted?"
    if data.audit is None:
        return section("calibration", title, None, empty(f"Calibration needs {LEAST} answered audit items."))
    found = data.audit.calibration
    error, chance = (points(value).lstrip("+") for value in (found.error, found.by_chance))
    near = found.error <= 1.5 * found.by_chance
    usual = f"A perfectly calibrated head would show about {chance} points on as many items"
    verdict = f"{usual}: no evidence against this one." if near else f"{usual}. {_lean(found)}"
    said = [el("p", el("b", f"{error} points"), " expected calibration error."), el("p", verdict, class_="quiet")]
    rows: list[list[Child]] = [
        [percent(p.said, 1), percent(p.right.mean, 1), between(p.right), p.count] for p in found.bins
    ]
    head = ["the head said", "it was right", "95 % interval", "items"]
    lede = "Points on the line: of items at 80 %, 80 % are right. Above it the head is too modest, below it too sure."
    plot = el("figure", svg.calibration_chart(found), class_="plot")
    return section("calibration", title, lede, el("div", plot, el("div", said), class_="beside"),
                   numbers("Calibration in numbers", grid(head, rows, "plain")))  # fmt: skip


def _lean(found: Calibration) -> str:
    """Where the head is too sure, or too modest."""
    sure = [part for part in found.bins if part.right.high < part.said]
    modest = [part for part in found.bins if part.right.low > part.said]
    if not sure and not modest:
        return "Do not read these probabilities as chances."
    where = listed([percent(part.said) for part in sure or modest])
    return f"This one is {'too sure' if sure else 'too modest'} where it says {where}."
