"""The report in a real browser: it opens from disk, asks the network for nothing, complains of nothing."""

import base64
import io
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--remote-debugging-pipe"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
]
pytestmark = pytest.mark.slow


class Browser:
    """A headless Chromium, spoken to through a pipe. `events` holds all that it reported."""

    def __init__(self, profile: Path) -> None:
        ours_read, theirs_write = os.pipe()
        theirs_read, ours_write = os.pipe()

        def at_three_and_four() -> None:
            read, write = os.dup(theirs_read), os.dup(theirs_write)  # above 4, so that neither is overwritten
            os.dup2(read, 3)
            os.dup2(write, 4)

        command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(
            command, preexec_fn=at_three_and_four, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(theirs_read)
        os.close(theirs_write)
        self._read, self._write, self._buffer, self._number = ours_read, ours_write, b"", 0
        self.events: list[dict[str, Any]] = []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(one["targetId"] for one in targets if one["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    _session: str | None = None

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to one command."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._read, 1 << 20)
            if not part:
                raise RuntimeError("the browser has gone")
            self._buffer += part
        raw, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(raw))

    def open(self, path: Path, width: int = 1280, scheme: str = "light") -> None:
        """Opens a file as a page of that width, and waits until it has loaded."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        deadline = time.monotonic() + 30
        while self.value("document.readyState") != "complete":
            assert time.monotonic() < deadline, "the page did not load within 30 s"
            time.sleep(0.05)

    def value(self, expression: str) -> Any:
        """The value of a line of JavaScript (which the page itself has none of)."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def picture(self, whole: bool = False) -> bytes:
        """A PNG of what is shown, or of the whole page."""
        raw = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **self._clip(whole))
        return base64.b64decode(raw["data"])

    def _clip(self, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    def close(self) -> None:
        """Ends it."""
        self.process.terminate()
        self.process.wait(timeout=20)
        os.close(self._read)
        os.close(self._write)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt-get install chromium): the report is not looked at")
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a real project: 600 digits as PNG files, 60 answers by `auto`, one broken file."""
    from labelsieve.project.facade import create
    from labelsieve.testing.digits import write_digits

    root = tmp_path_factory.mktemp("project")
    write_digits(root / "digits")
    for path in sorted((root / "digits").rglob("*.png"))[::3]:
        path.unlink()
    (root / "digits" / "0" / "empty <b>&.png").touch()
    with create(root / "digits.sieve", root / "digits") as project:
        project.embed()
        for asked in project.rounds(20, 80, control=True):
            names = [item.key.split("/")[0] for item in asked.items]
            project.label(asked.ids, names, by="ann", seconds=2.0, query=asked.id)
        return project.report()


COMPLAINTS = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Network.loadingFailed")


def requests(browser: Browser) -> list[str]:
    urls = [one["params"]["request"]["url"] for one in browser.events if one["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith("data:")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_opens_from_disk_and_nothing_leaves(browser: Browser, report: Path, width: int, scheme: str) -> None:
    browser.open(report, width, scheme)
    time.sleep(0.3)
    assert browser.value("document.readyState") == "complete"
    assert requests(browser) == [report.resolve().as_uri()]
    assert [one for one in browser.events if one["method"] in COMPLAINTS] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_shows_something_in_its_own_colours(browser: Browser, report: Path, width: int, scheme: str) -> None:
    browser.open(report, width, scheme)
    pixels = np.asarray(Image.open(io.BytesIO(browser.picture())).convert("L"), np.float64)
    assert pixels.std() > 8, "a blank page has no contrast"
    assert (np.median(pixels) > 200) == (scheme == "light")
    assert browser.value("document.documentElement.scrollWidth <= innerWidth"), "it must not scroll sideways"


def test_pictures_are_drawn_and_charts_have_a_size(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert browser.value("document.images.length") > 20
    assert browser.value("[...document.images].filter(i => !i.naturalWidth).length") == 0
    for width, shown in ((1280, "wide"), (390, "narrow")):
        browser.open(report, width)
        sizes = browser.value(
            "[...document.querySelectorAll('svg.wide, svg.narrow')]"
            ".filter(s => s.getBoundingClientRect().width > 100).map(s => s.classList[1])"
        )
        assert set(sizes) == {shown}


def test_text_has_contrast(browser: Browser, report: Path) -> None:
    """WCAG AA, 4.5 to 1, for every text against the colour behind it, in both schemes."""
    for scheme in ("light", "dark"):
        browser.open(report, 1280, scheme)
        poor = browser.value(CONTRAST)
        assert poor == [], scheme


CONTRAST = """(() => {
  const rgb = text => {
    const m = text.match(/[\\d.]+/g).map(Number), alpha = m[3] ?? 1;
    return text.startsWith('color(srgb') ? [m[0] * 255, m[1] * 255, m[2] * 255, alpha] : [m[0], m[1], m[2], alpha];
  };
  const light = c => {
    const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c[3] > .9) return c;
    }
    return [255, 255, 255];
  };
  document.querySelectorAll('details').forEach(d => d.open = true);
  const poor = new Set();
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !e.getClientRects().length || e.closest('.unseen')) continue;
    const style = getComputedStyle(e);
    const ink = rgb(e.namespaceURI.endsWith('svg') ? style.fill : style.color);
    const a = light(ink.slice(0, 3)), b = light(behind(e).slice(0, 3));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) poor.add(`${e.tagName}.${e.getAttribute('class')} ${ratio.toFixed(2)}`);
  }
  return [...poor];
})()"""


def test_it_can_be_read_and_walked_without_a_mouse(browser: Browser, report: Path) -> None:
    browser.open(report)
    tree = browser.call("Accessibility.getFullAXTree")["nodes"]
    roles = [node.get("role", {}).get("value") for node in tree]
    assert {"main", "navigation", "banner", "contentinfo", "heading", "table"} <= set(roles)
    nameless = [n for n in tree if n.get("role", {}).get("value") in ("image", "link") and not n["name"].get("value")]
    assert nameless == []
    key = {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
    stops = []
    for _ in range(14):
        browser.call("Input.dispatchKeyEvent", type="keyDown", **key)
        browser.call("Input.dispatchKeyEvent", type="keyUp", **key)
        stops.append(browser.value("document.activeElement.textContent.slice(0, 24)"))
    assert stops[0] == "Skip to the report"
    assert any("in numbers" in stop for stop in stops)


def test_it_prints_in_black_on_white_with_everything_unfolded(browser: Browser, report: Path) -> None:
    browser.open(report, 1280, "dark")
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.value("getComputedStyle(document.querySelector('.contents')).display") == "none"
    pdf = base64.b64decode(browser.call("Page.printToPDF")["data"])
    assert pdf.startswith(b"%PDF")
    assert len(pdf) > 20_000


def test_the_browser_itself_may_fetch_nothing(browser: Browser, report: Path, tmp_path: Path) -> None:
    """Even if markup got in, the page's own policy would hold: a picture and a script from elsewhere are refused."""
    page = report.read_text(encoding="utf-8")
    evil = '<img src="http://127.0.0.1:9/x.png"><script>document.title = "owned"</script>'
    evil += '<script src="http://127.0.0.1:9/x.js"></script>'
    (tmp_path / "evil.html").write_text(page.replace("</footer>", f"</footer>{evil}"), encoding="utf-8")
    browser.open(tmp_path / "evil.html")
    time.sleep(0.3)
    assert browser.value("document.title") != "owned"
    blocked = [one for one in browser.events if one["method"] == "Network.loadingFailed"]
    assert {one["params"].get("blockedReason") for one in blocked} <= {"csp"}
    assert len([one for one in browser.events if "Content Security Policy" in str(one)]) >= 2
