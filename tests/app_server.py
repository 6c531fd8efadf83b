"""A real `labelsieve serve` for tests, and requests to it; a real browser where the machine has one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --use-angle=swiftshader --enable-unsafe-swiftshader"
)
SHOWN = 20_000  # bytes of what a server has said


class Server:
    """A server process with the token T; started again it has the same address. `line` is what it says when ready."""

    program: tuple[str, ...] = ("-m", "labelsieve.cli.main")

    def __init__(self, root: Path, token: str, errors: IO[bytes]) -> None:
        self.root, self.port, self.token, self._errors = root, "0", token, errors
        self.start()

    def start(self) -> None:
        command = [sys.executable, *self.program, "serve", str(self.root), "--no-browser", "--port", self.port]
        if self.token:
            command += ["--token", self.token]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._errors, text=True)
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        self.url = self.line.split(" at ")[-1].partition("/?")[0].strip().rstrip("/")
        assert self.url.startswith("http"), self.errors()
        self.port = self.url.rpartition(":")[2]

    def errors(self) -> str:
        """The end of what it has written to its error output so far."""
        handle = self._errors.fileno()  # its position is the server's too: it is not moved
        return os.pread(handle, SHOWN, max(os.fstat(handle).st_size - SHOWN, 0)).decode(errors="replace")

    def raw(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": "Bearer T", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data, headers)
        return urllib.request.urlopen(request, timeout=30)

    def ask(self, path: str, body: Any = None) -> Any:
        with self.raw(path, body) as answer:
            return json.loads(answer.read() or b"null")

    def refused(self, path: str, body: Any = None) -> tuple[int, Any]:
        with pytest.raises(urllib.error.HTTPError) as error:
            self.ask(path, body)
        return error.value.code, json.loads(error.value.read())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Its exit code; it is killed where it does not end by itself."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode


RUNNING: list[Server] = []  # for the report of a test that fails (integration/conftest.py)


@contextmanager
def serving(root: Path, token: str = "T") -> Iterator[Server]:
    """A server on a project, for the time of a `with` block."""
    with tempfile.TemporaryFile() as errors:  # a pipe that nobody reads would fill, and the server wait for ever
        server = Server(root, token, errors)
        RUNNING.append(server)
        try:
            yield server
        finally:
            server.stop()
            RUNNING.remove(server)


def until(found: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What `found` gives, as soon as it is something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError(f"nothing came in {seconds:g} s")


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium; the test skips, saying so, where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next((path for path in CHROMIUM if Path(path).exists()), shutil.which("chromium"))
    if path is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=path, args=FLAGS.split())
        try:
            yield opened
        finally:
            opened.close()


ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "src" / "labelsieve" / "ui" / "static" / "index.html"


def require_pages() -> None:
    """Skips, saying so, where the pages of the app are not built; fails where they are older than their sources."""
    if not PAGES.exists():
        pytest.skip("the pages of the app are not built (make setup builds them)")
    newest = max(path.stat().st_mtime for path in (ROOT / "frontend" / "src").rglob("*"))
    assert PAGES.stat().st_mtime >= newest, "the pages of the app are older than frontend/src: run make setup"


AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"


def serious(page: Any) -> list[str]:
    """What axe-core finds serious or critical on a page; skips where axe is not installed."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed (frontend/node_modules)")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run().then(r => r.violations)")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in ("serious", "critical")
    ]
