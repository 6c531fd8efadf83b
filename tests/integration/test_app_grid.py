"""The grid and the contact sheet in a real browser: pixels after a jump, keys, bulk labels and their undo."""

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from app_server import Server, serious, serving, until
from PIL import Image

import labelsieve as ls
from labelsieve.testing.digits import write_digits

pytestmark = pytest.mark.slow
TILE, UNSENT, TOTAL = '[data-testid="tile"]', '[data-testid="unsent"]', '[data-testid="total"]'
ROWS, PICTURES = 300_000, 600


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """So many items that the scroll bar cannot have a pixel for each pixel of the content."""
    home = tmp_path_factory.mktemp("rows")
    x = np.random.default_rng(0).normal(size=(ROWS, 6)).astype(np.float32)
    np.save(home / "x.npy", x)
    ls.create(home / "r.sieve", home / "x.npy", classes=["cat", "dog"]).close()
    with serving(home / "r.sieve") as running:
        yield running


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("pictures")
    folder = write_digits(home / "digits", PICTURES)
    (folder / "0" / "a&b <b>.png").write_bytes((folder / "0" / "0000.png").read_bytes()[:-1] + b"\x82")
    with ls.create(home / "d.sieve", folder, task="screen", classes=["dull", "crack", "stain"]) as project:
        project.embed()
    with serving(home / "d.sieve") as running:
        yield running


def opened(chromium: Any, server: Server, path: str, width: int = 1280, height: int = 800) -> Any:
    page = chromium.new_context(viewport={"width": width, "height": height}).new_page()
    page.goto(f"{server.url}{path}{'&' if '?' in path else '?'}token=T")
    page.wait_for_selector(f"{TILE}[data-key]", timeout=60_000)
    return page


@pytest.fixture
def grid(chromium: Any, rows: Server) -> Iterator[Any]:
    page = opened(chromium, rows, "/grid")
    yield page
    page.context.close()


def seen(page: Any) -> list[int]:
    """The positions of the tiles that are alive, where all of them are loaded; else nothing."""
    found = page.eval_on_selector_all(TILE, "all => all.map(one => [Number(one.dataset.position), one.dataset.key])")
    return [position for position, _ in found] if all(key for _, key in found) else []


def painted(page: Any) -> float:
    """Share of the middle of the grid that is not of one colour."""
    box = page.locator('[data-testid="grid"]').bounding_box()
    clip = {"x": box["x"] + 40, "y": box["y"] + 40, "width": box["width"] - 120, "height": box["height"] - 80}
    pixels = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("L"))
    return float(np.mean(pixels != np.bincount(pixels.ravel()).argmax()))


def jump(page: Any, to: int) -> None:
    page.evaluate(
        "to => { const bar = document.querySelector('[data-testid=\"jump\"]'); bar.value = to;"
        " bar.dispatchEvent(new Event('input', { bubbles: true })); }",
        to,
    )


def labels(server: Server, task: str = "main") -> dict[str, int]:
    """Standing answers by class, as the server says."""
    found: dict[str, int] = server.ask(f"/status?task={task}")["classes"]
    return found


def answered(server: Server) -> int:
    """Answers that a person has given, near-duplicates that came with them aside."""
    with closing(sqlite3.connect(server.root / "labels.sqlite")) as ledger:
        sql = "SELECT COUNT(*) FROM events WHERE tag IS NOT NULL AND source = 'human'"
        return int(ledger.execute(sql).fetchone()[0])


def sent(page: Any) -> None:
    until(lambda: page.inner_text(UNSENT) == "0", 30)


