"""The grid of the app on a million rows and on 100,000 pictures: views, pages, bulk labels. -> results/app_grid.json

    python benchmarks/app_grid.py [--rows 1000000] [--pictures 100000] [--labels 100000] [--pages 300] [--seed 0]
                                  [--home FOLDER] [--out results/app_grid.json]

Rows: a table of five columns, with labels of two people on some rows and predictions of all. Pictures: small JPEGs,
their thumbnails made beforehand (`thumb_first` makes one). All through HTTP on loopback, one client, the server in a
process of its own; `memory_mb` is the largest resident size of the server (VmHWM, mapped files counted). `bulk` labels
`--labels` items in one act, while a second client writes one label every 50 ms: its p95 says what a bulk costs others.
`--home` keeps what is made, for the next run.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import labelsieve as ls
from labelsieve.core.types import Label, Value
from labelsieve.project import events, manifest

OUT = Path(__file__).parent / "results" / "app_grid.json"
TOKEN = "benchmark"
CLASSES = ["cat", "dog", "owl", "yak"]


class Client:
    """Calls of the API on one connection after the other."""

    def __init__(self, base: str) -> None:
        self.base = base

    def call(self, method: str, path: str, body: Any = None, timeout: float = 600) -> tuple[Any, float]:
        """(answer, seconds)."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            content = answer.read()
        seconds = time.perf_counter() - began
        return (json.loads(content) if answer.headers.get_content_type() == "application/json" else content), seconds


