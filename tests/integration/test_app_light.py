"""Window and level of 16-bit pictures on the page Label: each picture tells its own grey values, a window stays."""

from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from app_server import serving, until
from PIL import Image

import labelsieve as ls

pytestmark = pytest.mark.slow
ITEM = '[data-testid="item"]'
HIGHEST = {"deep.png": 4000, "flat.png": 900}  # grey values; plain.png has 8 bits


def pictures(folder: Path) -> Path:
    folder.mkdir()
    for name, high in HIGHEST.items():
        grey = np.linspace(100, high, 32 * 32).reshape(32, 32).astype(np.uint16)
        Image.fromarray(grey).save(folder / name)
    Image.fromarray(np.arange(1024, dtype=np.uint32).reshape(32, 32).astype(np.uint8)).save(folder / "plain.png")
    return folder


def test_each_picture_tells_its_grey_values_and_a_window_stays(chromium: Any, tmp_path: Path) -> None:
    with ls.create(tmp_path / "p.sieve", pictures(tmp_path / "grey"), classes=["a", "b"]) as project:
        project.embed()
    with (
        serving(tmp_path / "p.sieve") as server,
        closing(chromium.new_context(viewport={"width": 1280, "height": 800})) as context,
    ):
        page = context.new_page()
        page.goto(f"{server.url}/label?token=T")
        page.wait_for_selector(f"{ITEM}[data-key]", timeout=60_000)
        page.get_by_text("Picture", exact=True).click()
        white = page.get_by_label("White above")

        def shown() -> str:
            return str(page.get_attribute(ITEM, "data-key"))

        def go(key: str) -> None:
            for step in ("ArrowRight", "ArrowLeft"):
                for _ in HIGHEST.keys() | {"plain.png"}:
                    if shown() == key:
                        return
                    page.keyboard.press(step)
                    page.wait_for_selector(f"{ITEM}:not(.waiting)")
            raise AssertionError(key)

        for key, high in HIGHEST.items():
            go(key)
            until(lambda high=high: white.count() and round(float(white.get_attribute("max"))) == high, 20)
        go("plain.png")
        until(lambda: white.count() == 0, 20)

        go("flat.png")
        until(lambda: white.count(), 20)
        white.evaluate("(at) => { at.value = 500; at.dispatchEvent(new Event('input', {bubbles: true}));"
                       " at.dispatchEvent(new Event('change', {bubbles: true})); at.blur(); }")  # fmt: skip
        until(lambda: window(page) == 500.0, 20)
        go("deep.png")
        until(lambda: round(float(white.get_attribute("max"))) == HIGHEST["deep.png"], 20)
        assert (window(page), float(white.input_value())) == (500.0, 500.0)
        page.get_by_role("button", name="As it is").click()
        until(lambda: window(page) is None, 20)


def window(page: Any) -> float | None:
    """The grey value above which the picture that is shown is white."""
    asked = parse_qs(urlsplit(page.get_attribute(f"{ITEM} img", "src")).query)
    return float(asked["high"][0]) if "high" in asked else None
