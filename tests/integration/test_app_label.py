"""The label page in a real browser: one key an item, undo, and nothing lost or doubled when the server dies."""

import csv
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from app_server import Server, serious, serving, until

import labelsieve as ls
from labelsieve.project.desk import leases
from labelsieve.project.desk.refilling import choose_more
from labelsieve.testing.digits import write_digits

pytestmark = pytest.mark.slow
ITEM, UNSENT = '[data-testid="item"]', '[data-testid="unsent"]'
HOSTILE = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("app")
    with ls.create(home / "d.sieve", write_digits(home / "digits", 300), classes=list("0123456789"), seed=3) as project:
        project.embed()
        project.add_task("notes")
    with serving(home / "d.sieve") as running:
        yield running


@pytest.fixture
def page(chromium: Any, server: Server) -> Iterator[Any]:
    with closing(chromium.new_context(viewport={"width": 1280, "height": 800})) as context:
        opened = context.new_page()
        opened.goto(f"{server.url}/label?token=T")
        opened.wait_for_selector(f"{ITEM}[data-key]", timeout=60_000)
        yield opened


def opened(context: Any, server: Server) -> Any:
    """The page Label with its first item, in a new tab."""
    page = context.new_page()
    page.goto(f"{server.url}/label?token=T")
    page.wait_for_selector(f"{ITEM}[data-key]", timeout=60_000)
    return page


def shown(page: Any) -> str:
    return str(page.get_attribute(ITEM, "data-key"))


def press(page: Any, key: str) -> tuple[str, str]:
    """The item before, and the one that comes after a key."""
    before = shown(page)
    page.keyboard.press(key)
    until(lambda: shown(page) != before, 10)
    return before, shown(page)


def sent(page: Any) -> None:
    until(lambda: page.inner_text(UNSENT) == "0", 30)


def events(server: Server) -> list[tuple[str, str, str | None]]:
    """Every event of the ledger, as (key of the item, tag, class)."""
    sql = """SELECT i.key, e.tag, c.name FROM events e JOIN items i ON i.id = e.item
      LEFT JOIN classes c ON c.task = e.task AND c.code = e.code ORDER BY e.seq"""
    with closing(sqlite3.connect(server.root / "labels.sqlite")) as ledger:
        return ledger.execute(sql).fetchall()


def test_one_key_labels_and_goes_on(page: Any, server: Server) -> None:
    known = len(events(server))
    assert page.inner_text('[data-testid="class-1"]').split() == ["1", "1"]  # a class called 1 has the key 1
    first, second = press(page, "3")
    assert press(page, "Space")[0] == second
    third = press(page, "u")[0]
    fourth = shown(page)
    page.click('[data-testid="class-10"]')
    sent(page)
    assert events(server)[known:] == [
        (first, "class", "3"),
        (second, "skip", None),
        (third, "unsure", None),
        (fourth, "class", "0"),
    ]


def test_undo_at_any_depth_also_after_a_reload(page: Any, server: Server) -> None:
    done = [press(page, "5")[0] for _ in range(3)]
    assert press(page, "Backspace")[1] == done[2]
    sent(page)
    page.reload()
    page.wait_for_selector(f"{ITEM}[data-key]")
    assert press(page, "Backspace")[1] == done[1]
    assert press(page, "Backspace")[1] == done[0]
    sent(page)
    assert [tag for _, tag, _ in events(server)[-3:]] == [None, None, None]


def test_looking_back_and_answering_anew_replaces(page: Any, server: Server) -> None:
    done = [press(page, "6")[0] for _ in range(2)]
    front = shown(page)
    assert press(page, "ArrowLeft")[1] == done[1]
    assert press(page, "ArrowLeft")[1] == done[0]
    assert press(page, "7")[1] == front
    sent(page)
    assert events(server)[-1] == (done[0], "class", "7")


def test_a_dead_server_costs_nothing_and_nothing_is_doubled(chromium: Any, page: Any, server: Server) -> None:
    known = len(events(server))
    press(page, "1")
    sent(page)
    server.kill()
    given = [press(page, key)[0] for key in "2345"]
    until(lambda: page.inner_text(UNSENT) == "4", 10)
    context = page.context
    page.close()  # the tab is gone, and so is the server
    server.start()
    again = context.new_page()
    again.goto(f"{server.url}/label?token=T")
    again.wait_for_selector(f"{ITEM}[data-key]", timeout=60_000)
    assert shown(again) not in given
    sent(again)
    assert [(key, name) for key, _, name in events(server)[known + 1 :]] == list(zip(given, "2345", strict=True))


