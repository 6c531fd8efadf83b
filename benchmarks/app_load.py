"""Nothing is lost: servers that are killed while somebody labels, and ten people at once.

    python benchmarks/app_load.py --work FOLDER [--part killed|together] [--labels 2000] [--seconds 60]

killed: a real Chromium labels by keys; the server is killed (-9) every 100 labels and started again, and the tab is
reloaded at random moments. together: ten annotators with an account each, five labels a second each. Counted in the
ledger afterwards: labels lost, labels doubled. Seed 0. To reach: none lost, none doubled; p95 of a label < 100 ms.
"""

import argparse
import random
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from app_serving import CHROMIUM, FLAGS, Server, keep, pictures, quantiles
from playwright.sync_api import Error, Page, sync_playwright

import labelsieve as ls
from labelsieve.project import events, folding
from labelsieve.project.people.tokens import new_token
from labelsieve.project.people.users import add_person

OUT = Path(__file__).parent / "results" / "app_load.json"


def settled(page: Page) -> bool:
    """Whether an item is shown."""
    try:
        return bool(page.evaluate("""!!document.querySelector('[data-testid="item"]')?.dataset.key"""))
    except Error:  # between two documents
        return False


def key_of(page: Page) -> str:
    return str(page.evaluate("""document.querySelector('[data-testid="item"]')?.dataset.key ?? ''"""))


def killed(work: Path, n_pictures: int, labels: int) -> dict[str, Any]:
    """Labels until that many items are answered in the ledger's eyes; what the page showed as answered is the truth."""
    rng = random.Random(0)
    project = pictures(work, n_pictures)
    answered: list[str] = []
    kills = reloads = 0
    server = Server(project)
    server.start()  # and again on the same port
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.goto(f"{server.url}/label?token=T")
        began = time.perf_counter()
        while len(answered) < labels:
            page.wait_for_timeout(20)
            if not settled(page):
                continue
            before = key_of(page)
            page.keyboard.press(str(rng.randint(1, 4)))
            try:
                page.wait_for_function(
                    """key => (document.querySelector('[data-testid="item"]')?.dataset.key ?? '') !== key""",
                    arg=before, timeout=1000,
                )  # fmt: skip
            except Error:
                continue  # nothing was shown as answered
            answered.append(before)
            if len(answered) % 100 == 0:
                server.kill()
                kills += 1
                threading.Timer(rng.uniform(0.2, 3.0), server.start).start()
            elif rng.random() < 0.01:
                reloads += 1
                try:
                    page.reload(timeout=5000)
                except Error:  # the server is away: the browser says so; a person tries again
                    page.wait_for_timeout(4000)
                    page.goto(f"{server.url}/label?token=T")
        page.wait_for_timeout(5000)
        page.wait_for_function(
            """() => document.querySelector('[data-testid="unsent"]').textContent.trim() === '0'""", timeout=60_000
        )
        seconds = time.perf_counter() - began
        browser.close()
    server.stop()
    return {
        "labels": len(answered),
        "kills": kills,
        "reloads": reloads,
        "seconds": seconds,
        **compared(project, answered),
    }


def compared(project: Path, answered: list[str]) -> dict[str, Any]:
    """What the ledger holds against what was shown as answered."""
    with ls.open(project) as p:
        keys = [item.key for item in p.items([label.item for label in folding.answers(p.context.conn, "main")])]
        history = list(events.history(p.context.conn, "main"))
    lost = set(answered) - set(keys)
    return {
        "events": len(history),
        "lost": len(lost),
        "doubled": len(history) - len({label.id for label in history}) + len(keys) - len(set(keys)),
        "answered_twice": len(answered) - len(set(answered)),
        "beyond": len(set(keys) - set(answered)),
    }


def together(work: Path, n_pictures: int, people: int, seconds: float) -> dict[str, Any]:
    """So many annotators at once, five labels a second each, each with a token of their own."""
    project = pictures(work, n_pictures)
    with ls.open(project) as p:
        tokens = [token_for(p, f"person{at}") for at in range(people)]
    took: list[float] = []
    sent: list[str] = []
    faults: list[str] = []
    guard = threading.Lock()
    with Server(project, token="") as server:
        while not server.ask("GET", "/api/v1/tasks/main/queue?n=1", token=tokens[0])["items"]:
            time.sleep(0.1)
        threads = [
            threading.Thread(target=_annotate, args=(server, token, seconds, (took, sent, faults, guard)))
            for token in tokens
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with ls.open(project) as p:
        history = [label for label in events.history(p.context.conn, "main") if label.by.startswith("person")]
    ids = [label.id for label in history]
    return {
        "people": people,
        "seconds": seconds,
        "labels": len(sent),
        "lost": len(set(sent) - set(ids)),
        "doubled": len(ids) - len(set(ids)),
        "items_twice": len(history) - len({label.item for label in history}),
        "faults": faults[:5],
        **quantiles(took),
    }


def token_for(p: Any, name: str) -> str:
    """An API token of a new annotator."""
    role = "admin" if name == "person0" else "annotator"
    add_person(p.context.conn, name, role, f"a long phrase for {name[-1]}")
    return new_token(p.context.conn, name, "benchmark")


def _annotate(server: Server, token: str, seconds: float, out: tuple[list[float], list[str], list[str], Any]) -> None:
    took, sent, faults, guard = out
    waiting: list[dict[str, Any]] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        try:
            if not waiting:
                waiting = server.ask("GET", "/api/v1/tasks/main/queue?n=20", token=token)["items"]
            if waiting:
                card = waiting.pop(0)
                value = {"tag": "class", "names": ["circle"]}
                label = {"id": str(uuid.uuid4()), "item": card["item"], "value": value, "query": card["query"]}
                at = time.perf_counter()
                server.ask("POST", "/api/v1/tasks/main/labels", {"labels": [label]}, token=token)
                with guard:
                    took.append(time.perf_counter() - at)
                    sent.append(label["id"])
        except (OSError, RuntimeError) as error:
            with guard:
                faults.append(str(error))
        time.sleep(max(0.2 - (time.perf_counter() - began), 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--part", default="killed,together")
    parser.add_argument("--labels", type=int, default=2000)
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    stamp = str(int(time.time()))
    if "killed" in given.part:
        keep(given.out, "killed", killed(given.work / f"killed-{stamp}", given.pictures, given.labels))
    if "together" in given.part:
        facts = together(given.work / f"together-{stamp}", given.pictures, given.people, given.seconds)
        keep(given.out, "together", facts)


if __name__ == "__main__":
    main()