class Server:
    """`labelsieve serve` in a process of its own."""

    def __init__(self, project: Path) -> None:
        command = [str(Path(sys.executable).parent / "labelsieve"), "serve", str(project), "--port", "0"]
        self.process = subprocess.Popen([*command, "--token", TOKEN, "--no-browser"], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        found = re.search(r"http://[^/]+", self.process.stdout.readline())
        assert found is not None
        self.base = found.group(0)

    def memory_mb(self, largest: bool = True) -> float:
        name = "VmHWM" if largest else "VmRSS"
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return round(int(re.search(rf"{name}:\s+(\d+)", text).group(1)) / 1024, 1)  # type: ignore[union-attr]

    def anonymous_mb(self) -> float:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return round(int(re.search(r"RssAnon:\s+(\d+)", text).group(1)) / 1024, 1)  # type: ignore[union-attr]

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def rows_project(home: Path, rows: int, labels: int, seed: int) -> tuple[Path, float]:
    """(project, seconds of the import); the project is left as it is where it was made before."""
    path, seconds = home / f"rows-{rows}", 0.0
    if not path.exists():
        rng = np.random.default_rng(seed)
        colours = rng.choice(["red", "green", "blue", "grey"], rows)
        sizes, ages = rng.normal(50, 20, rows), rng.integers(0, 100, rows)
        with (home / "rows.csv").open("w", encoding="utf-8") as file:
            file.write("id,colour,size,age,note\n")
            file.writelines(
                f"k{i:07d},{colours[i]},{sizes[i]:.3f},{ages[i]},row number {i} says something\n" for i in range(rows)
            )
        began = time.perf_counter()
        project = ls.create(path, home / "rows.csv", key="id", classes=CLASSES)
        seconds = time.perf_counter() - began
        predictions(project, rng)
        some_labels(project, labels // 10, rng)
        project.close()
    return path, seconds


def predictions(project: ls.Project, rng: np.random.Generator) -> None:
    """What the worker would leave below cache/predictions."""
    ids = manifest.ids(project.context.conn)
    folder = project.path / "cache" / "predictions" / "main"
    (folder / "part").mkdir(parents=True)
    p = rng.uniform(0.25, 1.0, len(ids)).astype(np.float32)
    arrays = {
        "ids": ids,
        "code": rng.integers(0, len(CLASSES), len(ids)).astype(np.int16),
        "p": p,
        "second": ((1 - p) * 0.7).astype(np.float32),
    }
    for name, array in arrays.items():
        np.save(folder / "part" / f"{name}.npy", array)
    facts = {"part": "part", "classes": CLASSES, "mark": "benchmark", "items": len(ids)}
    (folder / "meta.json").write_text(json.dumps(facts))


def some_labels(project: ls.Project, count: int, rng: np.random.Generator) -> None:
    ids = manifest.ids(project.context.conn)
    chosen = rng.choice(ids, min(count, len(ids)), replace=False).tolist()
    at = "2026-01-01T00:00:00+00:00"
    events.write(
        project.context.conn,
        [
            Label(events.new_id(), "main", item, Value("class", (CLASSES[k % 4],)), "ann" if k % 3 else "bob", at)
            for k, item in enumerate(chosen)
        ],
    )


def pictures_project(home: Path, count: int, seed: int) -> tuple[Path, float]:
    path, folder, seconds = home / f"pictures-{count}", home / f"jpegs-{count}", 0.0
    if not path.exists():
        rng = np.random.default_rng(seed)
        for i in range(count):
            place = folder / f"{i // 1000:03d}"
            if i % 1000 == 0:
                place.mkdir(parents=True, exist_ok=True)
            tone = rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(tone).resize((96, 96)).save(place / f"{i:06d}.jpg", quality=70)
        began = time.perf_counter()
        project = ls.create(path, folder, classes=CLASSES)
        seconds = time.perf_counter() - began
        project.close()
    return path, seconds


def figures(seconds: list[float]) -> dict[str, float]:
    values = np.array(seconds) * 1000
    return {
        name: round(float(np.percentile(values, q)), 1) for name, q in (("p50_ms", 50), ("p95_ms", 95), ("max_ms", 100))
    }


VIEWS: dict[str, dict[str, Any]] = {
    "all by id": {},
    "all by key, descending": {"sort": {"by": "key", "descending": True}},
    "all by probability": {"sort": {"by": "probability"}},
    "all by margin": {"sort": {"by": "margin"}},
    "all at random": {"sort": {"by": "random", "seed": 7}},
    "labelled cat": {"filter": {"what": "label", "classes": ["cat"]}},
    "without label, surely dog": {
        "filter": {
            "what": "all",
            "of": [{"what": "label", "states": ["none"]}, {"what": "guess", "classes": ["dog"], "low": 0.9}],
        }
    },
    "head disagrees": {"filter": {"what": "disagreement"}, "sort": {"by": "disagreement", "descending": True}},
    "colour is red": {"filter": {"what": "column", "name": "colour", "texts": ["red"]}},
    "size from 40 to 41": {"filter": {"what": "column", "name": "size", "relation": "range", "low": 40, "high": 41}},
    "note contains 9999": {"filter": {"what": "column", "name": "note", "relation": "contains", "texts": ["9999"]}},
    "key contains 123": {"filter": {"what": "key", "text": "123"}},
    "annotator bob": {"filter": {"what": "annotator", "names": ["bob"]}},
}


def pages_of(
    client: Client, view: str, total: int, pages: int, rng: np.random.Generator, size: int = 100
) -> list[float]:
    out = []
    for _ in range(pages):
        start = int(rng.integers(0, max(total - size, 1)))
        answer, seconds = client.call("GET", f"/api/v1/views/{view}?start={start}&stop={start + size}")
        assert len(answer["items"]) == min(size, total)
        out.append(seconds)
    return out


def measure_rows(server: Server, total: int, pages: int, labels: int, seed: int) -> dict[str, Any]:
    client, rng = Client(server.base), np.random.default_rng(seed)
    client.call("GET", "/api/v1/tasks")
    out: dict[str, Any] = {"memory_mb_at_start": server.memory_mb(), "views": {}}
    for name, body in VIEWS.items():
        made, seconds = client.call("POST", "/api/v1/tasks/main/views", body)
        _, again = client.call("POST", "/api/v1/tasks/main/views", body)
        page = pages_of(client, made["view"], made["total"], 20, rng) if made["total"] else [0.0]
        out["views"][name] = {
            "items": made["total"], "seconds": round(seconds, 3), "again_ms": round(again * 1000, 1), **figures(page)
        }  # fmt: skip
        print(name, out["views"][name], flush=True)
    made, _ = client.call("POST", "/api/v1/tasks/main/views", VIEWS["all at random"])
    for size in (100, 500):
        out[f"page_of_{size}_anywhere"] = figures(pages_of(client, made["view"], made["total"], pages, rng, size))
    out["others_while_views_are_made"] = beside(client, lambda: [make_anew(client, k) for k in range(4)], rng, made)
    out["memory_mb_after_views"], out["anonymous_mb_after_views"] = server.memory_mb(), server.anonymous_mb()
    print({name: value for name, value in out.items() if name != "views"}, flush=True)
    out["bulk"] = bulk(client, made, labels)
    _, after = client.call("POST", "/api/v1/tasks/main/views", VIEWS["labelled cat"])
    out["view_by_label_after_bulk_seconds"] = round(after, 3)
    out["memory_mb"], out["anonymous_mb"] = server.memory_mb(), server.anonymous_mb()
    return out


def make_anew(client: Client, k: int) -> None:
    body = {
        "filter": {"what": "column", "name": "size", "relation": "range", "low": k, "high": 50 + k + time.time() % 1},
        "sort": {"by": "probability"},
    }
    client.call("POST", "/api/v1/tasks/main/views", body)


def beside(client: Client, work: Any, rng: np.random.Generator, view: dict[str, Any]) -> dict[str, float]:
    """Pages that another client reads while something heavy goes on."""
    thread = threading.Thread(target=work)
    thread.start()
    seconds: list[float] = []
    while thread.is_alive():
        seconds += pages_of(client, view["view"], view["total"], 1, rng)
    return figures(seconds) | {"pages": len(seconds)}


def bulk(client: Client, view: dict[str, Any], labels: int) -> dict[str, Any]:
    """One act on many items, and what somebody else's single labels take meanwhile."""
    value = {"tag": "class", "names": ["owl"]}
    act = {"id": str(uuid.uuid4()), "value": value, "view": view["view"], "ranges": [[0, labels]]}
    answer: list[Any] = []
    thread = threading.Thread(
        target=lambda: answer.append(client.call("POST", "/api/v1/tasks/main/labels", {"bulk": act}))
    )
    page, _ = client.call("GET", f"/api/v1/views/{view['view']}?start={labels}&stop={labels + 200}")
    thread.start()
    others = []
    for k in range(10_000):
        if not thread.is_alive():
            break
        label = {"id": str(uuid.uuid4()), "item": page["items"][k % 200]["item"], "value": value}
        others.append(client.call("POST", "/api/v1/tasks/main/labels", {"labels": [label]})[1])
        time.sleep(0.05)
    done, seconds = answer[0]
    undo = {"id": str(uuid.uuid4()), "undo": act["id"], "view": view["view"], "ranges": [[0, labels]]}
    undone, undo_seconds = client.call("POST", "/api/v1/tasks/main/labels", {"bulk": undo})
    out = {
        "labels": done["written"], "seconds": round(seconds, 2), "labels_a_second": round(done["written"] / seconds),
        "label_of_others": figures(others), "undone": undone["written"], "undo_seconds": round(undo_seconds, 2),
    }  # fmt: skip
    print(out, flush=True)
    return out


def measure_pictures(server: Server, pages: int, seed: int) -> dict[str, Any]:
    client, rng = Client(server.base), np.random.default_rng(seed)
    made, _ = client.call("POST", "/api/v1/tasks/main/views", {"sort": {"by": "random", "seed": 3}})
    page = pages_of(client, made["view"], made["total"], pages, rng)
    tiles, _ = client.call("GET", f"/api/v1/views/{made['view']}?start=0&stop=200")
    first = [client.call("GET", tile["thumb"])[1] for tile in tiles["items"]]
    again = [client.call("GET", tile["thumb"])[1] for tile in tiles["items"]]
    return {
        "pictures": made["total"], "page_of_100_anywhere": figures(page), "thumb_first": figures(first),
        "thumb_again": figures(again), "memory_mb": server.memory_mb(),
    }  # fmt: skip


def machine() -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__,
        "load": [round(one, 2) for one in os.getloadavg()],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    home = args.home or Path(tempfile.mkdtemp(prefix="app-grid-"))
    home.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"seed": args.seed, "machine": machine()}
    path, seconds = rows_project(home, args.rows, args.labels, args.seed)
    shutil.rmtree(path / "cache" / "views", ignore_errors=True)  # of an earlier run
    server = Server(path)
    try:
        found["rows"] = {"rows": args.rows, "import_seconds": round(seconds, 1) or None}
        found["rows"] |= measure_rows(server, args.rows, args.pages, args.labels, args.seed)
    finally:
        server.close()
    if args.pictures:
        path, seconds = pictures_project(home, args.pictures, args.seed)
        server = Server(path)
        try:
            found["pictures"] = {"import_seconds": round(seconds, 1) or None}
            found["pictures"] |= measure_pictures(server, args.pages, args.seed)
        finally:
            server.close()
    found["machine_after"] = machine()
    args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