def test_two_tabs_send_each_answer_once(page: Any, server: Server) -> None:
    known = len(events(server))
    other = page.context.new_page()
    other.goto(f"{server.url}/label")
    other.wait_for_selector(f"{ITEM}[data-key]", timeout=60_000)
    for tab in (page, other, page, other):
        tab.bring_to_front()
        press(tab, "8")
    for tab in (page, other):
        sent(tab)
    assert len(events(server)) == known + 4


NO_STORAGE = """for (const name of ['localStorage', 'sessionStorage', 'indexedDB'])
  Object.defineProperty(window, name, {get() { throw new DOMException('no', 'SecurityError'); }});"""
SLOW_STORAGE = "IDBFactory.prototype.open = () => ({});"  # it never opens


@pytest.mark.parametrize("storage", [NO_STORAGE, SLOW_STORAGE])
def test_a_browser_that_keeps_nothing_labels_all_the_same(chromium: Any, server: Server, storage: str) -> None:
    with closing(chromium.new_context(viewport={"width": 1280, "height": 800})) as context:
        context.add_init_script(storage)
        page = context.new_page()
        page.goto(f"{server.url}/label?token=T")
        page.wait_for_selector(f"{ITEM}[data-key]", timeout=8000)
        assert page.get_by_test_id("late").count() == (storage == SLOW_STORAGE)
        before = len(events(server))
        press(page, "4")
        page.keyboard.press("i")  # a setting
        press(page, "4")
        until(lambda: len(events(server)) >= before + 2)
        sent(page)


def test_a_class_is_typed_and_keys_are_not_heard_meanwhile(page: Any, server: Server) -> None:
    page.keyboard.press("n")
    page.wait_for_selector("[data-testid=find-class]:focus")
    page.keyboard.type("4 legs")  # the classes of this task are fixed: there is none to take
    page.keyboard.press("Enter")
    assert page.get_by_test_id("find-class").count() == 0
    page.goto(f"{server.url}/grid?task=notes")
    page.get_by_role("link", name="name the first one").click()
    page.wait_for_selector(f"{ITEM}[data-key]", timeout=60_000)
    known, here = len(events(server)), shown(page)
    page.keyboard.press("n")
    page.keyboard.type("scribble 1 u f")
    assert shown(page) == here
    assert press(page, "Enter")[0] == here
    sent(page)
    assert events(server)[known:] == [(here, "class", "scribble 1 u f")]
    page.wait_for_selector("button:has-text('scribble 1 u f')")


def test_keys_answer_on_a_page_that_a_link_has_opened(page: Any, server: Server) -> None:
    page.get_by_role("link", name="Progress", exact=True).click()
    page.wait_for_url("**/progress*")
    page.get_by_role("link", name="Label", exact=True).click()
    page.wait_for_selector(f"{ITEM}[data-key]", timeout=60_000)
    assert press(page, "Space")[0] != shown(page)
    sent(page)


def test_a_class_is_described_and_no_item_is_answered_by_it(page: Any, server: Server) -> None:
    known, here = len(events(server)), shown(page)
    page.get_by_role("button", name="Describe 4").click()
    page.keyboard.type("4 strokes, us")
    assert page.locator("textarea:focus").input_value() == "4 strokes, us"
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_selector("p:has-text('4 strokes, us')")
    assert shown(page) == here and len(events(server)) == known


def test_keys_are_listed_moved_and_kept(page: Any) -> None:
    page.keyboard.press("?")
    page.click("[aria-label^='Change the key of: Unsure']")
    page.keyboard.press("y")
    page.keyboard.press("Escape")
    press(page, "y")
    page.reload()
    page.wait_for_selector(f"{ITEM}[data-key]")
    press(page, "y")