def test_pixels_are_there_wherever_we_jump(grid: Any) -> None:
    least = painted(grid) / 2
    assert least > 0.01
    for to in (ROWS // 2, ROWS - 1, ROWS // 3, 0):
        jump(grid, to)
        until(lambda to=to: any(abs(position - to) < 100 for position in seen(grid)), 10)
        assert painted(grid) > least
        assert len(seen(grid)) <= 140
    grid.evaluate(
        "() => { const box = document.querySelector('[data-testid=\"grid\"]'); box.scrollTop = box.scrollHeight / 2; }"
    )
    middle = until(lambda: (found := seen(grid)) and abs(found[0] / ROWS - 0.5) < 0.01 and found, 10)
    assert painted(grid) > least
    grid.mouse.move(600, 400)
    grid.mouse.wheel(0, 600)
    after = until(lambda: (found := seen(grid)) and found[0] > middle[0] and found, 10)
    assert after[0] - middle[0] < 200  # one turn of the wheel is a few rows, not thousands
    assert painted(grid) > least


def test_keys_move_select_and_open(grid: Any) -> None:
    grid.focus('[data-testid="grid"]')
    grid.keyboard.press("End")
    until(lambda: ROWS - 1 in seen(grid), 10)
    assert grid.locator(f'{TILE}[data-position="{ROWS - 1}"]').is_visible()
    grid.keyboard.press("Home")
    until(lambda: 0 in seen(grid), 10)
    for key in ("ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown"):
        grid.keyboard.press(key)
    picked = int(grid.inner_text('[data-testid="picked"]').split()[0])
    columns = picked - 2
    assert grid.locator(f"{TILE}[aria-selected=true]").count() == picked
    grid.keyboard.press("Enter")
    grid.wait_for_selector('[data-testid="drawer"]')
    assert str(2 + columns) in grid.inner_text('[data-testid="drawer"] h2')
    grid.keyboard.press("Escape")
    grid.keyboard.press("Escape")
    assert grid.locator(f"{TILE}[aria-selected=true]").count() == 0
    grid.keyboard.press("Control+a")
    assert grid.inner_text('[data-testid="picked"]').startswith(f"{ROWS:,}")


def test_a_few_are_labelled_by_a_key_and_taken_back(grid: Any, rows: Server) -> None:
    tiles = grid.locator(TILE)
    tiles.nth(1).click()
    tiles.nth(3).click(modifiers=["Control"])
    tiles.nth(5).click(modifiers=["Shift"])
    assert grid.inner_text('[data-testid="picked"]').startswith("3")
    grid.keyboard.press("2")
    sent(grid)
    assert labels(rows) == {"cat": 0, "dog": 3}
    assert grid.locator(f"{TILE} .label").count() == 3
    grid.keyboard.press("Backspace")
    sent(grid)
    assert labels(rows) == {"cat": 0, "dog": 0}
    until(lambda: grid.locator(f"{TILE} .label").count() == 0, 10)


def test_all_is_selected_by_a_key_also_where_the_focus_is_nowhere(grid: Any) -> None:
    grid.reload()
    grid.wait_for_selector(f"{TILE}[data-key]")
    grid.keyboard.press("Control+a")
    assert grid.inner_text('[data-testid="picked"]').startswith(f"{ROWS:,}")
    grid.keyboard.press("Escape")


def test_many_are_labelled_after_a_question_and_taken_back_as_one(grid: Any, rows: Server) -> None:
    grid.goto(f'{rows.url}/grid?filter={{"what":"key","text":"77"}}&sort=random:up:5')
    grid.wait_for_selector(f"{TILE}[data-key]")
    total = int(grid.inner_text(TOTAL).split()[0].replace(",", ""))
    assert 1000 < total < ROWS
    grid.focus('[data-testid="grid"]')
    grid.keyboard.press("Control+a")
    grid.keyboard.press("1")
    grid.click("dialog[open] footer button:last-child")
    until(lambda: labels(rows)["cat"] == total, 90)
    until(lambda: grid.locator(f"{TILE} .label").count() > 10)
    grid.keyboard.press("Backspace")
    until(lambda: labels(rows)["cat"] == 0, 90)


def test_a_filter_is_chosen_and_taken_away(grid: Any) -> None:
    grid.keyboard.press("/")
    grid.get_by_label("Key contains").fill("99999")
    grid.keyboard.press("Enter")
    until(lambda: grid.inner_text(TOTAL).startswith("3 items"), 10)  # 99999, 199999, 299999
    assert "filter=" in grid.url
    grid.click("button.chip")
    until(lambda: grid.inner_text(TOTAL).startswith("300,000"), 10)


def test_an_order_is_chosen_and_lasts(chromium: Any, pictures: Server) -> None:
    page = opened(chromium, pictures, "/grid")

    def first() -> str:
        return str(page.get_attribute(f'{TILE}[data-position="0"]', "data-key") or "")

    page.get_by_label("Order").select_option(label="@folder, downwards")
    until(lambda: first().startswith("9/"), 20)
    page.reload()
    page.wait_for_selector(f'{TILE}[data-position="0"][data-key^="9/"]')
    assert page.get_by_label("Order").evaluate("at => at.selectedOptions[0].text") == "@folder, downwards"
    for order, sort in (
        ("By label", "label"),
        ("By guess", "guess"),
        ("By source", "source"),
        ("By annotator", "annotator"),
    ):
        page.get_by_label("Order").select_option(label=order)
        page.wait_for_url(f"**sort={sort}%3Aup**")
        until(first, 20)
    page.get_by_label("Order").select_option(label="@folder, upwards")
    until(lambda: first().startswith("0/"), 20)
    page.context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_grid_can_be_read_out(chromium: Any, pictures: Server, width: int) -> None:
    page = opened(chromium, pictures, "/grid", width)
    assert serious(page) == []
    page.locator(TILE).nth(1).dblclick()
    page.wait_for_selector('[data-testid="drawer"] img')
    assert serious(page) == []
    page.keyboard.press("/")
    page.wait_for_selector("dialog[open]")
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.context.close()


def test_what_is_alike_comes_by_a_key(chromium: Any, pictures: Server) -> None:
    page = opened(chromium, pictures, "/grid")
    page.focus('[data-testid="grid"]')
    page.keyboard.press("ArrowRight")
    key = page.get_attribute(f'{TILE}[data-position="1"]', "data-key")
    page.keyboard.press("s")
    until(lambda: "near=" in page.url and page.get_attribute(f'{TILE}[data-position="0"]', "data-key") == key, 60)
    page.context.close()


def sheet(chromium: Any, server: Server, n: int, width: int = 1280) -> Any:
    page = opened(chromium, server, f"/sheet?n={n}", width)
    page.wait_for_selector('[data-testid="finish"]:not([disabled])', timeout=30_000)
    return page


def test_one_key_answers_a_sheet_and_one_takes_it_back(chromium: Any, pictures: Server) -> None:
    page = sheet(chromium, pictures, 16)
    before = labels(pictures)
    first = page.eval_on_selector_all(TILE, "all => all.map(one => one.dataset.key)")
    assert len(first) == 16
    page.keyboard.press("ArrowRight")
    page.keyboard.press("2")  # crack
    page.locator(TILE).nth(4).click()
    page.locator(TILE).nth(4).click()  # once more: stain
    page.locator(TILE).nth(7).click()
    page.keyboard.press("u")
    assert "3 as marked, the other 13 are dull" in page.inner_text('[data-testid="finish"]')
    page.keyboard.press("Enter")
    until(lambda: page.eval_on_selector_all(TILE, "all => all.map(one => one.dataset.key)")[0] not in first, 30)
    sent(page)
    after = labels(pictures)
    assert {name: after[name] - before[name] for name in after} == {"dull": 13, "crack": 1, "stain": 1}
    with closing(sqlite3.connect(pictures.root / "labels.sqlite")) as ledger:
        asked = "SELECT COUNT(*) FROM events WHERE query IS NOT NULL AND seconds >= 0"
        assert ledger.execute(asked).fetchone()[0] == 16
    page.keyboard.press("Backspace")
    until(lambda: page.eval_on_selector_all(TILE, "all => all.map(one => one.dataset.key)") == first, 10)
    assert page.locator(f"{TILE}[aria-selected=true]").count() == 3
    sent(page)
    assert labels(pictures) == before
    page.context.close()


def test_a_sheet_is_not_lost_when_the_server_dies(chromium: Any, pictures: Server) -> None:
    page = sheet(chromium, pictures, 16)
    before = answered(pictures)
    pictures.kill()
    try:
        page.locator(TILE).nth(2).click()
        page.keyboard.press("Enter")
        until(lambda: page.inner_text(UNSENT) == "16", 10)
    finally:
        pictures.start()
    page.reload()  # what waits is kept by the browser, not by the page
    until(lambda: answered(pictures) == before + 16, 60)
    sent(page)
    assert answered(pictures) == before + 16
    page.context.close()


def test_a_sheet_is_answered_when_all_of_it_was_seen(chromium: Any, pictures: Server) -> None:
    page = sheet(chromium, pictures, 36, 390)
    before, presses, tiles = answered(pictures), 0, page.locator(TILE).count()
    while not page.inner_text('[data-testid="said"]'):
        assert answered(pictures) == before
        page.keyboard.press("Enter")
        presses += 1
        page.wait_for_timeout(200)
        assert presses < 20
    assert presses > 1  # a narrow screen shows a part of it at once
    sent(page)
    assert answered(pictures) == before + tiles  # 36, or fewer where the query held no more yet
    page.context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_sheet_can_be_read_out(chromium: Any, pictures: Server, width: int) -> None:
    page = sheet(chromium, pictures, 36, width)
    page.keyboard.press("Space")
    assert page.locator(f"{TILE}[aria-selected=true]").count() == 1
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.down("z")
    page.wait_for_selector(".large")
    page.keyboard.up("z")
    assert page.locator(".large").count() == 0
    page.keyboard.press("Space")
    page.keyboard.press("Space")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    assert serious(page) == []
    page.context.close()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Rows of 12 columns; the last ones differ least, and the very last is mostly missing."""
    home = tmp_path_factory.mktemp("table")
    names = [f"column{at}" for at in range(12)]
    cells = np.random.default_rng(0).integers(0, [1000 - 90 * at for at in range(11)], (60, 11)).tolist()
    lines = [",".join(map(str, [*row, "x" if at > 57 else ""])) for at, row in enumerate(cells)]
    (home / "rows.csv").write_text("\n".join([",".join(names), *lines]))
    with ls.create(home / "r.sieve", home / "rows.csv", task="screen", columns=names) as project:
        project.embed()
    with serving(home / "r.sieve") as running:
        yield running


def test_a_tile_shown_large_has_all_columns(chromium: Any, table: Server) -> None:
    page = opened(chromium, table, "/sheet?n=16")
    assert "column11" not in page.inner_text(TILE)
    page.keyboard.down("z")
    page.wait_for_selector(".large :text('column11')")
    page.keyboard.up("z")
    page.context.close()


def test_a_person_chooses_the_columns_of_tiles(chromium: Any, table: Server) -> None:
    def columns() -> list[str]:
        return [str(name) for name in page.locator(f"{TILE} >> nth=0 >> dt").all_text_contents()]

    page = sheet(chromium, table, 16)
    first = columns()
    order = table.ask("/tasks/main/columns")
    assert order["by"] == "spread" and first == order["columns"][: order["shown"]]
    page.click('[data-testid="columns"]')
    page.wait_for_selector("dialog input:checked")
    assert page.locator("dialog input:checked").count() == len(first) == 8
    assert page.locator("dialog input:disabled").count() == 4  # as many as a tile shows
    assert serious(page) == []
    for name in first[1:]:
        page.get_by_label(name, exact=True).uncheck()
    page.get_by_label("column11", exact=True).check()
    page.keyboard.press("1")  # a key of the page behind
    page.keyboard.press("Escape")
    until(lambda: columns() == [first[0], "column11"], 30)
    assert "–" in page.locator(f"{TILE} dd").all_text_contents()  # missing
    assert page.locator(f"{TILE}[aria-selected=true]").count() == 0
    page.reload()
    page.wait_for_selector(TILE)
    until(lambda: columns() == [first[0], "column11"], 30)
    page.click("nav a[href='/grid']")
    page.wait_for_selector('[data-testid="grid"]')
    until(lambda: columns() == [first[0], "column11"], 30)
    page.click('[data-testid="columns"]')
    page.click("text=Those that tell most")
    page.click("text=Done")
    until(lambda: columns() == first, 30)
    page.context.close()


def test_hostile_names_are_text(chromium: Any, pictures: Server) -> None:
    page = opened(chromium, pictures, "/grid")
    page.goto(f'{pictures.url}/grid?filter={{"what":"key","text":"%3Cb%3E"}}')
    page.wait_for_selector(f"{TILE}[data-key]")
    assert page.inner_text(f"{TILE} .foot").startswith("0/a&b <b>.png")
    page.context.close()


def test_names_and_paths_stay_in_the_folder(tmp_path: Path) -> None:
    """The folder of views holds nothing that a name from outside could choose."""
    np.save(tmp_path / "x.npy", np.eye(4, dtype=np.float32))
    ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", classes=["a"]).close()
    with serving(tmp_path / "p.sieve") as server:
        made = server.ask("/tasks/main/views", {})
        assert [path.stem for path in (tmp_path / "p.sieve" / "cache" / "views").iterdir()] == [made["view"]]
