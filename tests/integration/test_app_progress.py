"""The page of progress in a real browser: empty, measured, a screen; its links lead on."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from app_server import Server, require_pages, serious, serving, until

import labelsieve as ls
from labelsieve.testing import toy_classes, toy_odd

TOY = toy_classes(400, 8, 3, seed=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Three tasks over one pool: labelled, a screen, and one that nobody has begun."""
    require_pages()
    home = tmp_path_factory.mktemp("progress")
    np.save(home / "x.npy", TOY.x)
    project = ls.create(home / "p.sieve", home / "x.npy", classes=list(TOY.classes))
    rng = np.random.default_rng(0)
    for asked in (project.next(20, purpose="audit"), project.next(40, control=True), project.next(40, control=True)):
        said = [TOY.classes[TOY.y[int(item) - 1]] for item in asked.ids]
        said = [str(rng.choice(list("abc"))) if rng.random() < 0.15 else name for name in said]  # some are wrong
        project.label(asked.ids, said, by="me", seconds=1.5, query=asked.id)
    screen = project.add_task("screen", "screen")
    odd = toy_odd(400, 20).y
    for _ in range(2):
        asked = screen.next(30)
        screen.label(asked.ids, ["odd" if odd[int(i) - 1] else "dull" for i in asked.ids], by="me", query=asked.id)
    project.add_task("empty", classes=["a", "b"])
    project.close()
    with serving(home / "p.sieve") as running:
        yield running


def test_curve_classes_confusions_and_doubts(server: Server, chromium: Any) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{server.url}/progress?task=main&token=T")
    page.get_by_text("What the labels were worth").wait_for()
    page.locator("figure canvas").first.wait_for(timeout=120_000)  # the job has measured
    summary = page.locator("figure summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("figure table").first.locator("tbody tr").count() >= 2  # the picture's numbers
    assert page.get_by_role("region", name="Table of classes").get_by_role("row").count() == 1 + len(TOY.classes)
    assert serious(page) == []
    doubt = page.get_by_role("button", name="Keep").first
    doubt.scroll_into_view_if_needed()
    before = server.ask("/status?task=main")["spent"]["labels"]
    doubt.click()
    until(lambda: server.ask("/status?task=main")["spent"]["labels"] == before + 1)
    until(lambda: page.get_by_test_id("unsent").inner_text() == "0")
    page.locator(".confusions button").first.click()
    page.wait_for_url("**/grid?ids=*")
    page.close()


def test_a_screen_shows_what_was_found_and_plans(server: Server, chromium: Any) -> None:
    page = chromium.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page.goto(f"{server.url}/progress?task=screen&token=T")
    page.get_by_text("Found against labels").wait_for()
    page.get_by_label("Odd items, per cent of the pool").fill("5")
    page.get_by_role("button", name="What it costs").click()
    page.get_by_test_id("plan").get_by_text("About 20 odd items in 400").wait_for()
    page.locator("figure canvas").first.wait_for()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('main').scrollWidth") <= 390
    page.close()


def test_nothing_yet_says_what_to_do(server: Server, chromium: Any) -> None:
    page = chromium.new_page()
    page.goto(f"{server.url}/progress?task=empty&token=T")
    page.get_by_text("Nothing is labelled yet").wait_for()
    page.get_by_role("link", name="Label the first items").click()
    page.wait_for_url("**/label*")
    page.close()


def test_an_audit_that_is_not_drawn_is_said_and_not_asked_for_again(server: Server, chromium: Any) -> None:
    page = chromium.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/queue?" in request.url else None)
    page.goto(f"{server.url}/label?task=screen&purpose=certify&token=T")
    page.get_by_text("Nothing is left to label here").wait_for()
    page.get_by_text("labelsieve certify", exact=False).first.wait_for()
    page.wait_for_timeout(2500)
    assert len(asked) == 1
    page.close()
