"""What the benchmarks of the app share: pools made from a seed, a server process, and requests to it.

pictures(folder, n) -> Path        a project over n JPEG files of 224 x 224 pixels
rows(folder, n) -> (Path, seconds) a project over n table rows; seconds of `labelsieve init`
Server(project)                    `labelsieve serve` in a process of its own
"""

import http.client
import json
import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image

import labelsieve as ls

CLASSES = ("circle", "square", "stripes", "noise")
ENGINE = Path(__file__).resolve().parents[2] / "shared" / "data" / "models" / "mobilenetv1-025-128"
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    return {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()}


def pictures(folder: Path, n: int, seed: int = 0) -> Path:
    """A project over n pictures of four kinds, embedded by a small model (by `patches` where it is absent)."""
    project = folder / "pictures.sieve"
    if project.exists():
        return project
    rng = np.random.default_rng(seed)
    (folder / "files").mkdir(parents=True, exist_ok=True)
    kinds = rng.integers(len(CLASSES), size=n)
    for i, kind in enumerate(kinds.tolist()):
        path = folder / "files" / f"{i // 1000:03d}" / f"{i:06d}.jpg"
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            Image.fromarray(_drawn(kind, rng)).resize((224, 224)).save(path, quality=85)
    made = ls.create(project, folder / "files", classes=CLASSES)
    made.embed(str(ENGINE) if ENGINE.exists() else None)
    made.close()
    return project


def _drawn(kind: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    y, x = np.mgrid[:56, :56]
    colour, ground = rng.integers(120, 255, 3), rng.integers(0, 100, 3)
    cy, cx, r = rng.integers(18, 38), rng.integers(18, 38), rng.integers(8, 16)
    inside = [
        (y - cy) ** 2 + (x - cx) ** 2 < r * r,
        (abs(y - cy) < r) & (abs(x - cx) < r),
        (y + x) % 8 < 4,
        rng.random((56, 56)) < 0.5,
    ][kind]
    return np.where(inside[..., None], colour, ground).astype(np.uint8)


def rows(folder: Path, n: int, seed: int = 0) -> tuple[Path, float]:
    """A project over n rows of a CSV file: ten numbers, a category, a text; and how long `init` took."""
    project, note = folder / "rows.sieve", folder / "rows.json"
    if project.exists() and note.exists():
        return project, float(json.loads(note.read_text())["seconds"])
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with (folder / "rows.csv").open("w") as file:
        file.write(",".join([*(f"v{i}" for i in range(10)), "kind", "remark"]) + "\n")
        for first in range(0, n, 100_000):
            m = min(100_000, n - first)
            values, kinds = rng.normal(size=(m, 10)).round(4), rng.integers(8, size=m)
            for i in range(m):
                file.write(",".join(map(str, values[i])) + f",k{kinds[i]},row {first + i}\n")
    began = time.perf_counter()
    made = ls.create(project, folder / "rows.csv", task="classes", classes=["good", "bad"])
    seconds = time.perf_counter() - began
    made.embed("table")
    made.close()
    note.write_text(json.dumps({"seconds": seconds}))
    return project, seconds


class Server:
    """A server process on a free port; `get` and `post` keep one connection a thread."""

    def __init__(self, project: Path, port: int = 0, token: str = "T") -> None:
        self.project, self.port, self.token = project, port, token
        self._local = threading.local()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it, and waits for the line that says it is ready."""
        command = [sys.executable, "-m", "labelsieve.cli.main", "serve", str(self.project), "--no-browser"]
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), *(["--token", self.token] if self.token else [])],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.seconds = time.perf_counter() - began
        self.port = int(re.findall(r":(\d+)/", line)[0])
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Ends it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def kill(self) -> None:
        """Ends it as a power cut does."""
        self.process.kill()
        self.process.wait()

    def ask(self, method: str, path: str, body: Any = None, token: str = "T") -> Any:
        """The answer as data. Errors of the connection are raised; the connection is made anew next time."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(
                method, path, data, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self._local.connection = None
            raise
        if answer.status >= 400:
            raise RuntimeError(f"{answer.status}: {content[:300]!r}")
        return json.loads(content or b"null")

    def queue(self, n: int = 20, task: str = "main") -> list[dict[str, Any]]:
        """Items to label, as soon as there are any."""
        while True:
            found = self.ask("GET", f"/api/v1/tasks/{task}/queue?n={n}")
            if found["items"] or found["state"] != "preparing":
                return list(found["items"])
            time.sleep(0.05)

    def megabytes(self) -> float:
        """Resident memory of the server process, its own (files that it maps are the system's)."""
        lines = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()
        return (
            sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty:", "Private_Clean:"))) / 1e3
        )


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Milliseconds: the median, the 95th of a hundred, the largest."""
    values = np.array(seconds) * 1e3
    return {
        "n": len(values),
        "p50": float(np.median(values)),
        "p95": float(np.quantile(values, 0.95)),
        "max": float(values.max()),
    }


def keep(path: Path, name: str, facts: dict[str, Any]) -> None:
    """Writes one part of the results beside the others."""
    known = json.loads(path.read_text()) if path.exists() else {}
    known[name] = {"machine": machine(), **facts}
    path.write_text(json.dumps(known, indent=1) + "\n")
    print(name, json.dumps(facts))
