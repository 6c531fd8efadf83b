"""The People page in a real browser: sign in, see how people agree, decide by keys; each role sees its own parts."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from app_server import require_pages, serious, serving

import labelsieve as ls
from labelsieve.core.types import Label, Value
from labelsieve.project import events, folding
from labelsieve.project.database import now

GOOD = "a horse of four legs"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people differ on the items 1 to 5."""
    folder = tmp_path_factory.mktemp("people")
    np.save(folder / "x.npy", np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32))
    with ls.create(folder / "p.sieve", folder / "x.npy", classes=["a", "b", "c"]) as project:
        for name, role in {"ada": "admin", "rev": "reviewer", "ann": "annotator"}.items():
            project.people("ada").add(name, role, GOOD)
        said = [(i, "a", "ann") for i in range(1, 21)] + [(i, "b" if i < 6 else "a", "bob") for i in range(1, 21)]
        labels = [Label(str(uuid.uuid4()), "main", i, Value("class", (name,)), by, now()) for i, name, by in said]
        events.write(project.context.conn, labels)
    return folder / "p.sieve"


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    require_pages()
    with serving(root, token="") as server:  # people sign in
        yield server.url


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


def sign_in(page: Any, url: str, name: str, path: str = "/people") -> None:
    page.goto(f"{url}{path}")
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", GOOD)
    page.keyboard.press("Enter")
    page.wait_for_selector("header nav")


def test_signing_in_leads_to_the_page_that_was_asked_for(page: Any, url: str) -> None:
    page.goto(f"{url}/people/decide")
    page.wait_for_selector("#sign-in")
    assert serious(page) == []
    page.fill("input[name=name]", "rev")
    page.fill("input[name=password]", "wrong password")
    page.keyboard.press("Enter")
    assert "do not belong together" in page.wait_for_selector("[role=alert]:not(:empty)").inner_text()
    page.fill("input[name=password]", GOOD)
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-testid=item]")
    assert page.url == f"{url}/people/decide"


def test_a_reviewer_decides_by_keys_and_takes_it_back(page: Any, url: str, root: Path) -> None:
    sign_in(page, url, "rev", "/people")
    page.get_by_role("link", name="Decide", exact=True).click()
    first = page.wait_for_selector("[data-testid=item]").get_attribute("data-key")
    assert serious(page) == []
    page.keyboard.press("Enter")  # it decides, and does not press the link once more
    page.wait_for_selector(f"[data-testid=item]:not([data-key='{first}'])")
    page.keyboard.press("Backspace")
    page.wait_for_selector(f"[data-testid=item][data-key='{first}']")
    page.keyboard.press("3")
    page.wait_for_selector(f"[data-testid=item]:not([data-key='{first}'])")
    assert "c" in agreed(root).values()
    page.keyboard.press("Backspace")
    page.wait_for_selector(f"[data-testid=item][data-key='{first}']")
    assert "c" not in agreed(root).values()
    page.keyboard.press("Space")  # later
    page.wait_for_selector(f"[data-testid=item]:not([data-key='{first}'])")
    for _ in range(4):
        before = page.get_attribute("[data-testid=item]", "data-key")
        page.keyboard.press("3")
        page.wait_for_selector(f"[data-testid=item][data-key='{before}']", state="detached")
    page.get_by_text("The 1 for later").click()
    page.wait_for_selector(f"[data-testid=item][data-key='{first}']")
    page.keyboard.press("u")
    page.wait_for_selector("text=Nothing to decide")
    assert sum(name == "c" for name in agreed(root).values()) == 4


def agreed(root: Path) -> dict[int, str]:
    with ls.open(root) as project:
        return {item: names[0] for item, names in folding.agreed(project.context.conn, "main").items()}


@pytest.mark.parametrize(("name", "titles"), [("ann", ["You"]), ("rev", ["Agreement", "Decide", "You"])])
def test_each_role_sees_its_own_parts(page: Any, url: str, name: str, titles: list[str]) -> None:
    sign_in(page, url, name, "/people/members")
    tabs = page.wait_for_selector("nav[aria-label=People]")
    assert tabs.inner_text().split("\n") == titles


def test_an_admin_adds_somebody_who_signs_in_and_is_removed(page: Any, url: str) -> None:
    sign_in(page, url, "ada", "/people/members")
    page.get_by_role("button", name="Add a person").click()
    page.get_by_label("Name", exact=True).fill("eve <script>")
    page.get_by_label("Password").fill(GOOD)
    page.get_by_role("button", name="Add", exact=True).click()
    assert "cannot be a name" in page.wait_for_selector("[role=alert]").inner_text()
    page.get_by_label("Name", exact=True).fill("eve")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_label("Role of eve").select_option("viewer")
    page.get_by_role("button", name="Remove eve").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    page.wait_for_selector("[aria-label='Remove eve']", state="detached")
    page.goto(f"{url}/people/trail")
    page.wait_for_selector("text=person: remove")
    assert serious(page) == []
    page.goto(f"{url}/people/you")
    page.get_by_label("What it is for").fill("upload")
    page.get_by_role("button", name="Make a token").click()
    assert page.wait_for_selector(".made code").inner_text().startswith("ls_")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_selector("#sign-in")
    time.sleep(0.1)
    page.goto(f"{url}/people")
    page.wait_for_selector("#sign-in")


def test_agreement_is_shown_with_its_interval(page: Any, url: str) -> None:
    sign_in(page, url, "rev")
    facts = page.wait_for_selector("[aria-label='Agreement in short']").inner_text()
    assert "20" in facts and " to " in facts
    assert "ann, bob" in page.get_by_role("table", name="Each two people").inner_text()
    assert serious(page) == []
