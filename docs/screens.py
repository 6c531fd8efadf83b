"""Takes the pictures of the app in the docs: python docs/screens.py (needs Chromium, and Playwright of the dev group).

Plays the demo in a temporary folder, labels a little by keys, computes the map, and photographs each page.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
FLAGS = [
    *("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
]
PAGES = {"label": "label", "sheet": "sheet", "map": "map", "progress": "progress"}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "labelsieve.cli.main"]
        subprocess.run([*command, "demo", folder], check=True, stdout=subprocess.DEVNULL)
        project = Path(folder) / "digits.sieve"
        serve = [*command, "serve", str(project), "--port", "0", "--token", "T", "--no-browser"]
        server = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
        url = (server.stdout or sys.stdin).readline().split(" at ")[-1].partition("/?")[0]
        try:
            with sync_playwright() as play:
                browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                page.goto(f"{url}/label?token=T")
                page.wait_for_selector('[data-testid="item"] img', timeout=60_000)
                for job in ("map", "measure"):
                    start(page, job)
                for name, path in PAGES.items():
                    page.goto(f"{url}/{path}")
                    page.wait_for_timeout(5000)
                    page.screenshot(path=IMAGES / f"app-{name}.png")
                browser.close()
        finally:
            server.terminate()
            server.wait()


def start(page: Page, kind: str) -> None:
    """Runs a job to its end."""
    asked = """async kind => {
      const me = await (await fetch('/api/v1/me')).json();
      const headers = {'X-CSRF-Token': me.csrf, 'Content-Type': 'application/json'};
      const body = JSON.stringify({kind, task: 'main'});
      return (await (await fetch('/api/v1/jobs', {method: 'POST', headers, body})).json()).id;
    }"""
    job = page.evaluate(asked, kind)
    look = "async id => (await (await fetch('/api/v1/jobs')).json()).find(one => one.id === id).state"
    for _ in range(600):
        if page.evaluate(look, job) in ("done", "failed"):
            return
        time.sleep(0.2)


if __name__ == "__main__":
    main()
