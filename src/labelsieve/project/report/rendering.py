"""ReportData -> one HTML file: no script, no link that loads, nothing that leaves the machine."""

from importlib.resources import files

from labelsieve.project.report import found, overview, sections, work
from labelsieve.project.report.data import ReportData
from labelsieve.project.report.markup import Markup, el

# The browser itself is told to fetch nothing: pictures are in the page, styles too, scripts there are none.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
CONTENTS = {
    "standing": "Where it stands",
    "curve": "What labels have bought",
    "search": "What found them",
    "missed": "What was missed",
    "classes": "Class by class",
    "confusions": "What it gets wrong",
    "calibration": "Probabilities",
    "asked": "What was asked",
    "spending": "What it cost",
    "aside": "Set aside",
    "repeat": "How to repeat it",
}


def render(data: ReportData) -> str:
    """The whole report as HTML text: self-contained, light and dark, for screen and paper."""
    parts = {
        "standing": overview.where_it_stands(data),
        "curve": sections.bought(data),
        "search": found.searched(data),
        "missed": found.missed(data),
        "classes": sections.per_class(data),
        "confusions": sections.confusions(data),
        "calibration": sections.calibrated(data) if data.kind != "screen" else None,
        "asked": work.asked(data),
        "spending": work.costs(data),
        "aside": work.aside(data),
        "repeat": work.repeat(data),
    }
    links = [el("li", el("a", CONTENTS[name], href=f"#{name}")) for name, part in parts.items() if part]
    contents = el("nav", el("ol", links), aria_label="Contents", class_="contents")
    main = el("main", list(parts.values()), id="main")
    foot = el("footer", "Made by labelsieve. This file holds everything it shows: it opens without a network.")
    body = el("body", el("a", "Skip to the report", href="#main", class_="skip"), overview.page_head(data),
              el("div", contents, main, class_="page"), foot)  # fmt: skip
    return f"<!doctype html>\n{el('html', _head(data), body, lang='en')}\n"


def _head(data: ReportData) -> Markup:
    style = Markup((files(__package__) / "report.css").read_text(encoding="utf-8"))
    return el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", f"{data.project} · labelsieve report"),
        el("style", style),
    )
