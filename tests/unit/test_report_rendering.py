"""The report as text: whole, valid, escaped, self-contained; every section says something when it is empty."""

import dataclasses
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from labelsieve.core.statistics import wilson
from labelsieve.core.types import Interval
from labelsieve.project.auditing import audit_tables
from labelsieve.project.curves import CurvePoint
from labelsieve.project.report.axes import ticks
from labelsieve.project.report.data import (
    AnnotatorSpending,
    AsideShown,
    ConfusionShown,
    Curve,
    Exhibit,
    Forecast,
    QueryShown,
    ReportData,
    Spending,
)
from labelsieve.project.report.markup import Markup, el, escaped
from labelsieve.project.report.rendering import render
from labelsieve.project.report.words import count, listed, percent

EVIL = '<script>alert(1)</script>"&\x00\ud800=cmd()'


def full_data(kind: str = "classes", classes: tuple[str, ...] = ("a <b>", "b & c", "c")) -> ReportData:
    """Report data with something in every section, and hostile names everywhere."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, len(classes), 60)
    proba = 0.5 * rng.dirichlet(np.ones(len(classes)), 60) + 0.5 * np.eye(len(classes))[y]
    proba[:7] = np.roll(proba[:7], 1, axis=1)
    audit = audit_tables(y, proba, classes)
    shown = (Exhibit(EVIL, note=EVIL, text=EVIL), Exhibit("row", fields=((EVIL, EVIL),)))
    curve = tuple(CurvePoint(k, wilson(30 + k // 10, 60), 60) for k in (10, 20, 40, 80))
    return ReportData(
        EVIL, EVIL, kind, "2024-05-09T15:02:11+00:00", 1797, 140,  # type: ignore[arg-type]
        class_counts=tuple((name, 10 * (i + 1)) for i, name in enumerate(classes)),
        audit=audit,
        audit_labels=60,
        curve=Curve(
            points=curve,
            control=curve[:2],
            over_control=Interval(0.05, -0.01, 0.1),
            forecast=Forecast(180, 100, Interval(0.8, 0.7, 0.9), Interval(0.02, -0.01, 0.05)),
            found=((10, 1), (80, 9)) if kind == "screen" else (),
        ),
        confusions=(ConfusionShown(EVIL, "b", 3, shown), ConfusionShown("", "c", 1), ConfusionShown("c", "", 1)),
        queries=tuple(
            QueryShown(k, "2024-05-01T10:00", EVIL, (("search", 8), ("audit", 2)), 10, ((EVIL, 8),), shown, 1797, 0.1)
            for k in range(9, 0, -1)
        ),
        queries_total=40,
        spending=Spending((AnnotatorSpending(EVIL, 140, 3, 1, 100, 321.0, 2.5, 14.0),), "EUR", 200, 60.0, 100.0),
        stop=True,
        reasons=(EVIL,),
        set_aside=tuple(AsideShown(EVIL, stage, EVIL) for stage in ["sync"] * 12 + ["embed"] * 3),
        set_aside_total=400,
        facts=(("seed", "0"), (EVIL, EVIL)),
        commands=(f"labelsieve report {EVIL}",),
    )  # fmt: skip


def bare_data() -> ReportData:
    return ReportData("parts.sieve", "main", "classes", "2024-05-09T15:02:11+00:00", 12, 0)


class Reader(HTMLParser):
    """Tags, ids, links and whether every tag is closed in order."""

    VOID = ("meta", "img", "br", "hr", "wbr")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


@pytest.mark.parametrize("data", [full_data(), full_data("screen", ("dull", "odd")), bare_data()])
def test_the_page_is_whole_and_holds_no_foreign_markup(data: ReportData) -> None:
    page = render(data)
    page.encode("utf-8")
    assert page.startswith("<!doctype html>")
    reader = read(page)
    tags = {tag for tag, _ in reader.tags}
    assert tags & {"script", "iframe", "link", "object", "form", "b&"} == set()
    assert "\x00" not in page
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    assert "url(" not in page
    assert "http:" not in page.replace("http-equiv", "")
    assert "https:" not in page


@pytest.mark.parametrize("data", [full_data(), bare_data()])
def test_headings_links_and_labels_fit_together(data: ReportData) -> None:
    reader = read(render(data))
    ids = [attrs["id"] for _, attrs in reader.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"].lstrip("#") for tag, attrs in reader.tags if tag == "a" and attrs["href"]} <= set(ids)
    assert {attrs["aria-labelledby"] for _, attrs in reader.tags if "aria-labelledby" in attrs} <= set(ids)
    assert [tag for tag, _ in reader.tags].count("h1") == 1
    assert [attrs for tag, attrs in reader.tags if tag == "img" and not attrs.get("alt")] == []
    assert [attrs for tag, attrs in reader.tags if tag == "svg" and not attrs.get("aria-label")] == []
    assert ("html", {"lang": "en"}) in reader.tags


def test_charts_are_whole_xml_with_finite_numbers() -> None:
    charts = re.findall(r"<svg.*?</svg>", render(full_data()), re.DOTALL)
    assert len(charts) == 3  # two sizes of the curve, one of the calibration
    for chart in charts:
        ET.fromstring(chart)
        assert "nan" not in chart.lower().replace("finance", "")
        assert "inf" not in chart


def test_numbers_come_with_their_interval() -> None:
    text = re.sub(r"<[^>]+>", "", render(full_data()))
    score = full_data().audit.score  # type: ignore[union-attr]
    assert f"{100 * score.mean:.0f}" in text
    assert f"{100 * score.low:.0f}–{100 * score.high:.0f}" in text
    assert "Estimate" in text
    assert "+2.0 points (−1.0 to +5.0)" in text
    assert "Not enough evidence that the strategy makes a difference" in text


def test_without_an_audit_slice_nothing_is_claimed() -> None:
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", render(bare_data()), flags=re.DOTALL)
    assert "Not measured yet" in text
    assert "%" not in text
    assert "labelsieve next" in text


def test_rates_are_hidden_under_ten_items() -> None:
    data = full_data()
    y = np.repeat([0, 1, 2], [12, 12, 9])
    audit = audit_tables(y, np.eye(3)[y], ("x", "y", "rare"))
    page = render(dataclasses.replace(data, audit=audit))
    row = re.search(r"<tr><th scope=\"row\">rare</th>.*?</tr>", page)
    assert row is not None
    assert "9 of 10 audit items" in row[0]
    assert 'class="rate"' not in row[0]


def test_no_class_with_ten_items_shows_labels_only() -> None:
    y = np.repeat([0, 1, 2], 5)
    page = render(dataclasses.replace(full_data(), audit=audit_tables(y, np.eye(3)[y], ("x", "y", "z"))))
    assert "appear once 10 random audit items" in page
    assert 'class="rates"' not in page


def test_many_classes_are_folded() -> None:
    names = tuple(f"intent {i:03d}" for i in range(150))
    data = dataclasses.replace(full_data(), class_counts=tuple((name, 3) for name in names), audit=None)
    page = render(data)
    assert "130 further classes" in page
    assert all(name in page for name in names)


def test_a_report_with_150_classes_stays_small() -> None:
    names = tuple(f"intent {i:03d}" for i in range(150))
    assert len(render(full_data(classes=names))) < 400_000


def test_the_same_data_give_the_same_page() -> None:
    assert render(full_data()) == render(full_data())


def test_markup_escapes_what_is_added() -> None:
    assert el("p", "<b>", class_="x", hidden=None, open=True) == '<p class="x" open>&lt;b&gt;</p>'
    assert Markup("<i>") + "<b>" == "<i>&lt;b&gt;"
    assert escaped(Markup("<i>")) == "<i>"
    assert el("p", ["a", ("b", None), 3]) == "<p>ab3</p>"


@pytest.mark.parametrize(
    ("low", "high", "most"), [(0, 200, 5), (0, 1, 6), (0.2, 1.0, 6), (0, 7, 7), (0, 100000, 4), (0, 1, 2)]
)
def test_ticks_are_round_and_inside(low: float, high: float, most: int) -> None:
    found = ticks(low, high, most)
    assert 2 <= len(found) <= most + 1
    assert low - 1e-9 <= found[0]
    assert found[-1] <= high + 1e-9
    assert len({round(b - a, 9) for a, b in pairwise(found)}) == 1


def test_words() -> None:
    assert count(1, "query") == "1 query"
    assert count(2, "query") == "2 queries"
    assert count(1200, "further class") == "1,200 further classes"
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed("abcdefgh", 3) == "a, b, c and 5 more"
    assert percent(float("nan")) == "–"
