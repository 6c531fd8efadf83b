"""labelsieve beside Label Studio, in one run: from a label to the next picture, start-up, install size, memory.

    python benchmarks/app_peers.py --work FOLDER --peer VENV [--labels 50] [--pictures 2000]

By hand, never in CI: VENV is an environment of its own with `pip install label-studio`. Both label the same 2,000
pictures in the same Chromium, turn by turn; from the key that ends a label (ours: the class's key; theirs: Ctrl+Enter
after the class's key) to the first frame with another picture, decoded. Memory is that of the server's processes.
"""

import argparse
import json
import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

from app_serving import CHROMIUM, CLASSES, FLAGS, Server, keep, pictures, quantiles
from playwright.sync_api import Browser, Page, sync_playwright

OUT = Path(__file__).parent / "results" / "app_peers.json"
CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="kind" toName="image">'
    + "".join(f'<Choice value="{name}" hotkey="{at}"/>' for at, name in enumerate(CLASSES, 1))
    + "</Choices></View>"
)
WATCH = """name => {
  window.__seen = []; window.__pressed = null;
  const image = () => [...document.querySelectorAll('img')].filter(one => one.getBoundingClientRect().width > 100)[0];
  addEventListener('keydown', event => { if (event.key === name) window.__pressed = event.timeStamp; }, true);
  let last = image()?.src;
  const frame = () => {
    const now = image();
    if (window.__pressed !== null && now && now.src !== last && now.complete && now.naturalWidth) {
      window.__seen.push(performance.now() - window.__pressed); window.__pressed = null; last = now.src;
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""


def bytes_of(site: Path) -> tuple[float, int]:
    """(megabytes without bytecode, distributions) of a site-packages folder."""
    files = [path for path in site.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return sum(path.stat().st_size for path in files) / 1e6, len(list(site.glob("*.dist-info")))


def memory(pid: int) -> float:
    """Megabytes of a process and its children, shared pages counted by share."""
    total, waiting = 0.0, [pid]
    while waiting:
        at = waiting.pop()
        try:
            lines = Path(f"/proc/{at}/smaps_rollup").read_text().splitlines()
            waiting += map(int, Path(f"/proc/{at}/task/{at}/children").read_text().split())
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1e3
    return total


class LabelStudio:
    """A Label Studio on loopback with a data folder of its own."""

    def __init__(self, venv: Path, folder: Path, port: int = 8908) -> None:
        self.url, self._venv, self._folder, self._port = f"http://localhost:{port}", venv, folder, port

    def start(self, files: Path) -> float:
        """Seconds until it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
            "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(files.parent),
            "COLLECT_ANALYTICS": "false",
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        }
        command = [str(self._venv / "bin" / "label-studio"), "start", "--no-browser", "--port", str(self._port)]
        command += ["--data-dir", str(self._folder), "--username", "a@b.test", "--password", "long-enough-9"]
        command += ["--user-token", "0123456789abcdef0123456789abcdef01234567", "--log-level", "ERROR"]
        began = time.perf_counter()
        log = (self._folder / "log.txt").open("w")
        self.process = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log)
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=2).read()
                return time.perf_counter() - began
            except OSError:
                time.sleep(0.2)
                if self.process.poll() is not None:
                    raise SystemExit(f"label-studio did not start: see {self._folder / 'log.txt'}") from None

    def ask(self, path: str, body: Any) -> Any:
        headers = {
            "Authorization": "Token 0123456789abcdef0123456789abcdef01234567",
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=600) as answer:
            return json.loads(answer.read())

    def project(self, files: Path) -> tuple[int, float]:
        """(id, seconds of the import) of a project over the pictures."""
        made = self.ask("/api/projects", {"title": "pictures", "label_config": CONFIG})["id"]
        storage = {"path": str(files), "project": made, "use_blob_urls": True, "regex_filter": ".*jpg"}
        self.ask("/api/storages/localfiles", storage)
        names = sorted(path.relative_to(files).as_posix() for path in files.rglob("*.jpg"))
        began = time.perf_counter()
        self.ask(
            f"/api/projects/{made}/import", [{"image": f"/data/local-files/?d={files.name}/{name}"} for name in names]
        )
        return made, time.perf_counter() - began

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def opened_peer(browser: Browser, studio: LabelStudio, project: int) -> Page:
    """The labelling stream of a project."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(f"{studio.url}/user/login/")
    page.fill('input[name="email"]', "a@b.test")
    page.fill('input[name="password"]', "long-enough-9")
    page.click('button[type="submit"]')
    page.wait_for_url(lambda url: "login" not in url, wait_until="commit")
    page.goto(f"{studio.url}/projects/{project}/data?labeling=1")
    page.wait_for_timeout(3000)
    start = page.get_by_text("Label All Tasks")
    if start.count():
        start.first.click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('img')].some(one => one.naturalWidth > 100)", timeout=120_000
    )
    page.evaluate(WATCH, "Enter")
    return page


def label_theirs(page: Page) -> None:
    """One label: the class, then submit; waits for the next picture."""
    before = page.evaluate("window.__seen.length")
    page.keyboard.press("1")
    page.wait_for_timeout(150)
    page.keyboard.press("Control+Enter")
    page.wait_for_function("n => window.__seen.length > n", arg=before, timeout=60_000)


def label_ours(page: Page) -> None:
    """One label by one key; waits for the next picture."""
    before = page.evaluate("window.__seen.length")
    page.keyboard.press("1")
    page.wait_for_function("n => window.__seen.length > n", arg=before, timeout=60_000)
    page.wait_for_timeout(150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--peer", type=Path, required=True)
    parser.add_argument("--ours", type=Path, default=Path(__file__).parent / "results" / "install_size.json")
    parser.add_argument("--labels", type=int, default=50)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    project = pictures(given.work / "pictures", given.pictures)
    files = (given.work / "pictures" / "files").resolve()
    studio = LabelStudio(given.peer, given.work / f"studio-{int(time.time())}")
    theirs: dict[str, Any] = {"start_seconds": studio.start(files)}
    try:
        id_, theirs["import_seconds"] = studio.project(files)
        with Server(project) as server, sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            there = opened_peer(browser, studio, id_)
            here = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            here.goto(f"{server.url}/label?token=T")
            here.wait_for_selector('[data-testid="item"] img')
            here.wait_for_timeout(2000)
            here.evaluate(WATCH, "1")
            for _ in range(given.labels):  # turn by turn, so that both meet the same machine
                label_theirs(there)
                label_ours(here)
            ours: dict[str, Any] = {"start_seconds": server.seconds, "memory_megabytes": memory(server.process.pid)}
            theirs["memory_megabytes"] = memory(studio.process.pid)
            ours |= quantiles([one / 1e3 for one in here.evaluate("window.__seen")])
            theirs |= quantiles([one / 1e3 for one in there.evaluate("window.__seen")])
            browser.close()
    finally:
        studio.stop()
    site = next((given.peer / "lib").glob("python*")) / "site-packages"
    theirs["install_megabytes"], theirs["packages"] = bytes_of(site)
    ours["install_megabytes"] = json.loads(given.ours.read_text())["megabytes"]
    keep(given.out, "label_to_next", {"pictures": given.pictures, "labelsieve": ours, "label_studio": theirs})


if __name__ == "__main__":
    main()
