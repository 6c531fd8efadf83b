"""The map in a real browser: computed by a job, drawn, coloured, selected by keyboard and lasso, opened as a grid."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from app_server import Server, require_pages, serious, serving

import labelsieve as ls
from labelsieve.testing import toy_classes

TOY = toy_classes(600, 8, 3)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require_pages()
    home = tmp_path_factory.mktemp("map")
    np.save(home / "x.npy", TOY.x)
    project = ls.create(home / "p.sieve", home / "x.npy", classes=list(TOY.classes))
    project.label(np.arange(1, 61), [TOY.classes[TOY.y[i]] for i in range(60)], by="me")
    project.close()
    with serving(home / "p.sieve") as running:
        yield running


def policy(server: Server, path: str) -> str:
    import urllib.request

    with urllib.request.urlopen(server.url + path, timeout=10) as answer:
        return str(answer.headers["content-security-policy"])


def test_the_documents_of_other_pages_allow_no_functions_of_texts(server: Server) -> None:
    assert "unsafe-eval" in policy(server, "/map")
    for path in ("/", "/label", "/maps", "/map/x", "/grid"):
        assert "unsafe-eval" not in policy(server, path)


def test_map_is_computed_drawn_coloured_and_selected(server: Server, chromium: Any) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{server.url}/jobs?token=T")
    page.get_by_role("link", name="Map", exact=True).click()  # from another page: the document is loaded anew
    page.get_by_test_id("start-map").click()
    drawn = page.locator("[data-testid=map][data-drawn=true]")
    drawn.wait_for(timeout=120_000)
    page.get_by_role("button", name="no label 540").wait_for()
    assert coloured(page) > 50
    assert serious(page) == []

    drawn.focus()  # by keyboard: zoom in, select what is in view, all of it
    page.keyboard.press("Enter")
    page.get_by_text("600 items selected").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("600 items selected").wait_for(state="detached")

    box = drawn.bounding_box()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("l")  # keys are heard wherever nothing is typed
    assert page.get_by_role("button", name="Lasso").get_attribute("aria-pressed") == "true"
    half = 0.45 * box["height"]
    x, y = painted(page, box)  # on an item
    page.mouse.move(x, y)
    page.mouse.down()
    for dx, dy in ((half, -half), (half, 0), (0, 0), (-half, 0)):
        page.mouse.move(box["x"] + box["width"] / 2 + dx, box["y"] + box["height"] / 2 + dy, steps=8)
    page.mouse.move(x, y, steps=8)
    page.mouse.up()  # where it began: no click, which would select that item alone
    page.get_by_test_id("selection").wait_for()
    said = page.get_by_test_id("selection").locator("h2").inner_text()
    assert 1 < int(said.split()[0].replace(",", "")) < 600
    with page.expect_event("load"):  # a document of its own, which allows less
        page.get_by_role("button", name="Open in the grid").click()
    assert "/grid?ids=" in page.url
    page.get_by_text(said.split()[0]).first.wait_for()
    assert errors == []
    page.close()


def painted(page: Any, box: dict[str, float]) -> tuple[float, float]:
    """Where an item of a colour is drawn, in pixels of the page."""
    down, right = np.argwhere(_colours(page) > 60)[0]
    return box["x"] + float(right) + 1, box["y"] + float(down) + 1


def coloured(page: Any) -> int:
    """How many pixels of the canvas are neither paper nor grey: what is painted, not what is in the DOM."""
    return int((_colours(page) > 60).sum())


def _colours(page: Any) -> Any:
    """How far each pixel of the map is from a grey (height, width)."""
    from io import BytesIO

    from PIL import Image

    shot = np.asarray(Image.open(BytesIO(page.get_by_test_id("map").screenshot())).convert("RGB")).astype(int)
    return shot.max(axis=2) - shot.min(axis=2)