def test_a_flag_is_kept_and_taken_away(page: Any, server: Server) -> None:
    flagged = page.locator('[data-testid="flag"]')
    page.keyboard.press("f")
    until(lambda: flagged.get_attribute("aria-pressed") == "true", 10)
    page.reload()
    page.wait_for_selector(f"{ITEM}[data-key]")
    until(lambda: flagged.get_attribute("aria-pressed") == "true", 10)
    page.keyboard.press("f")
    until(lambda: flagged.get_attribute("aria-pressed") == "false", 10)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_the_page_is_accessible_and_fits(chromium: Any, server: Server, width: int, scheme: str) -> None:
    with closing(chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)) as context:
        page = context.new_page()
        heard: list[str] = []
        page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.goto(f"{server.url}/label?token=T")
        page.wait_for_selector(f"{ITEM}[data-key]", timeout=60_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert heard == []
        assert serious(page) == []
        page.keyboard.press("?")
        page.wait_for_selector("dialog[open]")
        assert serious(page) == []


def test_texts_are_texts_even_long_and_hostile(chromium: Any, tmp_path: Path) -> None:
    long = " ".join(f"word{i}" for i in range(50_000))
    with (tmp_path / "t.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["number", "text"])
        rows.writerows((i, HOSTILE if i == 1 else long if i < 4 else f"the card of {i} is lost") for i in range(1, 41))
    classes = [HOSTILE[:60], "other"]
    with ls.create(tmp_path / "p.sieve", tmp_path / "t.csv", text="text", key="number", classes=classes) as project:
        project.embed()
    with serving(tmp_path / "p.sieve") as server, closing(chromium.new_context()) as context:
        page = opened(context, server)
        seen = {}
        while len(seen) < 40:
            seen[shown(page)] = page.text_content(ITEM)
            if len(seen) < 40:
                press(page, "2" if len(seen) % 2 else "1")
        assert seen["1"] == HOSTILE
        assert seen["2"] == long
        assert page.evaluate("window.broken") is None
        assert page.inner_text('[data-testid="class-1"] span') == HOSTILE[:60]


def test_several_classes_are_marked_and_confirmed(chromium: Any, tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "age", "city"])
        rows.writerows((i, 20 + i % 50, ("Oslo", "Rome", "Lima")[i % 3]) for i in range(60))
    classes = ["late", "fraud", "vip"]
    with ls.create(tmp_path / "p.sieve", tmp_path / "t.csv", key="id", task="multilabel", classes=classes) as project:
        project.embed()
    with serving(tmp_path / "p.sieve") as server, closing(chromium.new_context()) as context:
        page = opened(context, server)
        first = shown(page)
        for key in "1232":  # fraud is marked, and taken out again
            page.keyboard.press(key)
        assert shown(page) == first
        assert press(page, "Enter")[0] == first
        second = press(page, "Enter")[0]  # none of them
        sent(page)
        given = {one["key"]: one["mine"]["value"] for one in server.ask("/tasks/main/answers?n=5")["items"]}
        assert {key: (value["tag"], set(value["names"])) for key, value in given.items()} == {
            first: ("classes", {"late", "vip"}),
            second: ("classes", set()),
        }


def test_new_classes_stand_there_before_they_are_saved(chromium: Any, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,text\n" + "".join(f"k{k},text of {k}\n" for k in range(40)))
    with ls.create(tmp_path / "p.sieve", tmp_path / "t.csv", text="text", key="id", task="multilabel") as project:
        project.embed()
    with serving(tmp_path / "p.sieve") as server, closing(chromium.new_context()) as context:
        page = opened(context, server)
        first = shown(page)
        for name in ("joy", "anger"):
            page.keyboard.press("n")
            page.keyboard.type(name)
            page.keyboard.press("Enter")
            page.wait_for_selector(f'[data-testid="typed"]:has-text("{name}")')
        page.click('[data-testid="typed"]:has-text("anger")')  # taken out again
        assert page.locator('[data-testid="typed"]').all_inner_texts() == ["joy"]
        page.keyboard.press("Enter")
        page.wait_for_selector(f'.last:has-text("{first}: joy")')


@pytest.mark.parametrize(("path", "first"), [("label", ITEM), ("sheet?n=16", '[data-testid="tile"] >> nth=0')])
def test_whoever_leaves_the_page_gives_its_items_back(chromium: Any, server: Server, path: str, first: str) -> None:
    def leased(longer: float = leases.SOON + 5) -> set[int]:
        soon = datetime.now(UTC) + timedelta(seconds=longer)
        sql = "SELECT item FROM leases WHERE until > ?"
        with closing(sqlite3.connect(server.root / "labels.sqlite")) as ledger:
            return {item for (item,) in ledger.execute(sql, (soon.isoformat(timespec="microseconds"),))}

    def here(page: Any) -> str:
        page.wait_for_selector(first)  # visible, so that it has its key
        return str(page.get_attribute(first, "data-key"))

    with closing(sqlite3.connect(server.root / "labels.sqlite", timeout=30)) as ledger, ledger:
        ledger.execute("DELETE FROM leases")  # of pages before this one
    with closing(chromium.new_context()) as context:
        page = context.new_page()
        page.goto(f"{server.url}/{path}{'&' if '?' in path else '?'}token=T")
        key, mine = here(page), leased()
        assert mine
        page.reload()  # the same items come back, the same one first
        assert here(page) == key
        assert leased() >= mine  # and perhaps others that have been chosen since
        other = context.new_page()
        other.goto(f"{server.url}/{path}")
        assert here(other) == key
        page.click("nav a[href='/grid']")  # the other tab has asked since: the items stay there
        page.wait_for_url("**/grid*")
        assert here(other) == key
        assert leased() >= mine
        page.goto(f"{server.url}/{path}")
        assert here(page) == key
        with page.expect_response(f"**/tasks/main/{'queue' if first == ITEM else 'sheet'}?*"):
            other.goto("about:blank")  # the other tab goes: this one asks again
        until(lambda: leased() >= mine, 10)
        with page.expect_request("**/leave"):
            page.click("nav a[href='/grid']")
        until(lambda: not leased(), 10)
        assert leased(0) >= mine
        page.go_back()
        assert here(page) == key


def test_words_that_speak_for_the_guess(chromium: Any, tmp_path: Path) -> None:
    about = ("my card was lost", "please block this card", "send the money back", "a refund of the money")
    rest = ("today at noon", "in the north", "again and again", "before the summer", "now", "by the way")
    with (tmp_path / "t.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerows(
            [("id", "text"), *((i, f"{about[i % 4]} {rest[i // 4 % 6]}, town {i // 24}") for i in range(120))]
        )
    with ls.create(
        tmp_path / "p.sieve", tmp_path / "t.csv", text="text", key="id", classes=["card", "money"]
    ) as project:
        project.embed()
        project.label([str(i) for i in range(30)], [("card", "money")[i % 4 // 2] for i in range(30)], by="ann")
        choose_more(project.context)
    with serving(tmp_path / "p.sieve") as server, closing(chromium.new_context()) as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(page.url) if "/words" in request.url else None)
        page.goto(f"{server.url}/label?token=T")
        page.wait_for_selector(f"{ITEM}[data-key]", timeout=60_000)
        while not page.locator("button.chip:has-text('guess hidden')").count():
            press(page, "Space")
        assert not asked, "nobody looks at the guess"
        assert not page.locator(f"{ITEM} mark").count()
        page.keyboard.press("g")
        page.wait_for_selector(f"{ITEM} mark.speaks", timeout=60_000)
        name = page.inner_text("button.chip b")
        marked = {word.lower() for word in page.locator(f"{ITEM} mark.speaks").all_inner_texts()}
        assert marked & (
            {"card", "lost", "my", "block", "please", "this"} if name == "card" else {"money", "refund", "back", "send"}
        )
        assert page.locator('[data-testid="speaking"]').inner_text().startswith(f"For {name}: ")
        assert set(page.locator('[data-testid="speaking"] mark.speaks').all_inner_texts()) == marked
        underline = "e => getComputedStyle(e).textDecorationStyle"
        assert page.locator(f"{ITEM} mark.speaks").first.evaluate(underline) == "solid"
        assert serious(page) == []
        page.keyboard.press("g")
        until(lambda: not page.locator(f"{ITEM} mark").count(), 10)
        page.keyboard.press("g")
        page.goto(f"{server.url}/label?purpose=audit")
        page.wait_for_selector(f"{ITEM}[data-key]", timeout=60_000)
        press(page, "Space")
        page.wait_for_timeout(600)
        assert not page.locator('[data-testid="speaking"]').count()
        assert not [one for one in asked if "purpose=audit" in one], "an audit item has no guess, and no words"
