"""The page of jobs in a real browser: started, seen, stopped, taken up again; by keyboard, in both widths."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from app_server import Server, require_pages, serious, serving, until

import labelsieve as ls


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require_pages()
    home = tmp_path_factory.mktemp("jobs")
    rng = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(400)])
    rows = (" ".join(words[rng.integers(0, 400, 30)]) for _ in range(9000))
    (home / "texts.csv").write_text("key,text\n" + "\n".join(f"k{i},{row}" for i, row in enumerate(rows)), "utf-8")
    ls.create(home / "p.sieve", home / "texts.csv", classes=["a", "b"], text="text", key="key").close()
    with serving(home / "p.sieve") as running:
        yield running


def test_embedding_is_started_stopped_and_taken_up_again(server: Server, chromium: Any) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{server.url}/label?token=T")  # what is lacking is said where somebody wants to label
    page.get_by_text("This pool is not embedded yet").wait_for(timeout=60_000)
    assert page.get_by_role("button", name="Embed it now").is_visible()
    page.goto(f"{server.url}/jobs")
    page.get_by_test_id("start-embed").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Engine", exact=True).press("Enter")  # an empty field: the usual engine
    page.locator("[data-testid=job][data-kind=embed]").wait_for()
    assert page.get_by_role("progressbar", name="Embed").is_visible()
    assert serious(page) == []
    stop = page.get_by_role("button", name="Stop: Embed")
    stop.focus()
    page.keyboard.press("Space")
    page.locator("[data-testid=ended][data-state=cancelled]").wait_for(timeout=20_000)
    page.get_by_role("button", name="Resume: Embed").click()
    page.locator("[data-testid=ended][data-kind=embed][data-state=done]").wait_for(timeout=240_000)
    assert "9,000 embedded" in page.locator("[data-kind=embed][data-state=done]").inner_text()
    page.get_by_label("with what ran by itself").check()
    page.get_by_role("cell", name="Fit and choose").first.wait_for()
    page.close()


def test_what_fails_says_why_and_files_can_be_had_on_a_narrow_screen(server: Server, chromium: Any) -> None:
    page = chromium.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page.goto(f"{server.url}/jobs?token=T")
    page.get_by_test_id("start-export").click()
    link = page.get_by_role("link", name="exports/main-labels.csv")
    link.wait_for(timeout=60_000)
    with page.expect_download() as download:
        link.click()
    assert download.value.suggested_filename == "main-labels.csv"
    failed = server.ask("/jobs", {"kind": "embed", "args": {"engine": "no-such-engine"}})["id"]
    until(lambda: next(one for one in server.ask("/jobs") if one["id"] == failed)["state"] == "failed")
    page.locator("[data-testid=ended][data-state=failed]").wait_for()
    assert "no-such-engine" in page.locator("[data-testid=ended][data-state=failed]").inner_text()
    page.get_by_role("button", name="Log: Embed").click()
    page.get_by_role("dialog").get_by_text("It wrote nothing.").wait_for()
    page.keyboard.press("Escape")
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
