"""The exchange page in a real browser: a file in, its loss told first, formats out."""

import csv
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from app_server import Server, serious, serving, until

import labelsieve as ls
from labelsieve.project.labelling import SKIP
from labelsieve.testing.digits import write_digits

pytestmark = pytest.mark.slow
HOSTILE = '<img src=x onerror="window.broken=1">'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("app")
    ls.create(home / "d.sieve", write_digits(home / "digits", 60), seed=3).close()
    with serving(home / "d.sieve") as running:
        yield running


@pytest.fixture
def page(chromium: Any, server: Server) -> Iterator[Any]:
    with closing(chromium.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)) as context:
        opened = context.new_page()
        opened.goto(f"{server.url}/exchange?token=T")
        opened.wait_for_selector('[data-testid="out-csv"]', timeout=60_000)
        yield opened


def labels(server: Server) -> dict[str, str]:
    with server.raw("/tasks/main/export?format=jsonl") as answer:
        rows = [json.loads(line) for line in answer.read().decode().splitlines()]
    return {row["key"]: row["label"] for row in rows}


def test_a_file_in_and_a_folder_out(page: Any, server: Server, tmp_path: Path) -> None:
    with ls.open(server.root) as project:
        keys = [item.key for item in project.items([1, 2, 3])]
    file = tmp_path / f"{HOSTILE}.csv"
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([["key", "label"], *([key, HOSTILE] for key in [*keys[:2], "nope"])])
    page.set_input_files('[data-testid="file"]', str(file))
    page.wait_for_selector('[data-testid="refused"]')
    assert "unknown key, 1 (the first: nope)" in page.inner_text('[data-testid="refused"]')
    assert labels(server) == {}
    page.click("text=Leave these out, import the rest")
    page.wait_for_selector('[data-testid="imported"]')
    assert "2 labels imported" in page.inner_text('[data-testid="imported"]')
    assert labels(server) == dict.fromkeys(keys[:2], HOSTILE)
    row = page.locator('[data-testid="out-folders"]')
    row.get_by_role("button").click()
    with page.expect_download(timeout=30_000) as download:
        row.get_by_role("link").click(timeout=30_000)
    assert download.value.suggested_filename == "main-folders.zip"
    assert page.evaluate("window.broken") is None


def test_what_a_format_would_lose_is_asked_first(page: Any, server: Server) -> None:
    with ls.open(server.root) as project:
        project.label([5], [SKIP], by="ann")
    row = page.locator('[data-testid="out-folders"]')
    row.get_by_role("button").click()
    until(lambda: "would lose 1" in row.inner_text() and "skip: 1" in row.inner_text(), 30)
    row.get_by_role("button", name="Drop these").click()
    until(lambda: "Dropped: skip: 1" in row.inner_text(), 30)
    assert serious(page) == []


def test_it_fits_a_phone(chromium: Any, server: Server) -> None:
    with closing(chromium.new_context(viewport={"width": 390, "height": 844})) as context:
        page = context.new_page()
        page.goto(f"{server.url}/exchange?token=T")
        page.wait_for_selector('[data-testid="out-croissant"]')
        assert page.evaluate("document.querySelector('main').scrollWidth") <= 390
