"""How fast the app is, as a person at the keyboard meets it.

    python benchmarks/app_speed.py --work FOLDER [--part keys|held|open|next|memory|rows] [--pictures 100000]

keys: 500 labels, a key each 150 ms; from the key's own timestamp to the first frame that shows the next item, decoded.
held: a key held down (a repeat each 33 ms). open: from the URL to the first item that can be labelled.
next: seconds of the server's next items at 1M rows while labels are written. rows: rows a second of `init`.
memory: the server's own at 1M items. Real Chromium, real server; seed 0. To reach: keys p50 < 20 ms, p95 < 50 ms
(both), open < 2 s, next p95 < 50 ms, rows >= 20,000/s, memory < 500 MB.
"""

import argparse
import random
import time
import uuid
from pathlib import Path
from typing import Any

from app_serving import CHROMIUM, FLAGS, Server, keep, pictures, quantiles, rows
from playwright.sync_api import Page, sync_playwright

OUT = Path(__file__).parent / "results" / "app_speed.json"
WATCH = """() => {
  window.__seen = [];
  let pressed = null;
  addEventListener('keydown', event => { if (pressed === null) pressed = event.timeStamp; }, true);
  const item = () => document.querySelector('[data-testid="item"]');
  let last = item()?.dataset.key;
  const frame = () => {
    const now = item()?.dataset.key;
    if (pressed !== null && now !== last && now) {
      const shown = [...item().querySelectorAll('img')].filter(one => one.getBoundingClientRect().width > 0);
      if (shown.every(one => one.complete && one.naturalWidth > 0)) {
        window.__seen.push(performance.now() - pressed); pressed = null; last = now;
      }
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""


def opened(page: Page, server: Server) -> float:
    """Seconds from the URL to an item that is painted."""
    began = time.perf_counter()
    page.goto(f"{server.url}/label?token=T")
    page.wait_for_function(
        """() => { const item = document.querySelector('[data-testid="item"]');
        const image = item?.querySelector('img');
        return item?.dataset.key && (!image || (image.complete && image.naturalWidth > 0)); }"""
    )
    return time.perf_counter() - began


def by_keys(page: Page, n: int, pause: float) -> dict[str, Any]:
    """n labels by keys with a pause between them."""
    rng = random.Random(0)
    page.evaluate(WATCH)
    for _ in range(n):
        began = time.perf_counter()
        page.keyboard.press(str(rng.randint(1, 4)))
        time.sleep(max(pause - (time.perf_counter() - began), 0))
    page.wait_for_timeout(500)
    seen = page.evaluate("window.__seen")
    page.wait_for_function(
        """() => /^0?$/.test(document.querySelector('[data-testid="unsent"]').textContent.replace(/\\D/g, ''))""",
        timeout=60_000,
    )
    return {"pressed": n, "advanced": len(seen), **quantiles([one / 1e3 for one in seen])}


def held_down(page: Page, n: int) -> dict[str, Any]:
    """One key held down: n repeats, one each 33 ms."""
    page.evaluate(WATCH)
    session = page.context.new_cdp_session(page)
    key = {"key": "1", "code": "Digit1", "text": "1", "windowsVirtualKeyCode": 49}
    for at in range(n):
        began = time.perf_counter()
        session.send("Input.dispatchKeyEvent", {"type": "keyDown", "autoRepeat": at > 0, **key})
        time.sleep(max(0.033 - (time.perf_counter() - began), 0))
    session.send("Input.dispatchKeyEvent", {"type": "keyUp", **key})
    page.wait_for_timeout(2000)
    seen = page.evaluate("window.__seen")
    return {"pressed": n, "advanced": len(seen), **quantiles([one / 1e3 for one in seen])}


def next_items(server: Server, n: int) -> dict[str, Any]:
    """Seconds of a request for the next items and of a written label, one label after the other."""
    asked, written = [], []
    server.queue()
    for _ in range(n):
        began = time.perf_counter()
        found = server.ask("GET", "/api/v1/tasks/main/queue?n=20")
        asked.append(time.perf_counter() - began)
        if not found["items"]:
            time.sleep(0.05)
            continue
        card = found["items"][0]
        label = {
            "id": str(uuid.uuid4()),
            "item": card["item"],
            "value": {"tag": "class", "names": ["good"]},
            "query": card["query"],
        }
        began = time.perf_counter()
        server.ask("POST", "/api/v1/tasks/main/labels", {"labels": [label]})
        written.append(time.perf_counter() - began)
    return {"next": quantiles(asked), "label": quantiles(written)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--part", default="")
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=500)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    wanted = given.part.split(",") if given.part else ["keys", "held", "open", "next", "rows", "memory"]
    if {"keys", "held", "open"} & set(wanted):
        project = pictures(given.work / "pictures", given.pictures)
        with Server(project) as server, sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for part in ("open", "keys", "held"):
                if part not in wanted:
                    continue
                page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
                if part == "open":
                    seconds = [opened(browser.new_context().new_page(), server) for _ in range(10)]
                    keep(
                        given.out, part, {"items": given.pictures, "server_start": server.seconds, **quantiles(seconds)}
                    )
                    continue
                opened(page, server)
                facts = by_keys(page, given.keys, 0.15) if part == "keys" else held_down(page, given.keys)
                keep(given.out, part, {"items": given.pictures, **facts})
            browser.close()
    if {"next", "rows", "memory"} & set(wanted):
        project, seconds = rows(given.work / "rows", given.rows)
        if "rows" in wanted:
            keep(given.out, "rows", {"rows": given.rows, "seconds": seconds, "rows_per_second": given.rows / seconds})
        with Server(project) as server:
            facts = next_items(server, 300)
            if "next" in wanted:
                keep(given.out, "next", {"items": given.rows, "server_start": server.seconds, **facts})
            if "memory" in wanted:
                keep(given.out, "memory", {"items": given.rows, "megabytes": server.megabytes()})


if __name__ == "__main__":
    main()
